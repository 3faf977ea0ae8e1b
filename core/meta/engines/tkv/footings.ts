/**
 * Where commits of this client left directories: what was written and guarded is the newest at the moment of the commit,
 * so that the next creation in the directory can begin there and has nothing to read. What others changed since makes its
 * commit lose, as if it had read at that moment.
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
/** In a directory in which others were faster. */
const REST_MS = 1_000

export interface Footing {
  readonly moment: Moment
  readonly values: ReadonlyMap<Key, Value>
  readonly untilMs: number
}

export class Footings {
  readonly #clock: Clock
  readonly #footings = new Map<number, Footing>()
  /** Directories where others were faster, until when nothing is kept. */
  readonly #resting = new Map<number, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** For a transaction that needs no keys but those known there and `inserts`. It is nobody else's from then on. */
  take(directory: number, needs: Needs, inserts: ReadonlySet<Key>): Footing | undefined {
    const footing = this.#footings.get(directory)
    if (footing === undefined || needs.ranges.size > 0) return undefined
    for (const key of needs.keys) if (!footing.values.has(key) && !inserts.has(key)) return undefined
    for (const [other, { moment }] of this.#footings)
      if (moment === footing.moment) this.#footings.delete(other)
    return footing.untilMs > this.#clock.monotonicMs() ? footing : undefined
  }

  /** A commit has left these values; `moment` is undefined where the store cannot tell. */
  left(directories: Iterable<number>, moment: Moment | undefined, values: ReadonlyMap<Key, Value>): void {
    for (const [directory, footing] of this.#footings)
      for (const key of values.keys()) if (footing.values.has(key)) this.#footings.delete(directory)
    if (moment === undefined) return
    const now = this.#clock.monotonicMs()
    for (const directory of directories)
      if ((this.#resting.get(directory) ?? 0) <= now) {
        this.#resting.delete(directory)
        this.#footings.set(directory, { moment, values, untilMs: now + LIFE_MS })
        bound(this.#footings)
      }
  }

  /** A transaction that stood on it lost. */
  failed(directory: number): void {
    this.#resting.set(directory, this.#clock.monotonicMs() + REST_MS)
    bound(this.#resting)
  }
}

function bound(map: Map<number, unknown>): void {
  if (map.size > MAX_DIRECTORIES) map.delete(map.keys().next().value!)
}
