/** A slice between the first byte written to it and its commit. */
import type { SliceWriter } from '#core/chunk/api.ts'

export class PendingSlice {
  /** Chunk index and place in the chunk. */
  readonly index: number
  readonly pos: number
  /** Creation order within the file. */
  readonly sequence: number
  readonly writer: SliceWriter
  /** 0 until known. */
  id = 0
  /** Takes no more bytes; `uploaded` is running. */
  frozen = false
  uploaded: Promise<void> | undefined
  readonly identified: Promise<void>
  readonly createdMs: number
  touchedMs: number

  constructor(
    at: { readonly index: number; readonly pos: number; readonly sequence: number; readonly nowMs: number },
    writer: SliceWriter,
    newId: () => Promise<number>,
  ) {
    this.index = at.index
    this.pos = at.pos
    this.sequence = at.sequence
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
    return this.pos + this.writer.length
  }

  /** Can take bytes at `pos` of the chunk: appends, or overwrites what is not on its way yet. */
  takes(pos: number): boolean {
    return !this.frozen && pos >= this.pos + this.writer.frozenBelow && pos <= this.end
  }
}
