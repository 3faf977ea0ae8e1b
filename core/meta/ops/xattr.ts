/**
 * Extended attributes. Changing one updates ctime, as Linux does, and is guarded by the node: one set on a file
 * that is being deleted does not outlive it (meta-redis.md §3.0). Source: fs-semantics.md §5.17.
 */
import type { OpContext } from '#core/base/context.ts'
import { E2BIG, EEXIST, EINVAL, ENODATA, ENOENT, EPERM, ERANGE, fail } from '#core/base/errno.ts'
import { type Ino, isTrash } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import { ACL_ACCESS_XATTR, ACL_DEFAULT_XATTR, decodeAclXattr, encodeAclXattr } from '../acl-rule.ts'
import { changed } from '../node.ts'
import { isChecked, MAY_READ, MAY_WRITE, requireAccess, requireUnlocked } from '../permission.ts'
import { type NodeRecord, TYPE_DIRECTORY, TYPE_FILE } from '../records.ts'
import type { RemovedNode } from '../removed.ts'
import type { MetaState } from '../state.ts'
import { run, type Tx } from '../tx.ts'
import { type AclKind, getAcl, setAcl } from './acl.ts'

export const XATTR_CREATE = 1
export const XATTR_REPLACE = 2

const MAX_XATTR_NAME = 255
const MAX_XATTR_SIZE = 65_536
const PAGE = 1000
const STICKY = 0o1000

export async function getxattr(
  state: MetaState,
  ctx: OpContext,
  ino: Ino,
  name: Name,
): Promise<Uint8Array | undefined> {
  const kind = aclKind(name)
  if (kind !== undefined) {
    const rule = await getAcl(state, ctx, ino, kind)
    return rule === undefined ? undefined : encodeAclXattr(rule)
  }
  checkName('getxattr', name)
  const removed = state.removed.get(ino)
  if (removed !== undefined) return removed.xattrs.get(name)
  if (!isChecked(ctx)) return (await state.engine.read([{ kind: 'xattr', ino, name }]))[0] ?? undefined
  const [value, node] = await state.engine.read([
    { kind: 'xattr', ino, name },
    { kind: 'node', ino },
  ])
  if (node === null) throw fail(ENOENT, 'getxattr')
  await requireXattrAccess(state, ctx, 'getxattr', node, name, MAY_READ)
  return value ?? undefined
}

export async function setxattr(
  state: MetaState,
  ctx: OpContext,
  ino: Ino,
  name: Name,
  value: Uint8Array,
  flags: number,
): Promise<void> {
  const op = 'setxattr'
  if (flags !== 0 && flags !== XATTR_CREATE && flags !== XATTR_REPLACE)
    throw fail(EINVAL, op, `flags ${flags}`)
  const kind = aclKind(name)
  if (kind !== undefined) return setAcl(state, ctx, ino, kind, decodeAclXattr(value))
  checkName(op, name)
  if (value.length > MAX_XATTR_SIZE) throw fail(E2BIG, op)
  if (value.length === 0 && state.engine.scheme === 'tikv')
    throw fail(EINVAL, op, 'TiKV stores no empty value')
  return run(state, op, async (tx) => {
    const found = flags !== 0
    const [node, before] = found
      ? await tx.read([{ kind: 'node', ino } as const, { kind: 'xattr', ino, name } as const])
      : [...(await tx.read([{ kind: 'node', ino }])), null]
    const kept = node === null ? state.removed.get(ino) : undefined
    await admitChange(state, ctx, op, ino, kept?.record ?? node, name)
    const exists = before !== null || kept?.xattrs.has(name)
    if (flags === XATTR_CREATE && exists) throw fail(EEXIST, op)
    if (flags === XATTR_REPLACE && !exists) throw fail(ENODATA, op)
    if (kept !== undefined) return keep(state, kept, (xattrs) => xattrs.set(name, value))
    if (found) tx.guard({ kind: 'recordIs', key: { kind: 'xattr', ino, name }, is: before })
    tx.change({ kind: 'putXattr', ino, name, value })
    touchCtime(state, tx, ino, node)
  })
}

export async function removexattr(state: MetaState, ctx: OpContext, ino: Ino, name: Name): Promise<void> {
  const op = 'removexattr'
  const kind = aclKind(name)
  if (kind !== undefined) return setAcl(state, ctx, ino, kind, null)
  checkName(op, name)
  return run(state, op, async (tx) => {
    const [node, value] = await tx.read([
      { kind: 'node', ino },
      { kind: 'xattr', ino, name },
    ])
    const kept = node === null ? state.removed.get(ino) : undefined
    await admitChange(state, ctx, op, ino, kept?.record ?? node, name)
    if (value === null && !kept?.xattrs.has(name)) throw fail(ENODATA, op)
    if (kept !== undefined) return keep(state, kept, (xattrs) => xattrs.delete(name))
    tx.guard({ kind: 'recordIs', key: { kind: 'xattr', ino, name }, is: value })
    tx.change({ kind: 'delXattr', ino, name })
    touchCtime(state, tx, ino, node)
  })
}

/** Stored names as the engine orders them, then those of the ACLs. */
export async function listxattr(state: MetaState, _ctx: OpContext, ino: Ino): Promise<readonly Name[]> {
  const [[node], names] = await Promise.all([
    state.engine.read([{ kind: 'node', ino }]),
    storedNames(state, ino),
  ])
  const removed = state.removed.get(ino)
  if (node === null && removed !== undefined) return [...removed.xattrs.keys()]
  if (node === null) throw fail(ENOENT, 'listxattr')
  if (state.setting.EnableACL) {
    if (node.accessAcl !== 0) names.push(ACL_ACCESS_XATTR)
    if (node.defaultAcl !== 0) names.push(ACL_DEFAULT_XATTR)
  }
  return names
}

async function storedNames(state: MetaState, ino: Ino): Promise<Name[]> {
  const names: Name[] = []
  let after: string | undefined
  do {
    const page = await state.engine.list({ kind: 'xattrs', ino }, { after, limit: PAGE })
    for (const { name } of page.items) names.push(name)
    after = page.next
  } while (after !== undefined)
  return names
}

function aclKind(name: Name): AclKind | undefined {
  if (name === ACL_ACCESS_XATTR) return 'access'
  return name === ACL_DEFAULT_XATTR ? 'default' : undefined
}

function checkName(op: string, name: Name): void {
  if (name === '' || name.length > MAX_XATTR_NAME) throw fail(ERANGE, op, 'name length')
}

async function admitChange(
  state: MetaState,
  ctx: OpContext,
  op: string,
  ino: Ino,
  node: NodeRecord | null,
  name: Name,
): Promise<void> {
  if (node === null) throw fail(ENOENT, op)
  if (isTrash(ino)) throw fail(EPERM, op, 'in the trash')
  requireUnlocked(op, node)
  await requireXattrAccess(state, ctx, op, node, name, MAY_WRITE)
}

/** Who may read or change an xattr, for callers the kernel has not checked. Source: linux/fs/xattr.c xattr_permission. */
async function requireXattrAccess(
  state: MetaState,
  ctx: OpContext,
  op: string,
  node: NodeRecord,
  name: Name,
  mask: number,
): Promise<void> {
  if (!isChecked(ctx)) return
  const writing = mask === MAY_WRITE
  if (name.startsWith('trusted.')) throw fail(writing ? EPERM : ENODATA, op)
  if (!name.startsWith('user.')) {
    if (writing) throw fail(EPERM, op)
    return
  }
  if (node.type !== TYPE_FILE && node.type !== TYPE_DIRECTORY) throw fail(writing ? EPERM : ENODATA, op)
  const sticky = node.type === TYPE_DIRECTORY && (node.mode & STICKY) !== 0
  if (writing && sticky && ctx.uid !== node.uid) throw fail(EPERM, op, 'sticky directory')
  await requireAccess(state, ctx, op, node, mask)
}

/** Change the attributes of a node that is removed. */
function keep(state: MetaState, removed: RemovedNode, change: (xattrs: RemovedNode['xattrs']) => void): void {
  change(removed.xattrs)
  removed.record = changed(removed.record, state.clock.now())
}

function touchCtime(state: MetaState, tx: Tx, ino: Ino, node: NodeRecord | null): void {
  if (node === null) return
  tx.nodeIs(ino, node)
  tx.change({ kind: 'putNode', ino, node: changed(node, state.clock.now()) })
}
