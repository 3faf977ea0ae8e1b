/**
 * Directories read a page at a time, in the byte order of names. Engines list as they store, so a directory's names
 * are taken once and kept while somebody goes through them; the nodes are read with each page and are as they are now.
 */
import { systemClock } from '#core/base/clock.ts'
import { rootContext } from '#core/base/context.ts'
import { EINVAL, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import { Refusal } from '#core/base/refusal.ts'
import { type ShownEntry, shownEntry } from './file-view.ts'
import type { Volume } from './open-volume.ts'

const KEPT = 8
const KEPT_MS = 60_000
/** A directory with more is not listed here: memory. */
const MOST_NAMES = 2_000_000
const READ_PAGE = 4096
const PAGE_BYTES = 3 * 2 ** 20
const ENTRY_BYTES = 300

interface Listing {
  readonly ino: Ino
  readonly names: readonly { readonly name: Name; readonly ino: Ino; readonly type: number }[]
  usedMs: number
}

export interface ListedPage {
  readonly entries: readonly ShownEntry[]
  readonly total: number
  readonly offset: number
  readonly nextCursor: string | null
}

export class Listings {
  readonly #volume: Volume
  readonly #open = new Map<string, Listing>()
  #count = 0

  constructor(volume: Volume) {
    this.#volume = volume
  }

  /** The first page of a directory. Errors: as readdir; Refusal for one with too many entries. */
  async first(ino: Ino, path: string, limit: number, signal?: AbortSignal): Promise<ListedPage> {
    const names = await this.#namesOf(ino, signal)
    const key = String(++this.#count)
    if (names.length > limit) this.#keep(key, { ino, names, usedMs: systemClock.monotonicMs() })
    return this.#page(key, { ino, names, usedMs: 0 }, path, 0, limit, signal)
  }

  /** The page a cursor points at. Errors: Refusal when the listing is not kept any more. */
  async next(cursor: string, path: string, limit: number, signal?: AbortSignal): Promise<ListedPage> {
    const match = /^(\d+):(\d+)$/.exec(cursor)
    if (match === null) throw fail(EINVAL, 'list', 'the cursor is none of ours')
    const listing = this.#open.get(match[1]!)
    if (listing === undefined) throw new Refusal('this listing is too old', 'read the folder again')
    listing.usedMs = systemClock.monotonicMs()
    return this.#page(match[1]!, listing, path, Number(match[2]), limit, signal)
  }

  async #page(
    key: string,
    { names }: Listing,
    path: string,
    offset: number,
    limit: number,
    signal: AbortSignal | undefined,
  ): Promise<ListedPage> {
    const part = names.slice(offset, offset + fitting(names, path, offset, limit))
    const nodes = await this.#volume.engine.read(
      part.map((entry) => ({ kind: 'node', ino: entry.ino }) as const),
      'current',
    )
    signal?.throwIfAborted()
    const end = offset + part.length
    const nextCursor = end < names.length ? `${key}:${end}` : null
    if (nextCursor === null) this.#open.delete(key)
    return {
      entries: part.map((entry, at) =>
        shownEntry(path, entry.name, entry.ino, nodes[at] ?? null, entry.type),
      ),
      total: names.length,
      offset,
      nextCursor,
    }
  }

  async #namesOf(ino: Ino, signal?: AbortSignal): Promise<Listing['names']> {
    const ctx = rootContext(signal)
    const names: { name: Name; ino: Ino; type: number }[] = []
    for (let after: string | undefined; ; ) {
      signal?.throwIfAborted()
      const request = after === undefined ? { limit: READ_PAGE } : { after, limit: READ_PAGE }
      const page = await this.#volume.meta.readdir(ctx, ino, request, false)
      for (const { name, ino, type } of page.items) names.push({ name, ino, type })
      if (names.length > MOST_NAMES)
        throw new Refusal(`the folder has more than ${MOST_NAMES} entries`, 'use `pomelo ls` on it')
      if (page.next === undefined) break
      after = page.next
    }
    return names.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  }

  #keep(key: string, listing: Listing): void {
    const now = systemClock.monotonicMs()
    for (const [each, { usedMs }] of this.#open) if (now - usedMs > KEPT_MS) this.#open.delete(each)
    if (this.#open.size >= KEPT) this.#open.delete(this.#open.keys().next().value!)
    this.#open.set(key, listing)
  }
}

/** As many entries as fit into one line of a conversation; at least one. */
function fitting(names: Listing['names'], path: string, offset: number, limit: number): number {
  let bytes = 0
  let count = 0
  while (count < limit && offset + count < names.length) {
    // A byte that is no UTF-8 takes six characters in JSON, once in the name and once in the path.
    bytes += ENTRY_BYTES + path.length * 6 + names[offset + count]!.name.length * 12
    if (bytes > PAGE_BYTES && count > 0) break
    count++
  }
  return count
}
