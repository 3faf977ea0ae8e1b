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
import type { Quota, QuotaKind } from '#core/meta/records.ts'
import type { UsageChange } from './changes.ts'

/** How long a sum may wait to be written. */
export const FLUSH_MS = 100
/** After a failure. */
const RETRY_MS = 1_000
const TOTALS = ''

interface Sum {
  space: number
  inodes: number
  /** Undefined: the volume's totals. */
  readonly quota: { readonly of: QuotaKind; readonly id: number } | undefined
}

export class Usage {
  readonly #write: (changes: readonly UsageChange[]) => Promise<void>
  readonly #log: Log
  #waiting = new Map<string, Sum>()
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
    addTo(this.#waiting, change)
    if (!this.#closed) this.#timer ??= setTimeout(() => void this.#flushInBackground(), FLUSH_MS)
  }

  /** Whether what was read of this record has to be completed here. */
  concerns(key: RecordKey): boolean {
    return (
      key.kind === 'quota' ||
      (key.kind === 'counter' && (key.name === 'usedSpace' || key.name === 'totalInodes'))
    )
  }

  /** The record with what is waiting here. Not while a flush is under way: see `flushing`. */
  complete(key: RecordKey, value: RecordValue): RecordValue {
    const sum = this.#waiting.get(key.kind === 'quota' ? nameOf(key) : TOTALS)
    if (sum === undefined) return value
    if (key.kind === 'counter')
      return ((value as number | null) ?? 0) + (key.name === 'usedSpace' ? sum.space : sum.inodes)
    if (key.kind !== 'quota' || (value === null && key.of === 'dir')) return value
    const quota = (value as Quota | null) ?? { maxSpace: -1, maxInodes: -1, usedSpace: 0, usedInodes: 0 }
    return { ...quota, usedSpace: quota.usedSpace + sum.space, usedInodes: quota.usedInodes + sum.inodes }
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
    this.#waiting = new Map()
    try {
      await this.#write([...writing.values()].map(changeOf))
    } catch (error) {
      for (const sum of writing.values()) addTo(this.#waiting, changeOf(sum))
      throw error
    }
  }
}

function changeOf({ quota, space, inodes }: Sum): UsageChange {
  return quota === undefined
    ? { kind: 'addUsage', space, inodes }
    : { kind: 'addQuotaUsage', ...quota, space, inodes }
}

function addTo(sums: Map<string, Sum>, change: UsageChange): void {
  const { space, inodes } = change
  const quota = change.kind === 'addUsage' ? undefined : { of: change.of, id: change.id }
  const name = quota === undefined ? TOTALS : nameOf(quota)
  const sum = sums.get(name)
  if (sum === undefined) {
    sums.set(name, { space, inodes, quota })
    return
  }
  sum.space += space
  sum.inodes += inodes
}

function nameOf({ of, id }: { readonly of: string; readonly id: number }): string {
  return `${of} ${id}`
}
