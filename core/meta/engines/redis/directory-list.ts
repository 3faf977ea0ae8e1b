/**
 * Directory entries in the order of their names' bytes, from a hash that has none: the hash is scanned once, each batch
 * is sorted on its own, and pages are merged from the batches, so that no single step takes long. What was scanned is
 * kept for the next pages of the same directory; a directory too large for that is scanned again from where the kept
 * window ends, so memory is bounded and the work stays linear in the size for all but the largest.
 *
 * One snapshot a directory, the newest: whoever begins anew replaces it, and a reader in the middle goes on in the newer
 * one, where everything that stayed since it began is found as well.
 */
import type { Clock } from '#core/base/clock.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { ListTypes, Page, PageRequest } from '#core/meta/engine.ts'
import { decodeEdge } from '#core/meta/records-codec.ts'
import type { Reply } from './replies.ts'
import { asBytes, asList, asName, asText } from './values.ts'

type NamedEdge = ListTypes['edges']

/** Entries of one HSCAN. */
const BATCH = 10_000
/** Entries kept of one directory, and of all; one takes some 120 bytes. */
const MAX_WINDOW = 200_000
const MAX_KEPT = 400_000
const MAX_SNAPSHOTS = 64
/** A listing that pauses longer begins anew at its next name. */
const IDLE_MS = 30_000

/** `HSCAN` of the directory's hash from `cursor`. */
export type ScanEntries = (parent: Ino, cursor: string, count: number) => Promise<Reply>

export interface ListingLimits {
  readonly window: number
  readonly kept: number
}

export class DirectoryListings {
  readonly #clock: Clock
  readonly #scan: ScanEntries
  readonly #limits: ListingLimits
  readonly #snapshots = new Map<Ino, Snapshot>()
  #kept = 0

  constructor(
    clock: Clock,
    scan: ScanEntries,
    limits: ListingLimits = { window: MAX_WINDOW, kept: MAX_KEPT },
  ) {
    this.#clock = clock
    this.#scan = scan
    this.#limits = limits
  }

  async page(parent: Ino, { after, limit }: PageRequest): Promise<Page<NamedEdge>> {
    const kept = after === undefined ? undefined : this.#usable(parent, after)
    const snapshot = kept ?? (await this.#take(parent, after))
    const items = snapshot.page(after, limit)
    const last = items.at(-1)?.name
    if (last === undefined || items.length < limit || snapshot.endsAt(last)) {
      if (this.#snapshots.get(parent) === snapshot) this.#drop(parent)
      return snapshot.complete || last === undefined ? { items } : { items, next: last }
    }
    if (kept === undefined) this.#keep(parent, snapshot)
    snapshot.usedMs = this.#clock.monotonicMs()
    return { items, next: last }
  }

  #usable(parent: Ino, after: Name): Snapshot | undefined {
    const snapshot = this.#snapshots.get(parent)
    if (snapshot === undefined) return undefined
    if (!this.#isIdle(snapshot) && snapshot.covers(after)) return snapshot
    this.#drop(parent)
    return undefined
  }

  #isIdle(snapshot: Snapshot): boolean {
    return this.#clock.monotonicMs() - snapshot.usedMs > IDLE_MS
  }

  async #take(parent: Ino, after: Name | undefined): Promise<Snapshot> {
    const snapshot = new Snapshot(after, this.#limits.window)
    let cursor = '0'
    do {
      const [next, pairs] = asList(await this.#scan(parent, cursor, BATCH))
      cursor = asText(next!)
      snapshot.add(asList(pairs))
    } while (cursor !== '0')
    return snapshot
  }

  #keep(parent: Ino, snapshot: Snapshot): void {
    this.#drop(parent)
    for (const [other, kept] of this.#snapshots) {
      const fits = this.#snapshots.size < MAX_SNAPSHOTS && this.#kept + snapshot.size <= this.#limits.kept
      if (!fits || this.#isIdle(kept)) this.#drop(other)
    }
    this.#snapshots.set(parent, snapshot)
    this.#kept += snapshot.size
  }

  #drop(parent: Ino): void {
    this.#kept -= this.#snapshots.get(parent)?.size ?? 0
    this.#snapshots.delete(parent)
  }
}

/** The entries after `from`, all or the first `window` of them, in sorted runs. */
class Snapshot {
  usedMs = 0
  size = 0
  complete = true
  readonly #from: Name | undefined
  readonly #window: number
  #runs: NamedEdge[][] = []
  /** While not complete: the last name of the window. */
  #upTo: Name | undefined

  constructor(from: Name | undefined, window: number) {
    this.#from = from
    this.#window = window
  }

  /** Names and entry values, in turn. */
  add(pairs: readonly Reply[]): void {
    const run: NamedEdge[] = []
    for (let k = 0; k < pairs.length; k += 2) {
      const name = asName(pairs[k]!)
      if (name === '' || (this.#from !== undefined && name <= this.#from)) continue
      if (this.#upTo !== undefined && name > this.#upTo) continue
      const { ino, type } = decodeEdge(asBytes(pairs[k + 1]))
      run.push({ name, ino, type })
    }
    if (run.length === 0) return
    run.sort(byName)
    this.#runs.push(run)
    this.size += run.length
    if (this.size > 2 * this.#window) this.#cut()
  }

  page(after: Name | undefined, limit: number): NamedEdge[] {
    if (this.size > this.#window) this.#cut()
    const at = this.#runs.map((run) => (after === undefined ? 0 : firstAfter(run, after)))
    return merge(this.#runs, at, limit)
  }

  /** Whether pages after `name` can be taken from here. */
  covers(name: Name): boolean {
    if (this.#from !== undefined && name < this.#from) return false
    return this.#upTo === undefined || name < this.#upTo
  }

  /** Whether nothing kept here follows `name`. */
  endsAt(name: Name): boolean {
    return this.#runs.every((run) => run.at(-1)!.name <= name)
  }

  #cut(): void {
    const first = merge(this.#runs, new Array<number>(this.#runs.length).fill(0), this.#window)
    this.complete = false
    this.#upTo = first.at(-1)!.name
    this.#runs = [first]
    this.size = first.length
  }
}

function byName(a: NamedEdge, b: NamedEdge): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

/** The next `limit` entries of sorted runs from their positions `at`; a name that came twice (HSCAN may) once. */
function merge(runs: readonly NamedEdge[][], at: number[], limit: number): NamedEdge[] {
  const out: NamedEdge[] = []
  let last: Name | undefined
  while (out.length < limit) {
    let least: NamedEdge | undefined
    let from = 0
    for (let k = 0; k < runs.length; k++) {
      const head = runs[k]![at[k]!]
      if (head === undefined || (least !== undefined && head.name >= least.name)) continue
      least = head
      from = k
    }
    if (least === undefined) break
    at[from]!++
    if (least.name === last) continue
    last = least.name
    out.push(least)
  }
  return out
}

function firstAfter(run: readonly NamedEdge[], name: Name): number {
  let low = 0
  let high = run.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (run[middle]!.name <= name) low = middle + 1
    else high = middle
  }
  return low
}
