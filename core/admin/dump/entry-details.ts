/** What belongs to the entries of a JSON dump besides their nodes, asked for many at a time. */
import type { Ino } from '#core/base/ino.ts'
import type { ListTypes, MetaEngine, Page, RecordKey } from '#core/meta/engine.ts'
import { CHUNK_SIZE, type NodeRecord, TYPE_FILE, TYPE_SYMLINK, type Xattr } from '#core/meta/records.ts'

export type Chunk = ListTypes['chunks']

export interface Details {
  readonly xattrs: readonly Xattr[]
  /** Of a symlink. */
  readonly target: Uint8Array | undefined
  /** The first chunks of a file. */
  readonly chunks: Page<Chunk>
}

interface Item {
  readonly ino: Ino
  readonly node: NodeRecord
}

/** Chunks fetched ahead of their turn; the rest of a large file is read as it is written. */
const CHUNKS_AHEAD = 16
const CHUNKS = 256
const XATTRS = 1000
const NO_CHUNKS: Page<Chunk> = { items: [] }

/** Of all `items`; `threads`: lists at a time. */
export async function detailsOf(
  engine: MetaEngine,
  items: readonly Item[],
  threads: number,
): Promise<readonly Details[]> {
  // Symlinks and files of one chunk, which most are, in one round trip.
  const keys = items.map(keyOf)
  const values = await engine.read(keys.filter((key) => key !== undefined))
  const details: Details[] = []
  let read = 0
  for (let from = 0; from < items.length; from += threads) {
    const some = items.slice(from, from + threads)
    const lists = await Promise.all(some.map((item) => listsOf(engine, item)))
    for (const [k, { xattrs, chunks }] of lists.entries()) {
      const key = keys[from + k]
      const value = key === undefined ? null : (values[read++] as Uint8Array | null)
      details.push({
        xattrs,
        target: key?.kind === 'symlink' && value !== null ? value : undefined,
        chunks: key?.kind === 'chunk' && value !== null ? { items: [{ index: 0, slices: value }] } : chunks,
      })
    }
  }
  return details
}

/** The chunks of a large file after those of its details, a page at a time. */
export async function* moreChunks(
  engine: MetaEngine,
  { ino, node }: Item,
  first: Page<Chunk>,
): AsyncGenerator<readonly Chunk[]> {
  for (let after = first.next; after !== undefined; ) {
    const page = await engine.list(chunksWithin(ino, node), { after, limit: CHUNKS })
    yield page.items
    after = page.next
  }
}

function keyOf({ ino, node }: Item): (RecordKey & { kind: 'symlink' | 'chunk' }) | undefined {
  if (node.type === TYPE_SYMLINK) return { kind: 'symlink', ino }
  return node.type === TYPE_FILE && node.length > 0 && node.length <= CHUNK_SIZE
    ? { kind: 'chunk', ino, index: 0 }
    : undefined
}

async function listsOf(engine: MetaEngine, { ino, node }: Item) {
  const [xattrs, chunks] = await Promise.all([
    xattrsOf(engine, ino),
    node.type === TYPE_FILE && node.length > CHUNK_SIZE
      ? engine.list(chunksWithin(ino, node), { limit: CHUNKS_AHEAD })
      : NO_CHUNKS,
  ])
  return { xattrs, chunks }
}

async function xattrsOf(engine: MetaEngine, ino: Ino): Promise<readonly Xattr[]> {
  const first = await engine.list({ kind: 'xattrs', ino }, { limit: XATTRS })
  let xattrs = first.items
  for (let after = first.next; after !== undefined; ) {
    const page = await engine.list({ kind: 'xattrs', ino }, { after, limit: XATTRS })
    xattrs = [...xattrs, ...page.items]
    after = page.next
  }
  return xattrs
}

/** What a truncation left behind the end of a file stays out, as in the reference. */
function chunksWithin(ino: Ino, { length }: NodeRecord) {
  return { kind: 'chunks', ino, from: 0, to: Math.ceil(length / CHUNK_SIZE) } as const
}
