/**
 * Volume totals and quota usage, which every client of the volume changes with nearly every operation: inside each
 * commit they would make all commits of the team lose to each other. So what commits add is summed here and written by
 * one transaction at most FLUSH_MS later (the reference: every second).
 *
 * Reads of these records by this client include what waits here; others see it up to FLUSH_MS later, or after `sync`. A
 * kill of this process loses the sum of at most FLUSH_MS (fsck and `quota check` count anew); `close` loses none.
 */
import type { Log } from '#core/base/log.ts'
import type { RecordKey, RecordValue } from '#core/meta/engine.ts'
import { changeOf, isSummed, sumOf, type UsageChange, UsageSums } from '../usage-sums.ts'

/** How long a sum may wait to be written. */
export const FLUSH_MS = 100
/** After a failure. */
const RETRY_MS = 1_000

export class Usage {
  readonly #write: (changes: readonly UsageChange[]) => Promise<void>
  readonly #log: Log
  #waiting = new UsageSums()
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> | undefined
  #closed = false
  /** Grows when a flush starts or ends: what was read meanwhile is not known to hold the sums or not. */
  #epoch = 0

  /** `write` adds all of it or, when it rejects, nothing. */
  constructor(write: (changes: readonly UsageChange[]) => Promise<void>, log: Log) {
    this.#write = write
    this.#log = log
  }

  get epoch(): number {
    return this.#epoch
  }

  /** A commit with this change was applied. @hot */
  add(change: UsageChange): void {
    this.#waiting.add(sumOf(change))
    if (!this.#closed) this.#timer ??= setTimeout(() => void this.#flushInBackground(), FLUSH_MS)
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

  /** Write what is waiting. Rejects when it could not be: it goes on waiting. */
  async flush(): Promise<void> {
    while (this.#flushing !== undefined) await this.flushing
    if (this.#waiting.size === 0) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#epoch++
    this.#flushing = this.#writeAll().finally(() => {
      this.#epoch++
      this.#flushing = undefined
    })
    await this.#flushing
  }

  /** No timer is left, and none will be. */
  stop(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async #flushInBackground(): Promise<void> {
    this.#timer = undefined
    try {
      await this.flush()
    } catch (error) {
      if (this.#closed) return
      this.#log.warn('usage counters wait for the metadata server', { error: String(error) })
      this.#timer ??= setTimeout(() => void this.#flushInBackground(), RETRY_MS)
    }
  }

  async #writeAll(): Promise<void> {
    const writing = this.#waiting
    this.#waiting = new UsageSums()
    try {
      await this.#write(writing.inOrder().map(changeOf))
    } catch (error) {
      this.#waiting.addAll(writing.values())
      throw error
    }
  }
}
