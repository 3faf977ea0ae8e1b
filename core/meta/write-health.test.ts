import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackendError, EIO, fail } from '#core/base/errno.ts'
import { WriteHealth } from './write-health.ts'

test('a refusal is remembered with its begin until a write is taken; other failures say nothing of writes', () => {
  const writes = new WriteHealth()
  writes.failed(new BackendError('unavailable', 'no answer'), 1)
  writes.failed(fail(EIO, 'write'), 2)
  assert.equal(writes.refusal, undefined)
  writes.failed(new BackendError('no-space', 'full'), 3)
  writes.failed(new BackendError('read-only', 'a replica'), 4)
  assert.deepEqual(writes.refusal, { kind: 'read-only', message: 'a replica', sinceMs: 3 })
  writes.took()
  assert.equal(writes.refusal, undefined)
})
