/** link. Source: shared/spec/fs-semantics.md §5.10, meta-records.md §4; a name that exists is EEXIST first, as on Linux. */
import type { OpContext } from '#core/base/context.ts'
import { EEXIST, ENOENT, EPERM, fail } from '#core/base/errno.ts'
import { type Ino, isTrash } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import { checkNewName, namesTrash } from '../names.ts'
import { changed } from '../node.ts'
import { requireChange, requireUnlocked } from '../permission.ts'
import { type NodeRecord, spaceOf, TYPE_DIRECTORY } from '../records.ts'
import type { MetaState } from '../state.ts'
import { Tally } from '../tally.ts'
import { run, type Tx } from '../tx.ts'
import { requireParent } from './create.ts'
import { touchParent } from './parent.ts'

/** One more name for a node that is not a directory. Returns the node as it is then. */
export async function link(
  state: MetaState,
  ctx: OpContext,
  ino: Ino,
  parent: Ino,
  name: Name,
): Promise<NodeRecord> {
  checkNewName('link', name)
  if (isTrash(ino) || isTrash(parent) || namesTrash(parent, name)) throw fail(EPERM, 'link', 'in the trash')
  return run(state, 'link', async (tx) => {
    const [record, edge, node] = await tx.read([
      { kind: 'node', ino: parent },
      { kind: 'edge', parent, name },
      { kind: 'node', ino },
    ])
    const dir = await requireParent(state, ctx, 'link', record)
    if (edge !== null) throw fail(EEXIST, 'link')
    await requireChange(state, ctx, 'link', dir, false)
    const old = linkable(state, ino, node)
    await state.accounts.checkDirectory('link', parent, spaceOf(old), 1)
    const now = state.clock.now()
    tx.nodeLike(parent, dir)
    tx.edgeIs(parent, name, null)
    tx.nodeIs(ino, old)
    tx.change({ kind: 'putEdge', parent, name, edge: { ino, type: old.type } })
    const linked = old.nlink === 0 ? nameOrphan(state, tx, ino, old, parent) : addLink(tx, ino, old, parent)
    const made = changed(linked, now)
    tx.change({ kind: 'putNode', ino, node: made })
    touchParent(state, tx, parent, dir, 0, now)
    const tally = new Tally()
    tally.entry(parent, made, 1)
    await tally.apply(state, tx)
    return made
  })
}

function linkable(state: MetaState, ino: Ino, node: NodeRecord | null): NodeRecord {
  if (node === null) throw fail(ENOENT, 'link', `ino ${ino}`)
  if (node.type === TYPE_DIRECTORY) throw fail(EPERM, 'link', 'directory')
  requireUnlocked('link', node)
  // The kernel lets a nameless file be linked only when it was made with O_TMPFILE: those are ours.
  if (node.nlink === 0 && !state.openFiles.isOrphan(ino)) throw fail(ENOENT, 'link', 'no link is left')
  return node
}

/** The first further link makes the parent field 0 for good; parents are counted from then on. */
function addLink(tx: Tx, ino: Ino, node: NodeRecord, parent: Ino): NodeRecord {
  if (node.parent !== 0) tx.change({ kind: 'addParent', ino, parent: node.parent, add: 1 })
  tx.change({ kind: 'addParent', ino, parent, add: 1 })
  return { ...node, nlink: node.nlink + 1, parent: 0 }
}

/** An O_TMPFILE file gets its first name: nobody has to keep it for its handle any more. */
function nameOrphan(state: MetaState, tx: Tx, ino: Ino, node: NodeRecord, parent: Ino): NodeRecord {
  tx.change({ kind: 'delSustained', sid: state.sid, ino })
  tx.onCommit(() => state.openFiles.adopt(ino))
  return { ...node, nlink: 1, parent }
}
