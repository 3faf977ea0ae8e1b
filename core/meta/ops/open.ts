/**
 * open and close: which files this client has open decides what becomes of them when they lose their name.
 * Source: shared/spec/fs-semantics.md §5.13, §7. Opening changes no record; atime follows reads, as on Linux.
 */
import type { OpContext } from '#core/base/context.ts'
import { EISDIR, ENOENT, EPERM, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import { FMODE_EXEC, O_ACCMODE, O_APPEND, O_RDWR, O_TRUNC, O_WRONLY, writes } from '#core/base/open-flags.ts'
import { liesInTrash, MAY_EXEC, MAY_READ, MAY_WRITE, requireAccess } from '../permission.ts'
import { FLAG_APPEND, FLAG_IMMUTABLE, type NodeRecord, TYPE_DIRECTORY } from '../records.ts'
import type { MetaState } from '../state.ts'
import { deleteSustained } from './sustained.ts'

/** Errors: ENOENT, EISDIR, EACCES, EPERM for what attribute flags and the trash forbid. */
export async function open(state: MetaState, ctx: OpContext, ino: Ino, flags: number): Promise<NodeRecord> {
  // Counted before the node is read: a removal here either sees us or is waited for.
  state.openFiles.open(ino)
  try {
    await state.openFiles.settled(ino)
    // Close-to-open: what another client closed before this is seen, and an append goes behind it.
    const [node] = await state.engine.read([{ kind: 'node', ino }], 'fresh')
    if (node === null || isForeignOrphan(state, ino, node)) throw fail(ENOENT, 'open', `ino ${ino}`)
    await admit(state, ctx, ino, node, flags)
    return node
  } catch (error) {
    await close(state, ino)
    throw error
  }
}

/** A file without a name that only another client holds: it may go at any moment. */
function isForeignOrphan(state: MetaState, ino: Ino, node: NodeRecord): boolean {
  return node.nlink === 0 && !state.openFiles.isOrphan(ino)
}

/** One open less. After the last one a file without a name is deleted. */
export async function close(state: MetaState, ino: Ino): Promise<void> {
  if (state.openFiles.close(ino)) await deleteSustained(state, state.sid, ino)
}

async function admit(
  state: MetaState,
  ctx: OpContext,
  ino: Ino,
  node: NodeRecord,
  flags: number,
): Promise<void> {
  const changes = writes(flags) || (flags & O_TRUNC) !== 0
  if (changes && node.type === TYPE_DIRECTORY) throw fail(EISDIR, 'open')
  if (changes && (node.flags & FLAG_IMMUTABLE) !== 0) throw fail(EPERM, 'open', 'immutable')
  if (changes && liesInTrash(node) && !state.removed.isTrashed(ino)) throw fail(EPERM, 'open', 'in the trash')
  const rewrites = (writes(flags) && (flags & O_APPEND) === 0) || (flags & O_TRUNC) !== 0
  if (rewrites && (node.flags & FLAG_APPEND) !== 0) throw fail(EPERM, 'open', 'append-only')
  await requireAccess(state, ctx, 'open', node, wanted(flags))
}

function wanted(flags: number): number {
  const truncates = (flags & O_TRUNC) !== 0 ? MAY_WRITE : 0
  switch (flags & O_ACCMODE) {
    case O_WRONLY:
      return MAY_WRITE
    case O_RDWR:
      return MAY_READ | MAY_WRITE
    default:
      return ((flags & FMODE_EXEC) !== 0 ? MAY_EXEC : MAY_READ) | truncates
  }
}
