/** The counters of a volume that dumps carry. Source: meta-records.md §11. */
import type { MetaEngine } from '#core/meta/engine.ts'

export const COUNTERS = [
  'nextInode',
  'nextChunk',
  'nextSession',
  'usedSpace',
  'totalInodes',
  'nextCleanupSlices',
  'nextTrash',
] as const

export type DumpedCounter = (typeof COUNTERS)[number]

/** Before anything was given out. */
const FIRST: Partial<Record<DumpedCounter, number>> = { nextInode: 2, nextChunk: 1 }

export async function readCounters(engine: MetaEngine): Promise<Record<DumpedCounter, number>> {
  const values = await engine.read(COUNTERS.map((name) => ({ kind: 'counter', name }) as const))
  return Object.fromEntries(COUNTERS.map((name, k) => [name, values[k] ?? FIRST[name] ?? 0])) as Record<
    DumpedCounter,
    number
  >
}
