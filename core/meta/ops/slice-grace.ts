/**
 * Slices that a compaction left without users, trash off: readers and copies may have seen them just before, so
 * their objects stay for a while. Nothing waits on a timer: the queue is looked at with each compaction, and what
 * is left in it at unmount the hourly sweep of unused slices finds. Source: data-path.md §11.
 */
import type { MetaState } from '../state.ts'

const GRACE_MS = 60_000
/** More are left to the sweep. */
const MAX_WAITING = 100_000

interface Waiting {
  readonly id: number
  readonly size: number
  readonly dueMs: number
}

const waiting = new WeakMap<MetaState, Waiting[]>()

/** Hand these to the deleter in a minute, and now those whose minute is over. */
export function deleteAfterGrace(
  state: MetaState,
  slices: readonly { readonly id: number; readonly size: number }[],
): void {
  const nowMs = state.clock.monotonicMs()
  let queue = waiting.get(state)
  if (queue === undefined) waiting.set(state, (queue = []))
  for (const { id, size } of slices) {
    if (queue.length < MAX_WAITING) queue.push({ id, size, dueMs: nowMs + GRACE_MS })
  }
  const later = queue.findIndex(({ dueMs }) => dueMs > nowMs)
  for (const { id, size } of queue.splice(0, later < 0 ? queue.length : later))
    state.deletions.slice(id, size)
}
