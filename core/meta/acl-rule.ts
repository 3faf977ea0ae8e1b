/**
 * POSIX ACL rules: the xattr value the kernel speaks, who may do what, and how rules and mode bits follow each
 * other. Source: acl(5); linux/fs/posix_acl.c; shared/spec/fs-semantics.md §2.2, 2.5, 2.6; meta-records.md §14.
 */
import { EINVAL, EOPNOTSUPP, fail } from '#core/base/errno.ts'
import { ACL_UNSET, type AclEntry, type AclRule } from './records.ts'

export const ACL_ACCESS_XATTR = 'system.posix_acl_access'
export const ACL_DEFAULT_XATTR = 'system.posix_acl_default'

const VERSION = 2
const HEADER_BYTES = 4
const ENTRY_BYTES = 8
const NO_ID = 0xffffffff

const USER_OBJ = 0x01
const USER = 0x02
const GROUP_OBJ = 0x04
const GROUP = 0x08
const MASK = 0x10
const OTHER = 0x20

export const EMPTY_ACL: AclRule = {
  owner: ACL_UNSET,
  group: ACL_UNSET,
  mask: ACL_UNSET,
  other: ACL_UNSET,
  users: [],
  groups: [],
}

/** Says nothing at all: setting it removes the ACL. */
export function isEmptyAcl(rule: AclRule): boolean {
  const { owner, group, other } = rule
  return hasNoNames(rule) && (owner & group & other & rule.mask) === ACL_UNSET
}

/** Says no more than mode bits can. */
export function isMinimalAcl(rule: AclRule): boolean {
  return hasNoNames(rule) && rule.mask === ACL_UNSET
}

function hasNoNames(rule: AclRule): boolean {
  return rule.users.length === 0 && rule.groups.length === 0
}

/** A text that is equal for equal rules. */
export function aclText(rule: AclRule): string {
  const names = (entries: readonly AclEntry[]) => entries.map(({ id, perm }) => `${id}:${perm}`).join()
  const { owner, group, mask, other } = rule
  return `${owner} ${group} ${mask} ${other} ${names(rule.users)} ${names(rule.groups)}`
}

/** The value of a `system.posix_acl_*` xattr, version 2, little-endian. */
export function encodeAclXattr(rule: AclRule): Uint8Array {
  const entries: (readonly [tag: number, perm: number, id: number])[] = [
    [USER_OBJ, rule.owner, NO_ID],
    ...rule.users.map(({ id, perm }) => [USER, perm, id] as const),
    [GROUP_OBJ, rule.group, NO_ID],
    ...rule.groups.map(({ id, perm }) => [GROUP, perm, id] as const),
    [MASK, rule.mask, NO_ID],
    [OTHER, rule.other, NO_ID],
  ]
  const set = entries.filter(([, perm]) => perm !== ACL_UNSET)
  const out = new Uint8Array(HEADER_BYTES + set.length * ENTRY_BYTES)
  const view = new DataView(out.buffer)
  view.setUint32(0, VERSION, true)
  for (const [k, [tag, perm, id]] of set.entries()) {
    const at = HEADER_BYTES + k * ENTRY_BYTES
    view.setUint16(at, tag, true)
    view.setUint16(at + 2, perm, true)
    view.setUint32(at + 4, id, true)
  }
  return out
}

/**
 * Read such a value with the kernel's own checks; a value without entries is the empty rule.
 * Errors: EOPNOTSUPP another version; EINVAL.
 */
export function decodeAclXattr(value: Uint8Array): AclRule {
  if (value.length === 0) return EMPTY_ACL
  if (value.length < HEADER_BYTES || (value.length - HEADER_BYTES) % ENTRY_BYTES !== 0) {
    throw fail(EINVAL, 'setxattr', `ACL of ${value.length} bytes`)
  }
  const view = new DataView(value.buffer, value.byteOffset, value.length)
  if (view.getUint32(0, true) !== VERSION) throw fail(EOPNOTSUPP, 'setxattr', 'ACL version')
  if (value.length === HEADER_BYTES) return EMPTY_ACL
  const rule = { ...EMPTY_ACL, users: [] as AclEntry[], groups: [] as AclEntry[] }
  let before = 0
  for (let at = HEADER_BYTES; at < value.length; at += ENTRY_BYTES) {
    const tag = view.getUint16(at, true)
    const perm = view.getUint16(at + 2, true)
    if (tag < before || (tag === before && tag !== USER && tag !== GROUP)) {
      throw fail(EINVAL, 'setxattr', `ACL entry ${tag} out of order`)
    }
    setEntry(rule, tag, perm, view.getUint32(at + 4, true))
    before = tag
  }
  return checkAcl(rule)
}

function setEntry(
  rule: { owner: number; group: number; mask: number; other: number; users: AclEntry[]; groups: AclEntry[] },
  tag: number,
  perm: number,
  id: number,
): void {
  switch (tag) {
    case USER_OBJ:
      rule.owner = perm
      return
    case USER:
      rule.users.push({ id, perm })
      return
    case GROUP_OBJ:
      rule.group = perm
      return
    case GROUP:
      rule.groups.push({ id, perm })
      return
    case MASK:
      rule.mask = perm
      return
    case OTHER:
      rule.other = perm
      return
    default:
      throw fail(EINVAL, 'setxattr', `ACL entry type ${tag}`)
  }
}

/** The rule itself when it is one the kernel accepts (posix_acl_valid): EINVAL otherwise. */
export function checkAcl(rule: AclRule): AclRule {
  const required = [rule.owner, rule.group, rule.other]
  const named = [...rule.users, ...rule.groups]
  const masks = rule.mask === ACL_UNSET ? [] : [rule.mask]
  if (named.length > 0 && masks.length === 0) throw fail(EINVAL, 'setxattr', 'ACL without a mask')
  if ([...required, ...masks, ...named.map(({ perm }) => perm)].some((perm) => perm > 7)) {
    throw fail(EINVAL, 'setxattr', 'ACL permissions')
  }
  if (named.some(({ id }) => id === NO_ID)) throw fail(EINVAL, 'setxattr', 'ACL entry without an id')
  return rule
}

/** Unset owner, group and other taken from the mode bits. */
export function completeAcl(rule: AclRule, mode: number): AclRule {
  return {
    ...rule,
    owner: rule.owner === ACL_UNSET ? (mode >> 6) & 7 : rule.owner,
    group: rule.group === ACL_UNSET ? (mode >> 3) & 7 : rule.group,
    other: rule.other === ACL_UNSET ? mode & 7 : rule.other,
  }
}

/** The mode of a node under an access rule: special bits stay, the group bits show the mask where there is one. */
export function aclMode(rule: AclRule, mode: number): number {
  const middle = rule.mask === ACL_UNSET ? rule.group : rule.mask
  return (mode & 0o7000) | (rule.owner << 6) | (middle << 3) | rule.other
}

/** The access rule after chmod: the group bits go to the mask where there is one. */
export function chmodAcl(rule: AclRule, mode: number): AclRule {
  const middle = (mode >> 3) & 7
  const bits = { owner: (mode >> 6) & 7, other: mode & 7 }
  return rule.mask === ACL_UNSET ? { ...rule, ...bits, group: middle } : { ...rule, ...bits, mask: middle }
}

/** Mode and access rule of a new node under its directory's default rule; the umask does not apply then. */
export function inheritAcl(
  rule: AclRule,
  mode: number,
): { readonly mode: number; readonly access: AclRule | null } {
  if (isMinimalAcl(rule)) {
    return { mode: mode & (0o7000 | aclMode(completeAcl(rule, 0o777), 0)), access: null }
  }
  const full = completeAcl(rule, 0o777)
  const middle = (mode >> 3) & 7
  const access = {
    ...full,
    owner: full.owner & (mode >> 6),
    other: full.other & mode,
    ...(full.mask === ACL_UNSET ? { group: full.group & middle } : { mask: full.mask & middle }),
  }
  return { mode: aclMode(access, mode), access }
}

/**
 * Does the access rule of a node owned by `owner` grant `who` every right in `mask` (r=4 w=2 x=1)? The first of
 * owner, named user, any matching group, other decides. Source: fs-semantics.md §2.2.
 */
export function canAccess(
  rule: AclRule,
  who: { readonly uid: number; readonly groups: readonly number[] },
  owner: { readonly uid: number; readonly gid: number },
  mask: number,
): boolean {
  const grants = (perm: number) => (perm & mask) === mask
  if (who.uid === owner.uid) return grants(rule.owner)
  const named = rule.users.find(({ id }) => id === who.uid)
  if (named !== undefined) return grants(named.perm & rule.mask)
  const groups = rule.groups.filter(({ id }) => who.groups.includes(id)).map(({ perm }) => perm)
  if (who.groups.includes(owner.gid)) groups.push(rule.group)
  if (groups.length > 0) return groups.some((perm) => grants(perm & rule.mask))
  return grants(rule.other)
}
