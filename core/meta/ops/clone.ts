/**
 * clone: a copy of a tree that shares its data. Slice lists are copied and each slice has one use more; no object
 * is touched. A file is one commit. A directory is built with no entry pointing at it, listed as detached so that
 * what a crash leaves can be found, and attached by one commit at the end.
 *
 * Source: shared/spec/admin-tools.md §10.1, meta-records.md §17.
 */
import type { OpContext } from '#core/base/context.ts'
import { BackendError, EEXIST, EINVAL, ENOENT, EPERM, fail } from '#core/base/errno.ts'
import { type Ino, isTrash } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { Found, TreeSummary } from '../api.ts'
import { checkNewName, namesTrash } from '../names.ts'
import { liesInTrash, MAY_EXEC, MAY_READ, requireAccess, requireChange } from '../permission.ts'
import { type NodeRecord, TYPE_DIRECTORY } from '../records.ts'
import type { MetaState } from '../state.ts'
import { Tally } from '../tally.ts'
import { run, type Tx } from '../tx.ts'
import { isAbove } from './ancestors.ts'
import { copyNodes, putCopy, type Source } from './clone-node.ts'
import { type CloneOptions, TreeCopy } from './clone-tree.ts'
import { requireParent } from './create.ts'
import { removeDetached } from './detached.ts'
import { touchParent } from './parent.ts'
import { summary } from './summary.ts'

/**
 * Copy `from` with all below it to a new entry. `preserve` keeps owner, mode and times; otherwise the caller owns
 * the copy. Hard links become separate files. Errors: EEXIST, EACCES without r (directories: r+x) on a source,
 * EPERM in the trash, EINVAL into itself, EDQUOT, ENOSPC.
 */
export async function clone(
  state: MetaState,
  ctx: OpContext,
  from: Ino,
  toParent: Ino,
  toName: Name,
  options: CloneOptions,
): Promise<Found> {
  checkNewName('clone', toName)
  if (isTrash(from) || isTrash(toParent) || namesTrash(toParent, toName)) throw fail(EPERM, 'clone', 'trash')
  const [source, record, edge] = await state.engine.read([
    { kind: 'node', ino: from },
    { kind: 'node', ino: toParent },
    { kind: 'edge', parent: toParent, name: toName },
  ])
  if (source === null) throw fail(ENOENT, 'clone', `ino ${from}`)
  if (liesInTrash(source)) throw fail(EPERM, 'clone', 'trash')
  const isTree = source.type === TYPE_DIRECTORY
  await requireAccess(state, ctx, 'clone', source, isTree ? MAY_READ | MAY_EXEC : MAY_READ)
  const dir = await requireParent(state, ctx, 'clone', record)
  await requireChange(state, ctx, 'clone', dir, false)
  if (edge !== null) throw fail(EEXIST, 'clone')
  if (isTree && (await isAbove(state, from, toParent))) throw fail(EINVAL, 'clone', 'into itself')
  const tree = await summary(state, from, { recursive: true, strict: false, signal: options.signal })
  await checkRoom(state, ctx, source, toParent, tree, options)
  if (isTree) return cloneTree(state, ctx, from, toParent, toName, options)
  return cloneFile(state, ctx, { ino: from, type: source.type }, toParent, toName, options)
}

function checkRoom(
  state: MetaState,
  ctx: OpContext,
  source: NodeRecord,
  toParent: Ino,
  { space, files, dirs }: TreeSummary,
  { preserve }: CloneOptions,
): Promise<void> {
  const { uid, gid } = preserve ? source : ctx
  const parents = [toParent]
  return state.accounts.check('clone', { uid, gid, space, inodes: files + dirs, parents })
}

async function cloneFile(
  state: MetaState,
  ctx: OpContext,
  source: Source,
  parent: Ino,
  name: Name,
  options: CloneOptions,
): Promise<Found> {
  let ino: Ino = 0
  return run(state, 'clone', async (tx) => {
    const dir = await guardPlace(state, ctx, tx, parent, name)
    const [copy] = await copyNodes(state, ctx, tx, [source], parent, options.preserve)
    if (copy === undefined) throw fail(ENOENT, 'clone', `ino ${source.ino}`)
    ino ||= await state.ids.nextInode()
    putCopy(tx, ino, copy)
    tx.change({ kind: 'putEdge', parent, name, edge: { ino, type: copy.node.type } })
    touchParent(state, tx, parent, dir, 0, state.clock.now())
    const tally = new Tally()
    tally.entry(parent, copy.node, 1)
    tally.node(copy.node, 1)
    await tally.apply(state, tx)
    if (options.onProgress !== undefined) tx.onCommit(() => options.onProgress?.(1))
    return { ino, node: copy.node }
  })
}

async function cloneTree(
  state: MetaState,
  ctx: OpContext,
  from: Ino,
  parent: Ino,
  name: Name,
  options: CloneOptions,
): Promise<Found> {
  const copy = new TreeCopy(state, ctx, options)
  const top = await copy.begin(from)
  try {
    await copy.fill(from, top)
    return { ino: top.ino, node: await attach(state, ctx, top.ino, parent, name, copy) }
  } catch (error) {
    // After a commit without an answer the copy may be attached: it is left to the garbage collector.
    if (!(error instanceof BackendError)) await discard(state, top.ino)
    throw error
  }
}

async function discard(state: MetaState, ino: Ino): Promise<void> {
  try {
    await removeDetached(state, ino)
  } catch (error) {
    state.log.warn('an unfinished clone is left to the garbage collector', { ino, error })
  }
}

function attach(
  state: MetaState,
  ctx: OpContext,
  ino: Ino,
  parent: Ino,
  name: Name,
  { space, inodes }: TreeCopy,
): Promise<NodeRecord> {
  return run(state, 'clone', async (tx) => {
    const dir = await guardPlace(state, ctx, tx, parent, name)
    const [detached] = await tx.read([{ kind: 'node', ino }])
    if (detached === null) throw fail(ENOENT, 'clone', 'the copy was removed before it was complete')
    const node = { ...detached, parent }
    tx.nodeIs(ino, detached)
    tx.change(
      { kind: 'putNode', ino, node },
      { kind: 'delDetached', ino },
      { kind: 'putEdge', parent, name, edge: { ino, type: TYPE_DIRECTORY } },
    )
    touchParent(state, tx, parent, dir, 1, state.clock.now())
    const tally = new Tally()
    tally.entry(parent, node, 1)
    await tally.apply(state, tx)
    await state.accounts.quotas(tx, parent, space - 4096, inodes - 1)
    return node
  })
}

/** The place is still free and may be filled. */
async function guardPlace(
  state: MetaState,
  ctx: OpContext,
  tx: Tx,
  parent: Ino,
  name: Name,
): Promise<NodeRecord> {
  const [record, edge] = await tx.read([
    { kind: 'node', ino: parent },
    { kind: 'edge', parent, name },
  ])
  const dir = await requireParent(state, ctx, 'clone', record)
  await requireChange(state, ctx, 'clone', dir, false)
  if (edge !== null) throw fail(EEXIST, 'clone')
  tx.nodeLike(parent, dir)
  tx.edgeIs(parent, name, null)
  return dir
}
