/**
 * mknod, mkdir, symlink, create, tmpfile. Read: directory and name at once; then one commit.
 * Source: shared/spec/fs-semantics.md §5.6; names that exist are EEXIST before rights are looked at, as Linux
 * has it.
 */
import type { OpContext } from '#core/base/context.ts'
import {
  EEXIST,
  EINVAL,
  EISDIR,
  ENAMETOOLONG,
  ENOENT,
  EOPNOTSUPP,
  EPERM,
  FsError,
  fail,
} from '#core/base/errno.ts'
import { type Ino, isTrash } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import { O_EXCL } from '#core/base/open-flags.ts'
import type { Found, NewNode } from '../api.ts'
import { checkNewName, namesTrash } from '../names.ts'
import { liesInTrash, MAY_EXEC, requireAccess, requireChange } from '../permission.ts'
import {
  type Entry,
  MAX_SYMLINK,
  type NodeRecord,
  TYPE_DIRECTORY,
  TYPE_FILE,
  TYPE_SYMLINK,
} from '../records.ts'
import type { MetaState } from '../state.ts'
import { Tally } from '../tally.ts'
import { run, type Tx } from '../tx.ts'
import { newNode } from './inherit.ts'
import { open } from './open.ts'
import { directory, touchParent } from './parent.ts'

/** Times that `create` begins anew because the file it found was removed before it could be opened. */
const MAX_CHASES = 5

export async function mknod(
  state: MetaState,
  ctx: OpContext,
  parent: Ino,
  name: Name,
  what: NewNode,
): Promise<Found> {
  if (what.type === TYPE_SYMLINK) checkTarget(what.target)
  const made = await make(state, ctx, opName(what), parent, name, what, false)
  if ('existing' in made) throw fail(EEXIST, opName(what))
  return made
}

/** Errors besides those of `open`: EEXIST, also for what is neither file nor directory (EISDIR). */
export async function create(
  state: MetaState,
  ctx: OpContext,
  parent: Ino,
  name: Name,
  mode: number,
  flags: number,
): Promise<Found & { readonly created: boolean }> {
  for (let chase = 1; ; chase++) {
    const made = await make(state, ctx, 'create', parent, name, { type: TYPE_FILE, mode }, true)
    if (!('existing' in made)) return { ...made, created: true }
    const { ino, type } = made.existing
    if ((flags & O_EXCL) !== 0) throw fail(EEXIST, 'create')
    if (type !== TYPE_FILE) throw fail(type === TYPE_DIRECTORY ? EISDIR : EEXIST, 'create')
    const node = await openFound(state, ctx, ino, flags, chase < MAX_CHASES)
    if (node !== undefined) return { ino, node, created: false }
  }
}

/** Undefined when the file is gone by now and the caller wants to look again. */
async function openFound(
  state: MetaState,
  ctx: OpContext,
  ino: Ino,
  flags: number,
  again: boolean,
): Promise<NodeRecord | undefined> {
  try {
    return await open(state, ctx, ino, flags)
  } catch (error) {
    if (again && error instanceof FsError && error.errno === ENOENT) return undefined
    throw error
  }
}

type Made = Found | { readonly existing: Entry }

async function make(
  state: MetaState,
  ctx: OpContext,
  op: string,
  parent: Ino,
  name: Name,
  what: NewNode,
  opened: boolean,
): Promise<Made> {
  checkNewName(op, name)
  if (isTrash(parent) || namesTrash(parent, name)) throw fail(EPERM, op, 'in the trash')
  let ino: Ino = 0
  return run(state, op, async (tx): Promise<Made> => {
    const [record, existing] = await tx.read([
      { kind: 'node', ino: parent },
      { kind: 'entry', parent, name },
    ])
    const dir = await requireParent(state, ctx, op, record)
    if (existing !== null) return { existing }
    await requireChange(state, ctx, op, dir, false)
    const now = state.clock.now()
    const node = await newNode(state, ctx, parent, dir, what, now)
    await checkRoom(state, op, parent, node, tx)
    ino ||= await state.ids.nextInode()
    tx.nodeLike(parent, dir)
    tx.edgeIs(parent, name, null)
    putNode(tx, ino, node, what)
    tx.change({ kind: 'putEdge', parent, name, edge: { ino, type: node.type } })
    touchParent(state, tx, parent, dir, node.type === TYPE_DIRECTORY ? 1 : 0, now)
    const tally = new Tally()
    tally.entry(parent, node, 1)
    tally.node(node, 1)
    await tally.apply(state, tx)
    const made = ino
    if (opened) tx.onCommit(() => state.openFiles.open(made))
    return { ino, node }
  })
}

/** A directory that can be added to. ENOENT also when it lies in the trash. */
export async function requireParent(
  state: MetaState,
  ctx: OpContext,
  op: string,
  record: NodeRecord | null,
): Promise<NodeRecord> {
  const dir = directory(op, record)
  if (liesInTrash(dir)) throw fail(ENOENT, op, 'directory lies in the trash')
  await requireAccess(state, ctx, op, dir, MAY_EXEC)
  return dir
}

function checkRoom(state: MetaState, op: string, parent: Ino, node: NodeRecord, tx: Tx): Promise<void> {
  const { uid, gid } = node
  return state.accounts.check(op, { uid, gid, space: 4096, inodes: 1, parents: [parent] }, tx)
}

function putNode(tx: Tx, ino: Ino, node: NodeRecord, what: NewNode): void {
  tx.change({ kind: 'putNode', ino, node, fresh: true })
  if (node.type === TYPE_DIRECTORY)
    tx.change({ kind: 'putDirStat', ino, stat: { length: 0, space: 0, inodes: 0 } })
  if (what.target !== undefined) tx.change({ kind: 'putSymlink', ino, target: what.target })
}

/** The kernel takes targets of up to PATH_MAX - 1 bytes. Source: fs-semantics.md §1. */
function checkTarget(target: Uint8Array | undefined): void {
  if (target === undefined || target.length === 0) throw fail(ENOENT, 'symlink', 'empty target')
  if (target.length >= MAX_SYMLINK) throw fail(ENAMETOOLONG, 'symlink')
  if (target.includes(0)) throw fail(EINVAL, 'symlink', 'NUL in target')
}

function opName({ type }: NewNode): string {
  if (type === TYPE_DIRECTORY) return 'mkdir'
  return type === TYPE_SYMLINK ? 'symlink' : 'mknod'
}

/**
 * O_TMPFILE: a file that never had a name, sustained by this session and deleted at its last close unless it
 * was linked. Errors besides those of mknod: EOPNOTSUPP without a session, which could not promise the former.
 */
export function tmpfile(state: MetaState, ctx: OpContext, parent: Ino, mode: number): Promise<Found> {
  const op = 'tmpfile'
  if (isTrash(parent)) throw fail(EPERM, op, 'in the trash')
  if (state.sid === 0) throw fail(EOPNOTSUPP, op, 'no session')
  let ino: Ino = 0
  return run(state, op, async (tx) => {
    const [record] = await tx.read([{ kind: 'node', ino: parent }])
    const dir = await requireParent(state, ctx, op, record)
    await requireChange(state, ctx, op, dir, false)
    const made = await newNode(state, ctx, parent, dir, { type: TYPE_FILE, mode }, state.clock.now())
    const node = { ...made, nlink: 0 }
    await checkRoom(state, op, parent, node, tx)
    const fresh = (ino ||= await state.ids.nextInode())
    tx.nodeLike(parent, dir)
    tx.change({ kind: 'putNode', ino, node, fresh: true }, { kind: 'putSustained', sid: state.sid, ino })
    const tally = new Tally()
    tally.node(node, 1)
    await tally.apply(state, tx)
    tx.onCommit(() => {
      state.openFiles.open(fresh)
      state.openFiles.orphan(fresh)
    })
    return { ino, node }
  })
}
