/**
 * Files without a name that a session keeps because it has them open.
 * Source: shared/spec/fs-semantics.md §7, meta-records.md §10.
 */
import type { Ino } from '#core/base/ino.ts'
import type { MetaState } from '../state.ts'
import { Tally } from '../tally.ts'
import { run } from '../tx.ts'

/** The session needs the file no more: make it a deleted file and free what it used. */
export function deleteSustained(state: MetaState, sid: number, ino: Ino): Promise<void> {
  return run(state, 'close', async (tx) => {
    const [node] = await tx.read([{ kind: 'node', ino }])
    tx.nodeIs(ino, node)
    tx.change({ kind: 'delSustained', sid, ino })
    if (node === null || node.nlink > 0) return
    const { length } = node
    tx.change(
      { kind: 'putDeletedFile', file: { ino, length, deleted: state.clock.nowSec() } },
      { kind: 'delNode', ino },
      { kind: 'delXattrs', ino },
    )
    const tally = new Tally()
    tally.node(node, -1)
    await tally.apply(state, tx)
    tx.onCommit(() => {
      state.deletions.file(ino, length)
      state.removed.deleted(ino, node)
    })
  })
}
