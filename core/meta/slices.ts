/**
 * The slice records of a chunk: their 24 bytes, and the view a reader gets of them.
 * Source: shared/spec/meta-records.md §7.1, §7.2; data-path.md §2, §3.
 */
import { BackendError } from '#core/base/errno.ts'
import { CHUNK_SIZE, type SliceRecord } from './records.ts'

export const SLICE_BYTES = 24
const WORD = 2 ** 32

export function encodeSlices(records: readonly SliceRecord[]): Uint8Array {
  const out = new Uint8Array(records.length * SLICE_BYTES)
  const view = new DataView(out.buffer)
  let at = 0
  for (const record of records) {
    view.setUint32(at, record.pos)
    view.setUint32(at + 4, Math.floor(record.id / WORD))
    view.setUint32(at + 8, record.id % WORD)
    view.setUint32(at + 12, record.size)
    view.setUint32(at + 16, record.off)
    view.setUint32(at + 20, record.len)
    at += SLICE_BYTES
  }
  return out
}

/** All records of a stored list, oldest first. BackendError `corrupt` when it cannot be one. */
export function decodeSlices(list: Uint8Array): SliceRecord[] {
  if (list.length % SLICE_BYTES !== 0) throw corrupt(`list of ${list.length} bytes`)
  const view = new DataView(list.buffer, list.byteOffset, list.length)
  const records: SliceRecord[] = new Array(list.length / SLICE_BYTES)
  for (let k = 0, at = 0; k < records.length; k++, at += SLICE_BYTES) {
    const id = view.getUint32(at + 4) * WORD + view.getUint32(at + 8)
    const record = {
      pos: view.getUint32(at),
      id,
      size: view.getUint32(at + 12),
      off: view.getUint32(at + 16),
      len: view.getUint32(at + 20),
    }
    if (record.pos + record.len > CHUNK_SIZE) throw corrupt(`piece beyond the chunk's end`)
    if (!Number.isSafeInteger(id)) throw corrupt('slice id out of range')
    if (id > 0 && record.off + record.len > record.size) throw corrupt(`piece beyond the end of slice ${id}`)
    records[k] = record
  }
  return records
}

function corrupt(what: string): BackendError {
  return new BackendError('corrupt', `chunk record: ${what}`)
}

/** Which record of the list is this one; -1 when none is. */
export function positionOf(list: Uint8Array, slice: SliceRecord): number {
  const wanted = Buffer.from(encodeSlices([slice]))
  for (let at = 0; at < list.length; at += SLICE_BYTES) {
    if (wanted.equals(list.subarray(at, at + SLICE_BYTES))) return at / SLICE_BYTES
  }
  return -1
}

/** Zeros over `len` bytes. */
export function hole(pos: number, len: number): SliceRecord {
  return { pos, id: 0, size: 0, off: 0, len }
}

/** The part of a piece that lies in [from, to). */
export function cut(piece: SliceRecord, from: number, to: number): SliceRecord {
  const start = Math.max(piece.pos, from)
  const end = Math.min(piece.pos + piece.len, to)
  if (start === piece.pos && end === piece.pos + piece.len) return piece
  return { pos: start, id: piece.id, size: piece.size, off: piece.off + start - piece.pos, len: end - start }
}

/**
 * What is visible of `records` (oldest first; a later one hides earlier ones): disjoint pieces by position.
 * Where there is none, and where its id is 0, the chunk reads as zeros. One pass over the starts in order, with
 * a heap of the records that cover the present position: O(n log n).
 */
export function buildView(records: readonly SliceRecord[]): SliceRecord[] {
  if (inOrder(records)) return records.filter((record) => record.len > 0)
  const starts = records.map((_, at) => at).filter((at) => records[at]!.len > 0)
  starts.sort((a, b) => records[a]!.pos - records[b]!.pos)
  const covering = new NewestFirst()
  const view: SliceRecord[] = []
  let at = 0
  let next = 0
  while (next < starts.length || covering.size > 0) {
    if (covering.size === 0) at = records[starts[next]!]!.pos
    while (next < starts.length && records[starts[next]!]!.pos <= at) covering.push(starts[next++]!)
    const top = covering.top
    const newest = records[top]!
    const end = newest.pos + newest.len
    if (end <= at) {
      covering.pop()
      continue
    }
    while (next < starts.length && starts[next]! < top && records[starts[next]!]!.pos < end) {
      covering.push(starts[next++]!)
    }
    const until = next < starts.length ? Math.min(end, records[starts[next]!]!.pos) : end
    view.push(cut(newest, at, until))
    at = until
  }
  return view
}

/** Each record starts where the one before ends, or later: the list is its own view. */
function inOrder(records: readonly SliceRecord[]): boolean {
  let end = 0
  for (const record of records) {
    if (record.pos < end) return false
    end = record.pos + record.len
  }
  return true
}

/** A binary heap of record numbers, the highest on top. */
class NewestFirst {
  readonly #heap: number[] = []

  get size(): number {
    return this.#heap.length
  }

  get top(): number {
    return this.#heap[0]!
  }

  push(value: number): void {
    const heap = this.#heap
    let at = heap.push(value) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent]! >= value) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = value
  }

  pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]! > heap[child]!) child++
      if (heap[child]! <= last) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

/**
 * The pieces of a view (as `buildView` makes it) that cover [from, to) without a gap: gaps and zero records are
 * pieces with id 0, joined where they touch.
 */
export function fillHoles(view: readonly SliceRecord[], from: number, to: number): SliceRecord[] {
  const out: SliceRecord[] = []
  if (from >= to) return out
  let zeros = from
  let at = from
  for (let k = firstEndingAfter(view, from); k < view.length && view[k]!.pos < to; k++) {
    const piece = cut(view[k]!, from, to)
    at = piece.pos + piece.len
    if (piece.id === 0) continue
    if (piece.pos > zeros) out.push(hole(zeros, piece.pos - zeros))
    out.push(piece)
    zeros = at
  }
  if (zeros < to) out.push(hole(zeros, to - zeros))
  return out
}

function firstEndingAfter(view: readonly SliceRecord[], position: number): number {
  let low = 0
  let high = view.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (view[middle]!.pos + view[middle]!.len <= position) low = middle + 1
    else high = middle
  }
  return low
}

/** What bytes [from, to) of a chunk consist of, without gaps. */
export function readSegments(records: readonly SliceRecord[], from: number, to: number): SliceRecord[] {
  return fillHoles(buildView(records), from, to)
}
