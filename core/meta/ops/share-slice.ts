/**
 * Two slices with the same bytes become one: the records of a chunk that use the first come to use the second, as
 * copy_file_range would have made them. Whoever calls has compared the bytes; slices are never changed once written.
 * Source: meta-records.md §7.4, §7.5, §8 (references); data-path.md §11.
 */
import type { ChunkPrefix } from '../api.ts'
import type { SliceRecord } from '../records.ts'
import { encodeSlices } from '../slices.ts'
import type { MetaState } from '../state.ts'
import { replacePrefix } from './replace-prefix.ts'

/**
 * In `chunk`, use the slice `to` of the same `size` for `from`. `holder` has a record that uses `to`: a guard on it
 * keeps `to` from being freed meanwhile (it may be `chunk` itself). Returns how many records changed; 0 when a list is
 * not what it was: read it again. After BackendError `unavailable` it may be done.
 */
export async function shareSlice(
  state: MetaState,
  chunk: ChunkPrefix,
  size: number,
  from: number,
  to: number,
  holder: ChunkPrefix,
): Promise<number> {
  const uses = (record: SliceRecord, id: number): boolean => record.id === id && record.size === size
  const { ino, index, records: prefix } = chunk
  const released = prefix.filter((record) => uses(record, from))
  if (released.length === 0 || from === to || !holder.records.some((record) => uses(record, to))) return 0
  const next = prefix.map((record) => (uses(record, from) ? { ...record, id: to } : record))
  const held = {
    kind: 'chunkStartsWith',
    ino: holder.ino,
    index: holder.index,
    prefix: encodeSlices(holder.records),
  } as const
  const isSame = holder.ino === ino && holder.index === index
  const done = await replacePrefix(
    state,
    'share',
    { ino, index, prefix, next, released, newId: 0 },
    isSame ? [] : [held],
    [{ kind: 'addSliceRef', id: to, size, add: released.length }],
  )
  return done ? released.length : 0
}
