/**
 * Who may do what. The kernel has checked most of it already unless `ctx.checkPermission`; attribute flags
 * (immutable, append-only) are ours alone to enforce, root included.
 *
 * Source: shared/spec/fs-semantics.md §2; refusals by the sticky bit are EPERM as on Linux, not EACCES.
 */
import type { OpContext } from '#core/base/context.ts'
import { EACCES, EPERM, fail } from '#core/base/errno.ts'
import { TRASH_INO } from '#core/base/ino.ts'
import { canAccess } from './acl-rule.ts'
import { FLAG_APPEND, FLAG_IMMUTABLE, type NodeRecord } from './records.ts'
import type { MetaState } from './state.ts'

export const MAY_READ = 4
export const MAY_WRITE = 2
export const MAY_EXEC = 1

const STICKY = 0o1000

/** Our own code has to check this caller. */
export function isChecked(ctx: OpContext): boolean {
  return ctx.checkPermission && ctx.uid !== 0
}

/** Throws EACCES unless the caller has every bit of `mask` on the node. */
export async function requireAccess(
  state: MetaState,
  ctx: OpContext,
  op: string,
  node: NodeRecord,
  mask: number,
): Promise<void> {
  if (!isChecked(ctx)) return
  if (!(await isAllowed(state, ctx, node, mask))) throw fail(EACCES, op)
}

async function isAllowed(state: MetaState, ctx: OpContext, node: NodeRecord, mask: number): Promise<boolean> {
  if (node.accessAcl !== 0 && (node.mode & 0o070) !== 0) {
    const rule = await state.acls.get(node.accessAcl)
    return canAccess(rule, ctx, node, mask)
  }
  return (modeBits(ctx, node) & mask) === mask
}

/** The three bits of the first class the caller is in: no fall-through. */
function modeBits(ctx: OpContext, node: NodeRecord): number {
  if (ctx.uid === node.uid) return node.mode >> 6
  if (ctx.groups.includes(node.gid)) return node.mode >> 3
  return node.mode
}

/** Entries may be added to the directory, and with `removing` also taken out or replaced. EPERM, EACCES. */
export async function requireChange(
  state: MetaState,
  ctx: OpContext,
  op: string,
  dir: NodeRecord,
  removing: boolean,
): Promise<void> {
  const forbidden = removing ? FLAG_IMMUTABLE | FLAG_APPEND : FLAG_IMMUTABLE
  if ((dir.flags & forbidden) !== 0) throw fail(EPERM, op, 'directory is immutable or append-only')
  await requireAccess(state, ctx, op, dir, MAY_WRITE | MAY_EXEC)
}

/** The entry of `node` in `dir` may be taken away: flags and the sticky bit. Throws EPERM. */
export function requireRemovable(ctx: OpContext, op: string, dir: NodeRecord, node: NodeRecord): void {
  requireUnlocked(op, node)
  const free = (dir.mode & STICKY) === 0 || ctx.uid === dir.uid || ctx.uid === node.uid
  if (!free && isChecked(ctx)) throw fail(EPERM, op, 'sticky directory')
}

/** Neither immutable nor append-only. Throws EPERM. */
export function requireUnlocked(op: string, node: NodeRecord): void {
  if ((node.flags & (FLAG_IMMUTABLE | FLAG_APPEND)) !== 0) throw fail(EPERM, op, 'immutable or append-only')
}

/** The node was moved to the trash (hour directories themselves do not count). */
export function liesInTrash(node: NodeRecord): boolean {
  return node.parent > TRASH_INO
}

/** In the group, by the caller's own or a supplementary one. Asks the system only when it is not the own one. */
export function isMember(ctx: OpContext, gid: number): boolean {
  return ctx.gid === gid || ctx.groups.includes(gid)
}
