/** Where the bytes of a file are: chunk by chunk, from the metadata as they are now. */
import type { Ino } from '#core/base/ino.ts'
import { clipSpans, joinSpans, type Span, sizeOfSpans } from '#core/base/spans.ts'
import type { BlockPlace, SliceId } from '#core/chunk/api.ts'
import { CHUNK_SIZE } from '#core/meta/records.ts'
import { buildView, decodeSlices, fillHoles } from '#core/meta/slices.ts'
import type { BlockView, ChunkMap, FileMap } from './answers.ts'
import { type ChunkPart, partsOf } from './chunk-parts.ts'
import { FileViews } from './file-views.ts'
import type { IndexedVolume } from './parts.ts'

export interface FileMapOptions {
  /** The first chunk wanted. */
  readonly from: number
  /** Chunks of one answer. */
  readonly limit: number
  /** Ask the object store for each block; else blocks that no cache holds count as stored. */
  readonly probe: boolean
  readonly signal?: AbortSignal
}

/** Slices whose blocks are looked for at the same time. */
const LOCATED_AT_A_TIME = 16
/** A part of a block that is at most this much of it, and not at its start, is read by itself where that can be. */
const RANGE_SHARE = 0.25

/** Errors: BackendError, `corrupt` for records that cannot be read. */
export async function fileMap(parts: IndexedVolume, ino: Ino, options: FileMapOptions): Promise<FileMap> {
  const { engine, geometry } = parts
  const { view: file, node } = await new FileViews(parts).of(ino)
  const { items, next } = await engine.list(
    { kind: 'chunks', ino, from: options.from, ...(node === null && { length: 0 }) },
    { limit: options.limit },
  )
  const length = node?.length ?? Number.POSITIVE_INFINITY
  const chunks: ChunkMap[] = []
  for (const { index, slices } of items) {
    options.signal?.throwIfAborted()
    chunks.push(await chunkMap(parts, index, slices, length - index * CHUNK_SIZE, options))
  }
  const last = items.at(-1)
  return {
    file,
    blockSize: geometry.blockSize,
    chunks,
    nextChunk: next === undefined || last === undefined ? null : last.index + 1,
    ...sums(parts, chunks),
  }
}

/** `length`: bytes of the file from the chunk's start on. */
async function chunkMap(
  parts: IndexedVolume,
  index: number,
  list: Uint8Array,
  length: number,
  options: FileMapOptions,
): Promise<ChunkMap> {
  const records = decodeSlices(list)
  const end = Math.max(0, Math.min(CHUNK_SIZE, length))
  const seen = new Map(partsOf(records).map((part) => [part.nth, clippedShown(part, end)]))
  const base = index * CHUNK_SIZE
  return {
    index,
    records: records.map(({ id, size, off, len, pos }, nth) => ({
      slice: id,
      size: id === 0 ? 0 : size,
      off: id === 0 ? 0 : off,
      len,
      position: base + pos,
      shownBytes: id === 0 ? 0 : sizeOfSpans(seen.get(nth) ?? []),
    })),
    view: fillHoles(buildView(records), 0, end).map(({ pos, len, id, off }) => ({
      start: base + pos,
      end: base + pos + len,
      slice: id,
      off: id === 0 ? 0 : off,
    })),
    blocks: await blocksOf(parts, slicesOf(partsOf(records), seen), options),
  }
}

/** What is seen of a part before the file's end. */
function clippedShown({ off, pos, shown }: ChunkPart, end: number): readonly Span[] {
  return clipSpans(shown, 0, end - pos + off)
}

interface SeenSlice extends SliceId {
  readonly shown: readonly Span[]
}

/** Each slice once, in the order of first writes. */
function slicesOf(
  parts: readonly ChunkPart[],
  seen: ReadonlyMap<number, readonly Span[]>,
): readonly SeenSlice[] {
  const slices = new Map<number, { id: number; size: number; shown: Span[] }>()
  for (const { id, size, nth } of parts) {
    const slice = slices.get(id) ?? { id, size, shown: [] }
    slice.shown.push(...(seen.get(nth) ?? []))
    slices.set(id, slice)
  }
  return [...slices.values()].map((slice) => ({ ...slice, shown: joinSpans(slice.shown) }))
}

async function blocksOf(
  { blocks, geometry }: IndexedVolume,
  slices: readonly SeenSlice[],
  { probe, signal }: FileMapOptions,
): Promise<readonly BlockView[]> {
  const views: BlockView[] = []
  for (let from = 0; from < slices.length; from += LOCATED_AT_A_TIME) {
    signal?.throwIfAborted()
    const some = slices.slice(from, from + LOCATED_AT_A_TIME)
    const places = await Promise.all(some.map((slice) => blocks.locate(slice, probe)))
    for (const [k, slice] of some.entries()) {
      for (const [index, place] of places[k]!.entries()) {
        const start = index * geometry.blockSize
        const size = geometry.size(slice.size, index)
        const shown = clipSpans(slice.shown, start, start + size)
        views.push({
          key: geometry.key(slice.id, index, size),
          slice: slice.id,
          index,
          size,
          place,
          shown: shown.map((span) => ({ start: span.start - start, end: span.end - start })),
        })
      }
    }
  }
  return views
}

type Sums = Pick<FileMap, 'places' | 'cold' | 'now'>

/** A block that several chunks show counts once. */
function sums({ store, setting }: IndexedVolume, chunks: readonly ChunkMap[]): Sums {
  const places: Record<BlockPlace, { count: number; bytes: number }> = {
    memory: { count: 0, bytes: 0 },
    disk: { count: 0, bytes: 0 },
    staging: { count: 0, bytes: 0 },
    store: { count: 0, bytes: 0 },
    missing: { count: 0, bytes: 0 },
  }
  const cold = { requests: 0, bytes: 0 }
  const now = { requests: 0, bytes: 0 }
  const hasRanges = store.canReadRange && /^(none)?$/i.test(setting.Compression ?? '')
  const counted = new Set<string>()
  for (const block of chunks.flatMap((chunk) => chunk.blocks)) {
    if (block.shown.length === 0 || counted.has(block.key)) continue
    counted.add(block.key)
    places[block.place].count++
    places[block.place].bytes += block.size
    const bytes = hasRanges ? fetchedBytes(block) : block.size
    cold.requests++
    cold.bytes += bytes
    if (block.place !== 'store') continue
    now.requests++
    now.bytes += bytes
  }
  return { places, cold, now }
}

/** Source: shared/spec/data-path.md §13, step 2. */
function fetchedBytes({ shown, size }: BlockView): number {
  const [first] = shown
  if (shown.length > 1 || first === undefined || first.start === 0) return size
  const length = first.end - first.start
  return length <= size * RANGE_SHARE ? length : size
}
