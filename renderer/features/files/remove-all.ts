import type { Trpc } from '#core/api/client.ts'
import type { FileEntry, PathOutcome } from '#core/api/files.ts'

/** As many paths as one call takes. */
const AT_ONCE = 10_000

export interface Removed {
  /** Deleted, or being deleted by a task. */
  readonly done: number
  readonly failures: readonly PathOutcome[]
}

/** Files go at once, folders each by a task of their own. */
export async function removeAll(
  trpc: Pick<Trpc, 'files' | 'tasks'>,
  id: string,
  entries: readonly FileEntry[],
): Promise<Removed> {
  const failures: PathOutcome[] = []
  const files = entries.filter(({ type }) => type !== 'directory').map(({ path }) => path)
  for (let at = 0; at < files.length; at += AT_ONCE) {
    const outcomes = await trpc.files.remove.mutate({ id, paths: files.slice(at, at + AT_ONCE) })
    failures.push(...outcomes.filter(({ error }) => error !== undefined))
  }
  for (const { type, path } of entries)
    if (type === 'directory') await trpc.tasks.start.mutate({ kind: 'remove-tree', id, path })
  return { done: entries.length - failures.length, failures }
}
