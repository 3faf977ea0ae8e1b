import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BlockView, ChunkMap } from '#core/api/inspect.ts'
import { blocksOf, CHUNK, extentOf, seenOf, ticksOf } from './chunk-scale.ts'

const BLOCK = 100

function blocks(slice: number, size: number): BlockView[] {
  return Array.from({ length: Math.ceil(size / BLOCK) }, (_, index) => {
    const length = Math.min(BLOCK, size - index * BLOCK)
    return { key: `${slice}_${index}_${length}`, slice, index, size: length, place: 'store', shown: [] }
  })
}

/** A slice of 250, the middle of another one of 400 over it, and zeros. */
const base = 2 * CHUNK
const chunk: ChunkMap = {
  index: 2,
  records: [
    { slice: 7, size: 250, off: 0, len: 250, position: base, shownBytes: 140 },
    { slice: 9, size: 400, off: 150, len: 100, position: base + 120, shownBytes: 100 },
    { slice: 0, size: 0, off: 0, len: 10, position: base + 240, shownBytes: 0 },
  ],
  view: [
    { start: base, end: base + 120, slice: 7, off: 0 },
    { start: base + 120, end: base + 220, slice: 9, off: 150 },
    { start: base + 220, end: base + 240, slice: 7, off: 220 },
    { start: base + 240, end: base + 250, slice: 0, off: 0 },
  ],
  blocks: [...blocks(7, 250), ...blocks(9, 400)],
}

test('blocks lie where their bytes lie in the file, cut where the record begins and ends', () => {
  const at = (nth: number) =>
    blocksOf(chunk, chunk.records[nth]!, BLOCK).map(({ block, start, end }) => [
      block.key,
      start - base,
      end - base,
    ])
  assert.deepEqual(at(0), [
    ['7_0_100', 0, 100],
    ['7_1_100', 100, 200],
    ['7_2_50', 200, 250],
  ])
  assert.deepEqual(at(1), [
    ['9_1_100', 120, 170],
    ['9_2_100', 170, 220],
  ])
  assert.deepEqual(at(2), [])
})

test('of each record the pieces that are still seen', () => {
  const seen = chunk.records.map((record) =>
    seenOf(chunk, record).map(({ start, end }) => [start - base, end - base]),
  )
  assert.deepEqual(seen, [
    [
      [0, 120],
      [220, 240],
    ],
    [[120, 220]],
    [],
  ])
})

test('the axis reaches to the end of what there is, with round marks', () => {
  assert.equal(extentOf(chunk), 4096)
  const long = { ...chunk, records: [{ ...chunk.records[0]!, len: 9_000_000 }] }
  assert.equal(extentOf(long), 9_000_000)
  assert.deepEqual(
    ticksOf(9_000_000, 10),
    [0, 1, 2, 3, 4, 5, 6, 7, 8].map((k) => k * 2 ** 20),
  )
  assert.deepEqual(
    ticksOf(CHUNK, 5),
    [0, 1, 2, 3, 4].map((k) => k * 2 ** 24),
  )
  assert.deepEqual(ticksOf(4096, 0), [0, 4096])
})
