import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '#core/base/random.ts'
import { blockId } from '../geometry.ts'
import { CacheIndex } from './cache-index.ts'

const name = (slice: number) => ({ slice, index: 0, size: 1000 })
const idOf = (slice: number) => blockId(slice, 0)

for (const lru of [false, true]) {
  test(`what is kept is never the victim and counts apart, until it is let go (${lru ? 'lru' : '2-random'})`, () => {
    const index = new CacheIndex(seededRandom(7), lru)
    index.keep(1, [idOf(1)])
    for (let slice = 1; slice <= 4; slice++) index.add(name(slice))
    index.keep(2, [idOf(2)])
    const cost = CacheIndex.cost(1000)
    assert.deepEqual(
      [index.count, index.looseCount, index.looseBytes, index.keptBytes],
      [4, 2, 2 * cost, 2 * cost],
    )
    for (let n = 0; n < 20; n++) assert.ok(index.victim()!.slice > 2)
    index.held = true
    assert.equal(index.victim(), undefined)
    index.held = false
    index.delete(idOf(3))
    index.delete(idOf(4))
    assert.equal(index.victim(), undefined)
    index.keepOnly(new Set([2]))
    assert.deepEqual([index.victim()!.slice, index.keeps(1), index.keeps(2)], [1, false, true])
    index.delete(idOf(1))
    index.delete(idOf(2))
    assert.deepEqual([index.count, index.bytes, index.looseBytes, index.keptBytes], [0, 0, 0, 0])
  })
}

test('what was not used for long expires, but for what is kept', () => {
  const index = new CacheIndex(seededRandom(7), false)
  for (let slice = 1; slice <= 3; slice++) index.add(name(slice))
  index.keep(3, [idOf(3)])
  index.nowMs = 10_000
  index.touch(idOf(2))
  assert.deepEqual(
    index.expired(5000, 100).map(({ slice }) => slice),
    [1],
  )
})
