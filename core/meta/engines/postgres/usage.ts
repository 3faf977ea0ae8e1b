/**
 * Volume totals and quota usage, which every client of the volume changes with nearly every operation.
 *
 * Changing their rows inside each commit would let one commit run at a time in the whole team: a row stays locked
 * until its commit is on the server's disk. So what commits add is summed here and written by one transaction at most
 * FLUSH_MS later, as the reference does every second. What this means:
 *
 * - reads of these records by this client include what is waiting here; other clients see it up to FLUSH_MS later,
 *   or after `sync`;
 * - a kill of this process loses the sum of at most FLUSH_MS (fsck and `quota check` count anew); `close` loses none;
 * - who waits for a flush (`sync`, in every fsync of a file) does not wait for the server's disk on their account: what
 *   is not known to be on it is kept, and added again if a crash of the server took it back;
 * - a sum counts once: when the answer to its commit is lost, the server is asked what became of the transaction.
 */
import type { Log } from '#core/base/log.ts'
import type { RecordKey, RecordValue } from '#core/meta/engine.ts'
import { counterParams, stepsOf } from '../sql/changes.ts'
import { isSummed, sumOf, type UsageChange, UsageSums } from '../usage-sums.ts'
import type { Call } from './batch.ts'
import { isConflict, LostAnswer } from './errors.ts'
import type { Pool } from './pool.ts'
import { Prepared } from './statement.ts'
import type { PgStatements } from './statements.ts'
import { fatesOf, inTransaction, LostCommit, type Numbered } from './transaction.ts'

/** How long a sum may wait to be written. */
export const FLUSH_MS = 100
/** After a failure. */
const RETRY_MS = 1_000
/** Tries of one flush that meets other clients' locks. */
const TRIES = 10

/** Sums that were written by a transaction which the server's disk may not have yet. */
export interface Written {
  readonly transaction: Numbered
  readonly sums: UsageSums
  /** Crashes of the server known when it was written. */
  readonly crashes: number
}

/** A transaction waits for the disk if it has logged something. */
const LOGGED: Call = {
  statement: new Prepared("SELECT pg_logical_emit_message(true, 'pomelo', '')"),
  params: [],
}
const NO_DISK: Call = {
  statement: new Prepared("SELECT set_config('synchronous_commit', 'off', true)"),
  params: [],
}

export class Usage {
  readonly #pool: Pool
  readonly #statements: () => PgStatements
  readonly #log: Log
  #waiting = new UsageSums()
  /** Being written, or written with an answer that was lost: they count until that is settled. */
  #writing = new UsageSums()
  /** The transaction that wrote `#writing` and whose answer was lost. */
  #doubt: Numbered | undefined
  /** In order. */
  #written: Written[] = []
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> | undefined
  /** Grows when a flush starts or ends: what was read meanwhile is not known to hold the sums or not. */
  #epoch = 0

  /** `statements` as they are now: a change of the schema makes new ones. */
  constructor(pool: Pool, statements: () => PgStatements, log: Log) {
    this.#pool = pool
    this.#statements = statements
    this.#log = log
  }

  get epoch(): number {
    return this.#epoch
  }

  /** A commit with these changes was applied. @hot */
  add(change: UsageChange): void {
    this.#waiting.add(sumOf(change))
    this.#timer ??= setTimeout(() => void this.#flushInBackground(), FLUSH_MS)
  }

  /** Whether what was read of this record has to be completed here. */
  concerns(key: RecordKey): boolean {
    return isSummed(key)
  }

  /** The record with what is waiting here. Not while a flush is under way: see `flushing`. */
  complete(key: RecordKey, value: RecordValue): RecordValue {
    return this.#waiting.complete(key, value)
  }

  /** The flush under way, settled or not: ask again when it has ended, as the next may have begun. */
  get flushing(): Promise<unknown> | undefined {
    return this.#flushing?.catch(() => {})
  }

  /** What waits for the server's disk: see `settled`. */
  get written(): readonly Written[] {
    return this.#written
  }

  /** These are on the server's disk: it was waited for since they were written, and has not crashed in between. */
  settled(written: readonly Written[]): void {
    this.#written = this.#written.filter((each) => !written.includes(each))
  }

  /**
   * Write what is waiting; `durably`: on the server's disk, too, with all that was written before. Rejects when it could not be: it goes on waiting.
   * @hot
   */
  async flush(durably = true): Promise<void> {
    while (this.#flushing !== undefined) await this.flushing
    if (this.#waiting.size === 0 && this.#doubt === undefined && !this.#owes(durably)) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#epoch++
    this.#flushing = this.#write(durably).finally(() => {
      this.#epoch++
      this.#flushing = undefined
    })
    await this.#flushing
  }

  /** What was written earlier has to be asked about, or waited for. */
  #owes(durably: boolean): boolean {
    return durably
      ? this.#written.length > 0
      : this.#written.some(({ crashes }) => crashes < this.#pool.crashes)
  }

  /** No timer is left. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async #flushInBackground(): Promise<void> {
    this.#timer = undefined
    try {
      await this.flush()
    } catch (error) {
      if (this.#pool.closed) return
      this.#log.warn('usage counters wait for the metadata server', { error: String(error) })
      this.#timer ??= setTimeout(() => void this.#flushInBackground(), RETRY_MS)
    }
  }

  async #write(durably: boolean): Promise<void> {
    for (;;) {
      await this.#settleDoubt()
      await this.#settleWritten()
      const { crashes } = this.#pool
      const before = this.#written
      await this.#writeWaiting(durably)
      if (!durably) return
      if (crashes === this.#pool.crashes) return this.settled(before)
    }
  }

  async #writeWaiting(durably: boolean): Promise<void> {
    this.#writing = this.#waiting
    this.#waiting = new UsageSums()
    for (let attempt = 1; ; attempt++) {
      let unsure: { readonly transaction: Numbered; readonly crashes: number } | undefined
      try {
        await this.#pool.use((connection) => {
          // Behind a pooler a crash of the server need not be seen.
          const waits = durably || connection.pooled
          const calls = [waits ? LOGGED : NO_DISK, ...this.#calls()]
          return inTransaction(connection, calls, (_, transaction) => {
            unsure = waits ? undefined : { transaction, crashes: this.#pool.crashes }
            return []
          })
        })
        if (unsure === undefined) this.#writing = new UsageSums()
        else this.#keep(unsure.transaction, unsure.crashes)
        return
      } catch (error) {
        if (error instanceof LostCommit) this.#doubt = error.transaction
        else if (isConflict(error) && attempt < TRIES) continue
        else if (error instanceof LostAnswer && attempt < TRIES) continue
        else this.#putBack()
        throw error
      }
    }
  }

  /** Rows in one order for all clients of ours: quotas, then the totals, whose rows are the busiest. */
  #calls(): readonly Call[] {
    const statements = this.#statements()
    const quotas: Call[] = []
    const totals: Call[] = []
    for (const { quota, space, inodes } of this.#writing.inOrder()) {
      if (quota === undefined) {
        for (const [name, add] of [
          ['totalInodes', inodes],
          ['usedSpace', space],
        ] as const)
          totals.push({ statement: statements.of('addCounter'), params: counterParams(name, add) })
        continue
      }
      for (const { statement, params } of stepsOf({ kind: 'addQuotaUsage', ...quota, space, inodes }, false))
        quotas.push({ statement: statements.of(statement), params })
    }
    return [...quotas, ...totals]
  }

  /** What became of the transaction whose answer was lost. */
  async #settleDoubt(): Promise<void> {
    const doubt = this.#doubt
    if (doubt === undefined) return
    for (;;) {
      const { crashes } = this.#pool
      const [fate] = await this.#pool.use((connection) => fatesOf(connection, [doubt]))
      if (fate === 'in progress') {
        await new Promise((resolve) => setTimeout(resolve, 20))
        continue
      }
      if (fate === 'committed') this.#keep(doubt, crashes)
      else this.#putBack()
      this.#doubt = undefined
      return
    }
  }

  /** What a crash took back of the sums that were written is added again. */
  async #settleWritten(): Promise<void> {
    const { crashes } = this.#pool
    const before = this.#written.filter((each) => each.crashes < crashes)
    if (before.length === 0) return
    const transactions = before.map(({ transaction }) => transaction)
    const fates = await this.#pool.use((connection) => fatesOf(connection, transactions))
    for (const [k, { sums }] of before.entries())
      if (fates[k] !== 'committed') this.#waiting.addAll(sums.values())
    this.settled(before)
  }

  /** `#writing` is with the server, and not known to be on its disk; `crashes` known when that was so. */
  #keep(transaction: Numbered, crashes: number): void {
    this.#written = [...this.#written, { transaction, sums: this.#writing, crashes }]
    this.#writing = new UsageSums()
    this.#timer ??= setTimeout(() => void this.#flushInBackground(), FLUSH_MS)
  }

  #putBack(): void {
    this.#waiting.addAll(this.#writing.values())
    this.#writing = new UsageSums()
  }
}
