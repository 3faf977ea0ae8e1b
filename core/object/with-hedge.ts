/**
 * Asks once more for an object that is slow to come; the first answer counts and the other request is given up. Stores
 * of many machines answer a few requests in a thousand much later than the rest, and a reader waits for the slowest of
 * its blocks. Source of the method: Dean and Barroso, "The Tail at Scale" (2013), hedged requests.
 *
 * Slow is what takes twice as long as nearly all of the last requests of its kind. One request in twenty may be asked
 * again: a store that is slow as a whole is not helped by more work.
 */
import type { Clock } from '#core/base/clock.ts'
import type { Counter, Metrics } from '#core/base/metrics.ts'
import { DelegatingStore } from './delegating-store.ts'
import type { ByteRange, ObjectStore, RequestOptions } from './store.ts'

/** Never asked again sooner: less is not worth a request. */
const LEAST_MS = 100
/** Requests remembered, and how many there must be before one is called slow. */
const REMEMBERED = 64
const ENOUGH = 16
/** Hedges earned by each request, and kept for later at most. */
const EARNED = 0.05
const MOST = 4

export function withHedge(store: ObjectStore, clock: Clock, metrics: Metrics | undefined): ObjectStore {
  return new HedgingStore(store, clock, metrics)
}

class HedgingStore extends DelegatingStore {
  readonly #clock: Clock
  readonly #hedged: Counter | undefined
  readonly #whole = new Durations()
  readonly #ranges = new Durations()
  #allowed = 1

  constructor(inner: ObjectStore, clock: Clock, metrics: Metrics | undefined) {
    super(inner)
    this.#clock = clock
    this.#hedged = metrics?.counter('object_request_hedged')
  }

  override async get(key: string, range?: ByteRange, options?: RequestOptions): Promise<Uint8Array> {
    const durations = range === undefined ? this.#whole : this.#ranges
    const start = this.#clock.monotonicMs()
    this.#allowed = Math.min(MOST, this.#allowed + EARNED)
    const bytes = await this.#getEither(key, range, options, durations.slowMs)
    durations.add(this.#clock.monotonicMs() - start)
    return bytes
  }

  async #getEither(
    key: string,
    range: ByteRange | undefined,
    options: RequestOptions | undefined,
    slowMs: number | undefined,
  ): Promise<Uint8Array> {
    if (slowMs === undefined) return this.inner.get(key, range, options)
    const stop = new AbortController()
    const outer = options?.signal
    const signal = outer === undefined ? stop.signal : AbortSignal.any([outer, stop.signal])
    const ask = (): Promise<Uint8Array> => this.inner.get(key, range, { ...options, signal })
    const first = ask()
    const slow = this.#clock.sleep(slowMs, signal).then(
      () => undefined,
      () => first,
    )
    try {
      const early = await Promise.race([first, slow])
      if (early !== undefined || this.#allowed < 1) return await first
      this.#allowed--
      this.#hedged?.add()
      return await Promise.any([first, ask()])
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error
    } finally {
      stop.abort()
    }
  }
}

/** How long the last requests took. */
class Durations {
  readonly #last: number[] = []
  #next = 0

  add(ms: number): void {
    this.#last[this.#next] = ms
    this.#next = (this.#next + 1) % REMEMBERED
  }

  /** What is slow; undefined while too few are known. */
  get slowMs(): number | undefined {
    if (this.#last.length < ENOUGH) return undefined
    const sorted = [...this.#last].sort((a, b) => a - b)
    return Math.max(LEAST_MS, 2 * sorted[Math.floor(sorted.length * 0.95)]!)
  }
}
