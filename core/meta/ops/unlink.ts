/** unlink. Source: shared/spec/fs-semantics.md §5.7; of a directory it is EISDIR, as on Linux. */
import type { OpContext } from '#core/base/context.ts'
import { EISDIR, ENOENT, EPERM, fail } from '#core/base/errno.ts'
import { type Ino, isTrash } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { Removed } from '../api.ts'
import type { RecordKey } from '../engine.ts'
import { checkOldName, namesTrash } from '../names.ts'
import { MAY_EXEC, requireAccess, requireChange, requireRemovable } from '../permission.ts'
import { type Entry, type NodeRecord, TYPE_DIRECTORY } from '../records.ts'
import type { MetaState } from '../state.ts'
import { Tally } from '../tally.ts'
import { run } from '../tx.ts'
import { directory, touchParent } from './parent.ts'
import { Removal, type RemovalOptions } from './removal.ts'

export async function unlink(
  state: MetaState,
  ctx: OpContext,
  parent: Ino,
  name: Name,
  options: RemovalOptions = {},
): Promise<Removed> {
  checkRemoval('unlink', ctx, parent, name)
  const [removed] = await removeFiles(state, ctx, parent, [name], options, (entry) => {
    if (entry === null) throw fail(ENOENT, 'unlink')
    if (entry.type === TYPE_DIRECTORY) throw fail(EISDIR, 'unlink')
    return true
  })
  return removed!
}

/** Unlink those of the names that are there and no directories, in one commit. For removing many. */
export function unlinkMany(
  state: MetaState,
  ctx: OpContext,
  parent: Ino,
  names: readonly Name[],
  options: RemovalOptions,
): Promise<readonly Removed[]> {
  return removeFiles(
    state,
    ctx,
    parent,
    names,
    options,
    (entry) => entry !== null && entry.type !== TYPE_DIRECTORY,
  )
}

/** What no caller may remove, whatever there is. */
export function checkRemoval(op: string, ctx: OpContext, parent: Ino, name: Name): void {
  checkOldName(op, name)
  if (namesTrash(parent, name)) throw fail(EPERM, op, 'the trash')
  if (isTrash(parent) && ctx.uid !== 0) throw fail(EPERM, op, 'in the trash')
}

async function removeFiles(
  state: MetaState,
  ctx: OpContext,
  parent: Ino,
  names: readonly Name[],
  { skipTrash = false, force = false }: RemovalOptions,
  wanted: (entry: Entry | null) => boolean,
): Promise<readonly Removed[]> {
  const removal = new Removal(state, 'unlink', skipTrash)
  const keys: RecordKey[] = [
    { kind: 'node', ino: parent },
    ...names.map((name): RecordKey => ({ kind: 'entry', parent, name })),
  ]
  try {
    return await run(state, 'unlink', async (tx) => {
      const [record, ...entries] = (await tx.read(keys)) as [NodeRecord | null, ...(Entry | null)[]]
      const dir = directory('unlink', record)
      await requireAccess(state, ctx, 'unlink', dir, MAY_EXEC)
      const found = select(names, entries, wanted)
      if (found.length === 0) return []
      if (!force) await requireChange(state, ctx, 'unlink', dir, true)
      removal.begin()
      const by = { tx, tally: new Tally(), now: state.clock.now() }
      const removed: Removed[] = []
      tx.nodeLike(parent, dir)
      for (const { name, entry } of found) {
        if (entry.node !== null && !force) requireRemovable(ctx, 'unlink', dir, entry.node)
        tx.edgeIs(parent, name, { ino: entry.ino, type: entry.type })
        tx.change({ kind: 'delEdge', parent, name })
        removed.push(await removal.file(by, parent, name, entry))
      }
      touchParent(state, tx, parent, dir, 0, by.now)
      await by.tally.apply(state, tx)
      return removed
    })
  } finally {
    removal.end()
  }
}

/** One name of a node at most: the links of one file go one after the other. */
function select(
  names: readonly Name[],
  entries: readonly (Entry | null)[],
  wanted: (entry: Entry | null) => boolean,
): { name: Name; entry: Entry }[] {
  const seen = new Set<Ino>()
  const out: { name: Name; entry: Entry }[] = []
  for (const [at, name] of names.entries()) {
    const entry = entries[at]!
    if (!wanted(entry) || seen.has(entry!.ino)) continue
    seen.add(entry!.ino)
    out.push({ name, entry: entry! })
  }
  return out
}
