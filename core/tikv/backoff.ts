/**
 * Pauses between the tries of one piece of work: exponential by kind of trouble, with half of each left to chance, and
 * bounded in their sum. Source: shared/spec/tikv-client.md §5.
 */
import type { Clock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import type { Random } from '#core/base/random.ts'

/** First and longest pause of a kind, milliseconds. */
const PAUSES = {
  /** The region's leader or place is being found. */
  regionMiss: [2, 500],
  serverBusy: [2_000, 10_000],
  staleCommand: [2, 1_000],
  notReady: [2, 2_000],
  recovery: [100, 10_000],
  diskFull: [500, 5_000],
  /** The other side was not reached, or did not answer. */
  rpc: [20, 2_000],
  pd: [50, 500],
  txnLock: [2, 3_000],
} as const

export type BackoffKind = keyof typeof PAUSES

export interface BackoffParts {
  readonly clock: Clock
  readonly random: Random
  /** Who is asked, for the message when it takes too long. */
  readonly address: string
}

export class Backoffer {
  readonly #parts: BackoffParts
  readonly #deadlineMs: number
  readonly #maxMs: number
  readonly #tries = new Map<BackoffKind, number>()

  /** `maxMs`: from now, how long the work may take with its pauses. */
  constructor(parts: BackoffParts, maxMs: number) {
    this.#parts = parts
    this.#maxMs = maxMs
    this.#deadlineMs = parts.clock.monotonicMs() + maxMs
  }

  /** Milliseconds that are left. */
  get leftMs(): number {
    return Math.max(0, this.#deadlineMs - this.#parts.clock.monotonicMs())
  }

  /** Wait before the next try, at most `mostMs`. Rejects `unavailable` when there is no time for one. */
  async pause(kind: BackoffKind, reason: string, mostMs = Number.POSITIVE_INFINITY): Promise<void> {
    const tries = this.#tries.get(kind) ?? 0
    this.#tries.set(kind, tries + 1)
    const [first, longest] = PAUSES[kind]
    const whole = Math.min(longest, first * 2 ** tries, mostMs)
    const pause = whole / 2 + (this.#parts.random.next() * whole) / 2
    if (pause >= this.leftMs)
      throw new BackendError(
        'unavailable',
        `${this.#parts.address}: no success within ${Math.round(this.#maxMs / 1000)} s: ${reason}`,
      )
    await this.#parts.clock.sleep(pause)
  }
}
