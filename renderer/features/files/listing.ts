/**
 * A folder as it is read: page after page in the background, shown from the first. Rows are in an order of indices
 * (folders first, then by the column asked for), sorted over numbers, so that 100,000 rows do not hold the window up.
 */
import type { DirectoryPage, FileEntry } from '#core/api/files.ts'

export const MOST_ENTRIES = 200_000

export type SortKey = 'name' | 'size' | 'mtime'
export interface Order {
  readonly key: SortKey
  readonly descending: boolean
}

export class Listing {
  readonly #entries: FileEntry[] = []
  readonly #listeners = new Set<() => void>()
  #order: Uint32Array = new Uint32Array(0)
  #by: Order = { key: 'name', descending: false }
  #total = 0
  #loading = true
  #error: unknown = null
  #version = 0

  /** Entries of the folder, read or not, as far as they are shown. */
  get count(): number {
    return Math.min(this.#total, MOST_ENTRIES)
  }

  get total(): number {
    return this.#total
  }

  get read(): number {
    return this.#entries.length
  }

  get loading(): boolean {
    return this.#loading
  }

  get error(): unknown {
    return this.#error
  }

  /** Rises with every change. */
  get version(): number {
    return this.#version
  }

  /** The entry in row `index`; undefined while it is not read. */
  at(index: number): FileEntry | undefined {
    const position = this.#order[index]
    return position === undefined ? undefined : this.#entries[position]
  }

  all(): readonly FileEntry[] {
    return this.#entries
  }

  /** Reads every page that `next` gives, until there is none, there are too many, or `signal` says enough. */
  async load(
    next: (cursor: string | undefined) => Promise<DirectoryPage>,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      let cursor: string | undefined
      do {
        const page = await next(cursor)
        if (signal.aborted) return
        this.#entries.push(...page.entries)
        this.#total = page.total
        cursor = page.nextCursor ?? undefined
        this.#loading = cursor !== undefined && this.#entries.length < MOST_ENTRIES
        this.#sort()
      } while (this.#loading)
    } catch (error) {
      if (signal.aborted) return
      this.#error = error
      this.#loading = false
      this.#changed()
    }
  }

  sortBy(order: Order): void {
    this.#by = order
    this.#sort()
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  #sort(): void {
    this.#order = orderOf(this.#entries, this.#by)
    this.#changed()
  }

  #changed(): void {
    this.#version++
    for (const listener of this.#listeners) listener()
  }
}

/** Positions of the entries in the order asked for; entries come in the order of names. */
export function orderOf(entries: readonly FileEntry[], { key, descending }: Order): Uint32Array {
  const order = new Uint32Array(entries.length)
  let at = 0
  for (const wantFolders of [true, false])
    for (let index = 0; index < entries.length; index++)
      if ((entries[index]!.type === 'directory') === wantFolders) order[at++] = index
  const folders = entries.reduce((n, { type }) => n + (type === 'directory' ? 1 : 0), 0)
  for (const part of [order.subarray(0, folders), order.subarray(folders)]) {
    if (key !== 'name') {
      const values = new Float64Array(entries.length)
      for (const index of part)
        values[index] = key === 'size' ? entries[index]!.size : entries[index]!.mtimeMs
      part.sort((a, b) => values[a]! - values[b]! || a - b)
    }
    if (descending) part.reverse()
  }
  return order
}
