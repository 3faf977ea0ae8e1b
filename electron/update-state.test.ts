import assert from 'node:assert/strict'
import test from 'node:test'
import type { UpdateState } from '#core/api/bridge.ts'
import { nextUpdateState, UPDATE_IDLE, type UpdateEvent, updatesOff } from './update-state.ts'

function after(...events: readonly UpdateEvent[]): UpdateState {
  return events.reduce(nextUpdateState, UPDATE_IDLE)
}

test('updates are off in a checkout, without an address, and when the user says so', () => {
  const all = { isPackaged: true, hasFeed: true, channel: 'release' } as const
  assert.equal(updatesOff(all), undefined)
  assert.equal(updatesOff({ ...all, isPackaged: false })?.step, 'off')
  assert.equal(updatesOff({ ...all, hasFeed: false })?.step, 'off')
  assert.equal(updatesOff({ ...all, channel: 'none' })?.step, 'off')
})

test('an update goes from found to ready', () => {
  const found = after({ kind: 'checking' }, { kind: 'available', version: '1.2.0' })
  assert.deepEqual([found.step, found.version], ['available', '1.2.0'])
  const loading = nextUpdateState(found, { kind: 'progress', percent: 41.7 })
  assert.equal(loading.line, 'Version 1.2.0 is downloading: 41 %.')
  const ready = nextUpdateState(loading, { kind: 'downloaded', version: '1.2.0' })
  assert.equal(ready.step, 'ready')
})

test('what is downloaded stays ready when a later check fails', () => {
  const ready = after(
    { kind: 'downloaded', version: '1.2.0' },
    { kind: 'error', message: 'offline', atMs: 5 },
  )
  assert.equal(ready.step, 'ready')
})

test('a failure says why', () => {
  assert.equal(after({ kind: 'error', message: 'net::ERR', atMs: 5 }).line, 'The update failed: net::ERR')
  assert.deepEqual(after({ kind: 'none', atMs: 7 }).checkedMs, 7)
})
