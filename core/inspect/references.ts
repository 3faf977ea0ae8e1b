/** What the metadata count of a slice's users. Source: shared/spec/meta-records.md §8. */
import type { MetaEngine } from '#core/meta/engine.ts'
import type { SliceRef } from '#core/meta/records.ts'

/** These write a reference with the first use; the others only with the second, and say 1 of what was never used. */
const COUNTS_FIRST_USES: readonly string[] = ['sqlite3', 'postgres']

/** A slice without a reference has no user. */
export function countsFirstUses({ scheme }: MetaEngine): boolean {
  return COUNTS_FIRST_USES.includes(scheme)
}

/** Undefined when the engine keeps no count of the slice: nobody uses it or, where first uses are not counted, one may. */
export function usesOf(engine: MetaEngine, ref: SliceRef | null): number | undefined {
  if (ref === null) return undefined
  return ref.uses === 1 && !countsFirstUses(engine) ? undefined : ref.uses
}

/** Whether chunk records and lists that were found are all that the engine counts. */
export function isAll(engine: MetaEngine, found: number, ref: SliceRef | null): boolean {
  const uses = usesOf(engine, ref)
  return found === (uses ?? (countsFirstUses(engine) ? 0 : 1))
}
