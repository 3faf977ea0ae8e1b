import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkSliceId, Geometry } from './geometry.ts'

const MiB = 2 ** 20
const plain = new Geometry(4 * MiB, false)
const hashed = new Geometry(4 * MiB, true)

// volume-and-objects.md §3.2; its last line, id 2^64 - 1, is beyond what a record can hand us.
const VECTORS: readonly [number, number, number, string, string][] = [
  [1, 0, 10485760, 'chunks/0/0/1_0_4194304', 'chunks/01/0/1_0_4194304'],
  [1, 2, 10485760, 'chunks/0/0/1_2_2097152', 'chunks/01/0/1_2_2097152'],
  [999, 0, 5, 'chunks/0/0/999_0_5', 'chunks/E7/0/999_0_5'],
  [1000, 0, 5, 'chunks/0/1/1000_0_5', 'chunks/E8/0/1000_0_5'],
  [1234567, 1, 5242880, 'chunks/1/1234/1234567_1_1048576', 'chunks/87/1/1234567_1_1048576'],
  [
    4294967296,
    15,
    67108864,
    'chunks/4294/4294967/4294967296_15_4194304',
    'chunks/00/4294/4294967296_15_4194304',
  ],
]

test('block keys are those of the reference and parse back', () => {
  for (const [slice, index, length, key, hashKey] of VECTORS) {
    const size = plain.size(length, index)
    assert.equal(plain.key(slice, index, size), key)
    assert.equal(hashed.key(slice, index, size), hashKey)
    assert.deepEqual(plain.parse(key), { slice, index, size })
    assert.deepEqual(hashed.parse(hashKey), { slice, index, size })
  }
})

test('a key that the volume would never use is not a block', () => {
  for (const key of [
    'chunks/0/1/1234567_1_1048576',
    'chunks/0/0/1_0_4194305',
    'chunks/0/0/1_0_0',
    'chunks/0/0/1_16_1',
    'chunks/0/0/01_0_1',
    'chunks/0/0/1_0_1.tmp',
    'chunks/0/0/.jfs.1_0_1.tmp.5',
    'chunks/0/0/x/1_0_1',
    'chunks/01/0/1_0_1',
    'chunks/18446744073709/18446744073709551/18446744073709551615_0_1',
    'meta/dump',
  ]) {
    assert.equal(plain.parse(key), undefined, key)
  }
  assert.equal(hashed.parse('chunks/e7/0/999_0_5'), undefined)
})

test('a slice has one block per started block size', () => {
  assert.deepEqual(
    [0, 1, 4 * MiB, 4 * MiB + 1].map((length) => plain.count(length)),
    [0, 1, 1, 2],
  )
  assert.equal(plain.size(4 * MiB + 1, 1), 1)
  assert.throws(() => checkSliceId(0), /slice id 0/)
  assert.throws(() => checkSliceId(2 ** 53), /slice id/)
})
