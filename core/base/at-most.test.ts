import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atMost } from './at-most.ts'
import { ManualClock } from './clock.ts'

test('work is waited for as long as told and no longer', async () => {
  const clock = new ManualClock()
  await atMost(clock, 1000, Promise.resolve())
  await assert.rejects(atMost(clock, 1000, Promise.reject(new Error('broken'))), /broken/)
  let over = false
  const waited = atMost(clock, 1000, new Promise(() => {})).then(() => {
    over = true
  })
  await clock.advance(999)
  assert.equal(over, false)
  await clock.advance(1)
  await waited
})
