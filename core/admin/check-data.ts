/**
 * Is every block of every file in the bucket? Slices are gathered from the chunk records and blocks from one
 * listing; only what the listing lacks is asked for one by one. Memory: some 50 bytes a slice, for eight
 * million slices at most; larger volumes are gone over several times (id-table.ts).
 *
 * Source: shared/spec/admin-tools.md §7.1, volume-and-objects.md §3.4.
 */
import { pass } from '#core/base/gate.ts'
import { type Ino, inoText } from '#core/base/ino.ts'
import { joinSpans, type Span } from '#core/base/spans.ts'
import type { Geometry } from '#core/chunk/geometry.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import { CHUNK_SIZE, type SliceRecord } from '#core/meta/records.ts'
import { buildView, decodeSlices } from '#core/meta/slices.ts'
import type { ObjectStore } from '#core/object/store.ts'
import { IdTable } from './id-table.ts'
import { forEachParallel, pages } from './pages.ts'

const SIZE = 0
const FOUND = 1
const HEADS_AT_A_TIME = 32
const RANGES_KEPT = 1000

/** A file that cannot be read in full. */
export interface BrokenFile {
  readonly ino: Ino
  /** File offsets that read as an error, in order, touching ones joined; the first thousand. */
  readonly ranges: readonly Span[]
}

export interface DataReport {
  readonly slices: number
  readonly blocks: number
  readonly lostBlocks: number
  readonly lostBytes: number
  /** Blocks the store gave no clear answer about. */
  readonly unknownBlocks: number
  /** Lost blocks that no file shows any more. */
  readonly hiddenLosses: number
  readonly broken: readonly BrokenFile[]
}

export interface DataProgress {
  readonly slices: number
  readonly objects: number
  readonly lostBlocks: number
}

export interface DataCheck {
  readonly engine: MetaEngine
  readonly store: ObjectStore
  readonly geometry: Geometry
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: DataProgress) => void
  /** Slices of one pass; for tests. */
  readonly limit?: number
}

/** Go over the whole volume. Reads only. */
export async function checkData(check: DataCheck): Promise<DataReport> {
  const sum = {
    slices: 0,
    objects: 0,
    blocks: 0,
    lostBlocks: 0,
    lostBytes: 0,
    unknownBlocks: 0,
    hiddenLosses: 0,
  }
  const broken: BrokenFile[] = []
  for (let from = 0; from < Number.POSITIVE_INFINITY; ) {
    const table = await gatherSlices(check, from, sum)
    await markFound(check, table, sum)
    const lost = await findLost(check, table, sum)
    if (lost.size > 0) {
      const files = new BrokenFiles(check.geometry, lost)
      await files.gather(check)
      sum.hiddenLosses += lost.size - files.seen.size
      broken.push(...files.list())
    }
    from = table.below
  }
  return { ...sum, broken: await withoutDeleted(check.engine, broken) }
}

type Sum = { -readonly [K in keyof Omit<DataReport, 'broken'>]: number } & { objects: number }

async function gatherSlices(
  { engine, signal, onProgress, limit }: DataCheck,
  from: number,
  sum: Sum,
): Promise<IdTable> {
  const table = new IdTable(from, 2, limit)
  const before = sum.slices
  for await (const { slices } of pages(engine, { kind: 'allChunks' }, signal)) {
    for (const { id, size } of decodeSlices(slices)) {
      if (id === 0) continue
      const slot = table.slot(id)
      if (slot >= 0) table.set(slot, SIZE, size)
    }
    sum.slices = before + table.size
    onProgress?.(sum)
  }
  return table
}

async function markFound(
  { store, geometry, signal, onProgress }: DataCheck,
  table: IdTable,
  sum: Sum,
): Promise<void> {
  for await (const { key } of store.list('chunks/', { signal })) {
    sum.objects++
    await pass(signal)
    if (sum.objects % 1000 === 0) onProgress?.(sum)
    const name = geometry.parse(key)
    if (name === undefined) continue
    const slot = table.find(name.slice)
    if (slot < 0 || name.size !== geometry.size(table.get(slot, SIZE), name.index)) continue
    table.add(slot, FOUND, 1)
    sum.blocks++
  }
}

/** Blocks that are missing, by slice id: their indices. */
type Lost = ReadonlyMap<number, ReadonlySet<number>>

async function findLost(check: DataCheck, table: IdTable, sum: Sum): Promise<Lost> {
  const lost = new Map<number, Set<number>>()
  await forEachParallel(incomplete(table, check.geometry), HEADS_AT_A_TIME, async (slice) => {
    await probeSlice(check, slice, lost, sum)
    check.onProgress?.(sum)
  })
  return lost
}

function* incomplete(table: IdTable, geometry: Geometry): Generator<{ id: number; size: number }> {
  for (let slot = 0; slot < table.size; slot++) {
    const size = table.get(slot, SIZE)
    if (table.get(slot, FOUND) < geometry.count(size)) yield { id: table.id(slot), size }
  }
}

type BlockState = 'there' | 'missing' | 'unknown'

async function probe(store: ObjectStore, key: string, signal: AbortSignal | undefined): Promise<BlockState> {
  try {
    return (await store.head(key, { signal })) === undefined ? 'missing' : 'there'
  } catch (error) {
    if (signal?.aborted) throw error
    return 'unknown'
  }
}

/** Check only the given chunks, block by block: no listing. Used for a part of the tree. */
export async function checkChunks(
  { store, geometry, signal }: DataCheck,
  ino: Ino,
  chunks: readonly { readonly index: number; readonly slices: Uint8Array }[],
): Promise<Omit<DataReport, 'broken' | 'hiddenLosses'> & { readonly broken?: BrokenFile }> {
  const sum = { slices: 0, blocks: 0, lostBlocks: 0, lostBytes: 0, unknownBlocks: 0 }
  const lost = new Map<number, Set<number>>()
  const slices = new Map<number, number>()
  for (const chunk of chunks) {
    for (const { id, size } of decodeSlices(chunk.slices)) if (id > 0) slices.set(id, size)
  }
  sum.slices = slices.size
  await forEachParallel(slices, HEADS_AT_A_TIME, async ([id, size]) => {
    sum.blocks += geometry.count(size)
    await probeSlice({ store, geometry, signal }, { id, size }, lost, sum)
  })
  if (lost.size === 0) return sum
  const files = new BrokenFiles(geometry, lost)
  for (const chunk of chunks) files.add(ino, chunk.index, decodeSlices(chunk.slices))
  const [broken] = files.list()
  return broken === undefined ? sum : { ...sum, broken }
}

/** Ask for every block of a slice by itself. */
async function probeSlice(
  { store, geometry, signal }: Pick<DataCheck, 'store' | 'geometry' | 'signal'>,
  { id, size }: { readonly id: number; readonly size: number },
  lost: Map<number, Set<number>>,
  sum: { lostBlocks: number; lostBytes: number; unknownBlocks: number },
): Promise<void> {
  for (let index = 0; index < geometry.count(size); index++) {
    signal?.throwIfAborted()
    const bytes = geometry.size(size, index)
    const state = await probe(store, geometry.key(id, index, bytes), signal)
    if (state === 'unknown') sum.unknownBlocks++
    if (state !== 'missing') continue
    sum.lostBlocks++
    sum.lostBytes += bytes
    lost.set(id, (lost.get(id) ?? new Set()).add(index))
  }
}

/** Which parts of which files show a lost block. */
class BrokenFiles {
  /** Lost slices that some file shows. */
  readonly seen = new Set<number>()
  readonly #geometry: Geometry
  readonly #lost: Lost
  readonly #ranges = new Map<Ino, Span[]>()

  constructor(geometry: Geometry, lost: Lost) {
    this.#geometry = geometry
    this.#lost = lost
  }

  async gather({ engine, signal }: DataCheck): Promise<void> {
    for await (const { ino, index, slices } of pages(engine, { kind: 'allChunks' }, signal)) {
      const records = decodeSlices(slices)
      if (records.some(({ id }) => this.#lost.has(id))) this.add(ino, index, records)
    }
  }

  add(ino: Ino, index: number, records: readonly SliceRecord[]): void {
    for (const piece of buildView(records)) {
      const blocks = this.#lost.get(piece.id)
      if (blocks === undefined) continue
      for (const block of blocks) this.#addBlock(ino, index, piece, block)
    }
  }

  #addBlock(ino: Ino, index: number, piece: SliceRecord, block: number): void {
    const { blockSize } = this.#geometry
    const start = Math.max(piece.off, block * blockSize)
    const end = Math.min(piece.off + piece.len, (block + 1) * blockSize)
    if (start >= end) return
    this.seen.add(piece.id)
    const base = index * CHUNK_SIZE + piece.pos - piece.off
    const ranges = this.#ranges.get(ino) ?? []
    if (ranges.length < RANGES_KEPT) ranges.push({ start: base + start, end: base + end })
    this.#ranges.set(ino, ranges)
  }

  list(): readonly BrokenFile[] {
    return [...this.#ranges].map(([ino, ranges]) => ({ ino, ranges: joinSpans(ranges) }))
  }
}

/** One report per file, and none for a file that was deleted: its blocks go first. */
async function withoutDeleted(
  engine: MetaEngine,
  broken: readonly BrokenFile[],
): Promise<readonly BrokenFile[]> {
  const byIno = new Map<Ino, Span[]>()
  for (const { ino, ranges } of broken) byIno.set(ino, [...(byIno.get(ino) ?? []), ...ranges])
  const files: BrokenFile[] = []
  for (const [ino, ranges] of byIno) {
    const [node] = await engine.read([{ kind: 'node', ino }])
    if (node !== null) files.push({ ino, ranges: joinSpans(ranges) })
  }
  return files.sort(
    (a, b) => inoText(a.ino).length - inoText(b.ino).length || (inoText(a.ino) < inoText(b.ino) ? -1 : 1),
  )
}
