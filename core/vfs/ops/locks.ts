/**
 * BSD and POSIX locks. A BSD lock belongs to one open of the file, a POSIX lock to a process, an OFD lock to an
 * open again but under an owner of its own. Source: shared/spec/fs-semantics.md §8, vfs-and-fuse.md §2.1.
 */
import { type OpContext, rootContext } from '#core/base/context.ts'
import { EIO, EPERM, type FsError, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
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
  await (type === 'U' ? sureOf(state, handle) : checkLocks(state, handle))
  if (type !== 'U') handle.usedFlock = true
  await closesOf(handle)
  await state.meta.flock(ctx, handle.ino, flockOwnerOf(handle, owner), type, wait)
  if (type !== 'U') return
  handle.usedFlock = false
  gaveBack(handle)
}

/**
 * Nothing is read or written under a lock that is not held any more. Undefined: go on at once.
 * Errors: EIO it is lost; BackendError when that cannot be told.
 * @hot
 */
export function checkLocks(state: VfsState, handle: FileHandle): Promise<void> | undefined {
  if (!handle.mayHoldLocks) return undefined
  if (handle.lockLost) throw lockLost('lock', handle.ino)
  return sureOf(state, handle)?.then(() => {
    if (handle.lockLost) throw lockLost('lock', handle.ino)
  })
}

/** What `lockLost` says is so when this resolves; undefined: now. */
function sureOf(state: VfsState, handle: FileHandle): Promise<void> | undefined {
  const { lease } = state.meta
  return handle.mayHoldLocks && state.clock.monotonicMs() > lease.untilMs ? lease.renew() : undefined
}

/** What was written under locks is stored only under them. Undefined: go on at once. Errors: as `checkLocks`. */
export function mayCommit(state: VfsState, { handles }: OpenNode): Promise<void> | undefined {
  for (const handle of handles) {
    const check = checkLocks(state, handle)
    if (check !== undefined) return check
  }
  return undefined
}

/** Locks that were held on these inodes are gone. */
export function locksLost(state: VfsState, inodes: ReadonlySet<Ino>): void {
  for (const ino of inodes)
    for (const handle of state.nodes.get(ino)?.handles ?? []) if (handle.mayHoldLocks) handle.lockLost = true
}

function lockLost(op: string, ino: Ino): FsError {
  return fail(EIO, op, `ino ${ino}: the lock on it was lost while this client was taken for dead`)
}

/** A lock is given back: the last word on it is whether it was held until now. */
function gaveBack(handle: FileHandle): void {
  if (!handle.lockLost) return
  handle.lockLost = false
  throw lockLost('unlock', handle.ino)
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
  await (lock.type === 'U' ? sureOf(state, handle) : checkLocks(state, handle))
  if (lock.type !== 'U') (handle.lockOwners ??= new Set()).add(owner)
  await closesOf(handle)
  await state.meta.setlk(ctx, handle.ino, owner, lock, wait)
  if (lock.type === 'U') gaveBack(handle)
}

/** Locks that were held through opens closed before this are gone when it resolves. */
async function closesOf({ node }: FileHandle): Promise<void> {
  if (node.unlocks.size > 0) await Promise.allSettled(node.unlocks)
}

/** A close(2) by `owner`: its POSIX locks on the file go, whichever open it took them through. */
export async function unlockOwner(state: VfsState, node: OpenNode, owner: bigint): Promise<void> {
  let held = false
  for (const handle of node.handles) {
    if (handle.lockOwners?.delete(owner)) held = true
    if (!handle.mayHoldLocks) handle.lockLost = false
  }
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
