/** An ordered store in memory that keeps every version, as strict as the interface allows. For tests. */
import { BackendError } from '#core/base/errno.ts'
import type {
  Key,
  KeyRange,
  Moment,
  OrderedStore,
  Pair,
  ScanOptions,
  StoreReader,
  StoreTransaction,
  Writes,
} from './ordered-store.ts'

interface Version {
  readonly at: number
  readonly value: Uint8Array | null
}

/** What several stores on one place share. */
export class MemoryPlace {
  readonly #versions = new Map<Key, Version[]>()
  #now = 0

  get now(): number {
    return this.#now
  }

  get(key: Key, at: number): Uint8Array | null {
    return this.#versions.get(key)?.findLast((version) => version.at <= at)?.value ?? null
  }

  scan({ from, to }: KeyRange, { limit, reverse = false }: ScanOptions, at: number): Pair[] {
    const keys = [...this.#versions.keys()].filter((key) => key >= from && key < to).sort()
    const pairs: Pair[] = []
    for (const key of reverse ? keys.reverse() : keys) {
      const value = this.get(key, at)
      if (value !== null) pairs.push({ key, value })
      if (pairs.length === limit) break
    }
    return pairs
  }

  commit(began: number, guards: readonly Key[], writes: Writes, inserts: Iterable<Key>): boolean {
    for (const key of [...guards, ...writes.keys()])
      if ((this.#versions.get(key)?.at(-1)?.at ?? 0) > began) return false
    for (const key of inserts) if (this.get(key, this.#now) !== null) return false
    this.#now++
    const left = new Map(guards.map((key) => [key, this.get(key, began)]))
    for (const [key, value] of [...left, ...writes]) {
      if (value?.length === 0) throw new BackendError('invalid', 'a value must not be empty')
      const versions = this.#versions.get(key)
      if (versions === undefined) this.#versions.set(key, [{ at: this.#now, value }])
      else versions.push({ at: this.#now, value })
    }
    return true
  }

  deleteRange({ from, to }: KeyRange): void {
    for (const key of [...this.#versions.keys()]) if (key >= from && key < to) this.#versions.delete(key)
  }
}

export class MemoryStore implements OrderedStore {
  readonly scheme = 'memory'
  readonly address = 'memory'
  readonly #place: MemoryPlace
  #closed = false

  constructor(place = new MemoryPlace()) {
    this.#place = place
  }

  get(keys: readonly Key[]): Promise<readonly (Uint8Array | null)[]> {
    return this.#readerAt(() => this.#place.now).get(keys)
  }

  scan(range: KeyRange, options: ScanOptions): Promise<readonly Pair[]> {
    return this.#readerAt(() => this.#place.now).scan(range, options)
  }

  async begin(on?: Moment): Promise<StoreTransaction> {
    const began = on === undefined ? this.#place.now : Number(on.at)
    let left: Moment | undefined
    return {
      ...this.#readerAt(() => began),
      get left() {
        return left
      },
      commit: (guards, writes, inserts) =>
        this.#soon(() => {
          if (!this.#place.commit(began, guards, writes, inserts ?? [])) return false
          left = { at: BigInt(this.#place.now), keys: new Set([...guards, ...writes.keys()]) }
          return true
        }),
    }
  }

  deleteRange(range: KeyRange): Promise<void> {
    return this.#soon(() => this.#place.deleteRange(range))
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #readerAt(at: () => number): StoreReader {
    return {
      get: (keys) => this.#soon(() => keys.map((key) => this.#place.get(key, at()))),
      scan: (range, options) => this.#soon(() => this.#place.scan(range, options, at())),
    }
  }

  /** Others get a turn before, as with a server. */
  async #soon<T>(work: () => T): Promise<T> {
    await new Promise((resolve) => setImmediate(resolve))
    if (this.#closed) throw new BackendError('closed', 'the store has been closed')
    return work()
  }
}
