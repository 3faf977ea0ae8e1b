/** Expiry of the trash. Source: shared/spec/meta-records.md §16 (Cleanup). */
import { rootContext } from '#core/base/context.ts'
import { type Ino, TRASH_INO } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import { emptyTree } from './ops/remove-tree.ts'
import { removeHour } from './ops/rmdir.ts'
import { pagesOf } from './ops/walk.ts'
import type { MetaState } from './state.ts'
import { hourStart } from './trash-hour.ts'

/**
 * Delete what the trash has held since before `before` (unix seconds): the contents of every hour directory
 * that began earlier, and the directory. Oldest first. Returns how many entries went.
 *
 * The clean-up job passes `now - (24 * TrashDays + 2) * 3600`. Source: meta-records.md §16.
 */
export async function expireTrash(state: MetaState, before: number, signal?: AbortSignal): Promise<number> {
  const ctx = rootContext(signal)
  let removed = 0
  for (const { ino, name } of await expiredHours(state, before)) {
    signal?.throwIfAborted()
    removed += await emptyTree(state, ctx, ino, { skipTrash: true, force: true, signal })
    await removeHour(state, name, ino)
    removed++
  }
  return removed
}

async function expiredHours(state: MetaState, before: number): Promise<{ ino: Ino; name: Name }[]> {
  const hours: { ino: Ino; name: Name; start: number }[] = []
  for await (const page of pagesOf(state, { kind: 'edges', parent: TRASH_INO }))
    for (const { ino, name } of page) {
      const start = hourStart(name)
      if (start !== undefined && start < before) hours.push({ ino, name, start })
    }
  return hours.sort((a, b) => a.start - b.start)
}
