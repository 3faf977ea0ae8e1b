/**
 * What a transaction has read and is about to write. Commits that are made together see each other's writes; one that
 * comes to nothing leaves none behind.
 */
import { type Key, type KeyRange, type Pair, type StoreReader, scanAll } from './ordered-store.ts'
import type { Value } from './stored.ts'

/** What has to be read before a draft can be worked on. */
export class Needs {
  readonly keys = new Set<Key>()
  /** Ranges by their beginning; `first`: whether anything is there is enough. */
  readonly ranges = new Map<Key, { readonly range: KeyRange; readonly first: boolean }>()

  range(range: KeyRange, first = false): void {
    const known = this.ranges.get(range.from)
    if (known === undefined || known.first) this.ranges.set(range.from, { range, first })
  }
}

export class Draft {
  readonly #values = new Map<Key, Value>()
  readonly #ranges = new Map<Key, readonly Pair[]>()
  /** Keys that must not have changed since they were read. */
  readonly guards = new Set<Key>()
  readonly writes = new Map<Key, Value>()
  /** Of the commit being worked on. */
  readonly #guarding = new Set<Key>()
  readonly #writing = new Map<Key, Value>()

  /** All in one round trip. `known` is what the reader would bring, and is not asked for. */
  static async load(
    reader: StoreReader,
    needs: Needs,
    known: ReadonlyMap<Key, Value> = new Map(),
  ): Promise<Draft> {
    const draft = Draft.of(known)
    const keys = [...needs.keys].filter((key) => !known.has(key))
    await Promise.all([
      reader.get(keys).then((values) => {
        for (const [k, key] of keys.entries()) draft.#values.set(key, values[k]!)
      }),
      ...[...needs.ranges.values()].map(async ({ range, first }) => {
        const pairs = first
          ? await reader.scan(range, { limit: 1, keysOnly: true })
          : await scanAll(reader, range)
        draft.#ranges.set(range.from, pairs)
      }),
    ])
    return draft
  }

  /** Of values that are known; `absent` are taken not to be there. */
  static of(known: ReadonlyMap<Key, Value>, absent: Iterable<Key> = []): Draft {
    const draft = new Draft()
    for (const [key, value] of known) draft.#values.set(key, value)
    for (const key of absent) draft.#values.set(key, null)
    return draft
  }

  /** What it guards and writes, as its commit leaves it. */
  settled(): ReadonlyMap<Key, Value> {
    const settled = new Map(this.writes)
    for (const key of this.guards) if (!settled.has(key)) settled.set(key, this.#values.get(key)!)
    return settled
  }

  /** As the transaction leaves it. The key was among the needs. */
  value(key: Key): Value {
    for (const written of [this.#writing, this.writes]) {
      const value = written.get(key)
      if (value !== undefined) return value
    }
    const value = this.#values.get(key)
    if (value === undefined) throw new Error(`a key was not read before the commit that needs it`)
    return value
  }

  /** What was in the range before the transaction; it was among the needs. */
  pairs(range: KeyRange): readonly Pair[] {
    return this.#ranges.get(range.from)!
  }

  /** Whether this transaction writes into the range. */
  writesInto({ from, to }: KeyRange): boolean {
    for (const key of this.writes.keys()) if (key >= from && key < to) return true
    return false
  }

  /** How many keys it guards or writes. */
  get keyCount(): number {
    return new Set([...this.guards, ...this.#guarding, ...this.writes.keys(), ...this.#writing.keys()]).size
  }

  guard(key: Key): void {
    this.#guarding.add(key)
  }

  set(key: Key, value: Uint8Array): void {
    this.#writing.set(key, value)
  }

  delete(key: Key): void {
    this.#writing.set(key, null)
  }

  /** Take what one commit guards and writes, or leave it. */
  keep(): void {
    for (const key of this.#guarding) this.guards.add(key)
    for (const [key, value] of this.#writing) this.writes.set(key, value)
    this.drop()
  }

  drop(): void {
    this.#guarding.clear()
    this.#writing.clear()
  }
}
