import assert from 'node:assert/strict'
import test from 'node:test'
import type { Volume } from '#core/api/volumes.ts'
import { Throughput } from './throughput.ts'

const volume = (id: string, bps: number | null) =>
  ({
    id,
    rates:
      bps === null ? null : { readBps: bps, writeBps: 2 * bps, opsPerSec: 0, hitRate: null, metaMs: null },
  }) as Volume

test('keeps a minute, a point a second, the newest last', () => {
  const curves = new Throughput()
  for (let second = 1; second <= 100; second++) {
    curves.record([volume('a', second)], second * 1000)
    curves.record([volume('a', 999)], second * 1000 + 100)
  }
  const { up, down } = curves.of('a')
  assert.equal(down.length, 60)
  assert.equal(down.at(-1), 100)
  assert.equal(up.at(-1), 200)
  assert.equal(down[0], 41)
})

test('what was before comes first, is asked for once, and no more than a minute is kept', async () => {
  const curves = new Throughput()
  curves.record([volume('a', 7)], 1000)
  let asked = 0
  const read = async () => {
    asked++
    return { up: [1, 2], down: Array.from({ length: 80 }, (_, at) => at) }
  }
  await curves.begin('a', read)
  await curves.begin('a', read)
  assert.equal(asked, 1)
  const { up, down } = curves.of('a')
  assert.deepEqual(up, [1, 2, 14])
  assert.equal(down.length, 60)
  assert.deepEqual([down[0], down.at(-1)], [21, 7])
})

test('a volume that is unmounted or gone has no curve', () => {
  const curves = new Throughput()
  curves.record([volume('a', 1), volume('b', 1)], 1000)
  curves.record([volume('a', null)], 2000)
  assert.deepEqual(curves.of('a').up, [])
  assert.deepEqual(curves.of('b').up, [])
})
