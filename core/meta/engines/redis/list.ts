/** Records by range, page by page. Sources: meta-redis.md §2, 4.1; the orders are those of the stored collections. */
import type { Clock } from '#core/base/clock.ts'
import type { Ino } from '#core/base/ino.ts'
import type { ListTypes, Page, PageRequest, RecordRange } from '#core/meta/engine.ts'
import type { QuotaKind } from '#core/meta/records.ts'
import { decodeAclRule, decodeDelayed } from '#core/meta/records-codec.ts'
import { type Ask, Asker, command, inPairs } from './asker.ts'
import { ChunkList } from './chunk-list.ts'
import { DirectoryListings } from './directory-list.ts'
import { inoFromText, type Layout, ownerField } from './layout.ts'
import { SORTED_PAGE } from './lua/list.ts'
import { type Batch, Scans } from './scans.ts'
import { Script } from './script.ts'
import { decodeFlock, decodeNodeValue, decodePlock, decodeQuota, decodeSession } from './stored.ts'
import { asBytes, asList, asName, asText, copy, corrupt, integer } from './values.ts'
import { WholeList } from './whole-list.ts'

type Item = ListTypes[RecordRange['kind']]

const sortedPage = new Script(SORTED_PAGE)

export class Lists {
  readonly #layout: Layout
  readonly #asker: Asker
  readonly #scans = new Scans()
  readonly #directories: DirectoryListings
  readonly #chunks: ChunkList
  readonly #whole: WholeList

  constructor(layout: Layout, ask: Ask, clock: Clock) {
    this.#layout = layout
    this.#asker = new Asker(ask)
    this.#directories = new DirectoryListings(clock, (parent, cursor, count) =>
      this.#asker.command('HSCAN', layout.entries(parent), cursor, 'COUNT', String(count)),
    )
    this.#chunks = new ChunkList(layout, this.#asker, this.#scans)
    this.#whole = new WholeList(layout, this.#asker)
  }

  page(range: RecordRange, page: PageRequest): Promise<Page<Item>> {
    const layout = this.#layout
    switch (range.kind) {
      case 'edges':
        return this.#directories.page(range.parent, page)
      case 'entries':
        return this.#entries(range.parent, page)
      case 'chunks':
        return this.#chunks.page(range, page)
      case 'allNodes':
        return this.#scans.page(page, (at) => this.#whole.nodes(at))
      case 'allChunks':
        return this.#scans.page(page, (at) => this.#whole.chunks(at))
      case 'allEdges':
        return this.#scans.page(page, (at) => this.#whole.edges(at))
      case 'xattrs':
        return this.#xattrs(range.ino, page)
      case 'sessions':
        return this.#sessions(page)
      case 'sustained':
        return this.#scans.page(page, async (at) => {
          const { next, found } = await this.#asker.scan('SSCAN', layout.sustained(range.sid), at)
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
    const nodes = await this.#asker.values(items.map(({ ino }) => this.#layout.node(ino)))
    const entries = items.map((edge, k) => ({ ...edge, node: decodeNodeValue(nodes[k]!) }))
    return next === undefined ? { items: entries } : { items: entries, next }
  }

  async #xattrs(ino: Ino, { after, limit }: PageRequest): Promise<Page<ListTypes['xattrs']>> {
    const pairs = asList(await this.#asker.command('HGETALL', this.#layout.xattrs(ino)))
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
    const [current, infos, old] = await this.#asker.ask((client) =>
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
    const { next, found } = await this.#asker.scan('HSCAN', this.#layout.delayedSlices, position)
    const records = inPairs(found, (field, value) => {
      const [newId, deleted] = asText(field).split('_').map(Number)
      const slices = decodeDelayed(asBytes(value))
      return slices === undefined || deleted === undefined ? [] : [{ newId: newId!, deleted, slices }]
    })
    return { items: records.flat(), next }
  }

  async #sliceRefs(position: string, unused: boolean): Promise<Batch<ListTypes['sliceRefs']>> {
    const { next, found } = await this.#asker.scan('HSCAN', this.#layout.sliceRefs, position)
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
    const { next, found } = await this.#asker.scan('HSCAN', inodes, position)
    const counted = inPairs(found, (field, value) => [asText(field), value] as const)
    if (counted.length === 0) return { items: [], next }
    const fields = counted.map(([field]) => field)
    const [spaces, limit] = await this.#asker.each([space, limits], (key) => ['HMGET', key, ...fields])
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
    const { lastAcl, acls } = this.#layout
    const [last, rules] = await this.#asker.ask((client) =>
      Promise.all([command(client, 'GET', lastAcl), command(client, 'HMGET', acls, ...ids.map(String))]),
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
    const keys = asList(await this.#asker.command('SMEMBERS', this.#layout.locked(sid))).map(asText)
    const files = keys.flatMap((key) => {
      const ino = inoOfKey(key)
      return ino === undefined ? [] : [{ key, ino }]
    })
    const hashes = await this.#asker.each(files, ({ key }) => ['HGETALL', key])
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
    const pairs = asList(await this.#asker.ask((client) => sortedPage.run(client, [key], args)))
    const found = inPairs(pairs, (member, score) => ({ member: asText(member), score: asText(score) }))
    const items = found.flatMap(({ member, score }) => item(member, Number(score)) ?? [])
    const last = found.at(-1)
    return found.length < limit || last === undefined
      ? { items }
      : { items, next: `${last.score} ${last.member}` }
  }
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

function inoOf(text: string): Ino {
  const ino = inoFromText(text)
  if (ino === undefined) throw corrupt(`an inode number "${text}"`)
  return ino
}
