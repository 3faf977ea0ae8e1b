/** Which names an entry may have. Source: shared/spec/fs-semantics.md §1, meta-records.md §1.1. */
import { EEXIST, EINVAL, ENAMETOOLONG, fail } from '#core/base/errno.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import { MAX_NAME } from './records.ts'

/** Never stored: every client resolves it itself under the volume's root. */
export const TRASH_NAME: Name = '.trash'

/** The place where the trash is shown. */
export function namesTrash(parent: Ino, name: Name): boolean {
  return parent === ROOT_INO && name === TRASH_NAME
}

/** A name that a new entry may have. Errors: ENAMETOOLONG, EEXIST for `.` and `..`, EINVAL. */
export function checkNewName(op: string, name: Name): void {
  if (name.length > MAX_NAME) throw fail(ENAMETOOLONG, op)
  if (name === '.' || name === '..') throw fail(EEXIST, op)
  if (name === '' || name.includes('/') || name.includes('\0')) throw fail(EINVAL, op, 'bad name')
}

/** A name to look for; one that cannot exist is simply not found. Errors: ENAMETOOLONG. */
export function checkOldName(op: string, name: Name): void {
  if (name.length > MAX_NAME) throw fail(ENAMETOOLONG, op)
}
