/** rmdir. Source: shared/spec/fs-semantics.md §5.8. */
import type { OpContext } from '#core/base/context.ts'
import { EINVAL, ENOENT, ENOTDIR, ENOTEMPTY, EPERM, fail } from '#core/base/errno.ts'
import { type Ino, TRASH_INO } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { Removed } from '../api.ts'
import { MAY_EXEC, requireAccess, requireChange, requireRemovable } from '../permission.ts'
import { TYPE_DIRECTORY } from '../records.ts'
import type { MetaState } from '../state.ts'
import { Tally } from '../tally.ts'
import { run } from '../tx.ts'
import { directory, touchParent } from './parent.ts'
import { Removal, type RemovalOptions } from './removal.ts'
import { checkRemoval } from './unlink.ts'

/** Hour directories of the trash are EPERM also for root. */
export async function rmdir(
  state: MetaState,
  ctx: OpContext,
  parent: Ino,
  name: Name,
  { skipTrash = false, force = false }: RemovalOptions = {},
): Promise<Removed> {
  if (name === '.') throw fail(EINVAL, 'rmdir')
  if (name === '..') throw fail(ENOTEMPTY, 'rmdir')
  checkRemoval('rmdir', ctx, parent, name)
  if (parent === TRASH_INO) throw fail(EPERM, 'rmdir', 'hour directory of the trash')
  const removal = new Removal(state, 'rmdir', skipTrash)
  return run(state, 'rmdir', async (tx) => {
    const [record, entry] = await tx.read([
      { kind: 'node', ino: parent },
      { kind: 'entry', parent, name },
    ])
    const by = { tx, tally: new Tally(), now: state.clock.now() }
    const dir = directory('rmdir', record)
    await requireAccess(state, ctx, 'rmdir', dir, MAY_EXEC)
    if (entry === null) throw fail(ENOENT, 'rmdir')
    if (!force) await requireChange(state, ctx, 'rmdir', dir, true)
    if (entry.node !== null && !force) requireRemovable(ctx, 'rmdir', dir, entry.node)
    if (entry.type !== TYPE_DIRECTORY) throw fail(ENOTDIR, 'rmdir')
    removal.begin()
    tx.nodeLike(parent, dir)
    tx.edgeIs(parent, name, { ino: entry.ino, type: entry.type })
    tx.change({ kind: 'delEdge', parent, name })
    const removed = await removal.directory(by, parent, name, entry)
    touchParent(state, tx, parent, dir, -1, by.now)
    await by.tally.apply(state, tx)
    return removed
  })
}

/** Remove an empty hour directory of the trash; nothing when it is gone or was filled meanwhile. */
export async function removeHour(state: MetaState, name: Name, ino: Ino): Promise<boolean> {
  return run(state, 'rmdir', async (tx) => {
    const [edge, node] = await tx.read([
      { kind: 'edge', parent: TRASH_INO, name },
      { kind: 'node', ino },
    ])
    if (edge?.ino !== ino || tx.metEntries(ino)) return false
    tx.edgeIs(TRASH_INO, name, edge)
    tx.nodeIs(ino, node)
    tx.guard({ kind: 'emptyDir', ino })
    tx.change(
      { kind: 'delEdge', parent: TRASH_INO, name },
      { kind: 'delNode', ino },
      { kind: 'delXattrs', ino },
      { kind: 'delDirStat', ino },
    )
    const tally = new Tally()
    if (node !== null) tally.node(node, -1)
    await tally.apply(state, tx)
    tx.onCommit(() => {
      if (state.remembered.trashHour?.ino === ino) state.remembered.trashHour = undefined
    })
    return true
  })
}
