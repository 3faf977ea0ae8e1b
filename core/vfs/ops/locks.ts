/**
 * BSD and POSIX locks. A BSD lock belongs to one open of the file, a POSIX lock to a process, an OFD lock to an
 * open again but under an owner of its own. Source: shared/spec/fs-semantics.md §8, vfs-and-fuse.md §2.1.
 */
import { type OpContext, rootContext } from '#core/base/context.ts'
import { EPERM, fail } from '#core/base/errno.ts'
import type { LockRange, LockType } from '#core/meta/api.ts'
import type { FileHandle } from '../handles.ts'
import type { OpenNode } from '../nodes.ts'
import type { VfsState } from '../state.ts'

const TO_THE_END = 2n ** 63n - 1n
const EVERYTHING: LockRange = { type: 'U', start: 0n, end: TO_THE_END, pid: 0 }

function lockable(state: VfsState, op: string, fh: number): FileHandle {
  if (state.handles.get(fh)?.kind === 'virtual') throw fail(EPERM, op, 'virtual file')
  return state.handles.file(op, fh)
}

/** The kernel names the process; the handle makes it this open's own. */
function flockOwnerOf(handle: FileHandle, owner: bigint): bigint {
  return BigInt.asUintN(64, owner ^ BigInt(handle.fh))
}

export async function flock(
  state: VfsState,
  ctx: OpContext,
  fh: number,
  owner: bigint,
  type: LockType,
  wait: boolean,
): Promise<void> {
  const handle = lockable(state, 'flock', fh)
  if (type !== 'U') handle.usedFlock = true
  await closesOf(handle)
  await state.meta.flock(ctx, handle.ino, flockOwnerOf(handle, owner), type, wait)
}

export async function getlk(
  state: VfsState,
  ctx: OpContext,
  fh: number,
  owner: bigint,
  lock: LockRange,
): Promise<LockRange> {
  const handle = lockable(state, 'getlk', fh)
  await closesOf(handle)
  return state.meta.getlk(ctx, handle.ino, owner, lock)
}

export async function setlk(
  state: VfsState,
  ctx: OpContext,
  fh: number,
  owner: bigint,
  lock: LockRange,
  wait: boolean,
): Promise<void> {
  const handle = lockable(state, 'setlk', fh)
  if (lock.type !== 'U') (handle.lockOwners ??= new Set()).add(owner)
  await closesOf(handle)
  await state.meta.setlk(ctx, handle.ino, owner, lock, wait)
}

/** Locks that were held through opens closed before this are gone when it resolves. */
async function closesOf({ node }: FileHandle): Promise<void> {
  if (node.unlocks.size > 0) await Promise.allSettled(node.unlocks)
}

/** A close(2) by `owner`: its POSIX locks on the file go, whichever open it took them through. */
export async function unlockOwner(state: VfsState, node: OpenNode, owner: bigint): Promise<void> {
  let held = false
  for (const handle of node.handles) if (handle.lockOwners?.delete(owner)) held = true
  if (held) await state.meta.setlk(rootContext(), node.ino, owner, EVERYTHING, false)
}

/** The open is gone: its BSD lock, and locks of owners that never flushed, which are OFD locks. */
export async function releaseLocks(
  state: VfsState,
  handle: FileHandle,
  flockOwner: bigint | undefined,
): Promise<void> {
  const { meta } = state
  if (handle.usedFlock && flockOwner !== undefined) {
    await meta.flock(rootContext(), handle.ino, flockOwnerOf(handle, flockOwner), 'U', false)
  }
  for (const owner of handle.lockOwners ?? []) {
    await meta.setlk(rootContext(), handle.ino, owner, EVERYTHING, false)
  }
}
