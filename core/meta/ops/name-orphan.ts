/**
 * A node that no entry names, and that nothing keeps: what a client left behind that was cut off in the middle, or had
 * a defect. It goes to the trash under its number, where it can be looked at and restored until the trash expires.
 * (The reference removes such nodes at once, on Redis, once they are an hour old: admin-tools.md §7.2.)
 */
import { type Ino, inoText, ROOT_INO } from '#core/base/ino.ts'
import { changed } from '../node.ts'
import { TYPE_DIRECTORY } from '../records.ts'
import type { MetaState } from '../state.ts'
import { Tally } from '../tally.ts'
import { hourDirectory, trashName } from '../trash-hour.ts'
import { run } from '../tx.ts'

/** Younger ones may belong to an operation under way. */
const YOUNGEST_SEC = 3600

/** The caller has made sure that no entry names it. `young`: nothing was done. */
export async function nameOrphan(state: MetaState, ino: Ino): Promise<'named' | 'young' | 'vanished'> {
  const hour = await hourDirectory(state)
  return run(state, 'fsck', async (tx) => {
    const [node] = await tx.read([{ kind: 'node', ino }])
    if (node === null) return 'vanished'
    const now = state.clock.now()
    if (node.ctime > now.sec - YOUNGEST_SEC) return 'young'
    const name = trashName(ROOT_INO, ino, `orphan-${inoText(ino)}`)
    const nlink = node.type === TYPE_DIRECTORY ? node.nlink : 1
    tx.nodeIs(ino, node)
    tx.edgeIs(hour, name, null)
    tx.change(
      { kind: 'putNode', ino, node: { ...changed(node, now), nlink, parent: hour } },
      { kind: 'putEdge', parent: hour, name, edge: { ino, type: node.type } },
      { kind: 'delParents', ino },
    )
    const tally = new Tally()
    tally.entry(hour, node, 1)
    await tally.apply(state, tx)
    tx.onCommit(() => state.removed.trashed(ino, 1))
    return 'named'
  })
}
