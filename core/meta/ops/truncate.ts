/** truncate and ftruncate. Source: fs-semantics.md §5.4; that the same length moves the times too is ext4's rule. */
import type { OpContext } from '#core/base/context.ts'
import { EINVAL, EISDIR, ENOENT, EPERM, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import { liesInTrash, MAY_WRITE, requireAccess, requireUnlocked } from '../permission.ts'
import { type NodeRecord, TYPE_DIRECTORY, TYPE_FILE } from '../records.ts'
import type { MetaState } from '../state.ts'
import { run } from '../tx.ts'
import { appendHoles } from './holes.ts'
import { checkOffset, modified, resize } from './resize.ts'

export function truncate(
  state: MetaState,
  ctx: OpContext,
  ino: Ino,
  length: number,
  open: boolean,
): Promise<NodeRecord> {
  const op = 'truncate'
  checkOffset(op, length)
  return run(state, op, async (tx) => {
    const [node] = await tx.read([{ kind: 'node', ino }])
    if (node === null) throw fail(ENOENT, op)
    if (node.type !== TYPE_FILE) throw fail(node.type === TYPE_DIRECTORY ? EISDIR : EINVAL, op)
    requireUnlocked(op, node)
    if (!open) {
      if (liesInTrash(node)) throw fail(EPERM, op, 'in the trash')
      await requireAccess(state, ctx, op, node, MAY_WRITE)
    }
    const next = { ...modified(ctx, node, state.clock.now()), length }
    await resize(state, tx, op, ino, node, next)
    if (length !== node.length)
      await appendHoles(state, tx, ino, Math.min(length, node.length), Math.max(length, node.length))
    return next
  })
}
