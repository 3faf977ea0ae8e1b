import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EINVAL, EOPNOTSUPP, FsError } from '#core/base/errno.ts'
import {
  aclMode,
  aclText,
  canAccess,
  checkAcl,
  chmodAcl,
  completeAcl,
  decodeAclXattr,
  EMPTY_ACL,
  encodeAclXattr,
  inheritAcl,
  isEmptyAcl,
  isMinimalAcl,
} from './acl-rule.ts'
import { ACL_UNSET, type AclRule } from './records.ts'

const FULL: AclRule = {
  owner: 6,
  group: 4,
  mask: 7,
  other: 4,
  users: [{ id: 1000, perm: 7 }],
  groups: [{ id: 100, perm: 5 }],
}
const MINIMAL: AclRule = { ...EMPTY_ACL, owner: 6, group: 4, other: 4 }

const errno = (wanted: number) => (error: unknown) => error instanceof FsError && error.errno === wanted

// What getfattr -n system.posix_acl_access shows for `setfacl -m u:1000:rwx,g:100:rx` on a 0644 file.
const FULL_XATTR =
  '02000000' +
  '01000600ffffffff' +
  '02000700e8030000' +
  '04000400ffffffff' +
  '0800050064000000' +
  '10000700ffffffff' +
  '20000400ffffffff'

test('an ACL xattr is what the kernel makes of it, both ways', () => {
  assert.equal(Buffer.from(encodeAclXattr(FULL)).toString('hex'), FULL_XATTR)
  assert.deepEqual(decodeAclXattr(Buffer.from(FULL_XATTR, 'hex')), FULL)
  assert.deepEqual(decodeAclXattr(encodeAclXattr(MINIMAL)), MINIMAL)
})

test('a value without entries is the empty rule', () => {
  assert.deepEqual(decodeAclXattr(new Uint8Array()), EMPTY_ACL)
  assert.deepEqual(decodeAclXattr(Buffer.from('02000000', 'hex')), EMPTY_ACL)
})

test('values the kernel refuses are refused', () => {
  const value = (...entries: string[]) => Buffer.from(`02000000${entries.join('')}`, 'hex')
  const [u, named, g, o] = ['01000600ffffffff', '02000700e8030000', '04000400ffffffff', '20000400ffffffff']
  for (const bad of [
    value(u, g, o).subarray(0, 27),
    value(u, g),
    value(g, o),
    value(u, named, g, o), // named without a mask
    value(u, u, g, o),
    value(g, u, o), // out of order
    value(u, g, o, '40000400ffffffff'),
    value('01000800ffffffff', g, o), // no such permission
    value(u, '02000700ffffffff', g, '10000700ffffffff', o), // named without an id
  ]) {
    assert.throws(() => decodeAclXattr(bad), errno(EINVAL), bad.toString('hex'))
  }
  assert.throws(() => decodeAclXattr(Buffer.from('01000000', 'hex')), errno(EOPNOTSUPP))
})

test('empty and minimal rules are told apart', () => {
  assert.ok(isEmptyAcl(EMPTY_ACL) && isMinimalAcl(EMPTY_ACL))
  assert.ok(!isEmptyAcl(MINIMAL) && isMinimalAcl(MINIMAL))
  assert.ok(!isMinimalAcl({ ...MINIMAL, mask: 7 }) && !isMinimalAcl(FULL))
  assert.ok(!isEmptyAcl({ ...EMPTY_ACL, other: 0 }))
})

test('what a rule leaves unset comes from the mode, and a named entry needs a mask', () => {
  assert.deepEqual(completeAcl({ ...EMPTY_ACL, mask: 5 }, 0o4751), {
    ...EMPTY_ACL,
    owner: 7,
    group: 5,
    other: 1,
    mask: 5,
  })
  assert.throws(() => checkAcl({ ...FULL, mask: ACL_UNSET }), errno(EINVAL))
})

test('mode and rule follow each other through the mask', () => {
  assert.equal(aclMode(FULL, 0o2000), 0o2674)
  assert.equal(aclMode(MINIMAL, 0), 0o644)
  assert.deepEqual(chmodAcl(FULL, 0o4751), { ...FULL, owner: 7, mask: 5, other: 1 })
  assert.deepEqual(chmodAcl(MINIMAL, 0o751), { ...MINIMAL, owner: 7, group: 5, other: 1 })
})

test('a new node under a default rule gets the rule cut down by the mode it was asked to have', () => {
  assert.deepEqual(inheritAcl(FULL, 0o640), {
    mode: 0o640,
    access: { ...FULL, owner: 6, mask: 4, other: 0 },
  })
  assert.deepEqual(inheritAcl(FULL, 0o1777), {
    mode: 0o1674,
    access: { ...FULL, owner: 6, mask: 7, other: 4 },
  })
  assert.deepEqual(inheritAcl(MINIMAL, 0o2777), { mode: 0o2644, access: null })
  assert.deepEqual(inheritAcl(MINIMAL, 0o600), { mode: 0o600, access: null })
})

test('the first class a caller is in decides, named users and groups under the mask', () => {
  const owner = { uid: 1, gid: 10 }
  const who = (uid: number, ...groups: number[]) => ({ uid, groups })
  const rule: AclRule = {
    ...FULL,
    owner: 4,
    group: 2,
    mask: 6,
    other: 1,
    groups: [
      { id: 100, perm: 5 },
      { id: 101, perm: 6 },
    ],
  }
  const granted = (asking: { uid: number; groups: number[] }) =>
    [4, 2, 1].filter((bit) => canAccess(rule, asking, owner, bit)).reduce((sum, bit) => sum + bit, 0)
  assert.equal(granted(who(1, 10)), 4)
  assert.equal(granted(who(1000, 10)), 6)
  assert.equal(granted(who(2, 10)), 2)
  assert.equal(granted(who(2, 100)), 4)
  assert.equal(granted(who(2, 10, 100)), 6)
  assert.equal(canAccess(rule, who(2, 10, 100), owner, 6), false) // no single group grants both
  assert.equal(canAccess(rule, who(2, 101), owner, 6), true)
  assert.equal(granted(who(2, 5)), 1)
})

test('equal rules have equal texts and different ones do not', () => {
  assert.equal(aclText({ ...FULL }), aclText(FULL))
  const others = [
    MINIMAL,
    EMPTY_ACL,
    { ...FULL, users: FULL.groups, groups: FULL.users },
    { ...FULL, users: [] },
  ]
  assert.equal(new Set([FULL, ...others].map(aclText)).size, others.length + 1)
})
