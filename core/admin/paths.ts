/** Paths of a volume to inodes, as path_resolution(7) has it, with the volume's root as `/`. */
import type { OpContext } from '#core/base/context.ts'
import { ELOOP, ENOENT, ENOTDIR, fail } from '#core/base/errno.ts'
import { nameFromExact } from '#core/base/exact-names.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import { type Name, nameToText } from '#core/base/name.ts'
import type { Found, Meta } from '#core/meta/api.ts'
import { TYPE_DIRECTORY, TYPE_SYMLINK } from '#core/meta/records.ts'

const MOST_SYMLINKS = 40

export interface Place extends Found {
  /** The directory and name it was found by; the root has neither. */
  readonly parent?: Ino
  readonly name?: Name
}

export interface ResolveOptions {
  /** Follow a symlink that the last part is. Default true. */
  readonly follow?: boolean
}

/** A path as text, bytes that are none escaped (exact-names.ts). Errors: ENOENT, ENOTDIR, ELOOP, with the path. */
export function resolvePath(
  meta: Meta,
  ctx: OpContext,
  path: string,
  options: ResolveOptions = {},
): Promise<Place> {
  return resolveName(meta, ctx, nameFromExact(path), options)
}

/** A path as a byte string. */
export async function resolveName(
  meta: Meta,
  ctx: OpContext,
  path: Name,
  options: ResolveOptions = {},
): Promise<Place> {
  const place = await tryResolve(meta, ctx, path, options)
  if (place === undefined) throw fail(ENOENT, 'no such file or directory', nameToText(path))
  return place
}

/** Undefined when the path, a byte string, does not exist; the directory that would hold it may be missing too. */
export async function tryResolve(
  meta: Meta,
  ctx: OpContext,
  path: Name,
  { follow = true }: ResolveOptions = {},
): Promise<Place | undefined> {
  const rest = splitPath(path).reverse()
  const trail: Place[] = [{ ino: ROOT_INO, node: await meta.getattr(ctx, ROOT_INO) }]
  let symlinks = 0
  while (rest.length > 0) {
    const name = rest.pop()!
    const here = trail.at(-1)!
    if (here.node.type !== TYPE_DIRECTORY) throw fail(ENOTDIR, 'not a directory', nameToText(path))
    if (name === '..') {
      if (trail.length > 1) trail.pop()
      continue
    }
    const found = await meta.lookup(ctx, here.ino, name)
    if (found === undefined) return undefined
    if (found.node.type === TYPE_SYMLINK && (rest.length > 0 || follow)) {
      if (++symlinks > MOST_SYMLINKS) throw fail(ELOOP, 'too many symbolic links', nameToText(path))
      const target = Buffer.from(await meta.readlink(ctx, found.ino)).toString('latin1')
      if (target.startsWith('/')) trail.length = 1
      rest.push(...splitPath(target).reverse())
      continue
    }
    trail.push({ ...found, parent: here.ino, name })
  }
  return trail.at(-1)
}

/** The directory that holds the last part of `path`, and that part. Errors as `resolvePath`. */
export async function resolveParent(
  meta: Meta,
  ctx: OpContext,
  path: string,
): Promise<{ parent: Ino; name: Name }> {
  const parts = splitPath(nameFromExact(path))
  const name = parts.pop()
  if (name === undefined || name === '..') throw fail(ENOENT, 'the path names no entry', path)
  const directory = await resolveName(meta, ctx, `/${parts.join('/')}`)
  if (directory.node.type !== TYPE_DIRECTORY) throw fail(ENOTDIR, 'not a directory', path)
  return { parent: directory.ino, name }
}

function splitPath(path: Name): Name[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}
