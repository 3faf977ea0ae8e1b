/** An access control list while it is changed. Source: acl(5); what may be in it is checked where it is kept. */
import type { AclEntry } from '#core/api/files.ts'
import { letters } from '../../format/mode.ts'

export type AclRight = 'r' | 'w' | 'x'
export const ACL_RIGHTS: readonly AclRight[] = ['r', 'w', 'x']

const ORDER = ['user', 'named user', 'group', 'named group', 'mask', 'other'] as const

/** What the mode alone says, as a list to begin with. */
export function entriesOfMode(mode: number): readonly AclEntry[] {
  const text = letters(mode & 0o777)
  return [
    { tag: 'user', id: null, perms: text.slice(0, 3) },
    { tag: 'group', id: null, perms: text.slice(3, 6) },
    { tag: 'other', id: null, perms: text.slice(6, 9) },
  ]
}

export function withRight(
  entries: readonly AclEntry[],
  at: number,
  right: AclRight,
  on: boolean,
): readonly AclEntry[] {
  return entries.map((entry, index) => {
    if (index !== at) return entry
    const perms = ACL_RIGHTS.map((each, place) =>
      each === right ? (on ? right : '-') : entry.perms[place],
    ).join('')
    return { ...entry, perms }
  })
}

/** With one more user or group, who may read; the same list when it is named already. */
export function withNamed(
  entries: readonly AclEntry[],
  tag: 'user' | 'group',
  id: number,
): readonly AclEntry[] {
  if (entries.some((entry) => entry.tag === tag && entry.id === id)) return entries
  return [...entries, { tag, id, perms: 'r--' }].sort((a, b) => placeOf(a) - placeOf(b))
}

/** Without the entry; a mask goes with the last name, as there is nothing left that it limits. */
export function without(entries: readonly AclEntry[], at: number): readonly AclEntry[] {
  const left = entries.filter((_, index) => index !== at)
  return left.some(({ id }) => id !== null) ? left : left.filter(({ tag }) => tag !== 'mask')
}

function placeOf({ tag, id }: AclEntry): number {
  return ORDER.indexOf(id === null || (tag !== 'user' && tag !== 'group') ? tag : `named ${tag}`)
}
