import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TRASH_INO } from '#core/base/ino.ts'
import { makeNode } from './node.ts'
import { ACL_UNSET, type NodeRecord, TYPE_DIRECTORY } from './records.ts'
import {
  decodeAclEntries,
  decodeAclRule,
  decodeDelayed,
  decodeEdge,
  decodeNode,
  decodePlocks,
  encodeAclEntries,
  encodeAclRule,
  encodeDelayed,
  encodeEdge,
  encodeNode,
  encodePlocks,
} from './records-codec.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytes = (text: string): Buffer => Buffer.from(text, 'hex')

/** Vectors: meta-records.md §2.7. */
const file: NodeRecord = {
  flags: 0,
  type: 1,
  mode: 0o644,
  uid: 1000,
  gid: 1000,
  atime: 1_700_000_000,
  atimeNsec: 123_456_789,
  mtime: 1_700_000_001,
  mtimeNsec: 2,
  ctime: 1_700_000_002,
  ctimeNsec: 3,
  nlink: 1,
  length: 5,
  rdev: 0,
  parent: 1,
  accessAcl: 0,
  defaultAcl: 0,
  tier: 0,
}
const fixed =
  '0011a4000003e8000003e8000000006553f100075bcd15000000006553f10100000002000000006553f102000000030000000100000000000000050000000000000000000000'
const noTime = { sec: 1_700_000_000, nsec: 0 }
const vectors: readonly [string, NodeRecord, string][] = [
  ['no ACL, tier 0', file, `${fixed}0100`],
  ['access ACL 7', { ...file, accessAcl: 7 }, `${fixed}01000000070000000000`],
  ['tier 2', { ...file, tier: 2 }, `${fixed}010200`],
  [
    'access 7, default 9, tier 2',
    { ...file, accessAcl: 7, defaultAcl: 9, tier: 2 },
    `${fixed}0100000007000000090200`,
  ],
  [
    'fresh root',
    makeNode({ type: TYPE_DIRECTORY, mode: 0o777, parent: 1 }, noTime),
    '0021ff0000000000000000000000006553f10000000000000000006553f10000000000000000006553f1000000000000000002000000000000100000000000000000000000000100',
  ],
  [
    'fresh trash root',
    makeNode({ type: TYPE_DIRECTORY, mode: 0o555, parent: 1 }, noTime),
    '00216d0000000000000000000000006553f10000000000000000006553f10000000000000000006553f1000000000000000002000000000000100000000000000000000000000100',
  ],
  [
    'hour directory',
    makeNode({ type: TYPE_DIRECTORY, mode: 0o555, parent: TRASH_INO }, { sec: 1_700_000_000, nsec: 5 }),
    '00216d0000000000000000000000006553f10000000005000000006553f10000000005000000006553f10000000005000000020000000000001000000000007fffffff1000000000',
  ],
]

for (const [name, node, text] of vectors) {
  test(`attribute record: ${name}`, () => {
    assert.equal(hex(encodeNode(node)), text)
    const { raw, ...decoded } = decodeNode(bytes(text))
    assert.deepEqual(decoded, node)
    assert.equal(hex(raw!), text)
    assert.equal(hex(encodeNode(decodeNode(bytes(text)))), text)
  })
}

test('attribute records without parent or tail are read', () => {
  const old = bytes(fixed).subarray(0, 63)
  assert.equal(decodeNode(old).parent, 0)
  assert.equal(decodeNode(Buffer.concat([old, Buffer.alloc(1)])).parent, 0)
  assert.equal(decodeNode(bytes(`${fixed}01`)).parent, 1)
  assert.throws(() => decodeNode(old.subarray(1)), { kind: 'corrupt' })
  assert.throws(() => decodeNode(Buffer.alloc(0)), { kind: 'corrupt' })
})

test('times before 1970 and after 2106 survive', () => {
  const node = { ...file, atime: -1, atimeNsec: 999_999_999, mtime: -(2 ** 40), ctime: 253_402_300_799 }
  const { raw: _, ...decoded } = decodeNode(encodeNode(node))
  assert.deepEqual(decoded, node)
})

test('bytes of a newer client behind the tier survive a rewrite', () => {
  for (const [text, tail] of [
    [`${fixed}0102aabbcc`, 'aabbcc'],
    [`${fixed}010000000700000009020011223344556677889900`, '0011223344556677889900'],
  ] as const) {
    const node = decodeNode(bytes(text))
    assert.equal(hex(encodeNode(node)), text)
    const changed = decodeNode(encodeNode({ ...node, accessAcl: 0x1234, tier: 3 }))
    assert.equal(changed.accessAcl, 0x1234)
    assert.equal(changed.tier, 3)
    assert.ok(hex(changed.raw!).endsWith(tail))
    const cleared = decodeNode(encodeNode({ ...node, accessAcl: 0, defaultAcl: 0, tier: 0 }))
    assert.deepEqual([cleared.accessAcl, cleared.defaultAcl, cleared.tier], [0, 0, 0])
    assert.ok(hex(cleared.raw!).endsWith(tail))
  }
})

test('directory entries are 9 bytes', () => {
  for (const [edge, text] of [
    [{ type: 1, ino: 2 }, '010000000000000002'],
    [{ type: 2, ino: 3 }, '020000000000000003'],
    [{ type: 2, ino: TRASH_INO + 1 }, '027fffffff10000001'],
  ] as const) {
    assert.equal(hex(encodeEdge(edge)), text)
    assert.deepEqual(decodeEdge(bytes(text)), edge)
  }
  assert.throws(() => decodeEdge(bytes('0100000000000002')), { kind: 'corrupt' })
  assert.throws(() => decodeEdge(bytes('01ff00000000000002')), { kind: 'corrupt' })
})

test('lock ranges are 24 bytes with the Linux type numbers, and 3 is a write lock too', () => {
  const end = 2n ** 63n - 1n
  const ranges = [
    { type: 'R', pid: 42, start: 0n, end },
    { type: 'W', pid: 42, start: 100n, end: 199n },
  ] as const
  const text =
    '000000000000002a00000000000000007fffffffffffffff000000010000002a000000000000006400000000000000c7'
  assert.equal(hex(encodePlocks(ranges)), text)
  assert.deepEqual(decodePlocks(bytes(text)), ranges)
  assert.equal(decodePlocks(bytes(`00000003${text.slice(8, 48)}`))[0]!.type, 'W')
  assert.throws(() => decodePlocks(Buffer.alloc(23)), { kind: 'corrupt' })
})

test('delayed slices are 12 bytes each; anything else is to be skipped', () => {
  const slices = [{ id: 1, size: 4_194_304 }]
  assert.equal(hex(encodeDelayed(slices)), '000000000000000100400000')
  assert.deepEqual(decodeDelayed(bytes('000000000000000100400000')), slices)
  assert.equal(decodeDelayed(Buffer.alloc(0)), undefined)
  assert.equal(decodeDelayed(Buffer.alloc(13)), undefined)
})

test('ACL rules: packed whole, and their lists without counts', () => {
  const rule = {
    owner: 6,
    group: 4,
    mask: 7,
    other: 4,
    users: [{ id: 1000, perm: 7 }],
    groups: [{ id: 100, perm: 5 }],
  }
  const text = '000600040007000400000001000003e8000700000001000000640005'
  assert.equal(hex(encodeAclRule(rule)), text)
  assert.deepEqual(decodeAclRule(bytes(text)), rule)
  const minimal = { owner: 6, group: 4, mask: ACL_UNSET, other: 4, users: [], groups: [] }
  assert.equal(hex(encodeAclRule(minimal)), '00060004ffff00040000000000000000')
  assert.deepEqual(decodeAclRule(bytes('00060004ffff00040000000000000000')), minimal)
  assert.equal(hex(encodeAclEntries(rule.users)), '000003e80007')
  assert.deepEqual(decodeAclEntries(bytes('000003e80007')), rule.users)
  for (const broken of [text.slice(2), `${text}00`, '0006', text.replace('00000001', 'ffffffff')])
    assert.throws(() => decodeAclRule(bytes(broken)), { kind: 'corrupt' })
})
