/**
 * flock and fcntl locks. A lock belongs to (session, owner); what this client does to one inode's locks happens in
 * order, other clients are met by the guards. Source: fs-semantics.md §8; meta-records.md §13.
 */
import type { OpContext } from '#core/base/context.ts'
import { EAGAIN, EDEADLK, EINTR, EINVAL, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import { KeyedQueue } from '#core/base/keyed-queue.ts'
import type { LockRange, LockType } from '../api.ts'
import type { Change } from '../engine.ts'
import { type Holder, LockWaits } from '../lock-waits.ts'
import { findConflict, sameRanges, withLock } from '../plock-ranges.ts'
import type { FlockRecord, PlockRange, PlockRecord } from '../records.ts'
import type { MetaState } from '../state.ts'
import { run } from '../tx.ts'

/** The last byte a lock can cover; as an end it means "to the end of the file". */
const LAST_BYTE = 2n ** 63n - 1n
const NO_LOCK: LockRange = { type: 'U', start: 0n, end: 0n, pid: 0 }

interface HeldLock {
  readonly kind: 'flocks' | 'plocks'
  readonly ino: Ino
  readonly owner: bigint
}

/** The locks of this client on one volume. */
class Locks {
  readonly order = new KeyedQueue<Ino>()
  readonly flockWaits: LockWaits
  readonly plockWaits: LockWaits
  /** Locks that this client holds: others need no release, so closing a file never locked costs nothing. */
  readonly held = new Map<string, HeldLock>()

  constructor(state: MetaState) {
    this.flockWaits = new LockWaits(state.clock)
    this.plockWaits = new LockWaits(state.clock)
  }
}

const all = new WeakMap<MetaState, Locks>()

function locksOf(state: MetaState): Locks {
  let locks = all.get(state)
  if (locks === undefined) all.set(state, (locks = new Locks(state)))
  return locks
}

function flockKey(ino: Ino, owner: bigint): string {
  return `f ${ino} ${owner}`
}

function plockKey(ino: Ino, owner: bigint): string {
  return `p ${ino} ${owner}`
}

/**
 * Set, change or drop ('U') the BSD lock of an owner. A lock that has to wait for its change is given up first, as
 * on Linux, so that two waiting for each other's upgrade do not wait forever.
 * Errors: EAGAIN in conflict and not waiting; EINTR.
 */
export async function flock(
  state: MetaState,
  ctx: OpContext,
  ino: Ino,
  owner: bigint,
  type: LockType,
  wait: boolean,
): Promise<void> {
  const locks = locksOf(state)
  if (type === 'U')
    return release(state, locks.flockWaits, ino, flockKey(ino, owner), {
      kind: 'delFlock',
      ino,
      sid: state.sid,
      owner,
    })
  const attempt = (waiting: boolean) => locks.order.run(ino, () => tryFlock(state, ino, owner, type, waiting))
  await acquire(ctx, locks.flockWaits, ino, owner, wait, attempt, false)
}

/** Empty when granted, otherwise what is in the way. */
async function tryFlock(
  state: MetaState,
  ino: Ino,
  owner: bigint,
  type: 'R' | 'W',
  waiting: boolean,
): Promise<readonly Holder[]> {
  const { flockWaits, held } = locksOf(state)
  return run(state, 'flock', async (tx) => {
    const [flocks] = await tx.read([{ kind: 'flocks', ino }])
    const isOwn = (lock: FlockRecord) => lock.sid === state.sid && lock.owner === owner
    const own = flocks?.find(isOwn)
    const holders = (flocks ?? []).filter((lock) => !isOwn(lock) && (type === 'W' || lock.type === 'W'))
    if (holders.length > 0) {
      if (own !== undefined && waiting) {
        tx.change({ kind: 'delFlock', ino, sid: state.sid, owner })
        tx.onCommit(() => {
          held.delete(flockKey(ino, owner))
          flockWaits.wake(ino)
        })
      }
      return holders.map((lock) => holder(state, lock))
    }
    if (own?.type === type) return []
    tx.guard({ kind: 'recordIs', key: { kind: 'flocks', ino }, is: flocks })
    held.set(flockKey(ino, owner), { kind: 'flocks', ino, owner })
    tx.change({ kind: 'putFlock', ino, lock: { sid: state.sid, owner, type } })
    if (own !== undefined) tx.onCommit(() => flockWaits.wake(ino))
    return []
  })
}

function holder(state: MetaState, lock: { readonly sid: number; readonly owner: bigint }): Holder {
  return { owner: lock.owner, local: lock.sid === state.sid }
}

/** The first byte-range lock of another owner that stands in the way of `lock`; type 'U' when none does. */
export async function getlk(
  state: MetaState,
  _ctx: OpContext,
  ino: Ino,
  owner: bigint,
  lock: LockRange,
): Promise<LockRange> {
  checkRange(lock)
  const [plocks] = await state.engine.read([{ kind: 'plocks', ino }])
  let first: LockRange | undefined
  for (const other of othersOf(state, plocks ?? [], owner)) {
    const range = findConflict(other.ranges, lock)
    if (range === undefined || (first !== undefined && first.start <= range.start)) continue
    first = { ...range, pid: other.sid === state.sid ? range.pid : 0 }
  }
  return first ?? NO_LOCK
}

/** Set or drop ('U') a byte range. Errors: EAGAIN in conflict and not waiting; EINTR; EDEADLK; EINVAL. */
export async function setlk(
  state: MetaState,
  ctx: OpContext,
  ino: Ino,
  owner: bigint,
  lock: LockRange,
  wait: boolean,
): Promise<void> {
  checkRange(lock)
  const locks = locksOf(state)
  const key = plockKey(ino, owner)
  if (lock.type === 'U') {
    if (lock.start === 0n && lock.end === LAST_BYTE) {
      return release(state, locks.plockWaits, ino, key, { kind: 'delPlock', ino, sid: state.sid, owner })
    }
    if (!locks.held.has(key)) return
  }
  const attempt = () => locks.order.run(ino, () => tryPlock(state, ino, owner, lock))
  await acquire(ctx, locks.plockWaits, ino, owner, wait, attempt, true)
}

async function tryPlock(
  state: MetaState,
  ino: Ino,
  owner: bigint,
  lock: LockRange,
): Promise<readonly Holder[]> {
  const { plockWaits, held } = locksOf(state)
  return run(state, 'setlk', async (tx) => {
    const [plocks] = await tx.read([{ kind: 'plocks', ino }])
    const others = othersOf(state, plocks ?? [], owner)
    const holders = others.filter(({ ranges }) => findConflict(ranges, lock) !== undefined)
    if (holders.length > 0) return holders.map((other) => holder(state, other))
    const own = plocks?.find((record) => !others.includes(record))
    const ranges = withLock(own?.ranges ?? [], lock)
    if (sameRanges(ranges, own?.ranges ?? [])) return []
    tx.guard({ kind: 'recordIs', key: { kind: 'plocks', ino }, is: plocks })
    const key = plockKey(ino, owner)
    held.set(key, { kind: 'plocks', ino, owner })
    tx.change(plockChange(state, ino, owner, ranges))
    tx.onCommit(() => {
      if (ranges.length === 0) held.delete(key)
      if (own !== undefined) plockWaits.wake(ino)
    })
    return []
  })
}

function plockChange(state: MetaState, ino: Ino, owner: bigint, ranges: readonly PlockRange[]): Change {
  const { sid } = state
  return ranges.length === 0
    ? { kind: 'delPlock', ino, sid, owner }
    : { kind: 'putPlock', ino, lock: { sid, owner, ranges } }
}

function othersOf(state: MetaState, plocks: readonly PlockRecord[], owner: bigint): PlockRecord[] {
  return plocks.filter((record) => record.sid !== state.sid || record.owner !== owner)
}

/** Inodes with locks that this client took and never gave back, and that are not there any more. */
export async function lostLocks(state: MetaState): Promise<ReadonlySet<Ino>> {
  const { held, order } = locksOf(state)
  const lost = new Set<Ino>()
  for (const [key, { kind, ino, owner }] of [...held])
    await order.run(ino, async () => {
      if (!held.has(key)) return
      const [locks] = await state.engine.read([{ kind, ino }])
      if (locks?.some((lock) => lock.sid === state.sid && lock.owner === owner)) return
      held.delete(key)
      lost.add(ino)
    })
  return lost
}

function checkRange({ start, end }: LockRange): void {
  if (start < 0n || end < start || end > LAST_BYTE) throw fail(EINVAL, 'setlk', 'range')
}

/** Drop everything an owner has. */
async function release(
  state: MetaState,
  waits: LockWaits,
  ino: Ino,
  key: string,
  change: Change,
): Promise<void> {
  const { held, order } = locksOf(state)
  if (!held.has(key)) return
  await order.run(ino, async () => {
    await state.engine.commit('unlock', [], [change])
    held.delete(key)
  })
  waits.wake(ino)
}

/** Try; with `wait` again and again until granted. `attempt` is told whether it is a try of a waiting request. */
async function acquire(
  ctx: OpContext,
  waits: LockWaits,
  ino: Ino,
  owner: bigint,
  wait: boolean,
  attempt: (waiting: boolean) => Promise<readonly Holder[]>,
  detectDeadlock: boolean,
): Promise<void> {
  if ((await attempt(false)).length === 0) return
  if (!wait) throw fail(EAGAIN, 'lock')
  const { signal } = ctx
  const waiter = waits.enter(ino, owner)
  try {
    for (let tries = 0; !signal.aborted; tries++) {
      waiter.arm()
      const holders = await attempt(true)
      if (holders.length === 0) return
      waiter.block(holders)
      if (detectDeadlock && waits.isDeadlock(waiter)) throw fail(EDEADLK, 'lock')
      await waits.pause(ino, waiter, tries, signal)
    }
    throw fail(EINTR, 'lock')
  } finally {
    waits.leave(ino, waiter)
  }
}
