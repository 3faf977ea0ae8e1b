/**
 * One commit: everything is written at once or nothing (Percolator). In one phase where all keys lie in one region, as an
 * async commit where they are few, in two phases else.
 *
 * The commit timestamp is above the start timestamp, which PD gave after everything was committed that ended before this
 * transaction began; so there is no need of another timestamp for the order of commits, as client-go takes one.
 *
 * An answer that is lost is found out, never guessed: of a first phase by asking the primary key in a way that settles it
 * (lock-resolver.ts), of the primary's commit by sending it again, which changes nothing when it was done.
 *
 * Source: shared/spec/tikv-client.md §3.
 */
import { BackendError } from '#core/base/errno.ts'
import type { Backoffer } from './backoff.ts'
import { type Key, keyToBytes } from './keys.ts'
import {
  addKeys,
  encodeMutation,
  type KeyError,
  keyErrorAt,
  keyErrorFrom,
  type LockInfo,
  type Mutation,
  OP_LOCK,
} from './kv-messages.ts'
import { Message } from './messages.ts'
import type { Region } from './region-cache.ts'
import { keyFailure, newBackoff, type Shared, WRITE_MS } from './shared.ts'
import { composeTimestamp, extractPhysical, type Timestamp } from './timestamp.ts'

/** Of keys and values in one request. */
const BATCH_BYTES = 16 * 1024
const ASYNC_MAX_KEYS = 256
const ASYNC_MAX_KEY_BYTES = 4096
const LOCK_TTL_MS = 3_000
const MAX_LOCK_TTL_MS = 20_000
/** How far the server may move a commit timestamp by itself. */
const SAFE_WINDOW_MS = 2_000

/** What one phase of one batch came to. `unknown`: whether the request was carried out is not known. */
type Phase = 'done' | 'conflict' | 'unknown'

/**
 * Where a transaction was committed, at a timestamp that nobody else has: one other may begin there, and none of `keys`,
 * which the first wrote or locked, is newer there than that left it.
 */
export interface CommitMoment {
  readonly at: Timestamp
  readonly keys: ReadonlySet<Key>
}

/** What a transaction has of PD. */
export interface TxnTimes {
  readonly startTs: Timestamp
  /** What was written at the start timestamp, where another transaction was committed at it. */
  readonly startedOn?: ReadonlySet<Key>
  /** Of this transaction alone, later than the start. */
  readonly minCommitTs: Timestamp
  /** When the latter was asked for, by the monotonic clock. */
  readonly beganMs: number
}

interface Batch {
  readonly region: Region
  readonly mutations: readonly Mutation[]
}

/** The transaction will not be committed by this client: others were faster, or have ended it. */
const CONFLICT = 0n

export class TwoPhaseCommitter {
  readonly #shared: Shared
  readonly #startTs: Timestamp
  readonly #times: TxnTimes
  /** By key. */
  readonly #mutations: readonly Mutation[]
  /** Undefined: what it began on leaves none. */
  readonly #primary: Key | undefined
  readonly #ttlMs: number
  #asyncCommit: boolean
  /** The first phase was one request for all keys: refused, it has left no lock. */
  #atOnce = false
  /** The largest that a store gave in a first phase, or the commit timestamp of a single one. */
  #minCommitTs: Timestamp
  #onePcCommitTs: Timestamp = 0n
  #ownsCommitTs = false

  /** There is at least one mutation. */
  constructor(shared: Shared, times: TxnTimes, mutations: readonly Mutation[]) {
    this.#shared = shared
    this.#startTs = times.startTs
    this.#times = times
    this.#mutations = [...mutations].sort((a, b) => (a.key < b.key ? -1 : 1))
    this.#primary = primaryOf(this.#mutations, times.startedOn)
    const keyBytes = this.#mutations.reduce((sum, { key }) => sum + key.length, 0)
    this.#asyncCommit = this.#mutations.length <= ASYNC_MAX_KEYS && keyBytes <= ASYNC_MAX_KEY_BYTES
    this.#minCommitTs = times.minCommitTs
    const bytes = this.#mutations.reduce((sum, mutation) => sum + sizeOf(mutation), 0)
    const age =
      bytes < BATCH_BYTES ? LOCK_TTL_MS : Math.min(MAX_LOCK_TTL_MS, 6_000 * Math.sqrt(bytes / 2 ** 20))
    this.#ttlMs = Math.max(LOCK_TTL_MS, Math.round(age)) + Math.round(this.#elapsedMs)
  }

  /**
   * The commit timestamp; 0 when others were faster and nothing was written. Rejects `unavailable` when the servers do
   * not answer; the message says whether the outcome is known.
   */
  async commit(): Promise<Timestamp> {
    const backoff = newBackoff(this.#shared, WRITE_MS)
    const phase = await this.#prewriteAll(backoff)
    if (phase === 'conflict') {
      if (!this.#atOnce) this.#rollBackLater()
      return CONFLICT
    }
    if (phase === 'unknown') return this.#determine(backoff)
    if (this.#onePcCommitTs !== 0n) return this.#onePcCommitTs
    if (this.#asyncCommit) {
      this.#commitLater(this.#mutations, this.#minCommitTs)
      return this.#minCommitTs
    }
    return this.#commitPrimary(backoff)
  }

  /** After a commit whose timestamp nobody else was or will be given. */
  get moment(): CommitMoment | undefined {
    if (!this.#ownsCommitTs) return undefined
    return { at: this.#onePcCommitTs, keys: new Set(this.#mutations.map(({ key }) => key)) }
  }

  /** Since the start timestamp. */
  get #elapsedMs(): number {
    const { startTs, minCommitTs, beganMs } = this.#times
    const before = extractPhysical(minCommitTs) - extractPhysical(startTs)
    return before + this.#shared.clock.monotonicMs() - beganMs
  }

  /** First phase of all keys. A round ends with every key locked, or with what keeps one from it. */
  async #prewriteAll(backoff: Backoffer): Promise<Phase> {
    for (let todo: readonly Mutation[] = this.#mutations; todo.length > 0; ) {
      const batches = await this.#batches(todo, backoff)
      const onePc = batches.length === 1 && todo.length === this.#mutations.length
      this.#atOnce = onePc
      // Locks that may have to be taken back must not lie on what was committed at the same number.
      if (this.#times.startedOn !== undefined && (!onePc || this.#primary === undefined)) {
        this.#atOnce = true
        return 'conflict'
      }
      const again: Mutation[] = []
      const phases = await settleAll(batches.map((batch) => this.#prewrite(batch, onePc, again, backoff)))
      // One batch that surely failed means that nothing is committed, whatever became of the others.
      if (phases.includes('conflict')) return 'conflict'
      if (phases.includes('unknown')) return 'unknown'
      todo = again
    }
    return 'done'
  }

  async #batches(mutations: readonly Mutation[], backoff: Backoffer): Promise<readonly Batch[]> {
    const batches: Batch[] = []
    const groups = await this.#shared.regions.group(mutations, ({ key }) => key, backoff)
    for (const { region, items } of groups) {
      let from = 0
      let bytes = 0
      for (const [k, mutation] of items.entries()) {
        bytes += sizeOf(mutation)
        if (bytes > BATCH_BYTES && k > from) {
          batches.push({ region, mutations: items.slice(from, k) })
          from = k
          bytes = sizeOf(mutation)
        }
      }
      batches.push({ region, mutations: items.slice(from) })
    }
    return batches
  }

  /** Mutations that have to be grouped anew go to `again`. */
  async #prewrite(
    { region, mutations }: Batch,
    onePc: boolean,
    again: Mutation[],
    backoff: Backoffer,
  ): Promise<Phase> {
    // Whoever meets the primary's lock must find the others; without it they are told only their own.
    const asyncCommit = this.#asyncCommit
    const withPrimary = mutations.some(({ key }) => key === this.#primary)
    const secondaries = asyncCommit && withPrimary ? this.#secondaries : []
    for (;;) {
      const answer = await this.#shared.sender.send(
        region,
        'KvPrewrite',
        (writer) => {
          for (const mutation of mutations) writer.item(2, encodeMutation(mutation))
          writer
            .bytes(3, keyToBytes(this.#primary!))
            .number(4, this.#startTs)
            .number(5, this.#ttlMs)
            .number(8, mutations.length)
            .number(10, this.#minCommitTs)
            .number(11, Number(asyncCommit))
          addKeys(writer, 12, secondaries)
            .number(13, Number(onePc))
            .number(14, asyncCommit || onePc ? this.#maxCommitTs : 0n)
        },
        backoff,
      )
      if (answer.kind === 'lost' && (onePc || asyncCommit)) return 'unknown'
      if (answer.kind !== 'reply') {
        again.push(...mutations)
        return 'done'
      }
      const locks: LockInfo[] = []
      for (const each of answer.reply.each(2)) {
        const error = keyErrorFrom(new Message(each))
        if (error.kind === 'locked') locks.push(error.lock)
        else if (isConflict(error)) return 'conflict'
        else throw keyFailure(this.#shared.address, error)
      }
      if (locks.length === 0) {
        this.#prewritten(answer.reply, region, onePc, asyncCommit)
        return 'done'
      }
      const { waitMs } = await this.#shared.resolver.resolve(locks, 0n, backoff)
      if (waitMs > 0) await backoff.pause('txnLock', 'a key is locked by another transaction', waitMs)
    }
  }

  #prewritten(reply: Message, region: Region, onePc: boolean, asyncCommit: boolean): void {
    const onePcCommitTs = reply.bigint(4)
    if (onePc && onePcCommitTs !== 0n) {
      this.#onePcCommitTs = onePcCommitTs
      this.#ownsCommitTs = onePcCommitTs === this.#minCommitTs || this.#shared.regions.commitsWithPd(region)
      return
    }
    const minCommitTs = reply.bigint(3)
    // The server fell back to two phases: its lock is an ordinary one.
    if (onePc || (asyncCommit && minCommitTs === 0n)) this.#asyncCommit &&= minCommitTs !== 0n
    if (minCommitTs > this.#minCommitTs) this.#minCommitTs = minCommitTs
  }

  get #secondaries(): readonly Key[] {
    return this.#mutations.flatMap(({ key }) => (key === this.#primary ? [] : [key]))
  }

  get #maxCommitTs(): Timestamp {
    const ms = Math.round(this.#elapsedMs) + SAFE_WINDOW_MS
    return composeTimestamp(extractPhysical(this.#startTs) + ms, 0)
  }

  /** Second phase of the key that decides; of the others nobody has to wait for. */
  async #commitPrimary(backoff: Backoffer): Promise<Timestamp> {
    const { oracle, address } = this.#shared
    const primary = this.#mutations.filter(({ key }) => key === this.#primary)
    let commitTs = await oracle.getTimestamp()
    let sent = false
    for (;;) {
      let error: KeyError | undefined
      try {
        const left = await this.#commitKeys(primary, commitTs, backoff, () => {
          sent = true
        })
        error = left
      } catch (cause) {
        if (!sent || !(cause instanceof BackendError) || cause.kind !== 'unavailable') throw cause
        throw undetermined(address, cause)
      }
      if (error === undefined) {
        this.#commitLater(
          this.#mutations.filter(({ key }) => key !== this.#primary),
          commitTs,
        )
        return commitTs
      }
      if (error.kind === 'commitTsExpired') {
        commitTs = await oracle.getTimestamp()
        continue
      }
      // Its lock is gone and it was not committed: somebody took it for dead and rolled it back.
      if (error.kind === 'retryable' || error.kind === 'txnNotFound') {
        this.#rollBackLater()
        return CONFLICT
      }
      throw keyFailure(address, error)
    }
  }

  /** Sent again when its answer is lost: a key that is committed stays so. Returns the error of a key. */
  async #commitKeys(
    mutations: readonly Mutation[],
    commitTs: Timestamp,
    backoff: Backoffer,
    sending?: () => void,
  ): Promise<KeyError | undefined> {
    for (let todo = mutations; todo.length > 0; ) {
      const again: Mutation[] = []
      for (const batch of await this.#batches(todo, backoff)) {
        const keys = batch.mutations.map(({ key }) => key)
        sending?.()
        const answer = await this.#shared.sender.send(
          batch.region,
          'KvCommit',
          (writer) => addKeys(writer.number(2, this.#startTs), 3, keys).number(4, commitTs),
          backoff,
        )
        if (answer.kind !== 'reply') {
          again.push(...batch.mutations)
          continue
        }
        const error = keyErrorAt(answer.reply, 2)
        if (error !== undefined) return error
      }
      todo = again
    }
    return undefined
  }

  /** What is not committed here is by whoever meets the lock: the primary, or all locks together, say so. */
  #commitLater(mutations: readonly Mutation[], commitTs: Timestamp): void {
    if (mutations.length === 0) return
    const { tasks, log, resolver } = this.#shared
    resolver.remember(this.#startTs, commitTs)
    tasks.start('second phase of a commit', async () => {
      try {
        await this.#commitKeys(mutations, commitTs, newBackoff(this.#shared, WRITE_MS))
      } catch (error) {
        log.debug('a second phase is left to others', { error })
      }
    })
  }

  /** Locks of a transaction that failed would stand until their time to live is over. */
  #rollBackLater(): void {
    const { tasks, log, regions, sender } = this.#shared
    const keys = this.#mutations.map(({ key }) => key)
    tasks.start('roll-back of a commit', async () => {
      const backoff = newBackoff(this.#shared, WRITE_MS)
      try {
        for (let todo: readonly Key[] = keys; todo.length > 0; ) {
          const again: Key[] = []
          for (const { region, items } of await regions.group(todo, (key) => key, backoff)) {
            const answer = await sender.send(
              region,
              'KvBatchRollback',
              (writer) => addKeys(writer.number(2, this.#startTs), 3, items),
              backoff,
            )
            if (answer.kind !== 'reply') again.push(...items)
          }
          todo = again
        }
      } catch (error) {
        log.debug('locks of a failed commit are left to others', { error })
      }
    })
  }

  /** The answer of a first phase that might have been the last was lost. */
  async #determine(backoff: Backoffer): Promise<Timestamp> {
    const { resolver, address } = this.#shared
    try {
      const commitTs = await resolver.determine(this.#primary!, this.#startTs, backoff)
      if (commitTs === CONFLICT && !this.#atOnce) this.#rollBackLater()
      return commitTs
    } catch (cause) {
      if (cause instanceof BackendError && cause.kind === 'unavailable') throw undetermined(address, cause)
      throw cause
    }
  }
}

/**
 * What becomes of a transaction is written at its primary under its start timestamp: one that began where another was
 * committed must not write that over the other's work.
 */
function primaryOf(mutations: readonly Mutation[], startedOn?: ReadonlySet<Key>): Key | undefined {
  const free = startedOn === undefined ? mutations : mutations.filter(({ key }) => !startedOn.has(key))
  return (free.find(({ op }) => op !== OP_LOCK) ?? free[0])?.key
}

/** Written by others since the transaction began, or ended by others. */
function isConflict(error: KeyError): boolean {
  return (
    error.kind === 'conflict' ||
    error.kind === 'alreadyExist' ||
    error.kind === 'retryable' ||
    /already.?rolled.?back|rollbacked/i.test('text' in error ? error.text : '')
  )
}

function sizeOf({ key, value }: Mutation): number {
  return key.length + (value?.length ?? 0)
}

/** All of them end before the first error is thrown: none goes on behind the transaction's back. */
async function settleAll<T>(work: readonly Promise<T>[]): Promise<readonly T[]> {
  const ended = await Promise.allSettled(work)
  return ended.map((end) => {
    if (end.status === 'rejected') throw end.reason
    return end.value
  })
}

function undetermined(address: string, cause: BackendError): BackendError {
  return new BackendError(
    'unavailable',
    `${address}: the answer to a commit was lost, and whether it was done could not be found out: ${cause.message}`,
    { cause },
  )
}
