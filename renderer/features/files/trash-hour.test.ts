import assert from 'node:assert/strict'
import test from 'node:test'
import { hourText } from './trash-hour.ts'

test('an hour of the trash is told as the time here', () => {
  const local = new Date(Date.UTC(2026, 10, 26, 4))
  assert.equal(hourText('2026-11-26-04').slice(11), `${String(local.getHours()).padStart(2, '0')}:00`)
  assert.equal(hourText('something'), 'something')
})
