/** getattr, access. Source: shared/spec/fs-semantics.md §5.2, §5.5. */
import type { OpContext } from '#core/base/context.ts'
import { ENOENT, fail } from '#core/base/errno.ts'
import { type Ino, ROOT_INO, TRASH_INO } from '#core/base/ino.ts'
import { makeNode } from '../node.ts'
import { requireAccess } from '../permission.ts'
import { type NodeRecord, TYPE_DIRECTORY } from '../records.ts'
import type { MetaState } from '../state.ts'

/** How long the root may take to answer before `df`, `ls /` and the like get what was seen last. */
const ROOT_PATIENCE_MS = 300

export async function getattr(state: MetaState, ino: Ino): Promise<NodeRecord> {
  if (ino === state.rootIno || ino === TRASH_INO) return rootAttr(state, ino)
  const [node] = await state.engine.read([{ kind: 'node', ino }])
  if (node !== null) return node
  const removed = state.removed.get(ino)
  if (removed === undefined) throw fail(ENOENT, 'getattr', `ino ${ino}`)
  return removed.record
}

/** `mask`: r=4 w=2 x=1. Errors: EACCES. */
export async function access(state: MetaState, ctx: OpContext, ino: Ino, mask: number): Promise<void> {
  await requireAccess(state, ctx, 'access', await getattr(state, ino), mask)
}

/** The roots always answer: with the record, else with the one seen last, else with a made-up directory. */
async function rootAttr(state: MetaState, ino: Ino): Promise<NodeRecord> {
  const { roots } = state.remembered
  const timer = new AbortController()
  const late = state.clock.sleep(ROOT_PATIENCE_MS, timer.signal).then(
    () => null,
    () => null,
  )
  const asked = state.engine.read([{ kind: 'node', ino }]).then(
    ([node]) => {
      if (node !== null) roots.set(ino, node)
      return node
    },
    (error: unknown) => {
      state.log.warn('the root has no answer from the metadata engine', { error })
      return null
    },
  )
  const node = await Promise.race([asked, late])
  timer.abort()
  return node ?? roots.get(ino) ?? madeUp(state, ino)
}

function madeUp(state: MetaState, ino: Ino): NodeRecord {
  const mode = ino === TRASH_INO ? 0o555 : 0o777
  return makeNode({ type: TYPE_DIRECTORY, mode, parent: ROOT_INO }, state.clock.now())
}
