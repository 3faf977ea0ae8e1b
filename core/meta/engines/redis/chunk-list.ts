/**
 * The chunks of one file. Redis keeps no list of them, so each index is asked for (lua/list.ts); a file with room for
 * more of them than there are keys is looked for among the keys.
 */
import type { ListTypes, Page, PageRequest, RecordRange } from '#core/meta/engine.ts'
import type { Asker } from './asker.ts'
import type { Layout } from './layout.ts'
import { CHUNK_PAGE } from './lua/list.ts'
import type { Scans } from './scans.ts'
import { Script } from './script.ts'
import { decodeChunkValue } from './stored.ts'
import { asList, asText, integer } from './values.ts'

type ChunkRange = Extract<RecordRange, { kind: 'chunks' }>
type Chunk = ListTypes['chunks']

const chunkPage = new Script(CHUNK_PAGE)
/** Indexes asked for in one run of the script. */
const MAX_ASKED = 1000
/** Replies of the script in place of the next index. */
const END = -1
const TOO_SPARSE = -2
/** Marks of pages that were found among the keys. */
const SPARSE = 'sparse '
const NO_BYTES = new Uint8Array()

export class ChunkList {
  readonly #layout: Layout
  readonly #asker: Asker
  readonly #scans: Scans

  constructor(layout: Layout, asker: Asker, scans: Scans) {
    this.#layout = layout
    this.#asker = asker
    this.#scans = scans
  }

  async page(range: ChunkRange, { after, limit }: PageRequest): Promise<Page<Chunk>> {
    if (after?.startsWith(SPARSE) === true)
      return this.#amongKeys(range, { after: after.slice(SPARSE.length), limit }, [])
    const items: Chunk[] = []
    let index = after === undefined ? (range.from ?? 0) : Number(after)
    do {
      const [next, ...found] = await this.#ask(range, index, limit - items.length)
      index = integer(next!, 'a chunk index')
      if (index === TOO_SPARSE) return this.#amongKeys(range, { limit }, items)
      for (let k = 0; k < found.length; k += 2) {
        const slices = decodeChunkValue(found[k + 1]!) ?? NO_BYTES
        items.push({ index: integer(found[k]!, 'a chunk index'), slices })
      }
    } while (index !== END && items.length < limit)
    return index === END ? { items } : { items, next: String(index) }
  }

  async #ask({ ino, to, length = 0 }: ChunkRange, index: number, limit: number) {
    const end = to === undefined ? '' : String(to)
    const args = [this.#layout.chunkStart(ino), String(index), end]
    const limits = [String(limit), String(length), String(MAX_ASKED)]
    const keys = [this.#layout.node(ino)]
    return asList(await this.#asker.ask((client) => chunkPage.run(client, keys, [...args, ...limits])))
  }

  async #amongKeys(range: ChunkRange, page: PageRequest, before: readonly Chunk[]): Promise<Page<Chunk>> {
    const { ino, from = 0, to = Number.POSITIVE_INFINITY } = range
    const least = Math.max(from, (before.at(-1)?.index ?? -1) + 1)
    const rest = { ...page, limit: page.limit - before.length }
    const { items, next } = await this.#scans.page(rest, async () => {
      const indexes = await this.#indexesOf(ino)
      return { items: indexes.filter((index) => index >= least && index < to) }
    })
    const lists = await this.#asker.lists(items.map((index) => this.#layout.chunk(ino, index)))
    const chunks = items.flatMap((index, k) => {
      const slices = decodeChunkValue(lists[k]!)
      return slices === null ? [] : [{ index, slices }]
    })
    const all = [...before, ...chunks]
    return next === undefined ? { items: all } : { items: all, next: SPARSE + next }
  }

  async #indexesOf(ino: number): Promise<number[]> {
    const indexes = new Set<number>()
    let position: string | undefined = ''
    do {
      const batch = await this.#asker.scanKeys(`${this.#layout.chunkStart(ino)}*`, position)
      for (const key of batch.found) {
        const chunk = this.#layout.chunkOf(asText(key))
        if (chunk !== undefined) indexes.add(chunk.index)
      }
      position = batch.next
    } while (position !== undefined)
    return [...indexes].sort((a, b) => a - b)
  }
}
