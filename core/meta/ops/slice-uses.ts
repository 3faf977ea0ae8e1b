/** How often each slice is used by some records. Zero records use none. Source: meta-records.md §8. */
import type { SliceRecord, SliceRef } from '../records.ts'

export function sliceUses(records: readonly SliceRecord[]): Iterable<SliceRef> {
  const uses = new Map<string, { id: number; size: number; uses: number }>()
  for (const { id, size } of records) {
    if (id === 0) continue
    const key = `${id} ${size}`
    const use = uses.get(key)
    if (use === undefined) uses.set(key, { id, size, uses: 1 })
    else use.uses++
  }
  return uses.values()
}
