/** Access and default ACLs of nodes. Source: fs-semantics.md §5.17; meta-records.md §14; linux/fs/posix_acl.c. */
import type { OpContext } from '#core/base/context.ts'
import { EACCES, ENOENT, ENOTSUP, EOPNOTSUPP, EPERM, fail } from '#core/base/errno.ts'
import { type Ino, isTrash } from '#core/base/ino.ts'
import { aclMode, checkAcl, completeAcl, isEmptyAcl, isMinimalAcl } from '../acl-rule.ts'
import { changed } from '../node.ts'
import { isMember, requireUnlocked } from '../permission.ts'
import { type AclRule, type NodeRecord, TYPE_DIRECTORY, TYPE_SYMLINK } from '../records.ts'
import type { MetaState } from '../state.ts'
import { run } from '../tx.ts'

const OP = 'setfacl'
const SGID = 0o2000

export type AclKind = 'access' | 'default'

/** Undefined when the node has none, or the volume no ACLs. */
export async function getAcl(
  state: MetaState,
  _ctx: OpContext,
  ino: Ino,
  kind: AclKind,
): Promise<AclRule | undefined> {
  if (!state.setting.EnableACL) return undefined
  const [node] = await state.engine.read([{ kind: 'node', ino }])
  if (node === null) throw fail(ENOENT, 'getfacl')
  const id = kind === 'access' ? node.accessAcl : node.defaultAcl
  return id === 0 ? undefined : state.acls.get(id)
}

/** Null or an empty rule removes the ACL. */
export function setAcl(
  state: MetaState,
  ctx: OpContext,
  ino: Ino,
  kind: AclKind,
  rule: AclRule | null,
): Promise<void> {
  if (!state.setting.EnableACL) throw fail(ENOTSUP, OP)
  const wanted = rule === null || isEmptyAcl(rule) ? null : rule
  return run(state, OP, async (tx) => {
    const [node] = await tx.read([{ kind: 'node', ino }])
    if (node === null) throw fail(ENOENT, OP)
    if (isTrash(ino)) throw fail(EPERM, OP, 'in the trash')
    if (node.type === TYPE_SYMLINK) throw fail(EOPNOTSUPP, OP, 'symbolic link')
    if (ctx.uid !== 0 && ctx.uid !== node.uid) throw fail(EPERM, OP)
    requireUnlocked(OP, node)
    if (wanted === null && (kind === 'access' ? node.accessAcl : node.defaultAcl) === 0) return
    if (kind === 'default' && node.type !== TYPE_DIRECTORY) throw fail(EACCES, OP, 'not a directory')
    const next =
      kind === 'access' ? await withAccess(state, ctx, node, wanted) : await withDefault(state, node, wanted)
    tx.nodeIs(ino, node)
    tx.change({ kind: 'putNode', ino, node: changed(next, state.clock.now()) })
  })
}

async function withAccess(
  state: MetaState,
  ctx: OpContext,
  node: NodeRecord,
  rule: AclRule | null,
): Promise<NodeRecord> {
  if (rule === null) return { ...node, accessAcl: 0 }
  const full = checkAcl(completeAcl(rule, node.mode))
  const kept = ctx.uid !== 0 && !isMember(ctx, node.gid) ? node.mode & ~SGID : node.mode
  return {
    ...node,
    mode: aclMode(full, kept),
    accessAcl: isMinimalAcl(full) ? 0 : await state.acls.intern(full),
  }
}

async function withDefault(state: MetaState, node: NodeRecord, rule: AclRule | null): Promise<NodeRecord> {
  if (rule === null) return { ...node, defaultAcl: 0 }
  return { ...node, defaultAcl: await state.acls.intern(checkAcl(completeAcl(rule, node.mode))) }
}
