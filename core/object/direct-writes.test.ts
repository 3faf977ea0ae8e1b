import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DirectWrites } from './direct-writes.ts'

const MiB = 2 ** 20

/** How many of 640 objects are written past the cache where each way takes so many milliseconds. */
function directOf(writes: DirectWrites, directMs: number, cachedMs: number): number {
  let direct = 0
  for (let k = 0; k < 640; k++) {
    const chosen = writes.choose(4 * MiB)
    writes.took(chosen, 4 * MiB, chosen ? directMs : cachedMs)
    if (chosen) direct++
  }
  return direct
}

test('a disk that keeps up is written to past the cache, a slow one is not, and either may change', () => {
  const writes = new DirectWrites()
  assert.equal(directOf(writes, 3, 2), 620)
  assert.ok(directOf(writes, 40, 2) < 50)
  assert.equal(directOf(writes, 40, 2), 20)
  assert.ok(directOf(writes, 3, 2) > 200)
  assert.equal(directOf(writes, 3, 2), 620)
})

test('small objects go through the cache, and all do where it is refused', () => {
  const writes = new DirectWrites()
  assert.equal(writes.choose(MiB - 1), false)
  assert.equal(writes.choose(MiB), true)
  writes.refused()
  assert.equal(directOf(writes, 1, 1), 0)
})
