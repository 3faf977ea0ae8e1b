/**
 * What a chunk's slice records show: disjoint pieces in order, the later record winning; gaps and id 0 read as
 * zeros. Grows record by record as our own commits append. Source: shared/spec/data-path.md §3.
 */
import type { SliceRecord } from '#core/meta/records.ts'
import { buildView, cut } from '#core/meta/slices.ts'

export class ChunkView {
  /** How many records made it. */
  records: number
  readonly #pieces: SliceRecord[]

  constructor(records: readonly SliceRecord[] = []) {
    this.records = records.length
    this.#pieces = buildView(records)
  }

  get pieces(): readonly SliceRecord[] {
    return this.#pieces
  }

  /** Put one more record on top. */
  paint(record: SliceRecord): void {
    this.records++
    if (record.len === 0) return
    const { pos } = record
    const end = pos + record.len
    const all = this.#pieces
    const first = this.firstAfter(pos)
    let last = first
    while (last < all.length && all[last]!.pos < end) last++
    const put = [record]
    if (first < last) {
      const left = all[first]!
      const right = all[last - 1]!
      if (left.pos < pos) put.unshift(cut(left, left.pos, pos))
      if (right.pos + right.len > end) put.push(cut(right, end, right.pos + right.len))
    }
    all.splice(first, last - first, ...put)
  }

  /** Index of the first piece that ends after `pos`. */
  firstAfter(pos: number): number {
    const all = this.#pieces
    let low = 0
    let high = all.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const piece = all[middle]!
      if (piece.pos + piece.len > pos) high = middle
      else low = middle + 1
    }
    return low
  }
}
