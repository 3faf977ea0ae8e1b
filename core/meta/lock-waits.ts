/**
 * Requests of this client that wait for a lock. They are woken at once when this client frees something on the
 * same inode; locks of other clients give no sign, so those are asked for again, at growing intervals.
 */
import type { Clock } from '#core/base/clock.ts'
import type { Ino } from '#core/base/ino.ts'

const FIRST_POLL_MS = 1
const SLOWEST_POLL_MS = 20
/** When everything in the way is this client's own, waking suffices; this is the belt to those braces. */
const LOCAL_POLL_MS = 1000

/** Who holds a lock that is in the way. */
export interface Holder {
  readonly owner: bigint
  /** Held by this session. */
  readonly local: boolean
}

export class LockWaits {
  readonly #clock: Clock
  readonly #waiters = new Map<Ino, Set<LockWaiter>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Start waiting; `leave` ends it. */
  enter(ino: Ino, owner: bigint): LockWaiter {
    const waiter = new LockWaiter(owner)
    const others = this.#waiters.get(ino)
    if (others === undefined) this.#waiters.set(ino, new Set([waiter]))
    else others.add(waiter)
    return waiter
  }

  leave(ino: Ino, waiter: LockWaiter): void {
    const others = this.#waiters.get(ino)
    others?.delete(waiter)
    if (others?.size === 0) this.#waiters.delete(ino)
  }

  /** Something was freed on this inode. */
  wake(ino: Ino): void {
    for (const waiter of this.#waiters.get(ino) ?? []) waiter.wake()
  }

  /** Until woken, interrupted or time to ask again. All waiters of an inode together ask no oftener than one. */
  pause(ino: Ino, waiter: LockWaiter, tries: number, signal: AbortSignal): Promise<void> {
    if (waiter.holders.every(({ local }) => local)) return waiter.pause(this.#clock, LOCAL_POLL_MS, signal)
    const waiting = this.#waiters.get(ino)?.size ?? 1
    const ms = Math.min(SLOWEST_POLL_MS, FIRST_POLL_MS * 2 ** Math.min(tries, 10)) * waiting
    return waiter.pause(this.#clock, Math.min(ms, LOCAL_POLL_MS), signal)
  }

  /**
   * Do the holders, all of this client, wait in turn for a lock of `waiter`'s owner? Source: linux/fs/locks.c
   * posix_locks_deadlock.
   */
  isDeadlock(waiter: LockWaiter): boolean {
    const seen = new Set<bigint>()
    const next = localOwners(waiter)
    for (let owner = next.pop(); owner !== undefined; owner = next.pop()) {
      if (owner === waiter.owner) return true
      if (seen.has(owner)) continue
      seen.add(owner)
      for (const waiters of this.#waiters.values()) {
        for (const other of waiters) if (other.owner === owner) next.push(...localOwners(other))
      }
    }
    return false
  }
}

function localOwners(waiter: LockWaiter): bigint[] {
  return waiter.holders.filter(({ local }) => local).map(({ owner }) => owner)
}

export class LockWaiter {
  readonly owner: bigint
  #holders: readonly Holder[] = []
  #woken = false
  #stop: AbortController | undefined

  constructor(owner: bigint) {
    this.owner = owner
  }

  /** What was in the way at the last try; empty as soon as that may have changed. */
  get holders(): readonly Holder[] {
    return this.#holders
  }

  /** Before a try: what is freed from now on is not missed. */
  arm(): void {
    this.#woken = false
  }

  /** After a try that failed because of `holders`. */
  block(holders: readonly Holder[]): void {
    if (!this.#woken) this.#holders = holders
  }

  wake(): void {
    this.#woken = true
    this.#holders = []
    this.#stop?.abort()
  }

  async pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    if (this.#woken || signal.aborted) return
    const stop = new AbortController()
    const onAbort = () => stop.abort()
    this.#stop = stop
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await clock.sleep(ms, stop.signal)
    } catch (error) {
      if (!stop.signal.aborted) throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.#stop = undefined
    }
  }
}
