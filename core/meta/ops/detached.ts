/** Trees that no entry points at: a clone in the making, or what is left of one. Source: meta-records.md §17. */
import { rootContext } from '#core/base/context.ts'
import type { Ino } from '#core/base/ino.ts'
import type { MetaState } from '../state.ts'
import { Tally } from '../tally.ts'
import { run } from '../tx.ts'
import { emptyTree } from './remove-tree.ts'

/** Remove a detached directory with everything below it, and its record. Nothing of it reaches the trash. */
export async function removeDetached(state: MetaState, ino: Ino, signal?: AbortSignal): Promise<void> {
  const [node] = await state.engine.read([{ kind: 'node', ino }])
  if (node !== null)
    await emptyTree(state, rootContext(signal), ino, { skipTrash: true, force: true, signal })
  await run(state, 'clone', async (tx) => {
    const [left] = await tx.read([{ kind: 'node', ino }])
    tx.nodeIs(ino, left)
    tx.change({ kind: 'delDetached', ino })
    if (left === null) return
    tx.guard({ kind: 'emptyDir', ino })
    tx.change({ kind: 'delNode', ino }, { kind: 'delXattrs', ino }, { kind: 'delDirStat', ino })
    const tally = new Tally()
    tally.node(left, -1)
    await tally.apply(state, tx)
  })
}
