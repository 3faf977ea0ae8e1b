/** getattr, setattr and access. Source: shared/spec/fs-semantics.md §5.2-5.5, vfs-and-fuse.md §2.5. */
import { type OpContext, rootContext } from '#core/base/context.ts'
import { EACCES, EFBIG, EINVAL, EPERM, fail } from '#core/base/errno.ts'
import { type Ino, isVirtual } from '#core/base/ino.ts'
import type { AttrChange } from '#core/meta/api.ts'
import { withoutPrivileges } from '#core/meta/ops/resize.ts'
import { isMember } from '#core/meta/permission.ts'
import { MAX_FILE_SIZE, type NodeRecord } from '#core/meta/records.ts'
import type { OpenNode } from '../nodes.ts'
import { adopted, changeContent, type VfsState } from '../state.ts'
import { isSpecial } from '../virtual-files.ts'
import { specialNode } from './names.ts'

export interface SetattrChange extends AttrChange {
  readonly size?: number
  /** Drop suid, and sgid when group-executable, because of the new size (FUSE_HANDLE_KILLPRIV_V2). */
  readonly killSuidgid?: boolean
}

export async function getattr(state: VfsState, ctx: OpContext, ino: Ino): Promise<NodeRecord> {
  if (isVirtual(ino)) return state.virtual.node(ino)
  const since = state.nodes.sequence
  return current(state, ctx, ino, await state.meta.getattr(ctx, ino), since)
}

/**
 * A record read while the sequence was `since`, as this client sees it. One that a change of ours overtook is
 * read again.
 */
export async function current(
  state: VfsState,
  ctx: OpContext,
  ino: Ino,
  record: NodeRecord,
  since: number,
): Promise<NodeRecord> {
  const { nodes } = state
  if (!nodes.changedSince(ino, since)) {
    nodes.observe(ino, record, since)
    return nodes.seen(ino, record)
  }
  const open = nodes.get(ino)
  return nodes.seen(ino, open === undefined ? await state.meta.getattr(ctx, ino) : open.record)
}

export async function access(state: VfsState, ctx: OpContext, ino: Ino, mask: number): Promise<void> {
  if (!isVirtual(ino)) return state.meta.access(ctx, ino, mask)
  const { mode, uid, gid } = state.virtual.node(ino)
  const shift = ctx.uid === uid ? 6 : ctx.groups.includes(gid) ? 3 : 0
  if (ctx.uid !== 0 && ((mode >> shift) & mask) !== mask) throw fail(EACCES, 'access')
}

/** `fh`: the handle it comes through, which may allow a new size where the mode would not. */
export async function setattr(
  state: VfsState,
  ctx: OpContext,
  ino: Ino,
  change: SetattrChange,
  fh?: number,
): Promise<NodeRecord> {
  const special = await specialNode(state, ctx, ino)
  if (special !== undefined) return special
  if (isSpecial(ino)) throw fail(EPERM, 'setattr')
  const { size, killSuidgid, ...rest } = change
  let record: NodeRecord | undefined
  if (size !== undefined) {
    record = await truncate(state, ctx, ino, size, fh)
    if (killSuidgid) record = (await killPrivileges(state, ctx, ino, record)) ?? record
  }
  if (record === undefined || Object.values(rest).some((value) => value !== undefined)) {
    record = await setStored(state, ctx, ino, rest)
  }
  return state.nodes.seen(ino, record)
}

async function setStored(state: VfsState, ctx: OpContext, ino: Ino, change: AttrChange): Promise<NodeRecord> {
  const writer = state.nodes.get(ino)?.writer
  const set = async () => adopted(state, ino, await state.meta.setattr(ctx, ino, change))
  return writer === undefined || writer.idle ? set() : writer.betweenCommits(change.mtime !== undefined, set)
}

/** Errors: EBADF no such handle, EACCES one that is not open for writing, EFBIG, EINVAL, and as Meta.truncate. */
export async function truncate(
  state: VfsState,
  ctx: OpContext,
  ino: Ino,
  size: number,
  fh?: number,
): Promise<NodeRecord> {
  if (isSpecial(ino)) throw fail(EPERM, 'truncate')
  if (size < 0) throw fail(EINVAL, 'truncate')
  if (size >= MAX_FILE_SIZE) throw fail(EFBIG, 'truncate')
  if (fh !== undefined && !state.handles.file('truncate', fh).writable) throw fail(EACCES, 'truncate')
  return changeContent(state, ctx, ino, () => state.meta.truncate(ctx, ino, size, fh !== undefined))
}

/** Take suid and sgid off as a write by an ordinary user must. */
export async function killPrivileges(
  state: VfsState,
  ctx: OpContext,
  ino: Ino,
  record: NodeRecord,
): Promise<NodeRecord | undefined> {
  const mode = withoutPrivileges(record.mode, isMember(ctx, record.gid))
  if (mode === record.mode) return undefined
  return adopted(state, ino, await state.meta.setattr(rootContext(), ino, { mode }))
}

/** The first write to a file with `security.capability` takes that away; without the option there is none. */
export async function killCapability(state: VfsState, node: OpenNode): Promise<void> {
  const name = 'security.capability'
  if (node.capability === 'unknown') {
    const value = await state.meta.getxattr(rootContext(), node.ino, name)
    node.capability = value === undefined ? 'none' : 'present'
  }
  if (node.capability !== 'present') return
  node.capability = 'none'
  await state.meta.removexattr(rootContext(), node.ino, name)
}
