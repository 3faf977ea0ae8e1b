/** The directory that an operation adds an entry to or takes one from. */

import type { Time } from '#core/base/clock.ts'
import { ENOENT, ENOTDIR, fail } from '#core/base/errno.ts'
import { type Ino, isTrash } from '#core/base/ino.ts'
import { type NodeRecord, TYPE_DIRECTORY } from '../records.ts'
import type { MetaState } from '../state.ts'
import type { Tx } from '../tx.ts'

/** The record as a directory's. Throws ENOENT, ENOTDIR. */
export function directory(op: string, node: NodeRecord | null): NodeRecord {
  if (node === null) throw fail(ENOENT, op, 'directory is gone')
  if (node.type !== TYPE_DIRECTORY) throw fail(ENOTDIR, op)
  return node
}

/**
 * Update the times of a directory whose entries change, and its link count. Directories of the trash are never
 * touched (fs-semantics.md §3, meta-records.md §2.5).
 */
export function touchParent(
  state: MetaState,
  tx: Tx,
  ino: Ino,
  node: NodeRecord,
  nlink: number,
  time: Time,
): void {
  if (isTrash(ino)) return
  const { skipDirMtimeMs } = state.options
  const ageMs = (time.sec - node.mtime) * 1000 + (time.nsec - node.mtimeNsec) / 1e6
  if (nlink === 0 && skipDirMtimeMs > 0 && ageMs < skipDirMtimeMs) return
  tx.change({ kind: 'touchNode', ino, nlink, time })
}
