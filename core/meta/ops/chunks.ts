/** The slice records of files: reading them and adding to them. Source: data-path.md §5; fs-semantics.md §5.14. */
import { addNsec, compareTime, type Time } from '#core/base/clock.ts'
import { ENOENT, EPERM, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import { KeyedQueue } from '#core/base/keyed-queue.ts'
import { CHUNK_SIZE, type NodeRecord, type SliceRecord, TYPE_FILE } from '../records.ts'
import { decodeSlices, encodeSlices, positionOf, SLICE_BYTES } from '../slices.ts'
import type { MetaState } from '../state.ts'
import { run, type Tx } from '../tx.ts'
import { isUnclear } from './compaction.ts'
import { checkOffset, resize } from './resize.ts'

export interface Written {
  /** The file as the commit found it, and as it left it. */
  readonly before: NodeRecord
  readonly node: NodeRecord
  /** Records the chunk has now. */
  readonly records: number
}

export interface ChunkRead {
  /** Oldest first. */
  readonly records: readonly SliceRecord[]
  /**
   * The file when the records were read, or later: if it is as it was seen before, they fit to what was seen. Null: it is
   * being removed.
   */
  readonly node: NodeRecord | null
}

/** Records of a chunk, oldest first. Errors: ENOENT; EPERM when it is no regular file. */
export async function readChunk(state: MetaState, ino: Ino, index: number): Promise<readonly SliceRecord[]> {
  return (await readChunkWithFile(state, ino, index)).records
}

/** The same, and the file they belong to, in one round trip. */
export async function readChunkWithFile(state: MetaState, ino: Ino, index: number): Promise<ChunkRead> {
  const [list, node] = await state.engine.read(
    [
      { kind: 'chunk', ino, index },
      { kind: 'node', ino },
    ],
    'fresh',
  )
  if (list !== null && list.length > 0) return { records: decodeSlices(list), node }
  requireFile('read', node)
  return { records: [], node }
}

/** The lowest chunk index from `from` up that has records; undefined when there is none. */
export async function nextChunk(state: MetaState, ino: Ino, from: number): Promise<number | undefined> {
  const page = await state.engine.list({ kind: 'chunks', ino, from }, { limit: 1 })
  return page.items[0]?.index
}

export function newSlice(state: MetaState): Promise<number> {
  return state.ids.nextSlice()
}

function requireFile(op: string, node: NodeRecord | null): asserts node is NodeRecord {
  if (node === null) throw fail(ENOENT, op)
  if (node.type !== TYPE_FILE) throw fail(EPERM, op, 'not a regular file')
}

interface Writes {
  /** Commits to one file run one after the other: at once they would only make each other try again. */
  readonly queue: KeyedQueue<Ino>
  /** Files as the last commit left them, while more are waiting: the next one's guard, so that it needs no read. */
  readonly left: Map<Ino, NodeRecord>
  /** Slices whose commit ended without an answer: they may be there already. */
  readonly unclear: Set<number>
}

const writes = new WeakMap<MetaState, Writes>()

function writesOf(state: MetaState): Writes {
  let own = writes.get(state)
  if (own === undefined) {
    writes.set(state, (own = { queue: new KeyedQueue(), left: new Map(), unclear: new Set() }))
  }
  return own
}

/**
 * Append `pieces`, one or more records of one new slice, to a chunk and make the file long enough. `ctime`: when it was
 * written. After BackendError `unavailable` it may be called again with the same slice, which is then not added twice.
 * Errors: ENOENT, EPERM not a regular file, EFBIG, ENOSPC, EDQUOT.
 */
export async function writeSlice(
  state: MetaState,
  ino: Ino,
  index: number,
  pieces: readonly SliceRecord[],
  mtime: Time,
  ctime: Time = state.clock.now(),
): Promise<Written> {
  const slice: NewSlice = { ino, index, pieces, end: index * CHUNK_SIZE + endOf(pieces) }
  checkOffset('write', slice.end)
  const { id } = pieces[0]!
  const { queue, left, unclear } = writesOf(state)
  return queue.run(ino, async () => {
    const guess = left.get(ino)
    left.delete(ino)
    try {
      const written = await commitSlice(state, slice, { mtime, ctime }, guess, unclear.has(id))
      unclear.delete(id)
      if (queue.length(ino) > 1) left.set(ino, written.node)
      return written
    } catch (error) {
      if (isUnclear(error)) unclear.add(id)
      throw error
    }
  })
}

interface NewSlice {
  readonly ino: Ino
  readonly index: number
  readonly pieces: readonly SliceRecord[]
  /** Where it ends in the file. */
  readonly end: number
}

function endOf(pieces: readonly SliceRecord[]): number {
  return pieces.reduce((end, { pos, len }) => Math.max(end, pos + len), 0)
}

async function commitSlice(
  state: MetaState,
  { ino, index, pieces, end }: NewSlice,
  written: WriteTimes,
  guess: NodeRecord | undefined,
  doubtful: boolean,
): Promise<Written> {
  const { id, size } = pieces[0]!
  let first = guess
  return run(state, 'write', async (tx) => {
    const [before, list] = await readFile(tx, ino, index, first, doubtful)
    first = undefined
    if (list !== undefined && positionOf(list, pieces[0]!) >= 0) {
      return { before, node: before, records: list.length / SLICE_BYTES }
    }
    const node = { ...before, ...times(before, written), length: Math.max(before.length, end) }
    const result = { before, node, records: 0 }
    const at = tx.change({ kind: 'appendChunk', ino, index, slices: encodeSlices(pieces) })
    tx.change({ kind: 'newSliceRef', id, size })
    if (pieces.length > 1) tx.change({ kind: 'addSliceRef', id, size, add: pieces.length - 1 })
    await resize(state, tx, 'write', ino, before, node)
    tx.onCommit((replies) => {
      result.records = replies[at]!
    })
    return result
  })
}

/** The file, taken from `guess` where there is one, and the chunk's list when it is `wanted`. */
async function readFile(
  tx: Tx,
  ino: Ino,
  index: number,
  guess: NodeRecord | undefined,
  wanted: boolean,
): Promise<readonly [NodeRecord, Uint8Array | undefined]> {
  if (guess !== undefined && !wanted) return [guess, undefined]
  if (!wanted) {
    const [node] = await tx.read([{ kind: 'node', ino }])
    requireFile('write', node)
    return [node, undefined]
  }
  const [node, list] = await tx.read([
    { kind: 'node', ino },
    { kind: 'chunk', ino, index },
  ])
  requireFile('write', node)
  return [node, list ?? undefined]
}

interface WriteTimes {
  readonly mtime: Time
  readonly ctime: Time
}

/**
 * ctime is when the bytes were written, not when they are committed, and never goes back. It moves by a nanosecond
 * where nothing else would (slices written before a utimes): every append has to change the node, or the guard of
 * another client's truncate would not see it (meta-redis.md §3.1, obligation 2).
 */
function times(
  before: NodeRecord,
  { mtime, ctime }: WriteTimes,
): Pick<NodeRecord, 'mtime' | 'mtimeNsec' | 'ctime' | 'ctimeNsec'> {
  const stored = { sec: before.ctime, nsec: before.ctimeNsec }
  const sameMtime = before.mtime === mtime.sec && before.mtimeNsec === mtime.nsec
  const least = sameMtime ? addNsec(stored, 1) : stored
  const latest = compareTime(least, ctime) > 0 ? least : ctime
  return { mtime: mtime.sec, mtimeNsec: mtime.nsec, ctime: latest.sec, ctimeNsec: latest.nsec }
}
