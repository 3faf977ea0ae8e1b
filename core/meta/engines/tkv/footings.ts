/**
 * Where commits of this client left the store: the next transaction can begin there and needs no timestamp for that. What
 * was written and guarded is the newest at that moment, so that a creation in a directory that this client changed last
 * has nothing to read either. What others changed since makes the commit lose, as if it had read at that moment.
 *
 * A moment serves one transaction; what it is good for lasts until another commit of ours writes the same keys.
 */
import type { Clock } from '#core/base/clock.ts'
import type { Needs } from './draft.ts'
import type { Key, Moment } from './ordered-store.ts'
import type { Value } from './stored.ts'

/** Directories at a time; the oldest goes. */
const MAX_DIRECTORIES = 64
/** Later others are more likely to have been here, and a start long ago makes locks live longer. */
const LIFE_MS = 2_000
/** As above, where others work on more than one directory. */
const LATEST_LIFE_MS = 100
/** Where others were faster. */
const REST_MS = 1_000

export interface Footing {
  readonly moment: Moment
  readonly values: ReadonlyMap<Key, Value>
  readonly madeMs: number
}

export class Footings {
  readonly #clock: Clock
  readonly #footings = new Map<number, Footing>()
  /** Directories where others were faster, until when nothing is kept. */
  readonly #resting = new Map<number, number>()
  #latest: Footing | undefined
  #latestRestsUntilMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** For a transaction that needs no keys but those known there and `inserts`. It is nobody else's from then on. */
  take(directory: number, needs: Needs, inserts: ReadonlySet<Key>): Footing | undefined {
    const footing = this.#footings.get(directory)
    if (footing === undefined || needs.ranges.size > 0) return undefined
    for (const key of needs.keys) if (!footing.values.has(key) && !inserts.has(key)) return undefined
    this.#forget(footing)
    return footing.madeMs + LIFE_MS > this.#clock.monotonicMs() ? footing : undefined
  }

  /** Where the last commit of all ended, for a transaction that reads there what is not known of that moment. */
  takeLatest({ keys }: Needs): Footing | undefined {
    const latest = this.#latest
    const now = this.#clock.monotonicMs()
    if (latest === undefined || latest.madeMs + LATEST_LIFE_MS <= now || this.#latestRestsUntilMs > now)
      return undefined
    for (const key of keys)
      if (!latest.moment.keys.has(key)) {
        this.#forget(latest)
        return latest
      }
    return undefined
  }

  /** A commit has left these values; `moment` is undefined where the store cannot tell. */
  left(directories: Iterable<number>, moment: Moment | undefined, values: ReadonlyMap<Key, Value>): void {
    for (const [directory, footing] of this.#footings)
      for (const key of values.keys()) if (footing.values.has(key)) this.#footings.delete(directory)
    this.#latest = undefined
    if (moment === undefined) return
    const now = this.#clock.monotonicMs()
    const footing = { moment, values, madeMs: now }
    this.#latest = footing
    for (const directory of directories)
      if ((this.#resting.get(directory) ?? 0) <= now) {
        this.#resting.delete(directory)
        this.#footings.set(directory, footing)
        bound(this.#footings)
      }
  }

  /** A transaction that stood there lost. */
  failed(directory: number): void {
    this.#resting.set(directory, this.#clock.monotonicMs() + REST_MS)
    bound(this.#resting)
  }

  latestFailed(): void {
    this.#latestRestsUntilMs = this.#clock.monotonicMs() + REST_MS
  }

  #forget({ moment }: Footing): void {
    for (const [directory, footing] of this.#footings)
      if (footing.moment === moment) this.#footings.delete(directory)
    if (this.#latest?.moment === moment) this.#latest = undefined
  }
}

function bound(map: Map<number, unknown>): void {
  if (map.size > MAX_DIRECTORIES) map.delete(map.keys().next().value!)
}
