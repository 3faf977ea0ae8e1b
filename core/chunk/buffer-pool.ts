/**
 * Block buffers, used again: a fresh one costs page faults, and leaving them to the garbage collector would
 * keep several times the budget in memory and the collector at work. Sizes are powers of two from 64 KiB. What nobody
 * needed for a while is let go.
 */
import type { Clock } from '#core/base/clock.ts'
import { pageBuffer } from '#core/base/page-buffer.ts'

const SMALLEST = 64 * 1024
/** Idle bytes that were not needed for so long are let go. */
const UNNEEDED_MS = 60_000

export class BufferPool {
  readonly #most: () => number
  readonly #clock: Clock
  readonly #free = new Map<number, Uint8Array[]>()
  readonly #stop = new AbortController()
  #idle = 0
  /** The least that was idle since it was looked at. */
  #unneeded = 0
  #isWatching = false

  /** Keep at most `most` idle bytes, which may change from call to call. */
  constructor(most: () => number, clock: Clock) {
    this.#most = most
    this.#clock = clock
  }

  /** Bytes kept for the next taker. */
  get idle(): number {
    return this.#idle
  }

  /** The capacity of a buffer for `bytes`. */
  static capacity(bytes: number): number {
    return bytes <= SMALLEST ? SMALLEST : 2 ** Math.ceil(Math.log2(bytes))
  }

  /** A buffer of exactly `capacity` bytes with anything in it. */
  take(capacity: number): Uint8Array {
    const buffer = this.#free.get(capacity)?.pop()
    if (buffer === undefined) {
      this.#dropAbove(this.#most() - capacity)
      return pageBuffer(capacity)
    }
    this.#idle -= capacity
    this.#unneeded = Math.min(this.#unneeded, this.#idle)
    return buffer
  }

  /** Nobody may look at `buffer` any more. */
  give(buffer: Uint8Array): void {
    const capacity = buffer.length
    if (this.#idle + capacity > this.#most()) return
    let free = this.#free.get(capacity)
    if (free === undefined) this.#free.set(capacity, (free = []))
    free.push(buffer)
    this.#idle += capacity
    if (!this.#isWatching) void this.#watch()
  }

  /** Keep nothing. */
  close(): void {
    this.#stop.abort()
    this.#dropAbove(0)
  }

  /** Until nothing is idle. */
  async #watch(): Promise<void> {
    this.#isWatching = true
    while (this.#idle > 0 && !this.#stop.signal.aborted) {
      this.#unneeded = this.#idle
      await this.#clock.sleep(UNNEEDED_MS, this.#stop.signal).catch(() => {})
      this.#dropAbove(this.#idle - this.#unneeded)
    }
    this.#isWatching = false
  }

  #dropAbove(most: number): void {
    for (const [capacity, free] of this.#free)
      while (this.#idle > most && free.pop() !== undefined) this.#idle -= capacity
  }
}
