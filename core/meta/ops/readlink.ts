/** readlink. Source: shared/spec/fs-semantics.md §5.11. */
import { EINVAL, EIO, ENOENT, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import { TYPE_SYMLINK } from '../records.ts'
import type { MetaState } from '../state.ts'
import { touchAtime } from './touch-atime.ts'

/** The target's bytes. Errors: ENOENT, EINVAL not a symlink, EIO the target is missing. */
export async function readlink(state: MetaState, ino: Ino): Promise<Uint8Array> {
  const [target, node] = await state.engine.read([
    { kind: 'symlink', ino },
    { kind: 'node', ino },
  ])
  if (node === null) throw fail(ENOENT, 'readlink', `ino ${ino}`)
  if (node.type !== TYPE_SYMLINK) throw fail(EINVAL, 'readlink')
  if (target === null || target.length === 0) throw fail(EIO, 'readlink', `ino ${ino} has no target`)
  touchAtime(state, ino, node)
  return target
}
