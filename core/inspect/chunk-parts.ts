/**
 * The slice records of a chunk as the index keeps them: each with what a reader still sees of it. Records that newer ones
 * hide in full stay, since they keep their objects in the bucket.
 */
import type { Span } from '#core/base/spans.ts'
import type { SliceRecord } from '#core/meta/records.ts'
import { buildView } from '#core/meta/slices.ts'

export interface ChunkPart extends SliceRecord {
  /** Place in the chunk's list, oldest first. */
  readonly nth: number
  /** What a reader sees of it, in bytes of the slice, in order. */
  readonly shown: readonly Span[]
}

/** Records of zeros are left out: they have no objects. */
export function partsOf(records: readonly SliceRecord[]): ChunkPart[] {
  const parts: (ChunkPart & { shown: Span[] })[] = []
  const bySlice = new Map<number, (ChunkPart & { shown: Span[] })[]>()
  for (const [nth, record] of records.entries()) {
    if (record.id === 0) continue
    const part = { ...record, nth, shown: [] as Span[] }
    parts.push(part)
    const same = bySlice.get(record.id)
    if (same === undefined) bySlice.set(record.id, [part])
    else same.push(part)
  }
  for (const piece of buildView(records)) {
    if (piece.id === 0) continue
    // The piece is of the newest record that covers it: the last of those that map these bytes there.
    const owner = bySlice.get(piece.id)!.findLast((part) => covers(part, piece))
    owner?.shown.push({ start: piece.off, end: piece.off + piece.len })
  }
  return parts
}

function covers(part: SliceRecord, piece: SliceRecord): boolean {
  return (
    part.off - part.pos === piece.off - piece.pos &&
    part.pos <= piece.pos &&
    piece.pos + piece.len <= part.pos + part.len
  )
}

/** As stored: null when all of the part is seen, else pairs of 32-bit numbers. */
export function encodeShown({ off, len, shown }: ChunkPart): Uint8Array | null {
  if (shown.length === 1 && shown[0]!.start === off && shown[0]!.end === off + len) return null
  const words = new Uint32Array(shown.length * 2)
  for (const [k, { start, end }] of shown.entries()) words.set([start, end], 2 * k)
  return new Uint8Array(words.buffer)
}

export function decodeShown(off: number, len: number, stored: Uint8Array | null): readonly Span[] {
  if (stored === null) return [{ start: off, end: off + len }]
  // A copy: what the driver returns need not be aligned.
  const words = new Uint32Array(stored.slice().buffer)
  return Array.from({ length: words.length / 2 }, (_, k) => ({
    start: words[2 * k]!,
    end: words[2 * k + 1]!,
  }))
}
