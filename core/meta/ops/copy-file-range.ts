/**
 * copy_file_range(2): the destination gets records that point at the source's slices; no data moves.
 * Source: meta-records.md §7.4; fs-semantics.md §5.16.
 *
 * Both nodes and every source list are guarded: a compaction of the source between read and commit would free
 * slices that the copy is about to use (data-path.md §11).
 */
import type { OpContext } from '#core/base/context.ts'
import { EINVAL, EISDIR, ENOENT, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import { MAY_READ, MAY_WRITE, requireAccess, requireUnlocked } from '../permission.ts'
import { CHUNK_SIZE, type NodeRecord, type SliceRecord, TYPE_DIRECTORY, TYPE_FILE } from '../records.ts'
import { decodeSlices, encodeSlices, readSegments } from '../slices.ts'
import type { MetaState } from '../state.ts'
import { run, type Tx } from '../tx.ts'
import { checkOffset, modified, resize } from './resize.ts'
import { sliceUses } from './slice-uses.ts'

/** Longest copy of one commit; a longer one is cut short, as the call allows. */
const MAX_COPY = 64 * CHUNK_SIZE

export interface Copied {
  readonly copied: number
  /** Of the destination. */
  readonly node: NodeRecord
}

export function copyFileRange(
  state: MetaState,
  ctx: OpContext,
  from: Ino,
  fromOffset: number,
  to: Ino,
  toOffset: number,
  size: number,
): Promise<Copied> {
  const op = 'copy_file_range'
  checkOffset(op, fromOffset, toOffset, size)
  return run(state, op, async (tx) => {
    const [source, target] = await tx.read([
      { kind: 'node', ino: from },
      { kind: 'node', ino: to },
    ])
    if (source === null || target === null) throw fail(ENOENT, op)
    requireFile(op, source)
    requireFile(op, target)
    requireUnlocked(op, target)
    await requireAccess(state, ctx, op, source, MAY_READ)
    await requireAccess(state, ctx, op, target, MAY_WRITE)
    const copied = Math.max(0, Math.min(size, source.length - fromOffset, MAX_COPY))
    if (from === to && Math.abs(fromOffset - toOffset) < copied) throw fail(EINVAL, op, 'overlapping ranges')
    if (copied === 0) return { copied, node: target }
    checkOffset(op, toOffset + copied)
    const next = {
      ...modified(ctx, target, state.clock.now()),
      length: Math.max(target.length, toOffset + copied),
    }
    await resize(state, tx, op, to, target, next)
    if (from !== to) tx.nodeIs(from, source)
    const segments = await readRange(tx, from, fromOffset, fromOffset + copied)
    appendShared(tx, to, shifted(segments, toOffset - fromOffset, target.length))
    return { copied, node: next }
  })
}

function requireFile(op: string, node: NodeRecord): void {
  if (node.type !== TYPE_FILE) throw fail(node.type === TYPE_DIRECTORY ? EISDIR : EINVAL, op)
}

/** A piece at a position in the file. */
interface FilePiece {
  readonly at: number
  readonly piece: SliceRecord
}

/** What [from, to) of the file consists of; the lists it came from are guarded. */
async function readRange(tx: Tx, ino: Ino, from: number, to: number): Promise<FilePiece[]> {
  const first = Math.floor(from / CHUNK_SIZE)
  const last = Math.floor((to - 1) / CHUNK_SIZE)
  const keys = Array.from(
    { length: last - first + 1 },
    (_, k) => ({ kind: 'chunk', ino, index: first + k }) as const,
  )
  const lists = await tx.read(keys)
  return keys.flatMap(({ index }, k) => {
    const list = lists[k] ?? null
    tx.guard({ kind: 'chunkIs', ino, index, is: list })
    const start = index * CHUNK_SIZE
    const records = list === null ? [] : decodeSlices(list)
    const segments = readSegments(records, Math.max(0, from - start), Math.min(CHUNK_SIZE, to - start))
    return segments.map((piece) => ({ at: start + piece.pos, piece }))
  })
}

/**
 * The pieces moved by `distance`, cut where a chunk ends, by chunk. Zeros at or past the target's `length` are left
 * out: there is nothing they would hide.
 */
function shifted(pieces: readonly FilePiece[], distance: number, length: number): Map<number, SliceRecord[]> {
  const chunks = new Map<number, SliceRecord[]>()
  for (const { at, piece } of pieces) {
    for (let done = 0; done < piece.len; ) {
      const position = at + distance + done
      const index = Math.floor(position / CHUNK_SIZE)
      const pos = position - index * CHUNK_SIZE
      const len = Math.min(piece.len - done, CHUNK_SIZE - pos)
      if (piece.id !== 0 || position < length) {
        const part = { pos, id: piece.id, size: piece.size, off: piece.id === 0 ? 0 : piece.off + done, len }
        const records = chunks.get(index)
        if (records === undefined) chunks.set(index, [part])
        else records.push(part)
      }
      done += len
    }
  }
  return chunks
}

function appendShared(tx: Tx, ino: Ino, chunks: ReadonlyMap<number, readonly SliceRecord[]>): void {
  for (const [index, records] of chunks) {
    tx.change({ kind: 'appendChunk', ino, index, slices: encodeSlices(records) })
  }
  for (const { id, size, uses } of sliceUses([...chunks.values()].flat())) {
    tx.change({ kind: 'addSliceRef', id, size, add: uses })
  }
}
