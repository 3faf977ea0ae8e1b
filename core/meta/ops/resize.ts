/** What every operation on a regular file's data has in common: its new attributes and what they cost. */
import type { Time } from '#core/base/clock.ts'
import type { OpContext } from '#core/base/context.ts'
import { EFBIG, EINVAL, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import { isMember } from '../permission.ts'
import { MAX_FILE_SIZE, type NodeRecord, spaceOf } from '../records.ts'
import type { MetaState } from '../state.ts'
import type { Tx } from '../tx.ts'

const SUID = 0o4000
const SGID = 0o2000
const GROUP_EXEC = 0o010

/**
 * Set length and whatever else of a file under the guard that nobody changed it since `node`, with the usage of
 * its owner, the statistics of its directories and their quotas. Errors: ENOSPC, EDQUOT.
 */
export async function resize(
  state: MetaState,
  tx: Tx,
  op: string,
  ino: Ino,
  node: NodeRecord,
  next: NodeRecord,
): Promise<NodeRecord> {
  tx.nodeIs(ino, node)
  tx.change({ kind: 'putNode', ino, node: next })
  const length = next.length - node.length
  if (length === 0) return next
  const space = spaceOf(next) - spaceOf(node)
  const { accounts } = state
  const parents = state.setting.DirStats ? await accounts.parentsOf(ino, node) : []
  await accounts.check(op, { uid: node.uid, gid: node.gid, space, inodes: 0, parents }, tx)
  tx.change(...accounts.volume(node.uid, node.gid, space, 0))
  for (const parent of parents) await accounts.directory(tx, parent, length, space, 0)
  return next
}

/** The node with mtime and ctime set, and the bits dropped that a write by this caller drops. */
export function modified(ctx: OpContext, node: NodeRecord, now: Time): NodeRecord {
  const mode = ctx.uid === 0 ? node.mode : withoutPrivileges(node.mode, isMember(ctx, node.gid))
  return { ...node, mode, mtime: now.sec, mtimeNsec: now.nsec, ctime: now.sec, ctimeNsec: now.nsec }
}

/**
 * No set-uid; no set-gid where it means privileges (group-executable) or the caller is not in the file's group.
 * Source: linux/fs/attr.c setattr_should_drop_suidgid.
 */
export function withoutPrivileges(mode: number, member: boolean): number {
  return (mode & GROUP_EXEC) === 0 && member ? mode & ~SUID : mode & ~(SUID | SGID)
}

/** A position or length in a file. Errors: EINVAL; EFBIG. */
export function checkOffset(op: string, ...offsets: readonly number[]): void {
  for (const offset of offsets) {
    if (!(offset >= 0)) throw fail(EINVAL, op, 'negative offset or length')
    if (offset >= MAX_FILE_SIZE) throw fail(EFBIG, op)
  }
}
