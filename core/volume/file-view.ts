/** Entries of a volume as plain data. */

import { EINVAL, fail } from '#core/base/errno.ts'
import { exactText } from '#core/base/exact-names.ts'
import { inoText } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import { nameToText } from '#core/base/name.ts'
import { EMPTY_ACL } from '#core/meta/acl-rule.ts'
import { ACL_UNSET, type AclEntry, type AclRule, type NodeRecord } from '#core/meta/records.ts'

/** Index: the format's node types (meta-records.md §2). */
const TYPES = ['', 'file', 'directory', 'symlink', 'fifo', 'block', 'char', 'socket'] as const
export type ShownType = Exclude<(typeof TYPES)[number], ''>

export interface ShownEntry {
  readonly name: string
  readonly path: string
  readonly ino: string
  readonly type: ShownType
  readonly size: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly nlink: number
  readonly mtimeMs: number
  readonly ctimeMs: number
  readonly atimeMs: number
  readonly target?: string
}

export function typeName(type: number): ShownType {
  return (TYPES[type] || 'file') as ShownType
}

export function shownEntry(
  folder: string,
  name: Name,
  ino: number,
  node: NodeRecord | null,
  type: number,
): ShownEntry {
  return {
    name: nameToText(name),
    path: folder === '/' ? `/${exactText(name)}` : `${folder}/${exactText(name)}`,
    ino: inoText(ino),
    type: typeName(node?.type ?? type),
    size: node?.length ?? 0,
    mode: node?.mode ?? 0,
    uid: node?.uid ?? 0,
    gid: node?.gid ?? 0,
    nlink: node?.nlink ?? 0,
    mtimeMs: node === null ? 0 : node.mtime * 1000 + Math.floor(node.mtimeNsec / 1e6),
    ctimeMs: node === null ? 0 : node.ctime * 1000 + Math.floor(node.ctimeNsec / 1e6),
    atimeMs: node === null ? 0 : node.atime * 1000 + Math.floor(node.atimeNsec / 1e6),
  }
}

export interface ShownAcl {
  readonly tag: 'user' | 'group' | 'mask' | 'other'
  readonly id: number | null
  readonly perms: string
}

/** In the order of getfacl(1). */
export function shownAcl(rule: AclRule | undefined): readonly ShownAcl[] | null {
  if (rule === undefined) return null
  const one = (tag: ShownAcl['tag'], id: number | null, perm: number): ShownAcl[] =>
    perm === ACL_UNSET ? [] : [{ tag, id, perms: permText(perm) }]
  return [
    ...one('user', null, rule.owner),
    ...rule.users.flatMap(({ id, perm }) => one('user', id, perm)),
    ...one('group', null, rule.group),
    ...rule.groups.flatMap(({ id, perm }) => one('group', id, perm)),
    ...one('mask', null, rule.mask),
    ...one('other', null, rule.other),
  ]
}

/** The way back. Errors: EINVAL for two entries of the same. Without a mask but with names, it is the union of theirs. */
export function ruleOf(entries: readonly ShownAcl[]): AclRule {
  const seen = new Set<string>()
  const rule = { ...EMPTY_ACL, users: [] as AclEntry[], groups: [] as AclEntry[] }
  for (const { tag, id, perms } of entries) {
    if (seen.has(`${tag} ${id}`)) throw fail(EINVAL, 'setfacl', `two entries for ${tag} ${id ?? ''}`)
    seen.add(`${tag} ${id}`)
    const perm = permOf(perms)
    if (tag === 'user' && id !== null) rule.users.push({ id, perm })
    else if (tag === 'group' && id !== null) rule.groups.push({ id, perm })
    else rule[tag === 'user' ? 'owner' : tag] = perm
  }
  const named = [...rule.users, ...rule.groups]
  if (named.length === 0 || rule.mask !== ACL_UNSET) return rule
  const group = rule.group === ACL_UNSET ? 0 : rule.group
  return { ...rule, mask: named.reduce((all, { perm }) => all | perm, group) }
}

function permOf(text: string): number {
  return (text[0] === 'r' ? 4 : 0) | (text[1] === 'w' ? 2 : 0) | (text[2] === 'x' ? 1 : 0)
}

function permText(perm: number): string {
  return `${perm & 4 ? 'r' : '-'}${perm & 2 ? 'w' : '-'}${perm & 1 ? 'x' : '-'}`
}
