/** Operations on names. Checks marked V in shared/spec/fs-semantics.md §5; the rest is metadata's. */
import type { OpContext } from '#core/base/context.ts'
import { EEXIST, ENAMETOOLONG, EPERM, fail } from '#core/base/errno.ts'
import { type Ino, isVirtual, TRASH_INO } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { Found, NewNode, Removed, Renamed } from '#core/meta/api.ts'
import { MAX_SYMLINK, type NodeRecord, TYPE_SYMLINK } from '#core/meta/records.ts'
import { checkName, type VfsState } from '../state.ts'
import { isSpecial } from '../virtual-files.ts'
import { current } from './attrs.ts'

export async function lookup(
  state: VfsState,
  ctx: OpContext,
  parent: Ino,
  name: Name,
): Promise<Found | undefined> {
  const virtual = state.virtual.lookup(parent, name)
  if (virtual !== undefined) return virtual
  checkName('lookup', name)
  const since = state.nodes.sequence
  const found = await state.meta.lookup(ctx, parent, name)
  if (found === undefined) return undefined
  return { ino: found.ino, node: await current(state, ctx, found.ino, found.node, since) }
}

export async function mknod(
  state: VfsState,
  ctx: OpContext,
  parent: Ino,
  name: Name,
  what: NewNode,
): Promise<Found> {
  checkNew(state, what.type === TYPE_SYMLINK ? 'symlink' : 'mknod', parent, name)
  if (what.target !== undefined && what.target.length >= MAX_SYMLINK) throw fail(ENAMETOOLONG, 'symlink')
  return state.meta.mknod(ctx, parent, name, what)
}

/** Errors: EEXIST for the name of a virtual file; ENAMETOOLONG. */
export function checkNew(state: VfsState, op: string, parent: Ino, name: Name): void {
  if (state.virtual.isReserved(parent, name)) throw fail(EEXIST, op)
  checkName(op, name)
}

function checkOld(state: VfsState, op: string, parent: Ino, name: Name): void {
  if (state.virtual.isReserved(parent, name)) throw fail(EPERM, op, 'a file of the mount itself')
  checkName(op, name)
}

export async function link(
  state: VfsState,
  ctx: OpContext,
  ino: Ino,
  parent: Ino,
  name: Name,
): Promise<NodeRecord> {
  if (isSpecial(ino)) throw fail(EPERM, 'link')
  checkOld(state, 'link', parent, name)
  const record = await state.meta.link(ctx, ino, parent, name)
  return state.nodes.seen(ino, record)
}

export async function unlink(
  state: VfsState,
  ctx: OpContext,
  parent: Ino,
  name: Name,
  options?: { readonly skipTrash?: boolean },
): Promise<Removed> {
  checkOld(state, 'unlink', parent, name)
  return state.meta.unlink(ctx, parent, name, options)
}

export async function rmdir(
  state: VfsState,
  ctx: OpContext,
  parent: Ino,
  name: Name,
  options?: { readonly skipTrash?: boolean },
): Promise<Removed> {
  checkOld(state, 'rmdir', parent, name)
  return state.meta.rmdir(ctx, parent, name, options)
}

export async function rename(
  state: VfsState,
  ctx: OpContext,
  parent: Ino,
  name: Name,
  toParent: Ino,
  toName: Name,
  flags: number,
): Promise<Renamed> {
  checkOld(state, 'rename', parent, name)
  checkOld(state, 'rename', toParent, toName)
  return state.meta.rename(ctx, parent, name, toParent, toName, flags)
}

/** The attributes of a special inode; undefined for an ordinary one. */
export async function specialNode(
  state: VfsState,
  ctx: OpContext,
  ino: Ino,
): Promise<NodeRecord | undefined> {
  if (isVirtual(ino)) return state.virtual.node(ino)
  return ino === TRASH_INO ? state.meta.getattr(ctx, ino) : undefined
}
