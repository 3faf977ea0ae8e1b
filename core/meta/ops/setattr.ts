/**
 * setattr: chmod, chown, utimes, chattr. As Linux: the kernel (or `requireRights` for a caller it has not checked)
 * decides who may; attribute flags are ours to enforce as ext4 does; every request, even one that sets what is
 * there already, updates ctime. Source: fs-semantics.md §5.3; linux/fs/attr.c setattr_prepare, may_setattr.
 */
import type { Time } from '#core/base/clock.ts'
import type { OpContext } from '#core/base/context.ts'
import { ENOENT, EPERM, fail } from '#core/base/errno.ts'
import { type Ino, isTrash } from '#core/base/ino.ts'
import { chmodAcl } from '../acl-rule.ts'
import type { AttrChange } from '../api.ts'
import { changed } from '../node.ts'
import { isChecked, isMember, liesInTrash, MAY_WRITE, requireAccess } from '../permission.ts'
import {
  FLAG_APPEND,
  FLAG_IMMUTABLE,
  FLAG_SKIP_TRASH,
  type NodeRecord,
  spaceOf,
  TYPE_DIRECTORY,
} from '../records.ts'
import type { MetaState } from '../state.ts'
import { run } from '../tx.ts'
import { withoutPrivileges } from './resize.ts'

const OP = 'setattr'
const SGID = 0o2000
/** What chattr can set; the other bits belong to other platforms and stay. */
const SETTABLE_FLAGS = FLAG_IMMUTABLE | FLAG_APPEND | FLAG_SKIP_TRASH

/**
 * A change without fields is chown(2) with -1 for both, which moves ctime and drops set-uid and set-gid all the
 * same, or FUSE's word for "somebody writes": also of a stranger, whom ext4 would refuse in the first case.
 */
export function setattr(state: MetaState, ctx: OpContext, ino: Ino, change: AttrChange): Promise<NodeRecord> {
  return run(state, OP, async (tx) => {
    const [stored] = await tx.read([{ kind: 'node', ino }])
    const removed = stored === null ? state.removed.get(ino) : undefined
    const node = stored ?? removed?.record
    if (node === undefined) throw fail(ENOENT, OP)
    if (isTrash(ino) || (liesInTrash(node) && !state.removed.isTrashed(ino)))
      throw fail(EPERM, OP, 'in the trash')
    requireFlagsAllow(node, change)
    if (change.flags !== undefined) requireFlagRights(ctx, node, change.flags)
    if (isChecked(ctx)) await requireRights(state, ctx, node, change)
    const now = state.clock.now()
    const next = await withAcl(state, node, changed(merged(ctx, node, change, now), now))
    if (removed !== undefined) return (removed.record = next)
    tx.nodeIs(ino, node)
    tx.change({ kind: 'putNode', ino, node: next }, ...state.accounts.chown(node, next, spaceOf(node), 1))
    return next
  })
}

/** Immutable forbids everything but other flags; append-only allows times to be set to now as well. */
function requireFlagsAllow(node: NodeRecord, change: AttrChange): void {
  const explicit = (time: Time | 'now' | undefined) => time !== undefined && time !== 'now'
  const owned = change.mode !== undefined || change.uid !== undefined || change.gid !== undefined
  const timed = explicit(change.atime) || explicit(change.mtime)
  const touched = change.atime !== undefined || change.mtime !== undefined
  const immutable = (node.flags & FLAG_IMMUTABLE) !== 0
  const append = (node.flags & FLAG_APPEND) !== 0
  if (((owned || timed) && (immutable || append)) || (touched && immutable)) {
    throw fail(EPERM, OP, 'immutable or append-only')
  }
}

/** ioctl is never checked by the kernel: the owner may, immutable and append-only are root's alone. */
function requireFlagRights(ctx: OpContext, node: NodeRecord, flags: number): void {
  if (ctx.uid === 0) return
  if (ctx.uid !== node.uid) throw fail(EPERM, OP, 'flags')
  if (((flags ^ node.flags) & (FLAG_IMMUTABLE | FLAG_APPEND)) !== 0) throw fail(EPERM, OP, 'flags')
}

async function requireRights(
  state: MetaState,
  ctx: OpContext,
  node: NodeRecord,
  { mode, uid, gid, atime, mtime }: AttrChange,
): Promise<void> {
  const owner = ctx.uid === node.uid
  if (uid !== undefined && !(owner && uid === node.uid)) throw fail(EPERM, OP, 'owner')
  if (gid !== undefined && !(owner && (gid === node.gid || isMember(ctx, gid))))
    throw fail(EPERM, OP, 'group')
  if (owner) return
  if (mode !== undefined) throw fail(EPERM, OP, 'mode')
  for (const time of [atime, mtime]) {
    if (time !== undefined && time !== 'now') throw fail(EPERM, OP, 'times')
    if (time === 'now') await requireAccess(state, ctx, OP, node, MAY_WRITE)
  }
}

function isChown(change: AttrChange): boolean {
  if (change.uid !== undefined || change.gid !== undefined) return true
  return Object.values(change).every((value) => value === undefined)
}

function merged(ctx: OpContext, node: NodeRecord, change: AttrChange, now: Time): NodeRecord {
  const { flags, atime, mtime } = change
  const uid = change.uid ?? node.uid
  const gid = change.gid ?? node.gid
  let mode = (change.mode ?? node.mode) & 0o7777
  if (change.mode !== undefined && isChecked(ctx) && !isMember(ctx, gid)) mode &= ~SGID
  if (isChown(change) && node.type !== TYPE_DIRECTORY) {
    mode = withoutPrivileges(mode, ctx.uid === 0 || isMember(ctx, node.gid))
  }
  const at = atime === 'now' ? now : atime
  const mt = mtime === 'now' ? now : mtime
  return {
    ...node,
    mode,
    uid,
    gid,
    ...(at === undefined ? {} : { atime: at.sec, atimeNsec: at.nsec }),
    ...(mt === undefined ? {} : { mtime: mt.sec, mtimeNsec: mt.nsec }),
    ...(flags === undefined ? {} : { flags: (node.flags & ~SETTABLE_FLAGS) | (flags & SETTABLE_FLAGS) }),
  }
}

/** The access rule follows the mode bits. */
async function withAcl(state: MetaState, before: NodeRecord, next: NodeRecord): Promise<NodeRecord> {
  if (next.accessAcl === 0 || ((before.mode ^ next.mode) & 0o777) === 0) return next
  const rule = await state.acls.get(next.accessAcl)
  return { ...next, accessAcl: await state.acls.intern(chmodAcl(rule, next.mode)) }
}
