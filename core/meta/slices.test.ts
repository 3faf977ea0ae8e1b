import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackendError } from '#core/base/errno.ts'
import { below, seededRandom } from '#core/base/random.ts'
import { CHUNK_SIZE, type SliceRecord } from './records.ts'
import { buildView, decodeSlices, encodeSlices, fillHoles, hole, readSegments } from './slices.ts'

const MIB = 2 ** 20

function slice(pos: number, id: number, size: number, off: number, len: number): SliceRecord {
  return { pos, id, size, off, len }
}

test('slice records are stored in 24 bytes as the format has them', () => {
  const golden: readonly [SliceRecord, string][] = [
    [slice(0, 1, 4 * MIB, 0, 4 * MIB), '000000000000000000000001004000000000000000400000'],
    [slice(10 * MIB, 10, 30 * MIB, 0, 30 * MIB), '00a00000000000000000000a01e000000000000001e00000'],
    [hole(0, CHUNK_SIZE), '000000000000000000000000000000000000000004000000'],
    [hole(100, 28), '00000064000000000000000000000000000000000000001c'],
    [slice(1, 2 ** 52 + 3, 9, 4, 5), '000000010010000000000003000000090000000400000005'],
  ]
  for (const [record, hex] of golden) {
    assert.equal(Buffer.from(encodeSlices([record])).toString('hex'), hex)
    assert.deepEqual(decodeSlices(Buffer.from(hex, 'hex')), [record])
  }
  const all = Buffer.from(golden.map(([, hex]) => hex).join(''), 'hex')
  assert.deepEqual(
    decodeSlices(all.subarray()),
    golden.map(([record]) => record),
  )
})

test('a copied hole keeps its odd size and offset through decode and encode', () => {
  const bytes = Buffer.from('00000064000000000000000000000bb8000000070000001c', 'hex')
  assert.deepEqual(Buffer.from(encodeSlices(decodeSlices(bytes))), bytes)
})

test('bytes that cannot be a record list are refused as corrupt', () => {
  for (const hex of [
    '0000000000000000000000010040000000000000004000', // 23 bytes
    '000000010000000000000000000000000000000004000000', // ends past the chunk
    '000000000020000000000000000000100000000000000010', // id 2^53
    '000000000000000000000001000000100000000100000010', // reads past the slice
  ]) {
    const decode = () => decodeSlices(Buffer.from(hex, 'hex'))
    assert.throws(decode, (error) => error instanceof BackendError && error.kind === 'corrupt')
  }
})

test('the view of overlapping writes is the one of the specification', () => {
  const records = [
    slice(10 * MIB, 10, 30 * MIB, 0, 30 * MIB),
    slice(20 * MIB, 11, 16 * MIB, 0, 16 * MIB),
    slice(16 * MIB, 12, 10 * MIB, 0, 10 * MIB),
  ]
  assert.deepEqual(readSegments(records, 0, 44 * MIB), [
    hole(0, 10 * MIB),
    slice(10 * MIB, 10, 30 * MIB, 0, 6 * MIB),
    slice(16 * MIB, 12, 10 * MIB, 0, 10 * MIB),
    slice(26 * MIB, 11, 16 * MIB, 6 * MIB, 10 * MIB),
    slice(36 * MIB, 10, 30 * MIB, 26 * MIB, 4 * MIB),
    hole(40 * MIB, 4 * MIB),
  ])
})

test('the view after truncate and a write beyond is the one of the specification', () => {
  const stored =
    '000000000000000000000065008000000000000000800000003000000000000000000066002000000000000000200000' +
    '00400000000000000000006700600000000000000060000000c000000000000000000068001000000000000000100000' +
    '006000000000000000000000000000000000000000700000008000000000000000000069000100000000000000010000'
  const records = decodeSlices(Buffer.from(stored, 'hex'))
  assert.deepEqual(readSegments(records, 0, 8 * MIB + 65536), [
    slice(0, 101, 8 * MIB, 0, 3 * MIB),
    slice(3 * MIB, 102, 2 * MIB, 0, MIB),
    slice(4 * MIB, 103, 6 * MIB, 0, 2 * MIB),
    hole(6 * MIB, 2 * MIB),
    slice(8 * MIB, 105, 65536, 0, 65536),
  ])
  assert.deepEqual(readSegments(records.slice(0, 4), 10 * MIB, 13 * MIB), [
    hole(10 * MIB, 2 * MIB),
    slice(12 * MIB, 104, MIB, 0, MIB),
  ])
})

test('records of length 0 paint nothing, and no records are one hole', () => {
  assert.deepEqual(buildView([slice(5, 1, 3, 0, 0), slice(2, 2, 9, 0, 9), slice(4, 3, 8, 0, 0)]), [
    slice(2, 2, 9, 0, 9),
  ])
  assert.deepEqual(readSegments([], 3, 9), [hole(3, 6)])
  assert.deepEqual(readSegments([slice(0, 1, 9, 0, 9)], 4, 4), [])
})

test('any list of records reads as painting their bytes one after the other does', () => {
  const SPAN = 64
  for (let seed = 1; seed <= 3000; seed++) {
    const random = seededRandom(seed)
    const records: SliceRecord[] = []
    const painted = new Array<string>(SPAN).fill('0')
    for (let n = below(random, 12); n > 0; n--) {
      const pos = below(random, SPAN)
      const len = below(random, SPAN - pos + 1)
      const off = below(random, 5)
      const id = below(random, 4) === 0 ? 0 : records.length + 1
      records.push({ pos, id, size: off + len + 3, off, len })
      for (let k = 0; k < len; k++) painted[pos + k] = id === 0 ? '0' : `${id}:${off + k}`
    }
    const from = below(random, SPAN)
    const to = from + below(random, SPAN - from + 1)
    const read = readSegments(records, from, to).flatMap(({ id, off, len }) =>
      Array.from({ length: len }, (_, k) => (id === 0 ? '0' : `${id}:${off + k}`)),
    )
    assert.deepEqual(
      read,
      painted.slice(from, to),
      `seed ${seed}: ${JSON.stringify(records)} [${from}, ${to})`,
    )
    const view = buildView(records)
    for (const [k, piece] of view.entries()) {
      assert.ok(
        piece.len > 0 && piece.pos >= (k === 0 ? 0 : view[k - 1]!.pos + view[k - 1]!.len),
        `seed ${seed}`,
      )
    }
    assert.deepEqual(fillHoles(view, from, to), readSegments(records, from, to), `seed ${seed}`)
  }
})

test('a chunk of many thousand overlapping records is read in milliseconds', () => {
  const random = seededRandom(5)
  const records = Array.from({ length: 20_000 }, (_, k) =>
    slice(below(random, CHUNK_SIZE - 4096), k + 1, 4096, 0, 4096),
  )
  const nested = Array.from({ length: 20_000 }, (_, k) => slice(k, k + 1, CHUNK_SIZE, 0, CHUNK_SIZE - 2 * k))
  const start = performance.now()
  buildView(records)
  assert.equal(buildView(nested).length, 39_999)
  assert.equal(buildView(nested.toReversed()).length, 1)
  assert.ok(performance.now() - start < 2000)
})
