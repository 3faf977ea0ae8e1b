/** Records by range, page by page. Sources: meta-redis.md §2, 4.1; the orders are those of the stored collections. */
import type { Redis } from 'ioredis'
import type { Clock } from '#core/base/clock.ts'
import type { Ino } from '#core/base/ino.ts'
import { inoText } from '#core/base/ino.ts'
import type { ListTypes, Page, PageRequest, RecordRange } from '#core/meta/engine.ts'
import type { QuotaKind } from '#core/meta/records.ts'
import { decodeAclRule, decodeDelayed, decodeEdge } from '#core/meta/records-codec.ts'
import { DirectoryListings } from './directory-list.ts'
import { inoFromText, type Layout, ownerField } from './layout.ts'
import { CHUNK_PAGE, SORTED_PAGE } from './lua/list.ts'
import {
  decodeChunkValue,
  decodeFlock,
  decodeNodeValue,
  decodePlock,
  decodeQuota,
  decodeSession,
  getMany,
} from './read.ts'
import { type Batch, Scans } from './scans.ts'
import { Script } from './script.ts'
import { asBytes, asList, asName, asText, copy, corrupt, integer } from './values.ts'
import { encodeCommand, type Reply, sendBytes, type Word } from './wire.ts'

type Item = ListTypes[RecordRange['kind']]

const sortedPage = new Script(SORTED_PAGE)
const chunkPage = new Script(CHUNK_PAGE)

/** Keys looked at by one SCAN, fields by one HSCAN: some milliseconds of the server's time. */
const SCAN_KEYS = 4000
const SCAN_FIELDS = 2000
/** Directories up to this size are read whole when all edges are listed. */
const SMALL_DIRECTORY = 1000
/** Chunk indexes asked for in one run of the script. */
const MAX_ASKED = 1000

/** Runs commands that may be sent twice, and counts the trip. */
export type Ask = <T>(work: (client: Redis) => Promise<T>) => Promise<T>

export class Lists {
  readonly #layout: Layout
  readonly #ask: Ask
  readonly #directories: DirectoryListings
  readonly #scans = new Scans()

  constructor(layout: Layout, ask: Ask, clock: Clock) {
    this.#layout = layout
    this.#ask = ask
    this.#directories = new DirectoryListings(clock, (parent, cursor, count) =>
      this.#command('HSCAN', layout.entries(parent), cursor, 'COUNT', String(count)),
    )
  }

  page(range: RecordRange, page: PageRequest): Promise<Page<Item>> {
    const layout = this.#layout
    switch (range.kind) {
      case 'edges':
        return this.#directories.page(range.parent, page)
      case 'entries':
        return this.#entries(range.parent, page)
      case 'chunks':
        return this.#chunks(range, page)
      case 'allNodes':
        return this.#scans.page(page, (at) => this.#allNodes(at))
      case 'allChunks':
        return this.#scans.page(page, (at) => this.#allChunks(at))
      case 'allEdges':
        return this.#scans.page(page, (at) => this.#allEdges(at))
      case 'xattrs':
        return this.#xattrs(range.ino, page)
      case 'sessions':
        return this.#sessions(page)
      case 'sustained':
        return this.#scans.page(page, async (at) => {
          const { next, found } = await this.#scan('SSCAN', layout.sustained(range.sid), at)
          return { next, items: found.map((member) => inoOf(asText(member))) }
        })
      case 'deletedFiles':
        return this.#sorted(layout.deletedFiles, page, (member, score) => {
          // Members without a length are of clients before 1.0, which clean them up.
          const [ino, length] = member.split(':')
          if (length === undefined) return undefined
          return { ino: inoOf(ino!), length: integer(Buffer.from(length), 'a file length'), deleted: score }
        })
      case 'detached':
        return this.#sorted(layout.detached, page, (member, score) => ({ ino: inoOf(member), added: score }))
      case 'delayedSlices':
        return this.#scans.page(page, (at) => this.#delayedSlices(at))
      case 'sliceRefs':
        return this.#scans.page(page, (at) => this.#sliceRefs(at, false))
      case 'unusedSlices':
        return this.#scans.page(page, (at) => this.#sliceRefs(at, true))
      case 'quotas':
        return this.#scans.page(page, (at) => this.#quotas(range.of, at))
      case 'acls':
        return this.#acls(page)
      case 'sessionFlocks':
        return this.#locks(range.sid, page, (key) => layout.inoOf('flocks', key), decodeFlock)
      case 'sessionPlocks':
        return this.#locks(range.sid, page, (key) => layout.inoOf('plocks', key), decodePlock)
      default:
        return range satisfies never
    }
  }

  async #entries(parent: Ino, page: PageRequest): Promise<Page<ListTypes['entries']>> {
    const { items, next } = await this.#directories.page(parent, page)
    const nodes = await this.#many(items.map(({ ino }) => this.#layout.node(ino)))
    const entries = items.map((edge, k) => ({ ...edge, node: decodeNodeValue(nodes[k]!) }))
    return next === undefined ? { items: entries } : { items: entries, next }
  }

  async #chunks(
    range: Extract<RecordRange, { kind: 'chunks' }>,
    { after, limit }: PageRequest,
  ): Promise<Page<ListTypes['chunks']>> {
    const layout = this.#layout
    const [, mark] = after?.split('sparse ') ?? []
    if (mark !== undefined) return this.#sparseChunks(range, { after: mark, limit })
    const items: ListTypes['chunks'][] = []
    let index = after === undefined ? (range.from ?? 0) : Number(after)
    do {
      const args = [
        layout.chunkStart(range.ino),
        String(index),
        range.to === undefined ? '' : String(range.to),
        String(limit - items.length),
        String(range.length ?? 0),
        String(MAX_ASKED),
      ]
      const [next, ...found] = asList(
        await this.#ask((client) => chunkPage.run(client, [layout.node(range.ino)], args)),
      )
      if (next === -2) return this.#sparseChunks(range, { after: '', limit }, items)
      index = integer(next!, 'a chunk index')
      for (let k = 0; k < found.length; k += 2)
        items.push({
          index: integer(found[k]!, 'a chunk index'),
          slices: decodeChunkValue(found[k + 1]!) ?? NO_BYTES,
        })
    } while (index >= 0 && items.length < limit)
    return index < 0 ? { items } : { items, next: String(index) }
  }

  /** Chunks of a file that has room for so many that looking through all keys is less work. */
  async #sparseChunks(
    { ino, from = 0, to = Number.POSITIVE_INFINITY }: Extract<RecordRange, { kind: 'chunks' }>,
    page: PageRequest,
    before: readonly ListTypes['chunks'][] = [],
  ): Promise<Page<ListTypes['chunks']>> {
    const start = this.#layout.chunkStart(ino)
    const least = Math.max(from, (before.at(-1)?.index ?? -1) + 1)
    const { items, next } = await this.#scans.page(
      { ...page, limit: page.limit - before.length },
      async () => {
        const keys = new Set<string>()
        let cursor: string | undefined = ''
        do {
          const batch = await this.#scan('SCAN', undefined, cursor, `${start}*`)
          for (const key of batch.found) keys.add(asText(key))
          cursor = batch.next
        } while (cursor !== undefined)
        const indexes = [...keys].flatMap((key) => this.#layout.chunkOf(key)?.index ?? [])
        return { items: indexes.filter((k) => k >= least && k < to).sort((a, b) => a - b) }
      },
    )
    const lists = await this.#lists(items.map((index) => start + index))
    const chunks = items.flatMap((index, k) => {
      const slices = decodeChunkValue(lists[k]!)
      return slices === null ? [] : [{ index, slices }]
    })
    const all = [...before, ...chunks]
    return next === undefined ? { items: all } : { items: all, next: `sparse ${next}` }
  }

  async #allNodes(position: string): Promise<Batch<ListTypes['allNodes']>> {
    const { next, found } = await this.#scan('SCAN', undefined, position, this.#layout.pattern('node'))
    const inodes = distinct(found.flatMap((key) => this.#layout.inoOf('node', asText(key)) ?? []))
    const records = await this.#many(inodes.map((ino) => this.#layout.node(ino)))
    const items = inodes.flatMap((ino, k) => {
      const node = decodeNodeValue(records[k]!)
      return node === null ? [] : [{ ino, node }]
    })
    return { items, next }
  }

  async #allChunks(position: string): Promise<Batch<ListTypes['allChunks']>> {
    const { next, found } = await this.#scan('SCAN', undefined, position, this.#layout.chunkPattern)
    const chunks = distinct(found.map(asText)).flatMap((key) => {
      const chunk = this.#layout.chunkOf(key)
      return chunk === undefined ? [] : [{ key, ...chunk }]
    })
    const lists = await this.#lists(chunks.map(({ key }) => key))
    const items = chunks.flatMap(({ ino, index }, k) => {
      const slices = decodeChunkValue(lists[k]!)
      return slices === null ? [] : [{ ino, index, slices }]
    })
    return { items, next }
  }

  /** Position: SCAN cursor, then directories of its batch that are left, each with the cursor in it. */
  async #allEdges(position: string): Promise<Batch<ListTypes['allEdges']>> {
    const [cursor, ...left] = position.split(' ')
    if (left.length === 0) {
      const { next, found } = await this.#scan('SCAN', undefined, cursor!, this.#layout.pattern('entries'))
      const parents = distinct(found.flatMap((key) => this.#layout.inoOf('entries', asText(key)) ?? []))
      return this.#edgesOf(parents, next)
    }
    const [text, within] = left[0]!.split(':') as [string, string]
    const parent = inoOf(text)
    const { next, found } = await this.#scan('HSCAN', this.#layout.entries(parent), within)
    const rest = next === undefined ? left.slice(1) : [`${text}:${next}`, ...left.slice(1)]
    const at = rest.length === 0 && cursor === 'end' ? undefined : [cursor, ...rest].join(' ')
    return { items: edges(parent, found), next: at === 'end' ? undefined : at }
  }

  /** Small directories at once; the others are left for the next batches. */
  async #edgesOf(parents: readonly Ino[], next: string | undefined): Promise<Batch<ListTypes['allEdges']>> {
    const sizes = await this.#all(parents, (ino) => ['HLEN', this.#layout.entries(ino)])
    const isSmall = (k: number): boolean => integer(sizes[k]!, 'a length') <= SMALL_DIRECTORY
    const small = parents.filter((_, k) => isSmall(k))
    const pairs = await this.#all(small, (ino) => ['HGETALL', this.#layout.entries(ino)])
    const items = small.flatMap((parent, k) => edges(parent, asList(pairs[k])))
    const left = parents.filter((_, k) => !isSmall(k)).map((ino) => `${inoText(ino)}:`)
    return { items, next: left.length === 0 ? next : [next ?? 'end', ...left].join(' ') }
  }

  async #xattrs(ino: Ino, { after, limit }: PageRequest): Promise<Page<ListTypes['xattrs']>> {
    const pairs = asList(await this.#command('HGETALL', this.#layout.xattrs(ino)))
    const xattrs = inPairs(pairs, (name, value) => ({ name: asName(name), value: copy(asBytes(value)) }))
    return pageOf(
      xattrs.sort((a, b) => (a.name < b.name ? -1 : 1)),
      ({ name }) => after === undefined || name > after,
      limit,
      ({ name }) => name,
    )
  }

  /** All at once: there are as many as there are clients. */
  async #sessions({ after, limit }: PageRequest): Promise<Page<ListTypes['sessions']>> {
    const { allSessions, sessionInfos, legacySessions } = this.#layout
    const [current, infos, old] = await this.#ask((client) =>
      Promise.all([
        command(client, 'ZRANGE', allSessions, '0', '-1', 'WITHSCORES'),
        command(client, 'HGETALL', sessionInfos),
        legacySessions === undefined
          ? []
          : command(client, 'ZRANGE', legacySessions, '0', '-1', 'WITHSCORES'),
      ]),
    )
    const info = new Map(inPairs(asList(infos), (sid, text) => [asText(sid), text]))
    const sessions = new Map<number, ListTypes['sessions']>()
    for (const [list, legacy] of [
      [old, true],
      [current, false],
    ] as const)
      for (const [sid, score] of inPairs(asList(list), (sid, score) => [asText(sid), score] as const)) {
        const text = info.get(sid) ?? null
        const session = decodeSession(Number(sid), legacy ? null : score, text, legacy ? score : null)
        if (session !== null) sessions.set(session.sid, session)
      }
    return pageOf(
      [...sessions.values()].sort((a, b) => a.sid - b.sid),
      ({ sid }) => after === undefined || sid > Number(after),
      limit,
      ({ sid }) => String(sid),
    )
  }

  async #delayedSlices(position: string): Promise<Batch<ListTypes['delayedSlices']>> {
    const { next, found } = await this.#scan('HSCAN', this.#layout.delayedSlices, position)
    const records = inPairs(found, (field, value) => {
      const [newId, deleted] = asText(field).split('_').map(Number)
      const slices = decodeDelayed(asBytes(value))
      return slices === undefined || deleted === undefined ? [] : [{ newId: newId!, deleted, slices }]
    })
    return { items: records.flat(), next }
  }

  async #sliceRefs(position: string, unused: boolean): Promise<Batch<ListTypes['sliceRefs']>> {
    const { next, found } = await this.#scan('HSCAN', this.#layout.sliceRefs, position)
    const refs = inPairs(found, (field, value) => {
      const [, id, size] = /^k(\d+)_(\d+)$/.exec(asText(field)) ?? []
      const uses = Math.max(0, integer(value, 'a slice reference') + 1)
      return size === undefined || (unused && uses > 0)
        ? []
        : [{ id: integer(Buffer.from(id!), 'a slice id'), size: Number(size), uses }]
    })
    return { items: refs.flat(), next }
  }

  async #quotas(of: QuotaKind, position: string): Promise<Batch<ListTypes['quotas']>> {
    const { inodes, space, limits } = this.#layout.quotas[of]
    const { next, found } = await this.#scan('HSCAN', inodes, position)
    const counted = inPairs(found, (field, value) => [asText(field), value] as const)
    if (counted.length === 0) return { items: [], next }
    const fields = counted.map(([field]) => field)
    const [spaces, limit] = await this.#ask((client) =>
      Promise.all([command(client, 'HMGET', space, ...fields), command(client, 'HMGET', limits, ...fields)]),
    )
    const items = counted.map(([field, value], k) => ({
      id: inoOf(field),
      ...decodeQuota(value, asList(spaces)[k]!, asList(limit)[k]!)!,
    }))
    return { items, next }
  }

  /** Rules are numbered from 1 without large gaps; a number may have been lost. */
  async #acls({ after, limit }: PageRequest): Promise<Page<ListTypes['acls']>> {
    const first = after === undefined ? 1 : Number(after) + 1
    const ids = Array.from({ length: limit }, (_, k) => first + k)
    const [last, rules] = await this.#ask((client) =>
      Promise.all([
        command(client, 'GET', this.#layout.lastAcl),
        command(client, 'HMGET', this.#layout.acls, ...ids.map(String)),
      ]),
    )
    const items = ids.flatMap((id, k) => {
      const rule = asList(rules)[k]!
      return rule === null ? [] : [{ id, rule: decodeAclRule(asBytes(rule)) }]
    })
    const known = last === null ? 0 : integer(last, 'counter aclMaxId')
    return ids.at(-1)! < known ? { items, next: String(ids.at(-1)) } : { items }
  }

  /** The locks of one session: few. */
  async #locks<T extends { readonly sid: number; readonly owner: bigint }>(
    sid: number,
    { after, limit }: PageRequest,
    inoOfKey: (key: string) => Ino | undefined,
    decode: (field: string, value: Buffer) => T | undefined,
  ): Promise<Page<{ readonly ino: Ino; readonly lock: T }>> {
    const keys = asList(await this.#command('SMEMBERS', this.#layout.locked(sid))).map(asText)
    const files = keys.flatMap((key) => {
      const ino = inoOfKey(key)
      return ino === undefined ? [] : [{ key, ino }]
    })
    const hashes = await this.#all(files, ({ key }) => ['HGETALL', key])
    const locks = files.flatMap(({ ino }, k) =>
      inPairs(asList(hashes[k]), (field, value) => {
        const lock = decode(asText(field), asBytes(value))
        return lock === undefined || lock.sid !== sid ? [] : [{ ino, lock }]
      }).flat(),
    )
    const mark = ({ ino, lock }: { ino: Ino; lock: T }): string =>
      `${String(ino).padStart(16, '0')} ${ownerField(sid, lock.owner)}`
    return pageOf(
      locks.sort((a, b) => (mark(a) < mark(b) ? -1 : 1)),
      (item) => after === undefined || mark(item) > after,
      limit,
      mark,
    )
  }

  async #sorted<T>(
    key: string,
    { after, limit }: PageRequest,
    item: (member: string, score: number) => T | undefined,
  ): Promise<Page<T>> {
    const args = [String(limit), ...(after?.split(' ') ?? [])]
    const pairs = asList(await this.#ask((client) => sortedPage.run(client, [key], args)))
    const found = inPairs(pairs, (member, score) => ({ member: asText(member), score: asText(score) }))
    const items = found.flatMap(({ member, score }) => item(member, Number(score)) ?? [])
    const last = found.at(-1)
    return found.length < limit || last === undefined
      ? { items }
      : { items, next: `${last.score} ${last.member}` }
  }

  async #scan(
    name: 'SCAN' | 'HSCAN' | 'SSCAN',
    key: string | undefined,
    position: string,
    pattern?: string,
  ): Promise<{ readonly next: string | undefined; readonly found: readonly Reply[] }> {
    const cursor = position === '' ? '0' : position
    const words = key === undefined ? [cursor] : [key, cursor]
    if (pattern !== undefined) words.push('MATCH', pattern)
    words.push('COUNT', String(key === undefined ? SCAN_KEYS : SCAN_FIELDS))
    const [next, found] = asList(await this.#command(name, ...words))
    const at = asText(next!)
    return { next: at === '0' ? undefined : at, found: asList(found) }
  }

  #command(name: string, ...words: readonly Word[]): Promise<Reply> {
    return this.#ask((client) => command(client, name, ...words))
  }

  #many(names: readonly string[]): Promise<readonly Reply[]> {
    return names.length === 0 ? Promise.resolve([]) : this.#ask((client) => getMany(client, names))
  }

  #lists(keys: readonly string[]): Promise<readonly Reply[]> {
    return this.#all(keys, (key) => ['LRANGE', key, '0', '-1'])
  }

  /** One command for each item, in one trip. */
  #all<T>(items: readonly T[], words: (item: T) => readonly [string, ...Word[]]): Promise<readonly Reply[]> {
    if (items.length === 0) return Promise.resolve([])
    return this.#ask((client) =>
      Promise.all(
        items.map((item) => {
          const [name, ...rest] = words(item)
          return command(client, name, ...rest)
        }),
      ),
    )
  }
}

const NO_BYTES = new Uint8Array()

function command(client: Redis, name: string, ...words: readonly Word[]): Promise<Reply> {
  return sendBytes(client, name.toLowerCase(), encodeCommand(name, words))
}

function edges(parent: Ino, pairs: readonly Reply[]): ListTypes['allEdges'][] {
  const found = new Map<string, ListTypes['allEdges']>()
  for (const [name, value] of inPairs(pairs, (name, value) => [asName(name), asBytes(value)] as const)) {
    const { ino, type } = decodeEdge(value)
    if (name !== '') found.set(name, { parent, name, ino, type })
  }
  return [...found.values()]
}

function inPairs<T>(list: readonly Reply[], make: (first: Reply, second: Reply) => T): T[] {
  const out: T[] = []
  for (let k = 0; k < list.length; k += 2) out.push(make(list[k]!, list[k + 1]!))
  return out
}

function pageOf<T>(
  sorted: readonly T[],
  follows: (item: T) => boolean,
  limit: number,
  mark: (item: T) => string,
): Page<T> {
  const rest = sorted.filter(follows)
  const items = rest.slice(0, limit)
  return rest.length <= limit ? { items } : { items, next: mark(items.at(-1)!) }
}

function distinct<T>(list: readonly T[]): T[] {
  return [...new Set(list)]
}

function inoOf(text: string): Ino {
  const ino = inoFromText(text)
  if (ino === undefined) throw corrupt(`an inode number "${text}"`)
  return ino
}
