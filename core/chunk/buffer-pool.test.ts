import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '#core/base/clock.ts'
import { BufferPool } from './buffer-pool.ts'

const KiB = 1024

test('buffers are used again, up to what may be kept, which may fall', () => {
  let most = 256 * KiB
  const pool = new BufferPool(() => most, new ManualClock())
  const all = [64, 64, 128, 64].map((size) => pool.take(size * KiB))
  for (const buffer of all) pool.give(buffer)
  assert.equal(pool.idle, 256 * KiB, 'the last did not fit')
  assert.equal(pool.take(128 * KiB), all[2])
  assert.equal(pool.idle, 128 * KiB)
  most = 192 * KiB
  pool.take(128 * KiB)
  assert.equal(pool.idle, 64 * KiB, 'makes room for a new one of another size')
  pool.close()
  assert.equal(pool.idle, 0)
})

test('what nobody needed for a while is let go, what was needed stays', async () => {
  const clock = new ManualClock()
  const pool = new BufferPool(() => 2 ** 20, clock)
  const all = Array.from({ length: 4 }, () => pool.take(64 * KiB))
  for (const buffer of all) pool.give(buffer)
  await clock.advance(60_000)
  assert.equal(pool.idle, 192 * KiB, 'only the first was idle from the beginning')
  const taken = pool.take(64 * KiB)
  pool.give(taken)
  await clock.advance(60_000)
  assert.equal(pool.idle, 64 * KiB, 'one was needed')
  await clock.advance(60_000)
  assert.equal(pool.idle, 0)
  assert.equal(clock.sleeping, 0)
  pool.give(taken)
  assert.equal(clock.sleeping, 1)
  pool.close()
  assert.equal(clock.sleeping, 0)
})
