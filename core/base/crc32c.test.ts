import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byTable, crc32c, crc32cIsNative, crc32cPieces } from './crc32c.ts'
import { below, seededRandom } from './random.ts'

const VECTORS: readonly [Uint8Array, number][] = [
  [Buffer.from('123456789'), 3808858755],
  [Buffer.from('hello'), 2591144780],
  [Buffer.alloc(0), 0],
  [Buffer.alloc(4 << 20), 3156861858],
]

test('crc32c gives the vectors of the specification', () => {
  for (const [bytes, expected] of VECTORS) {
    assert.equal(crc32c(bytes), expected)
    assert.equal(byTable().crc32c(bytes, 0), expected)
  }
})

test('crc32c continues from a seed, at any split and any alignment', () => {
  const random = seededRandom(1)
  const bytes = Uint8Array.from({ length: 20_000 }, () => below(random, 256))
  const table = byTable()
  for (let round = 0; round < 200; round++) {
    const start = below(random, 9)
    const end = start + below(random, bytes.length - start)
    const cut = start + below(random, end - start + 1)
    const expected = table.crc32c(bytes.subarray(start, end), 0)
    assert.equal(crc32c(bytes.subarray(start, end)), expected)
    assert.equal(crc32c(bytes.subarray(cut, end), crc32c(bytes.subarray(start, cut))), expected)
  }
})

test('crc32cPieces writes big-endian sums, the last piece shorter', () => {
  const bytes = Uint8Array.from({ length: 3 * 32768 + 5 }, (_, k) => k * 7)
  for (const pieces of [crc32cPieces, byTable().crc32cPieces]) {
    const out = Buffer.alloc(16)
    pieces(bytes, 32768, out)
    for (let k = 0; k < 4; k++) {
      assert.equal(out.readUInt32BE(4 * k), crc32c(bytes.subarray(k * 32768, (k + 1) * 32768)))
    }
    assert.throws(() => pieces(bytes, 32768, Buffer.alloc(15)), RangeError)
    assert.throws(() => pieces(bytes, 0, Buffer.alloc(15)), RangeError)
  }
})

test('the add-on is loaded and refuses what is not bytes', { skip: !crc32cIsNative && 'not built' }, () => {
  assert.throws(() => crc32c('text' as unknown as Uint8Array), TypeError)
})
