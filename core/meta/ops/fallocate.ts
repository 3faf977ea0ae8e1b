/**
 * fallocate(2). Space is never reserved: preallocation only makes the file longer. COLLAPSE_RANGE and
 * INSERT_RANGE are refused, as Linux does for every FUSE file system before it asks (fs/fuse/file.c).
 * Source: fs-semantics.md §5.15.
 */
import type { OpContext } from '#core/base/context.ts'
import { EINVAL, EISDIR, ENODEV, ENOENT, EOPNOTSUPP, EPERM, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import { MAY_WRITE, requireAccess } from '../permission.ts'
import { FLAG_APPEND, FLAG_IMMUTABLE, type NodeRecord, TYPE_DIRECTORY, TYPE_FILE } from '../records.ts'
import type { MetaState } from '../state.ts'
import { run } from '../tx.ts'
import { appendHoles } from './holes.ts'
import { checkOffset, modified, resize } from './resize.ts'

export const FALLOC_FL_KEEP_SIZE = 0x01
export const FALLOC_FL_PUNCH_HOLE = 0x02
export const FALLOC_FL_ZERO_RANGE = 0x10

const ZEROING = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE
const KNOWN = ZEROING | FALLOC_FL_KEEP_SIZE

export function fallocate(
  state: MetaState,
  ctx: OpContext,
  ino: Ino,
  mode: number,
  offset: number,
  size: number,
): Promise<NodeRecord> {
  const op = 'fallocate'
  checkMode(op, mode)
  if (size <= 0) throw fail(EINVAL, op, 'length')
  checkOffset(op, offset, offset + size)
  return run(state, op, async (tx) => {
    const [node] = await tx.read([{ kind: 'node', ino }])
    if (node === null) throw fail(ENOENT, op)
    if (node.type !== TYPE_FILE) throw fail(node.type === TYPE_DIRECTORY ? EISDIR : ENODEV, op)
    if ((node.flags & FLAG_IMMUTABLE) !== 0) throw fail(EPERM, op, 'immutable')
    if ((node.flags & FLAG_APPEND) !== 0 && (mode & ~FALLOC_FL_KEEP_SIZE) !== 0)
      throw fail(EPERM, op, 'append-only')
    await requireAccess(state, ctx, op, node, MAY_WRITE)
    const end = offset + size
    const length = (mode & FALLOC_FL_KEEP_SIZE) === 0 ? Math.max(node.length, end) : node.length
    const next = { ...modified(ctx, node, state.clock.now()), length }
    await resize(state, tx, op, ino, node, next)
    if ((mode & ZEROING) !== 0) await appendHoles(state, tx, ino, offset, Math.min(end, node.length))
    return next
  })
}

/** Source: linux/fs/open.c vfs_fallocate. */
function checkMode(op: string, mode: number): void {
  if ((mode & ~KNOWN) !== 0) throw fail(EOPNOTSUPP, op, `mode ${mode}`)
  if ((mode & ZEROING) === ZEROING) throw fail(EOPNOTSUPP, op, 'punch and zero at once')
  if ((mode & FALLOC_FL_PUNCH_HOLE) !== 0 && (mode & FALLOC_FL_KEEP_SIZE) === 0) {
    throw fail(EOPNOTSUPP, op, 'punch without keep-size')
  }
}
