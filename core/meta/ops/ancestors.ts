/** The way from a directory up to the root. */
import { EINVAL, EIO, fail } from '#core/base/errno.ts'
import { type Ino, inoText, isTrash, ROOT_INO } from '#core/base/ino.ts'
import type { NodeRecord } from '../records.ts'
import type { MetaState } from '../state.ts'
import type { Tx } from '../tx.ts'
import { directory } from './parent.ts'

/** Deeper than any tree people make; a longer way is a loop, which broken volumes have. */
const MAX_DEPTH = 100_000

/**
 * Make sure that `moved` is neither `dir` nor above it, now and when the transaction commits; the caller guards
 * `dir` itself. Throws EINVAL, ENOENT when the tree hangs nowhere.
 */
export async function guardAncestors(tx: Tx, moved: Ino, dir: Ino, node: NodeRecord): Promise<void> {
  let ino = dir
  let record = node
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (ino === moved) throw fail(EINVAL, 'rename', 'into its own subdirectory')
    if (depth > 0) tx.nodeLike(ino, record)
    if (isTop(ino)) return
    ino = record.parent
    const [above] = await tx.read([{ kind: 'node', ino }])
    record = directory('rename', above)
  }
  throw fail(EIO, 'rename', `directory ${inoText(dir)} lies in a loop`)
}

/** Is `ino` the directory `dir` or above it? */
export async function isAbove(state: MetaState, ino: Ino, dir: Ino): Promise<boolean> {
  let at = dir
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (at === ino) return true
    if (isTop(at)) return false
    const [node] = await state.engine.read([{ kind: 'node', ino: at }])
    at = directory('lookup', node).parent
  }
  throw fail(EIO, 'lookup', `directory ${inoText(dir)} lies in a loop`)
}

function isTop(ino: Ino): boolean {
  return ino === ROOT_INO || isTrash(ino)
}
