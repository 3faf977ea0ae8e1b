/**
 * Reads an open file: uncommitted slices over the committed view, zeros where there is nothing.
 *
 * A read whose view and bytes are in memory is answered without waiting; otherwise the pieces are fetched side by
 * side. An object that is missing means that somebody compacted or deleted under our view: the records are read
 * again, once. Source: shared/spec/data-path.md §3, §12, §16.
 */
import type { OpContext } from '#core/base/context.ts'
import { BackendError, EIO, fail } from '#core/base/errno.ts'
import type { TaskSet } from '#core/base/tasks.ts'
import type { BlockStore } from '#core/chunk/api.ts'
import { giveBack, type Lent } from '#core/chunk/shared-block.ts'
import { CHUNK_SIZE, type SliceRecord } from '#core/meta/records.ts'
import { fillHoles } from '#core/meta/slices.ts'
import { ChunkView } from './chunk-view.ts'
import type { OpenNode } from './nodes.ts'
import type { PendingSlice, PlacedExtent } from './pending-slice.ts'
import type { AheadRange } from './readahead.ts'
import { interruptible } from './wait.ts'

/** Bytes of a file in order, or a range of an open cache file for the reply to be sent from. */
export type ReadResult =
  | {
      readonly kind: 'bytes'
      readonly parts: readonly Uint8Array[]
      /** Called when nobody looks at `parts` any more; who does not call it may look for ever. */
      readonly done?: () => void
    }
  | {
      readonly kind: 'file'
      readonly fd: number
      readonly offset: number
      readonly length: number
      readonly done: () => void
    }

/** A run of bytes of one chunk: of a committed slice, of a pending one, or zeros (id 0). */
interface Piece extends SliceRecord {
  readonly pending?: PendingSlice
}

interface Parts {
  readonly blocks: BlockStore
  readonly tasks: TaskSet
}

const ZEROS = Buffer.alloc(2 ** 20)
const NOTHING_STORED = new ChunkView()
export const NO_BYTES: ReadResult = { kind: 'bytes', parts: [] }

/** Bytes [offset, offset + size), all within the file, when that needs no wait. @hot */
export function readNow(
  blocks: BlockStore,
  node: OpenNode,
  offset: number,
  size: number,
  fromFile: boolean,
): ReadResult | undefined {
  const end = offset + size
  const parts: Uint8Array[] = []
  const lent: Lent = []
  for (let at = offset; at < end; ) {
    const index = Math.floor(at / CHUNK_SIZE)
    const start = index * CHUNK_SIZE
    const stop = Math.min(end, start + CHUNK_SIZE)
    const view = storedView(node, index)
    if (view === undefined) return missed(lent)
    const pieces = plan(node, index, view, at - start, stop - start)
    for (const piece of pieces) {
      if (peekPiece(blocks, piece, parts, lent)) continue
      const alone = fromFile && pieces.length === 1 && stop - at === size && piece.pending === undefined
      const range = alone ? blocks.peekFile(piece, piece.off, piece.len) : undefined
      return range === undefined ? missed(lent) : { kind: 'file', ...range }
    }
    at = stop
  }
  return bytesOf(parts, lent)
}

function missed(lent: Lent): undefined {
  giveBack(lent)
}

function bytesOf(parts: readonly Uint8Array[], lent: Lent): ReadResult {
  return lent.length === 0 ? { kind: 'bytes', parts } : { kind: 'bytes', parts, done: () => giveBack(lent) }
}

/** The same, but for what is past the end, fetching what is missing. Errors: EIO object missing; BackendError; EINTR. */
export async function readLater(
  parts: Parts,
  ctx: OpContext,
  node: OpenNode,
  offset: number,
  size: number,
): Promise<ReadResult> {
  try {
    return await fetchRange(parts.blocks, ctx, node, offset, size)
  } catch (error) {
    if (!(error instanceof BackendError) || error.kind !== 'not-found') throw error
    const last = Math.floor((offset + size - 1) / CHUNK_SIZE)
    for (let index = Math.floor(offset / CHUNK_SIZE); index <= last; index++) node.views.drop(index)
  }
  try {
    return await fetchRange(parts.blocks, ctx, node, offset, size)
  } catch (error) {
    if (!(error instanceof BackendError) || error.kind !== 'not-found') throw error
    throw fail(EIO, 'read', `ino ${node.ino} at ${offset}: ${error.message}`, { cause: error })
  }
}

async function fetchRange(
  blocks: BlockStore,
  ctx: OpContext,
  node: OpenNode,
  offset: number,
  size: number,
): Promise<ReadResult> {
  let end = 0
  for (;;) {
    // A view that is read brings the length that goes with it.
    end = Math.min(offset + size, node.length)
    const loads: Promise<ChunkView>[] = []
    for (let index = Math.floor(offset / CHUNK_SIZE); index * CHUNK_SIZE < end; index++) {
      if (storedView(node, index) === undefined) loads.push(node.views.load(index))
    }
    if (loads.length === 0) break
    await interruptible(Promise.all(loads), ctx)
  }
  // From here to the last fetch nothing waits: views and pending slices fit together.
  const fetches: Promise<readonly Uint8Array[]>[] = []
  const lent: Lent = []
  for (let at = offset; at < end; ) {
    const index = Math.floor(at / CHUNK_SIZE)
    const start = index * CHUNK_SIZE
    const stop = Math.min(end, start + CHUNK_SIZE)
    for (const piece of plan(node, index, storedView(node, index)!, at - start, stop - start)) {
      fetches.push(fetchPiece(blocks, ctx, piece, lent))
    }
    at = stop
  }
  return bytesOf((await Promise.all(fetches)).flat(), lent)
}

/** What is stored of a chunk, if known; beyond the stored length nothing shows, whatever the records say. */
export function storedView(node: OpenNode, index: number): ChunkView | undefined {
  return node.views.peek(index) ?? (index * CHUNK_SIZE >= node.record.length ? NOTHING_STORED : undefined)
}

/** Pieces that make up [from, to) of a chunk, without gaps. */
function plan(node: OpenNode, index: number, view: ChunkView, from: number, to: number): readonly Piece[] {
  const stored = clipped(node, index, view, from, to)
  const pending = node.writer?.overlay(index)
  if (pending === undefined) return stored
  let pieces: Piece[] = stored
  for (const slice of pending) {
    for (const extent of slice.extents()) {
      const start = Math.max(extent.pos, from)
      const end = Math.min(extent.pos + extent.len, to)
      if (start < end) pieces = covered(pieces, slice, extent, start, end)
    }
  }
  return pieces
}

/** Committed pieces; bytes past the stored length that only pending slices reach are zeros. */
function clipped(node: OpenNode, index: number, view: ChunkView, from: number, to: number): SliceRecord[] {
  const stored = Math.max(from, Math.min(to, node.record.length - index * CHUNK_SIZE))
  const pieces = fillHoles(view.pieces, from, stored)
  if (stored < to) pieces.push({ pos: stored, id: 0, size: 0, off: 0, len: to - stored })
  return pieces
}

function covered(
  pieces: readonly Piece[],
  slice: PendingSlice,
  extent: PlacedExtent,
  start: number,
  end: number,
): Piece[] {
  const out: Piece[] = []
  let placed = false
  for (const piece of pieces) {
    const pieceEnd = piece.pos + piece.len
    if (piece.pos < start) out.push({ ...piece, len: Math.min(pieceEnd, start) - piece.pos })
    if (!placed && pieceEnd > start) {
      placed = true
      out.push({
        pos: start,
        len: end - start,
        off: extent.off + start - extent.pos,
        id: slice.id,
        size: 0,
        pending: slice,
      })
    }
    if (pieceEnd > end) {
      const pos = Math.max(piece.pos, end)
      out.push({ ...piece, pos, off: piece.off + pos - piece.pos, len: pieceEnd - pos })
    }
  }
  return out
}

function peekPiece(blocks: BlockStore, piece: Piece, parts: Uint8Array[], lent: Lent): boolean {
  if (piece.pending !== undefined) {
    const copy = peekPending(piece.pending, piece.off, piece.len)
    if (copy === undefined) return false
    parts.push(copy)
    return true
  }
  if (piece.id === 0) {
    pushZeros(parts, piece.len)
    return true
  }
  const found = blocks.peek(piece, piece.off, piece.len, lent)
  if (found === undefined) return false
  for (const part of found) parts.push(part)
  return true
}

/** A copy: the slice's buffers are written to, sent and reused while the answer is on its way. */
function peekPending(slice: PendingSlice, offset: number, length: number): Uint8Array | undefined {
  const views = slice.writer.peek(offset, length)
  return views && Buffer.concat(views, length)
}

function pushZeros(parts: Uint8Array[], length: number): void {
  for (let left = length; left > 0; left -= ZEROS.length) {
    parts.push(left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS)
  }
}

async function fetchPiece(
  blocks: BlockStore,
  ctx: OpContext,
  piece: Piece,
  lent: Lent,
): Promise<readonly Uint8Array[]> {
  const ready: Uint8Array[] = []
  if (peekPiece(blocks, piece, ready, lent)) return ready
  if (piece.pending === undefined) return blocks.read(piece, piece.off, piece.len, ctx.signal, lent)
  const { pending, off, len } = piece
  const inStore = Math.min(pending.writer.frozenBelow, off + len)
  const tail = inStore < off + len ? peekPending(pending, inStore, off + len - inStore) : undefined
  const stored = { id: pending.id, size: pending.length }
  const head = await blocks.read(stored, off, inStore - off, ctx.signal, lent)
  return tail === undefined ? head : [...head, tail]
}

/** Ask for the blocks of a range in the background. */
export function prefetch({ blocks, tasks }: Parts, node: OpenNode, range: AheadRange): void {
  const end = Math.min(range.to, node.record.length)
  for (let at = range.from; at < end; ) {
    const index = Math.floor(at / CHUNK_SIZE)
    const start = index * CHUNK_SIZE
    const stop = Math.min(end, start + CHUNK_SIZE)
    const [from, to] = [at - start, stop - start]
    const view = storedView(node, index)
    if (view !== undefined) prefetchPieces(blocks, view, from, to)
    else {
      tasks.start('read ahead', async () => {
        // A failure here is nobody's error: the read that needs the bytes meets it again.
        const loaded = await node.views.load(index).catch(() => undefined)
        if (loaded !== undefined) prefetchPieces(blocks, loaded, from, to)
      })
    }
    at = stop
  }
}

function prefetchPieces(blocks: BlockStore, view: ChunkView, from: number, to: number): void {
  for (const piece of fillHoles(view.pieces, from, to)) {
    if (piece.id !== 0) blocks.prefetch(piece, piece.off, piece.len)
  }
}
