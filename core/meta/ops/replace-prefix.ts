/** Other records at the start of a chunk's list, and what becomes of the slices that the old ones used. */
import type { Ino } from '#core/base/ino.ts'
import type { Change, Guard } from '../engine.ts'
import type { SliceRecord } from '../records.ts'
import { encodeSlices } from '../slices.ts'
import type { MetaState } from '../state.ts'
import { deleteAfterGrace } from './slice-grace.ts'
import { sliceUses } from './slice-uses.ts'

type Release = Extract<Change, { kind: 'addSliceRef' | 'putDelayedSlices' }>

export interface Replacement {
  readonly ino: Ino
  readonly index: number
  /** What the list has to begin with, and what it then begins with. */
  readonly prefix: readonly SliceRecord[]
  readonly next: readonly SliceRecord[]
  /** Records of `prefix` whose slices are used once less. */
  readonly released: readonly SliceRecord[]
  /** A new slice of `next`, which names the delayed slices; 0: there is none. */
  readonly newId: number
}

/** Commit it with `changes` where `guards` hold, too. False: the list begins otherwise, or a guard does not hold. */
export async function replacePrefix(
  state: MetaState,
  op: string,
  { ino, index, prefix, next, released, newId }: Replacement,
  guards: readonly Guard[],
  changes: readonly Change[],
): Promise<boolean> {
  const before = encodeSlices(prefix)
  const releases = await releasesOf(state, released, newId)
  const outcome = await state.engine.commit(
    op,
    [{ kind: 'chunkStartsWith', ino, index, prefix: before }, ...guards],
    [
      ...releases,
      { kind: 'replaceChunkPrefix', ino, index, prefixBytes: before.length, slices: encodeSlices(next) },
      ...changes,
    ],
  )
  if (!outcome.ok) return false
  deleteAfterGrace(
    state,
    releases.filter((change) => change.kind === 'addSliceRef').filter((_, k) => outcome.replies[k]! <= 0),
  )
  return true
}

/** What happens to the slices of replaced records: kept for the trash's time, or used by one chunk less. */
async function releasesOf(
  state: MetaState,
  replaced: readonly SliceRecord[],
  newId: number,
): Promise<readonly Release[]> {
  if (state.setting.TrashDays <= 0) {
    return [...sliceUses(replaced)].map(({ id, size, uses }) => ({
      kind: 'addSliceRef',
      id,
      size,
      add: -uses,
    }))
  }
  const slices = replaced.filter(({ id }) => id !== 0)
  if (slices.length === 0) return []
  const deleted = state.clock.nowSec()
  return [
    { kind: 'putDelayedSlices', record: { newId: newId || (await state.ids.nextSlice()), deleted, slices } },
  ]
}
