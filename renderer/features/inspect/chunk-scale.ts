/** Where the parts of a chunk lie in its file: what the diagram draws to scale. Positions are the file's. */
import type { BlockView, ChunkMap, RecordView } from '#core/api/inspect.ts'

export const CHUNK = 64 * 2 ** 20
/** No diagram shows less, so that a file of a few bytes has an axis, too. */
const LEAST = 4096

interface Range {
  readonly start: number
  readonly end: number
}

/** Bytes from the chunk's start to the end of the last thing in it. */
export function extentOf({ index, records, view }: ChunkMap): number {
  const ends = [...records.map(({ position, len }) => position + len), ...view.map(({ end }) => end)]
  return Math.max(LEAST, ends.reduce((most, end) => Math.max(most, end), 0) - index * CHUNK)
}

/** Marks of the axis, from the chunk's start: 0 and multiples of a power of two, `most` at most. */
export function ticksOf(extent: number, most: number): readonly number[] {
  const step = 2 ** Math.ceil(Math.log2(extent / Math.max(1, most - 1)))
  return Array.from({ length: Math.floor(extent / step) + 1 }, (_, k) => k * step)
}

/** What a reader sees of a slice within one record of it. */
export function seenOf({ view }: ChunkMap, { slice, position, len, off }: RecordView): readonly Range[] {
  if (slice === 0) return []
  return view.filter(
    (piece) =>
      piece.slice === slice &&
      piece.start >= position &&
      piece.end <= position + len &&
      piece.off - off === piece.start - position,
  )
}

/** The blocks that hold a record's bytes, each as far as the record reaches. */
export function blocksOf(
  { blocks }: ChunkMap,
  { slice, position, len, off }: RecordView,
  blockSize: number,
): readonly (Range & { readonly block: BlockView })[] {
  if (slice === 0) return []
  return blocks.flatMap((block) => {
    if (block.slice !== slice) return []
    const from = Math.max(off, block.index * blockSize)
    const to = Math.min(off + len, block.index * blockSize + block.size)
    return from < to ? [{ block, start: position + from - off, end: position + to - off }] : []
  })
}
