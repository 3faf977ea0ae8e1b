/**
 * Every node, entry or chunk of the volume, in batches of SCAN. What is there all the time is listed, maybe more than
 * once; what comes or goes meanwhile may be.
 */
import { type Ino, inoText } from '#core/base/ino.ts'
import type { ListTypes } from '#core/meta/engine.ts'
import { decodeEdge } from '#core/meta/records-codec.ts'
import { type Asker, inPairs } from './asker.ts'
import { inoFromText, type Layout } from './layout.ts'
import type { Reply } from './replies.ts'
import type { Batch } from './scans.ts'
import { decodeChunkValue, decodeNodeValue } from './stored.ts'
import { asBytes, asList, asName, asText, corrupt, integer } from './values.ts'

/** Directories up to this size are read whole. */
const SMALL_DIRECTORY = 1000
/** In place of the cursor of SCAN once it is through. */
const END = 'end'

export class WholeList {
  readonly #layout: Layout
  readonly #asker: Asker

  constructor(layout: Layout, asker: Asker) {
    this.#layout = layout
    this.#asker = asker
  }

  async nodes(position: string): Promise<Batch<ListTypes['allNodes']>> {
    const { next, found } = await this.#asker.scanKeys(this.#layout.pattern('node'), position)
    const inodes = distinct(found.flatMap((key) => this.#layout.inoOf('node', asText(key)) ?? []))
    const records = await this.#asker.values(inodes.map((ino) => this.#layout.node(ino)))
    const items = inodes.flatMap((ino, k) => {
      const node = decodeNodeValue(records[k]!)
      return node === null ? [] : [{ ino, node }]
    })
    return { items, next }
  }

  async chunks(position: string): Promise<Batch<ListTypes['allChunks']>> {
    const { next, found } = await this.#asker.scanKeys(this.#layout.chunkPattern, position)
    const chunks = distinct(found.map(asText)).flatMap((key) => {
      const chunk = this.#layout.chunkOf(key)
      return chunk === undefined ? [] : [{ key, ...chunk }]
    })
    const lists = await this.#asker.lists(chunks.map(({ key }) => key))
    const items = chunks.flatMap(({ ino, index }, k) => {
      const slices = decodeChunkValue(lists[k]!)
      return slices === null ? [] : [{ ino, index, slices }]
    })
    return { items, next }
  }

  /** Position: the cursor of SCAN, then the directories of its batch that are left, each with the cursor in it. */
  async edges(position: string): Promise<Batch<ListTypes['allEdges']>> {
    const [cursor = '', first, ...others] = position.split(' ')
    if (first === undefined) return this.#edgesOfBatch(cursor)
    const [parent, within] = first.split(':') as [string, string]
    const ino = inoFromText(parent)
    if (ino === undefined) throw corrupt(`a directory "${parent}"`)
    const { next, found } = await this.#asker.scan('HSCAN', this.#layout.entries(ino), within)
    const left = next === undefined ? others : [`${parent}:${next}`, ...others]
    return { items: edgesFrom(ino, found), next: positionOf(cursor, left) }
  }

  async #edgesOfBatch(position: string): Promise<Batch<ListTypes['allEdges']>> {
    const { next = END, found } = await this.#asker.scanKeys(this.#layout.pattern('entries'), position)
    const parents = distinct(found.flatMap((key) => this.#layout.inoOf('entries', asText(key)) ?? []))
    const sizes = await this.#asker.each(parents, (ino) => ['HLEN', this.#layout.entries(ino)])
    const small: Ino[] = []
    const left: string[] = []
    for (const [k, ino] of parents.entries())
      if (integer(sizes[k]!, 'a length') <= SMALL_DIRECTORY) small.push(ino)
      else left.push(`${inoText(ino)}:`)
    const pairs = await this.#asker.each(small, (ino) => ['HGETALL', this.#layout.entries(ino)])
    const items = small.flatMap((ino, k) => edgesFrom(ino, asList(pairs[k])))
    return { items, next: positionOf(next, left) }
  }
}

function positionOf(cursor: string, left: readonly string[]): string | undefined {
  if (left.length > 0) return [cursor, ...left].join(' ')
  return cursor === END ? undefined : cursor
}

function edgesFrom(parent: Ino, pairs: readonly Reply[]): ListTypes['allEdges'][] {
  const found = new Map<string, ListTypes['allEdges']>()
  for (const [name, value] of inPairs(pairs, (name, value) => [asName(name), asBytes(value)] as const)) {
    const { ino, type } = decodeEdge(value)
    if (name !== '') found.set(name, { parent, name, ino, type })
  }
  return [...found.values()]
}

function distinct<T>(list: readonly T[]): T[] {
  return [...new Set(list)]
}
