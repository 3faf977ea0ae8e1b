/**
 * Commits that are answered and may not be on the server's disk yet.
 *
 * A commit of names, attributes or data is answered as soon as the server has applied it and every client sees it; the
 * disk follows at most FLUSH_MS later, for all of them at once, or when somebody waits for it (`sync`, in every fsync).
 * The server's log is one sequence, so a crash of it takes back the latest commits and no others. This client keeps
 * what it has answered until it is on the disk, and when it meets the server again after a crash it first asks what
 * became of each (transaction.ts: their numbers) and commits again what is lost, under the same guards. So an answered
 * operation is lost only if this process and the server both end within FLUSH_MS, as on a local file system; or if
 * another client was faster to change the very same records in between: that is logged, and the next `sync` fails.
 *
 * Numbers that are given out, locks, sessions, quotas and settings wait for the disk: others act on those at once.
 */
import type { Clock } from '#core/base/clock.ts'
import { BackendError, FsError } from '#core/base/errno.ts'
import type { Log } from '#core/base/log.ts'
import type { Change, Guard } from '#core/meta/engine.ts'
import type { Call } from './batch.ts'
import type { Connection } from './connection.ts'
import { fromPostgres, isConflict, isTold, LostAnswer } from './errors.ts'
import type { Plan } from './plan.ts'
import type { Pool } from './pool.ts'
import { isSameServer } from './server-life.ts'
import { Prepared } from './statement.ts'
import {
  commitInTransaction,
  type Fate,
  fatesOf,
  LostCommit,
  type Numbered,
  type Records,
} from './transaction.ts'

export const FLUSH_MS = 100
/** After a failure. */
const RETRY_MS = 1_000
/** So many are kept; who comes then waits for the disk. */
const MOST = 4_096
/** Commits with more bytes of data than this wait for the disk themselves. */
const MOST_BYTES = 8_192
/** Tries of one repetition that meets other clients' locks. */
const TRIES = 20
/** How long a transaction whose client is gone may take to end. */
const ENDING_MS = 30_000

/**
 * A transaction waits for the disk if it has logged something: a number alone does not count. It is asked for first, as
 * a standby refuses that in the proper words.
 */
const DURABLE: Call = {
  statement: new Prepared("SELECT txid_current(), pg_logical_emit_message(true, 'pomelo', '')"),
  params: [],
}
const SYNCHRONOUS: Call = {
  statement: new Prepared("SELECT set_config('synchronous_commit', 'on', true)"),
  params: [],
}

/** An answered commit. */
export interface Answered {
  readonly op: string
  readonly plan: Plan
  readonly guards: readonly Guard[]
  readonly changes: readonly Change[]
  /** Where the server's log was when it had written. */
  readonly order: number
  transaction: Numbered
  /** It was repeated as that transaction, and the answer was lost. */
  doubtful?: boolean
}

export interface UnsettledParts {
  readonly address: string
  readonly pool: Pool
  readonly clock: Clock
  readonly log: Log
  readonly records: () => Records
}

export class Unsettled {
  readonly #parts: UnsettledParts
  readonly #answered = new Set<Answered>()
  /** Answered and gone for good, and nobody has been told yet. */
  #lost = 0
  /** For its time to flush. */
  #waiting: AbortController | undefined
  #running: Promise<void> | undefined
  #queued: Promise<void> | undefined
  #settling: Promise<void> | undefined
  #settleAtMs = 0

  constructor(parts: UnsettledParts) {
    this.#parts = parts
  }

  /** No more are taken: flush first. */
  get full(): boolean {
    return this.#answered.size >= MOST
  }

  /** @hot */
  add(commit: Answered): void {
    this.#answered.add(commit)
    if (this.#waiting === undefined) void this.#flushIn(FLUSH_MS)
  }

  /**
   * What was answered before is on the server's disk, and with `more` whatever else was written. Rejects when it could
   * not be; callers share a flush.
   */
  async sync(more = false): Promise<void> {
    if (more || this.#answered.size > 0 || this.#parts.pool.lazy) await this.flush()
    if (this.#lost === 0) return
    const what = `${this.#lost} operations were lost in a crash of the server and could not be repeated`
    this.#lost = 0
    throw new BackendError('unavailable', `${this.#parts.address}: ${what}`)
  }

  /** As `sync`, whatever is known here. Rejects BackendError. */
  flush(): Promise<void> {
    if (this.#running === undefined) return this.#start()
    this.#queued ??= this.#running
      .catch(() => {})
      .then(() => {
        this.#queued = undefined
        return this.#start()
      })
    return this.#queued
  }

  /** Before the connection is used for anything: undefined, or what to wait for. @hot */
  before(connection: Connection): Promise<void> | undefined {
    if (this.#answered.size === 0) return undefined
    const [oldest] = this.#answered
    return isKnown(oldest!, connection) ? undefined : this.#settle(connection)
  }

  /** Nobody waits to flush any more. */
  stop(): void {
    this.#waiting?.abort()
    this.#waiting = undefined
  }

  async #flushIn(ms: number): Promise<void> {
    const { pool, clock, log, address } = this.#parts
    const waiting = new AbortController()
    this.#waiting = waiting
    try {
      await clock.sleep(ms, waiting.signal)
    } catch {
      return // somebody flushes now
    }
    try {
      await this.flush()
    } catch (error) {
      if (pool.closed) return
      log.warn('operations wait for the disk of the metadata server', { address, error: String(error) })
    }
  }

  #start(): Promise<void> {
    this.stop()
    this.#running = this.#write().then(
      () => this.#ended(FLUSH_MS),
      (error: unknown) => {
        this.#ended(RETRY_MS)
        throw error
      },
    )
    return this.#running
  }

  #ended(nextMs: number): void {
    this.#running = undefined
    const more = this.#answered.size > 0 && this.#waiting === undefined
    if (more && !this.#parts.pool.closed) void this.#flushIn(nextMs)
  }

  async #write(): Promise<void> {
    const { pool, address } = this.#parts
    for (let attempt = 1; ; attempt++) {
      try {
        await pool.use(async (connection) => {
          const answered = [...this.#answered]
          await connection.run(connection.lazy ? [SYNCHRONOUS, DURABLE] : [DURABLE])
          for (const commit of answered) if (isKnown(commit, connection)) this.#answered.delete(commit)
        })
        return
      } catch (error) {
        if (!(error instanceof LostAnswer)) throw fromPostgres(error, address)
        // The connection alone was lost, or the server has crashed and what it lost is done again first.
        if (attempt < TRIES) continue
        const what = 'the connection to the server is lost again and again'
        throw new BackendError('unavailable', `${address}: ${what} (${error.message})`, { cause: error })
      }
    }
  }

  /** One at a time asks and repeats; nobody uses a connection meanwhile. */
  async #settle(connection: Connection): Promise<void> {
    const { clock, log, address } = this.#parts
    // A server that takes no writes is read as it is: repeating waits until it does.
    if (clock.monotonicMs() < this.#settleAtMs) return
    const settling = (this.#settling ??= this.#repeatLost(connection).finally(() => {
      this.#settling = undefined
    }))
    try {
      await settling
    } catch (error) {
      if (!isTold(error)) throw error
      this.#settleAtMs = clock.monotonicMs() + RETRY_MS
      log.error('operations lost in a crash of the server cannot be repeated yet', {
        address,
        error: String(error),
      })
    }
  }

  async #repeatLost(connection: Connection): Promise<void> {
    const { log } = this.#parts
    const before = [...this.#answered].filter((commit) => !isKnown(commit, connection))
    if (before.length === 0) return
    const fates = await this.#fates(connection, before)
    const lost: Answered[] = []
    for (const [k, commit] of before.entries()) {
      if (fates[k] === 'committed') this.#answered.delete(commit)
      else lost.push(commit)
    }
    log.warn('the metadata server has crashed: what it lost is done again', {
      answered: before.length,
      lost: lost.length,
    })
    // Commits that depend on each other wrote in that order: the second had to wait for the first one's locks.
    lost.sort((a, b) => a.order - b.order)
    for (const commit of lost) {
      const done = await this.#repeat(connection, commit)
      this.#answered.delete(commit)
      if (done) continue
      this.#lost++
      log.error('an operation was lost in a crash of the server: others changed its records', {
        op: commit.op,
      })
    }
  }

  /** Once none is in progress any more. */
  async #fates(connection: Connection, of: readonly Answered[]): Promise<readonly Fate[]> {
    const { clock, address } = this.#parts
    const until = clock.monotonicMs() + ENDING_MS
    const transactions = of.map(({ transaction }) => transaction)
    for (;;) {
      const fates = await fatesOf(connection, transactions)
      if (!fates.includes('in progress')) return fates
      if (clock.monotonicMs() > until)
        throw new BackendError('unavailable', `${address}: a transaction of a lost connection does not end`)
      await clock.sleep(20)
    }
  }

  /** Returns whether it is done. */
  async #repeat(connection: Connection, commit: Answered): Promise<boolean> {
    const { op, plan, guards, changes } = commit
    for (let attempt = 1; ; attempt++) {
      try {
        const records = this.#parts.records()
        return (await commitInTransaction(connection, records, op, plan, guards, changes)).ok
      } catch (error) {
        if (error instanceof FsError) return false
        if (error instanceof LostCommit) {
          commit.transaction = error.transaction
          commit.doubtful = true
        }
        if (!isConflict(error)) throw error
        if (error.code === '23505' || attempt === TRIES) return false
        await this.#parts.clock.sleep(attempt * 10)
      }
    }
  }
}

/** The server that applied it, and has not crashed since, is the one that the connection reaches. @hot */
function isKnown({ doubtful, transaction }: Answered, { incarnation }: Connection): boolean {
  return doubtful !== true && isSameServer(transaction.incarnation, incarnation)
}

/** Whether the answer may come before the disk: see above. @hot */
export function mayFollow(changes: readonly Change[]): boolean {
  let bytes = 0
  for (const change of changes) {
    switch (change.kind) {
      case 'putNode':
      case 'touchNode':
      case 'delNode':
      case 'putEdge':
      case 'delEdge':
      case 'newSliceRef':
      case 'addSliceRef':
      case 'delSliceRef':
      case 'delChunk':
      case 'addParent':
      case 'delParents':
      case 'delSymlink':
      case 'delXattr':
      case 'delXattrs':
      case 'putSustained':
      case 'delSustained':
      case 'putDeletedFile':
      case 'delDeletedFile':
      case 'putDirStat':
      case 'addDirStat':
      case 'delDirStat':
      case 'addUsage':
      case 'addQuotaUsage':
        break
      case 'delQuota':
        // A directory's goes with it.
        if (change.of !== 'dir') return false
        break
      case 'appendChunk':
        bytes += change.slices.length
        break
      case 'putSymlink':
        bytes += change.target.length
        break
      case 'putXattr':
        bytes += change.value.length
        break
      default:
        return false
    }
  }
  return bytes <= MOST_BYTES
}
