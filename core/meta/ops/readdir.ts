/** readdir. Source: shared/spec/fs-semantics.md §5.12. */
import type { OpContext } from '#core/base/context.ts'
import { type Ino, TRASH_INO } from '#core/base/ino.ts'
import type { DirItem } from '../api.ts'
import type { Page, PageRequest } from '../engine.ts'
import { isChecked, MAY_EXEC, MAY_READ, requireAccess } from '../permission.ts'
import type { MetaState } from '../state.ts'
import { directory } from './parent.ts'
import { touchAtime } from './touch-atime.ts'

/**
 * One page of entries in the order of their names' bytes. The directory itself is only read with the first
 * page, and there only when something depends on it. Errors: ENOENT, ENOTDIR, EACCES without r (with nodes: x).
 */
export async function readdir(
  state: MetaState,
  ctx: OpContext,
  ino: Ino,
  page: PageRequest,
  withNodes: boolean,
): Promise<Page<DirItem>> {
  const first = page.after === undefined
  const listed = list(state, ino, page, withNodes)
  if (first && (isChecked(ctx) || state.options.atimeMode !== 'noatime')) {
    const [, items] = await Promise.all([enter(state, ctx, ino, withNodes), listed])
    return items
  }
  const result = await listed
  if (first && result.items.length === 0) await enter(state, ctx, ino, withNodes)
  return result
}

async function list(
  state: MetaState,
  parent: Ino,
  page: PageRequest,
  withNodes: boolean,
): Promise<Page<DirItem>> {
  if (withNodes) return state.engine.list({ kind: 'entries', parent }, page)
  const { items, next } = await state.engine.list({ kind: 'edges', parent }, page)
  return { items: items.map(({ ino, type, name }) => ({ ino, type, name, node: null })), next }
}

async function enter(state: MetaState, ctx: OpContext, ino: Ino, withNodes: boolean): Promise<void> {
  const [node] = await state.engine.read([{ kind: 'node', ino }])
  // A volume that never had trash has no trash root, and shows an empty one.
  if (node === null && ino === TRASH_INO) return
  const dir = directory('readdir', node)
  await requireAccess(state, ctx, 'readdir', dir, withNodes ? MAY_READ | MAY_EXEC : MAY_READ)
  touchAtime(state, ino, dir)
}
