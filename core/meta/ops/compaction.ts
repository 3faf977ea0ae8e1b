/**
 * Compaction: many records of a chunk become one that points at a fresh copy of what is visible.
 * Source: meta-records.md §7.5; data-path.md §11.
 */
import { BackendError } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Change } from '../engine.ts'
import type { SliceRecord } from '../records.ts'
import { buildView, fillHoles, positionOf } from '../slices.ts'
import type { MetaState } from '../state.ts'
import { replacePrefix } from './replace-prefix.ts'

/** Records looked at in one go. */
const MAX_RECORDS = 1000
/** A leading record of at least this length may stay as it is. */
const MIN_KEPT = 2 ** 20

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
  /** Nothing but zeros: commit a record with id 0, without any object. */
  readonly isHole: boolean
}

/** What compacting a chunk would write; undefined when it is not worth it. `maxRecords`: of the engine. */
export function planCompaction(
  records: readonly SliceRecord[],
  maxRecords = Number.POSITIVE_INFINITY,
): CompactionPlan | undefined {
  // Each slice that is replaced may have a record of its own, and the chunk and the new slice have one.
  const prefix = records.slice(0, Math.min(MAX_RECORDS, maxRecords - 2))
  let skipped = 0
  let rest = compacted(prefix)
  while (rest.length > 0 && canStay(prefix, skipped, rest)) rest = compacted(prefix.slice(++skipped))
  if (prefix.length - skipped < 2 || rest.length === 0) return undefined
  const isHole = rest.every(({ id }) => id === 0)
  return { prefix, skipped, pos: rest[0]!.pos, size: sizeOf(rest), segments: rest, isHole }
}

/**
 * What is visible of the records from the first to the last byte of data. When there is none, the first piece that
 * is zeros by record, not for want of one: a skipped record may show in a gap.
 */
function compacted(records: readonly SliceRecord[]): readonly SliceRecord[] {
  const view = buildView(records)
  const data = view.filter(({ id }) => id !== 0)
  const first = data[0]
  const last = data.at(-1)
  if (first === undefined || last === undefined) return view.slice(0, 1)
  return fillHoles(view, first.pos, last.pos + last.len)
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
 * Replace the records `prefix` by the first `skipped` of them and `slice` (id 0: zeros), if the chunk still begins
 * with them. False when it does not: the new slice is then nobody's.
 */
export async function commitCompaction(
  state: MetaState,
  ino: Ino,
  index: number,
  prefix: readonly SliceRecord[],
  skipped: number,
  slice: SliceRecord,
): Promise<boolean> {
  const next = [...prefix.slice(0, skipped), slice]
  const released = prefix.slice(skipped)
  const changes: Change[] = slice.id === 0 ? [] : [{ kind: 'newSliceRef', id: slice.id, size: slice.size }]
  try {
    const replacement = { ino, index, prefix, next, released, newId: slice.id }
    return await replacePrefix(state, 'compact', replacement, [], changes)
  } catch (error) {
    if (slice.id === 0 || !isUnclear(error) || !(await hasRecord(state, ino, index, slice))) throw error
    return true
  }
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
