/** Records by range, page by page, in the order of their keys. Source: shared/spec/meta-sql-and-tkv.md §B3. */
import type { ListTypes, Page, PageRequest, RecordRange } from '#core/meta/engine.ts'
import { decodeAclRule, decodeDelayed, decodeEdge } from '#core/meta/records-codec.ts'
import { CHUNK, EDGE, inoOfKey, type Layout, NODE, u32OfKey, u64OfKey } from './layout.ts'
import { type Key, type KeyRange, after as keyAfter, type StoreReader, scanAll } from './ordered-store.ts'
import { decodeNodeValue, sessionFrom, usesFrom } from './stored.ts'
import { corrupt, decodeFlocks, decodePlockList, decodeQuota, decodeTime } from './values.ts'

/** Pairs of one scan where most are of another kind than what is listed. */
const SPARSE_BATCH = 1024
/** Within the key of an inode's record: where the letter stands, and what follows it. */
const AT_LETTER = 8
const CHUNK_REST = 13

type Item = ListTypes[RecordRange['kind']]
/** What a pair holds of what is listed. `rest`: its key without the volume's prefix and the letters of the range. */
type ItemsOf<T> = (rest: string, value: Uint8Array) => readonly T[]

export class Lists {
  readonly #layout: Layout
  readonly #store: StoreReader

  constructor(layout: Layout, store: StoreReader) {
    this.#layout = layout
    this.#store = store
  }

  page(range: RecordRange, page: PageRequest): Promise<Page<Item>> {
    const layout = this.#layout
    switch (range.kind) {
      case 'edges':
        return this.#edges(range.parent, page)
      case 'entries':
        return this.#entries(range.parent, page)
      case 'chunks':
        return this.#page(layout.chunks(range.ino, range.from ?? 0, range.to), 1, page, (rest, slices) => [
          { index: u32OfKey(rest, AT_LETTER + 1), slices },
        ])
      case 'allNodes':
        return this.#inodes(page, NODE, (rest, value) =>
          rest.length === AT_LETTER + 1 ? [{ ino: inoOfKey(rest), node: decodeNodeValue(value) }] : [],
        )
      case 'allChunks':
        return this.#inodes(page, CHUNK, (rest, slices) =>
          rest.length === CHUNK_REST
            ? [{ ino: inoOfKey(rest), index: u32OfKey(rest, AT_LETTER + 1), slices }]
            : [],
        )
      case 'allEdges':
        return this.#inodes(page, EDGE, (rest, value) => [
          { parent: inoOfKey(rest), name: rest.slice(AT_LETTER + 1), ...decodeEdge(value) },
        ])
      case 'xattrs':
        return this.#page(layout.xattrs(range.ino), 1, page, (rest, value) => [
          { name: rest.slice(AT_LETTER + 1), value },
        ])
      case 'sessions':
        return this.#sessions(page)
      case 'sustained':
        return this.#page(layout.allSustained(range.sid), 2, page, (rest) => [inoOfKey(rest, 8)])
      case 'deletedFiles':
        return this.#page(layout.deletedFiles, 1, page, (rest, value) =>
          rest.length === 16
            ? [
                {
                  ino: inoOfKey(rest),
                  length: u64OfKey(rest, 8),
                  deleted: decodeTime(value, 'a time of deletion'),
                },
              ]
            : [],
        )
      case 'detached':
        return this.#page(layout.allDetached, 1, page, (rest, value) => [
          { ino: inoOfKey(rest), added: decodeTime(value, 'the time of a detached node') },
        ])
      case 'delayedSlices':
        return this.#page(layout.allDelayed, 1, page, (rest, value) => {
          const slices = decodeDelayed(value)
          return slices === undefined ? [] : [{ newId: u64OfKey(rest, 8), deleted: u64OfKey(rest), slices }]
        })
      case 'sliceRefs':
        return this.#sliceRefs(page, () => true)
      case 'unusedSlices':
        return this.#sliceRefs(page, (uses) => uses === 0)
      case 'quotas':
        return this.#page(layout.quotas(range.of), 2, page, (rest, value) => [
          { id: range.of === 'dir' ? inoOfKey(rest) : u64OfKey(rest), ...decodeQuota(value) },
        ])
      case 'acls':
        return this.#page(layout.acls, 1, page, (rest, value) => [
          { id: u32OfKey(rest), rule: decodeAclRule(value) },
        ])
      case 'sessionFlocks':
        return this.#locks(layout.allFlocks, range.sid, page, decodeFlocks)
      case 'sessionPlocks':
        return this.#locks(layout.allPlocks, range.sid, page, decodePlockList)
      default:
        return range satisfies never
    }
  }

  /** The mark is the last name. */
  async #edges(parent: number, { after, limit }: PageRequest): Promise<Page<ListTypes['edges']>> {
    const { from, to } = this.#layout.edges(parent)
    const pairs = await this.#store.scan(
      { from: after === undefined ? from : keyAfter(from + after), to },
      { limit },
    )
    const items = pairs.map(({ key, value }) => ({ name: key.slice(from.length), ...decodeEdge(value) }))
    if (items[0]?.name === '') throw corrupt('a directory entry without a name')
    return pairs.length < limit ? { items } : { items, next: items.at(-1)!.name }
  }

  async #entries(parent: number, page: PageRequest): Promise<Page<ListTypes['entries']>> {
    const edges = await this.#edges(parent, page)
    const nodes = await this.#store.get(edges.items.map(({ ino }) => this.#layout.node(ino)))
    const items = edges.items.map((edge, k) => {
      const value = nodes[k]!
      return { ...edge, node: value === null ? null : decodeNodeValue(value) }
    })
    return { ...edges, items }
  }

  /** Records of one letter among all that inodes have. */
  #inodes<T>(page: PageRequest, letter: string, items: ItemsOf<T>): Promise<Page<T>> {
    const those: ItemsOf<T> = (rest, value) => (rest[AT_LETTER] === letter ? items(rest, value) : [])
    return this.#page(this.#layout.inodes, 1, page, those, SPARSE_BATCH)
  }

  #sliceRefs(page: PageRequest, wanted: (uses: number) => boolean): Promise<Page<ListTypes['sliceRefs']>> {
    return this.#page(
      this.#layout.sliceRefs,
      1,
      page,
      (rest, value) => {
        const uses = usesFrom(value)
        return rest.length === 12 && wanted(uses)
          ? [{ id: u64OfKey(rest), size: u32OfKey(rest, 8), uses }]
          : []
      },
      SPARSE_BATCH,
    )
  }

  /** There is no index by session: every lock of the volume is looked at. */
  #locks<T extends { readonly sid: number }>(
    range: KeyRange,
    sid: number,
    page: PageRequest,
    decode: (value: Uint8Array) => readonly T[],
  ): Promise<Page<{ readonly ino: number; readonly lock: T }>> {
    return this.#page(
      range,
      1,
      page,
      (rest, value) =>
        decode(value)
          .filter((lock) => lock.sid === sid)
          .map((lock) => ({ ino: inoOfKey(rest), lock })),
      SPARSE_BATCH,
    )
  }

  /** All at once: there are as many as there are clients. */
  async #sessions({ after, limit }: PageRequest): Promise<Page<ListTypes['sessions']>> {
    const [expiries, infos, heartbeats] = await Promise.all(
      (['SE', 'SI', 'SH'] as const).map(async (letters) => {
        const values = new Map<number, Uint8Array>()
        const pairs = await scanAll(this.#store, this.#layout.sessions(letters))
        for (const { key, value } of pairs) values.set(u64OfKey(this.#layout.rest(key, 2)), value)
        return values
      }),
    )
    const sids = [...new Set([...expiries!.keys(), ...heartbeats!.keys()])].sort((a, b) => a - b)
    const rest = sids.filter((sid) => after === undefined || sid > Number(after))
    const items = rest
      .slice(0, limit)
      .map(
        (sid) =>
          sessionFrom(
            sid,
            expiries!.get(sid) ?? null,
            infos!.get(sid) ?? null,
            heartbeats!.get(sid) ?? null,
          )!,
      )
    return rest.length <= limit ? { items } : { items, next: String(items.at(-1)!.sid) }
  }

  /**
   * Items of the pairs in a range. The mark is how many items of a key have been listed, 0 for all of them, and the key.
   * `letters`: how many stand between the prefix and `rest`.
   */
  async #page<T>(
    { from, to }: KeyRange,
    letters: number,
    { after, limit }: PageRequest,
    itemsOf: ItemsOf<T>,
    batch = limit,
  ): Promise<Page<T>> {
    const items: T[] = []
    let { listed, start } = readMark(after, from)
    for (;;) {
      const pairs = await this.#store.scan({ from: start, to }, { limit: batch })
      for (const { key, value } of pairs) {
        const found = itemsOf(this.#layout.rest(key, letters), value).slice(listed)
        const room = limit - items.length
        items.push(...found.slice(0, room))
        if (found.length > room) return { items, next: markOf(listed + room, key) }
        listed = 0
        if (items.length === limit) return { items, next: markOf(0, key) }
      }
      if (pairs.length < batch) return { items }
      start = keyAfter(pairs.at(-1)!.key)
    }
  }
}

function markOf(listed: number, key: Key): string {
  return `${listed} ${key}`
}

function readMark(after: string | undefined, from: Key): { listed: number; start: Key } {
  if (after === undefined) return { listed: 0, start: from }
  const space = after.indexOf(' ')
  const listed = Number(after.slice(0, space))
  const key = after.slice(space + 1)
  return { listed, start: listed === 0 ? keyAfter(key) : key }
}
