/**
 * A slice between the first byte written to it and its commit.
 *
 * Bytes lie in it in the order of arrival. A stream's slice has one extent, which grows at its end. A *pack* gathers
 * small writes to different places of one chunk, an extent each, so that they become one object and one commit:
 *
 *     chunk   ....cc....aa..........bb....            records  aa: pos, off 0   bb: pos, off 2   cc: pos, off 4
 *     slice   aabbcc
 *
 * Records that share a slice are what copy_file_range makes, too. Source: shared/spec/meta-records.md §7, §8.
 */
import type { SliceWriter } from '#core/chunk/api.ts'
import type { SliceRecord } from '#core/meta/records.ts'
import { buildView } from '#core/meta/slices.ts'

/** Writes up to this size are packed. */
export const MAX_PACKED = 64 * 1024
/** Extents of one pack: what one commit may add to a chunk's list. */
const MAX_EXTENTS = 512

/** `place` when another slice may take the write: nothing of it lies here. */
export const ELSEWHERE = -1
/** `place` when some of it lies here, but not all: slices before this one must not take it. */
export const HIDDEN = -2
/** `place` when it goes on where an earlier extent ends: a stream, which is better off with a slice of its own. */
export const CONTINUES = -3

/** Bytes of the chunk from `pos` on, which lie in the slice from `off` on, up to where the next extent's begin. */
interface Extent {
  readonly pos: number
  readonly off: number
}

/** A part of the chunk and where its bytes lie in the slice. */
export interface PlacedExtent extends Extent {
  readonly len: number
}

export class PendingSlice {
  /** Chunk index. */
  readonly index: number
  /** Creation order within the file. */
  readonly sequence: number
  readonly isPack: boolean
  readonly writer: SliceWriter
  /** 0 until known. */
  id = 0
  /** Takes no more bytes; `uploaded` is running. */
  frozen = false
  uploaded: Promise<void> | undefined
  readonly identified: Promise<void>
  readonly createdMs: number
  touchedMs: number
  /** In order of writing: a later one hides what it covers of those before. */
  readonly #extents: Extent[] = []
  /** Where the extents but the last end in the chunk, at most. */
  #highest = 0

  constructor(
    at: {
      readonly index: number
      readonly sequence: number
      readonly nowMs: number
      readonly isPack: boolean
    },
    writer: SliceWriter,
    newId: () => Promise<number>,
  ) {
    this.index = at.index
    this.sequence = at.sequence
    this.isPack = at.isPack
    this.writer = writer
    this.createdMs = at.nowMs
    this.touchedMs = at.nowMs
    this.identified = newId().then((id) => {
      this.id = id
      writer.setId(id)
    })
    // Whoever freezes the slice awaits it; until then nobody listens.
    this.identified.catch(() => {})
  }

  get length(): number {
    return this.writer.length
  }

  /** Where it ends in the chunk. */
  get end(): number {
    const last = this.#extents.at(-1)
    return last === undefined ? 0 : Math.max(this.#highest, last.pos + this.writer.length - last.off)
  }

  /**
   * Where in the slice bytes [pos, pos + size) of the chunk go: over what was written there and is not on its way yet,
   * or at the end of the last extent. Else `ELSEWHERE`, `HIDDEN` or `CONTINUES`.
   * @hot
   */
  place(pos: number, size: number): number {
    const extents = this.#extents
    const end = pos + size
    const last = extents.length - 1
    let extentEnd = this.writer.length
    for (let k = last; k >= 0; k--) {
      const extent = extents[k]!
      const from = extent.pos
      const to = from + extentEnd - extent.off
      if (pos >= from && (k === last ? pos <= to : end <= to)) {
        const at = extent.off + pos - from
        if (!this.frozen && at >= this.writer.frozenBelow) return at
      }
      if (from < end && to > pos) return HIDDEN
      if (to === pos && k < last && !this.frozen) return CONTINUES
      extentEnd = extent.off
    }
    return ELSEWHERE
  }

  /** A pack with room for one more extent of `size` bytes in an object of at most `most`. */
  hasRoom(size: number, most: number): boolean {
    return this.isPack && !this.frozen && this.#extents.length < MAX_EXTENTS && this.length + size <= most
  }

  /** Worth no more waiting: a pack that could hardly get better. One of one extent may be a stream's. */
  isFull(most: number): boolean {
    const { length } = this.#extents
    return length > 1 && (length === MAX_EXTENTS || 2 * this.length >= most)
  }

  /** Begin an extent at `pos` of the chunk; returns where in the slice its bytes go. */
  extend(pos: number): number {
    this.#highest = this.end
    this.#extents.push({ pos, off: this.writer.length })
    return this.writer.length
  }

  /** Oldest first. */
  extents(): PlacedExtent[] {
    return this.#extents.map(({ pos, off }, k) => ({
      pos,
      off,
      len: (this.#extents[k + 1]?.off ?? this.writer.length) - off,
    }))
  }

  /** What is committed: the parts of it that show, by position. */
  records(): SliceRecord[] {
    return buildView(
      this.extents().map(({ pos, off, len }) => ({ pos, id: this.id, size: this.length, off, len })),
    )
  }
}
