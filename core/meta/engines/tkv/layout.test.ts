/** Golden bytes. Source: shared/spec/meta-sql-and-tkv.md §B1, B2, computed with the reference's own functions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TRASH_INO } from '#core/base/ino.ts'
import { Layout } from './layout.ts'
import type { Key } from './ordered-store.ts'
import {
  decodeCount,
  decodeFlocks,
  decodePlockList,
  encodeCount,
  encodeFlocks,
  encodePlockList,
  encodeTime,
} from './values.ts'

const layout = new Layout('')
const hex = (bytes: Key | Uint8Array): string =>
  Buffer.from(bytes as Uint8Array | string as string, 'latin1').toString('hex')

test('keys are those of the reference', () => {
  const edges = layout.edges(1)
  const vectors: readonly (readonly [Key, string])[] = [
    [layout.node(1), '41010000000000000049'],
    [layout.node(TRASH_INO), '4100000010ffffff7f49'],
    [layout.edge(1, 'a'), '4101000000000000004461'],
    [layout.edge(TRASH_INO + 1, '1-2-a'), '4101000010ffffff7f44312d322d61'],
    [edges.from, '41010000000000000044'],
    [edges.to, '41010000000000000045'],
    [layout.parent(258, 1), '410201000000000000500100000000000000'],
    [layout.chunk(2, 1), '4102000000000000004300000001'],
    [layout.symlink(3), '41030000000000000053'],
    [layout.xattr(2, 'user.k'), '41020000000000000058757365722e6b'],
    [layout.deletedFile(2, 5), '4402000000000000000000000000000005'],
    [layout.flocks(2), '460200000000000000'],
    [layout.plocks(2), '500200000000000000'],
    [layout.sliceRef(1, 2 ** 22), '4b000000000000000100400000'],
    [layout.delayed(1_700_000_000, 4097), '4c000000006553f1000000000000001001'],
    [layout.sessionExpiry(5), '53450000000000000005'],
    [layout.sessionInfo(5), '53490000000000000005'],
    [layout.sustained(5, 2), '535300000000000000050200000000000000'],
    [layout.dirStat(3), '550300000000000000'],
    [layout.detached(4), '4e0400000000000000'],
    [layout.quota('dir', 3), '51440300000000000000'],
    [layout.quota('user', 1000), '515500000000000003e8'],
    [layout.quota('group', 100), '51470000000000000064'],
    [layout.acl(7), '5200000007'],
    [layout.counter('nextInode'), '436e657874496e6f6465'],
    [new Layout('jfs\xfd').node(1), '6a6673fd41010000000000000049'],
  ]
  for (const [key, expected] of vectors) assert.equal(hex(key), expected)
})

test('values are those of the reference, and nothing of another length is taken for one', () => {
  const owner = { sid: 5, owner: 0x1234abcdn }
  const flocks = [{ ...owner, type: 'W' as const }]
  const range = { type: 'W' as const, pid: 42, start: 100n, end: 199n }
  const plocks = [{ ...owner, ranges: [range] }]
  assert.equal(hex(encodeFlocks(flocks)), '0000000000000005000000001234abcd57')
  assert.equal(
    hex(encodePlockList(plocks)),
    '0000000000000005000000001234abcd00000018000000010000002a000000000000006400000000000000c7',
  )
  assert.deepEqual(decodeFlocks(encodeFlocks(flocks)), flocks)
  assert.deepEqual(decodePlockList(encodePlockList(plocks)), plocks)
  assert.deepEqual(
    [2, 1026, -1].map((value) => hex(encodeCount(value))),
    ['0200000000000000', '0204000000000000', 'ffffffffffffffff'],
  )
  assert.equal(decodeCount(encodeCount(-1), 'a count'), -1)
  assert.equal(hex(encodeTime(1_700_000_000)), '000000006553f100')
  assert.throws(() => decodeCount(Buffer.alloc(7), 'a count'), { kind: 'corrupt' })
  assert.throws(() => decodeCount(Buffer.alloc(8, 0x7f), 'a count'), { kind: 'corrupt' })
  assert.throws(() => decodePlockList(encodePlockList(plocks).subarray(1)), { kind: 'corrupt' })
  assert.throws(() => decodeFlocks(Buffer.alloc(16)), { kind: 'corrupt' })
})
