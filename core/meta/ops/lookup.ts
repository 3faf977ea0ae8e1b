/** lookup. Source: shared/spec/fs-semantics.md §5.1. */
import type { OpContext } from '#core/base/context.ts'
import { ENOENT, fail } from '#core/base/errno.ts'
import { type Ino, ROOT_INO, TRASH_INO } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { Found } from '../api.ts'
import { checkOldName, namesTrash } from '../names.ts'
import { missingNode } from '../node.ts'
import { isChecked, MAY_EXEC, requireAccess } from '../permission.ts'
import type { Entry } from '../records.ts'
import type { MetaState } from '../state.ts'
import { getattr } from './getattr.ts'
import { directory } from './parent.ts'

/**
 * An entry whose node is missing is found, with nothing but its type, so that it can be removed. Errors: EACCES
 * without x on the directory, ENAMETOOLONG, ENOTDIR for `..` of a file.
 */
export async function lookup(
  state: MetaState,
  ctx: OpContext,
  parent: Ino,
  name: Name,
): Promise<Found | undefined> {
  checkOldName('lookup', name)
  if (name === '.' || name === '..') return lookupDots(state, ctx, parent, name)
  if (state.rootIno === ROOT_INO && namesTrash(parent, name))
    return { ino: TRASH_INO, node: await getattr(state, TRASH_INO) }
  const entry = await readEntry(state, ctx, parent, name)
  if (entry === null) return undefined
  return { ino: entry.ino, node: entry.node ?? missingNode(entry.type) }
}

async function readEntry(state: MetaState, ctx: OpContext, parent: Ino, name: Name): Promise<Entry | null> {
  if (!isChecked(ctx)) return (await state.engine.read([{ kind: 'entry', parent, name }]))[0]
  const [dir, entry] = await state.engine.read([
    { kind: 'node', ino: parent },
    { kind: 'entry', parent, name },
  ])
  if (dir !== null) await requireAccess(state, ctx, 'lookup', dir, MAY_EXEC)
  return entry
}

async function lookupDots(state: MetaState, ctx: OpContext, ino: Ino, name: Name): Promise<Found> {
  const node = await getattr(state, ino)
  await requireAccess(state, ctx, 'lookup', node, MAY_EXEC)
  if (name === '.' || ino === state.rootIno) return { ino, node }
  const { parent } = directory('lookup', node)
  if (parent === 0) throw fail(ENOENT, 'lookup', 'directory without a parent')
  return { ino: parent, node: await getattr(state, parent) }
}
