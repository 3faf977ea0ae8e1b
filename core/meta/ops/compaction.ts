/**
 * Compaction: many records of a chunk become one that points at a fresh copy of what is visible.
 * Source: meta-records.md §7.5; data-path.md §11.
 */
import { BackendError } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import type { SliceRecord } from '../records.ts'
import { buildView, encodeSlices, fillHoles, SLICE_BYTES } from '../slices.ts'
import type { MetaState } from '../state.ts'
import { sliceUses } from './slice-uses.ts'

/** Records looked at in one go. */
const MAX_RECORDS = 1000
/** A leading record of at least this length may stay as it is. */
const MIN_KEPT = 2 ** 20
/** Readers and copies that saw a replaced slice have this long until its objects go (trash off). */
const GRACE_MS = 60_000
/** Slices waiting for that; more are left to the hourly job that sweeps unused slices. */
const MAX_WAITING = 100_000

export interface CompactionPlan {
  /** The records that are replaced, and the skipped ones before them. */
  readonly prefix: readonly SliceRecord[]
  /** How many at the start stay as they are. */
  readonly skipped: number
  /** Where the new slice starts in the chunk, and its length. */
  readonly pos: number
  readonly size: number
  /** Its content in order, without gaps; id 0 is zeros. Positions are those in the chunk. */
  readonly segments: readonly SliceRecord[]
}

/** What compacting a chunk would write; undefined when it is not worth it. */
export function planCompaction(records: readonly SliceRecord[]): CompactionPlan | undefined {
  const prefix = records.slice(0, MAX_RECORDS)
  let skipped = 0
  let rest = compacted(prefix)
  while (rest.length > 0 && canStay(prefix, skipped, rest)) rest = compacted(prefix.slice(++skipped))
  if (prefix.length - skipped < 2 || rest.length === 0) return undefined
  return { prefix, skipped, pos: rest[0]!.pos, size: sizeOf(rest), segments: rest }
}

/** What is visible of the records from the first to the last byte of data; a single zero when there is none. */
function compacted(records: readonly SliceRecord[]): readonly SliceRecord[] {
  const view = buildView(records)
  const data = view.filter(({ id }) => id !== 0)
  const first = data[0]
  const last = data.at(-1)
  if (first !== undefined && last !== undefined) return fillHoles(view, first.pos, last.pos + last.len)
  return view.slice(0, 1).map(({ pos }) => ({ pos, id: 0, size: 0, off: 0, len: 1 }))
}

function sizeOf(segments: readonly SliceRecord[]): number {
  return segments.reduce((sum, { len }) => sum + len, 0)
}

function canStay(records: readonly SliceRecord[], at: number, rest: readonly SliceRecord[]): boolean {
  const record = records[at]!
  return (
    record.len >= MIN_KEPT &&
    5 * record.len >= sizeOf(rest) &&
    isSame(rest[0]!, record) &&
    !records.some((later, k) => k > at && isSame(later, record))
  )
}

function isSame(a: SliceRecord, b: SliceRecord): boolean {
  return a.pos === b.pos && a.id === b.id && a.size === b.size && a.off === b.off && a.len === b.len
}

/**
 * Replace the records `prefix` by the first `skipped` of them and `slice`, if the chunk still begins with them.
 * False when it does not: the new slice is then nobody's.
 */
export async function commitCompaction(
  state: MetaState,
  ino: Ino,
  index: number,
  prefix: readonly SliceRecord[],
  skipped: number,
  slice: SliceRecord,
): Promise<boolean> {
  const replaced = [...sliceUses(prefix.slice(skipped))]
  const before = encodeSlices(prefix)
  const keepReplaced = state.setting.TrashDays > 0
  const refs = keepReplaced
    ? []
    : replaced.map(({ id, size, uses }) => ({ kind: 'addSliceRef', id, size, add: -uses }) as const)
  const delayed = prefix.slice(skipped).filter(({ id }) => id !== 0)
  const changes = [
    ...refs,
    {
      kind: 'replaceChunkPrefix',
      ino,
      index,
      prefixBytes: before.length,
      slices: encodeSlices([...prefix.slice(0, skipped), slice]),
    },
    { kind: 'newSliceRef', id: slice.id, size: slice.size },
    ...(keepReplaced && delayed.length > 0
      ? [
          {
            kind: 'putDelayedSlices',
            record: { newId: slice.id, deleted: state.clock.nowSec(), slices: delayed },
          } as const,
        ]
      : []),
  ] as const
  const guards = [{ kind: 'chunkStartsWith', ino, index, prefix: before }] as const
  let replies: readonly number[]
  try {
    const outcome = await state.engine.commit('compact', guards, changes)
    if (!outcome.ok) return false
    replies = outcome.replies
  } catch (error) {
    if (!isUnclear(error) || !(await hasRecord(state, ino, index, slice))) throw error
    return true
  }
  const unused = refs.filter((_, k) => replies[k]! <= 0)
  deleteLater(state, unused)
  return true
}

/** The engine may have committed all the same. */
export function isUnclear(error: unknown): boolean {
  return error instanceof BackendError && error.kind === 'unavailable'
}

/** Is a slice nobody else could have put there in the chunk's list? */
export async function hasRecord(
  state: MetaState,
  ino: Ino,
  index: number,
  slice: SliceRecord,
): Promise<boolean> {
  const [list] = await state.engine.read([{ kind: 'chunk', ino, index }])
  return list !== null && positionOf(list, slice) >= 0
}

/** Which record of the list is this one; -1 when none is. */
export function positionOf(list: Uint8Array, slice: SliceRecord): number {
  const wanted = Buffer.from(encodeSlices([slice]))
  for (let at = 0; at < list.length; at += SLICE_BYTES) {
    if (wanted.equals(list.subarray(at, at + SLICE_BYTES))) return at / SLICE_BYTES
  }
  return -1
}

interface Waiting {
  readonly id: number
  readonly size: number
  readonly dueMs: number
}

const waiting = new WeakMap<MetaState, Waiting[]>()

/**
 * Hand slices without users to the deleter once the grace is over. That is looked at with each compaction, so
 * nothing waits on a timer at unmount: what is left then, the hourly sweep of unused slices finds.
 */
function deleteLater(
  state: MetaState,
  slices: readonly { readonly id: number; readonly size: number }[],
): void {
  const nowMs = state.clock.monotonicMs()
  let queue = waiting.get(state)
  if (queue === undefined) waiting.set(state, (queue = []))
  for (const { id, size } of slices) {
    if (queue.length < MAX_WAITING) queue.push({ id, size, dueMs: nowMs + GRACE_MS })
  }
  let due = 0
  while (due < queue.length && queue[due]!.dueMs <= nowMs) due++
  for (const { id, size } of queue.splice(0, due)) state.deletions.slice(id, size)
}
