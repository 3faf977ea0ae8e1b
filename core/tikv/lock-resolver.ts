/**
 * What became of the transaction whose lock is in the way: its primary key knows, or, of an async commit, all its keys
 * together. Finished ones are cleared away, for good or back.
 *
 * Source: shared/spec/tikv-client.md §4.
 */
import { BackendError } from '#core/base/errno.ts'
import type { Backoffer } from './backoff.ts'
import type { Key } from './keys.ts'
import { keyToBytes } from './keys.ts'
import { addKeys, keyErrorAt, type LockInfo, lockFrom } from './kv-messages.ts'
import { Message } from './messages.ts'
import { keyFailure, type Shared } from './shared.ts'
import { extractPhysical, MAX_TIMESTAMP, type Timestamp } from './timestamp.ts'

/** `commitTs` 0: rolled back. `pushed`: it will commit later than the reader reads. */
export type TxnStatus =
  | { readonly kind: 'finished'; readonly commitTs: Timestamp }
  | { readonly kind: 'alive'; readonly leftMs: number; readonly pushed: boolean }

export interface Resolution {
  /** Locks that the reader may pass from now on. */
  readonly passed: readonly Timestamp[]
  /** How long the longest-lived of the others may stand; 0: go on at once. */
  readonly waitMs: number
}

const PUSHED = 3
/** Below it only the lock met is cleared, else the whole region's of that transaction. */
const BIG_TXN = 16
/** Outcomes remembered. */
const MAX_KNOWN = 2048

export class LockResolver {
  readonly #shared: Omit<Shared, 'resolver'>
  readonly #known = new Map<Timestamp, Timestamp>()

  constructor(shared: Omit<Shared, 'resolver'>) {
    this.#shared = shared
  }

  /** A transaction has ended: who meets a lock of it that is still there need not ask. */
  remember(startTs: Timestamp, commitTs: Timestamp): void {
    this.#known.set(startTs, commitTs)
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.keys().next().value!)
  }

  /** `callerStartTs`: of the reader, MAX_TIMESTAMP for the newest; 0 of a writer, which passes nothing. */
  async resolve(
    locks: readonly LockInfo[],
    callerStartTs: Timestamp,
    backoff: Backoffer,
  ): Promise<Resolution> {
    const passed: Timestamp[] = []
    let waitMs = 0
    for (const lock of locks) {
      const status = await this.#statusOf(lock, callerStartTs, backoff)
      if (status.kind === 'finished') await this.#clear(lock, status.commitTs, backoff)
      else if (status.pushed && callerStartTs !== 0n) passed.push(lock.version)
      else waitMs = Math.max(waitMs, status.leftMs)
    }
    return { passed, waitMs }
  }

  /**
   * End a transaction of our own whose fate is not known: returns its commit timestamp, 0 when it is rolled back, now
   * and for good. Nothing that is still on its way can change it.
   */
  async determine(primary: Key, startTs: Timestamp, backoff: Backoffer): Promise<Timestamp> {
    const status = await this.#check(
      { primary, version: startTs },
      {
        callerStartTs: 0n,
        currentTs: MAX_TIMESTAMP,
        rollbackIfNotExist: true,
        forceSync: false,
        expired: true,
      },
      backoff,
    )
    if (status.kind === 'finished') return status.commitTs
    throw new BackendError('unavailable', `${this.#shared.address}: a transaction cannot be ended`)
  }

  async #statusOf(lock: LockInfo, callerStartTs: Timestamp, backoff: Backoffer): Promise<TxnStatus> {
    const known = this.#known.get(lock.version)
    if (known !== undefined) return { kind: 'finished', commitTs: known }
    for (;;) {
      const currentTs = lock.ttlMs === 0 ? MAX_TIMESTAMP : await this.#shared.oracle.getTimestamp()
      const leftMs = lifeLeft(lock, currentTs)
      const options = { callerStartTs, currentTs, rollbackIfNotExist: leftMs <= 0, forceSync: false }
      const status = await this.#check(lock, { ...options, expired: leftMs <= 0 }, backoff)
      if (status.kind !== 'missing') return status
      await backoff.pause('txnLock', 'a transaction’s primary lock is not there yet', Math.max(1, leftMs))
    }
  }

  /** `missing`: neither lock nor trace of the transaction is at its primary. */
  async #check(
    lock: Pick<LockInfo, 'primary' | 'version'>,
    options: {
      readonly callerStartTs: Timestamp
      readonly currentTs: Timestamp
      readonly rollbackIfNotExist: boolean
      readonly forceSync: boolean
      readonly expired: boolean
    },
    backoff: Backoffer,
  ): Promise<TxnStatus | { readonly kind: 'missing' }> {
    const { address, regions, sender } = this.#shared
    const { callerStartTs, currentTs, rollbackIfNotExist, forceSync } = options
    for (;;) {
      const region = await regions.locate(lock.primary, backoff)
      const answer = await sender.send(
        region,
        'KvCheckTxnStatus',
        (writer) => {
          writer
            .bytes(2, keyToBytes(lock.primary))
            .number(3, lock.version)
            .number(4, callerStartTs)
            .number(5, currentTs)
            .number(6, Number(rollbackIfNotExist))
            .number(7, Number(forceSync))
        },
        backoff,
      )
      if (answer.kind !== 'reply') continue
      const { reply } = answer
      const error = keyErrorAt(reply, 2)
      if (error?.kind === 'txnNotFound') return { kind: 'missing' }
      if (error !== undefined) throw keyFailure(address, error)
      const info = reply.message(6)
      const primary = info === undefined ? undefined : lockFrom(info)
      if (primary?.useAsyncCommit && !forceSync) {
        const leftMs = lifeLeft(primary, currentTs)
        if (!options.expired && leftMs > 0)
          return { kind: 'alive', leftMs, pushed: reply.number(5) === PUSHED }
        const commitTs = await this.#endAsyncCommit(primary, backoff)
        if (commitTs !== undefined) return this.#finished(lock.version, commitTs)
        return this.#check(lock, { ...options, forceSync: true }, backoff)
      }
      const ttlMs = reply.number(3)
      if (ttlMs > 0) {
        const leftMs = lifeLeft({ version: lock.version, ttlMs }, currentTs)
        return { kind: 'alive', leftMs: Math.max(1, leftMs), pushed: reply.number(5) === PUSHED }
      }
      return this.#finished(lock.version, reply.bigint(4))
    }
  }

  #finished(version: Timestamp, commitTs: Timestamp): TxnStatus {
    this.remember(version, commitTs)
    return { kind: 'finished', commitTs }
  }

  /**
   * An async commit is committed when all its locks are there, and is kept from being so by this question when one is
   * not. Undefined: it went on as an ordinary one, of which the primary decides.
   */
  async #endAsyncCommit(primary: LockInfo, backoff: Backoffer): Promise<Timestamp | undefined> {
    const { address, regions, sender } = this.#shared
    let commitTs = primary.minCommitTs
    let decided: Timestamp | undefined
    let todo = primary.secondaries
    while (todo.length > 0 && decided === undefined) {
      const again: Key[] = []
      for (const { region, items } of await regions.group(todo, (key) => key, backoff)) {
        const answer = await sender.send(
          region,
          'KvCheckSecondaryLocks',
          (writer) => addKeys(writer, 2, items).number(3, primary.version),
          backoff,
        )
        if (answer.kind !== 'reply') {
          again.push(...items)
          continue
        }
        const error = keyErrorAt(answer.reply, 2)
        if (error !== undefined) throw keyFailure(address, error)
        const locks = answer.reply.each(3).map((lock) => lockFrom(new Message(lock)))
        if (locks.some((lock) => !lock.useAsyncCommit)) return undefined
        if (locks.length < items.length) decided = answer.reply.bigint(4)
        for (const lock of locks) if (lock.minCommitTs > commitTs) commitTs = lock.minCommitTs
      }
      todo = again
    }
    const outcome = decided ?? commitTs
    await this.#resolveKeys([primary.primary, ...primary.secondaries], primary.version, outcome, backoff)
    return outcome
  }

  async #clear(lock: LockInfo, commitTs: Timestamp, backoff: Backoffer): Promise<void> {
    const keys = lock.txnSize < BIG_TXN || lock.useAsyncCommit ? [lock.key] : undefined
    await this.#resolveKeys([lock.key], lock.version, commitTs, backoff, keys === undefined)
  }

  async #resolveKeys(
    keys: readonly Key[],
    startTs: Timestamp,
    commitTs: Timestamp,
    backoff: Backoffer,
    wholeRegion = false,
  ): Promise<void> {
    const { address, regions, sender } = this.#shared
    let todo = keys
    while (todo.length > 0) {
      const again: Key[] = []
      for (const { region, items } of await regions.group(todo, (key) => key, backoff)) {
        const answer = await sender.send(
          region,
          'KvResolveLock',
          (writer) => {
            writer.number(2, startTs).number(3, commitTs)
            if (!wholeRegion) addKeys(writer, 5, items)
          },
          backoff,
        )
        if (answer.kind !== 'reply') again.push(...items)
        else {
          const error = keyErrorAt(answer.reply, 2)
          if (error !== undefined) throw keyFailure(address, error)
        }
      }
      todo = again
    }
  }
}

/** Milliseconds until the lock's time to live is over, by PD's clock. */
function lifeLeft({ version, ttlMs }: Pick<LockInfo, 'version' | 'ttlMs'>, currentTs: Timestamp): number {
  return extractPhysical(version) + ttlMs - extractPhysical(currentTs)
}
