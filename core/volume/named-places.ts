/** Places of an opened volume by the exact texts of their paths (exact-names.ts). */

import { type Place, resolveName } from '#core/admin/paths.ts'
import { rootContext } from '#core/base/context.ts'
import { EEXIST, fail } from '#core/base/errno.ts'
import { nameFromExact } from '#core/base/exact-names.ts'
import { type Ino, inoText, ROOT_INO } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import { type ShownEntry, shownEntry } from './file-view.ts'
import type { Volume } from './open-volume.ts'

/** Errors: ENOENT, ENOTDIR, ELOOP. */
export function place(volume: Volume, path: string, signal?: AbortSignal, follow = true): Promise<Place> {
  return resolveName(volume.meta, rootContext(signal), nameFromExact(path), { follow })
}

/** The folder an entry is or would be in, and its name there. */
export async function parentOf(
  volume: Volume,
  path: string,
  signal?: AbortSignal,
): Promise<{ readonly parent: Ino; readonly name: Name }> {
  const clean = cleanPath(path)
  const at = clean.lastIndexOf('/')
  const name = nameFromExact(clean.slice(at + 1))
  if (name === '' || name === '.' || name === '..') throw fail(EEXIST, 'path', 'the path names no entry')
  const folder = await place(volume, clean.slice(0, at) || '/', signal)
  return { parent: folder.ino, name }
}

export function entryAt(path: string, { ino, node }: Pick<Place, 'ino' | 'node'>): ShownEntry {
  const at = path.lastIndexOf('/')
  const name = ino === ROOT_INO && path === '/' ? '' : nameFromExact(path.slice(at + 1))
  const folder = path.slice(0, at) || '/'
  const shown = shownEntry(folder, name, ino, node, node.type)
  return path === '/' ? { ...shown, name: '/', path: '/', ino: inoText(ino) } : shown
}

export function cleanPath(path: string): string {
  return `/${path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')}`
}
