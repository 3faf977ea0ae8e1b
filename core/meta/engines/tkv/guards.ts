/** Guards over a draft: what has to be read for one, and whether it holds. */
import type { FailedGuard, Guard, RecordKey, RecordValue } from '#core/meta/engine.ts'
import { guardedKey, mismatch } from '../sql/guards.ts'
import type { Draft, Needs } from './draft.ts'
import type { Layout } from './layout.ts'
import { keysOf, parentsFrom, recordFrom } from './stored.ts'

export function guardNeeds(layout: Layout, guard: Guard, needs: Needs): void {
  if (guard.kind === 'emptyDir') {
    needs.keys.add(layout.node(guard.ino))
    needs.range(layout.edges(guard.ino), true)
    return
  }
  const key = guardedKey(guard)!
  if (key.kind === 'parents') needs.range(layout.parents(key.ino))
  else for (const part of keysOf(layout, key)) needs.keys.add(part)
}

/**
 * What is there instead of what the guard wants; undefined when it holds. What it rests on is guarded from then on: of a
 * directory's emptiness that is the directory's node, which every change of its entries writes (§B4, recommendation).
 */
export function failure(layout: Layout, guard: Guard, draft: Draft): FailedGuard['actual'] | undefined {
  if (guard.kind === 'emptyDir') {
    draft.guard(layout.node(guard.ino))
    return draft.pairs(layout.edges(guard.ino)).length === 0 ? undefined : false
  }
  return mismatch(guard, guardedRecord(layout, guardedKey(guard)!, draft))
}

function guardedRecord(layout: Layout, key: RecordKey, draft: Draft): RecordValue {
  if (key.kind === 'parents') {
    const pairs = draft.pairs(layout.parents(key.ino))
    draft.guard(layout.node(key.ino))
    for (const pair of pairs) draft.guard(pair.key)
    return parentsFrom(layout, pairs)
  }
  const keys = keysOf(layout, key)
  for (const part of keys) draft.guard(part)
  return recordFrom(
    key,
    keys.map((part) => draft.value(part)),
  )
}
