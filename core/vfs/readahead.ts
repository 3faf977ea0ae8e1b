/**
 * Recognises up to two sequential streams in the reads of one handle and says what to fetch ahead of them.
 * Source: shared/spec/data-path.md §12.
 */
interface Stream {
  /** Where the last read ended. */
  last: number
  /** Bytes read in sequence. */
  total: number
  window: number
  /** Fetched ahead up to here. */
  ahead: number
  usedAt: number
}

export interface AheadRange {
  readonly from: number
  readonly to: number
}

export class Readahead {
  readonly #streams: Stream[] = []
  #reads = 0

  /** After a read of [offset, offset + size): the range to bring in now, if any. `max` bounds the window, in bytes. */
  after(offset: number, size: number, blockSize: number, max: number): AheadRange | undefined {
    if (max < blockSize) return undefined
    const stream = this.#match(offset, blockSize)
    const end = offset + size
    stream.usedAt = ++this.#reads
    stream.total += size
    if (end > stream.last) stream.last = end
    grow(stream, offset, size, blockSize, max)
    if (stream.window === 0) return undefined
    // Ask again only when half of the window is used up, for whole blocks.
    const to = Math.ceil((end + stream.window) / blockSize) * blockSize
    const from = Math.max(stream.ahead, end)
    if (to - from < stream.window / 2) return undefined
    stream.ahead = to
    return { from, to }
  }

  #match(offset: number, blockSize: number): Stream {
    let best: Stream | undefined
    for (const stream of this.#streams) {
      const back = Math.max(stream.window / 8, blockSize)
      if (offset < stream.last - back || offset > stream.last + stream.window + blockSize) continue
      if (best === undefined || stream.last > best.last) best = stream
    }
    if (best !== undefined) return best
    const fresh = { last: offset, total: 0, window: 0, ahead: 0, usedAt: 0 }
    if (this.#streams.length < 2) this.#streams.push(fresh)
    else this.#streams[this.#streams[0]!.usedAt < this.#streams[1]!.usedAt ? 0 : 1] = fresh
    return fresh
  }
}

function grow(stream: Stream, offset: number, size: number, blockSize: number, max: number): void {
  if (stream.window === 0) {
    if (offset === 0 || stream.total > size) stream.window = Math.min(blockSize, max)
  } else if (stream.window < max && stream.total >= stream.window) {
    stream.window = Math.min(2 * stream.window, max)
  }
}
