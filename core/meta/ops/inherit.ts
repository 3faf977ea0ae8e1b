/**
 * What a new node takes from its directory: group, setgid, default ACL, skip-trash, tier.
 * Source: shared/spec/fs-semantics.md §2.4-2.5, meta-records.md §2.5; linux/fs/inode.c inode_init_owner,
 * mode_strip_sgid; linux/fs/posix_acl.c posix_acl_create.
 */

import type { Time } from '#core/base/clock.ts'
import type { OpContext } from '#core/base/context.ts'
import type { Ino } from '#core/base/ino.ts'
import { inheritAcl } from '../acl-rule.ts'
import type { NewNode } from '../api.ts'
import { makeNode } from '../node.ts'
import { isChecked } from '../permission.ts'
import {
  FLAG_SKIP_TRASH,
  type NodeRecord,
  TYPE_BLOCK,
  TYPE_CHAR,
  TYPE_DIRECTORY,
  TYPE_SYMLINK,
} from '../records.ts'
import type { MetaState } from '../state.ts'

const SETGID = 0o2000
const GROUP_EXEC = 0o010

/** Every new node belongs to its directory's group there, as in BSD. */
const GROUP_FROM_PARENT = process.platform === 'darwin'

/** The record of `what`, made by the caller in the directory `dir`. May store an ACL rule. */
export async function newNode(
  state: MetaState,
  ctx: OpContext,
  parent: Ino,
  dir: NodeRecord,
  what: NewNode,
  now: Time,
): Promise<NodeRecord> {
  const { type } = what
  const isDirectory = type === TYPE_DIRECTORY
  const mode = inheritedSetgid(ctx, dir, isDirectory, what.mode & 0o7777)
  return makeNode(
    {
      type,
      flags: dir.flags & FLAG_SKIP_TRASH,
      uid: ctx.uid,
      gid: GROUP_FROM_PARENT || (dir.mode & SETGID) !== 0 ? dir.gid : ctx.gid,
      ...(type === TYPE_SYMLINK ? { mode: 0o777 } : await permissions(state, ctx, dir, isDirectory, mode)),
      length: isDirectory ? 4096 : (what.target?.length ?? 0),
      rdev: type === TYPE_BLOCK || type === TYPE_CHAR ? (what.rdev ?? 0) : 0,
      parent,
      tier: dir.tier,
    },
    now,
  )
}

/**
 * A directory in a setgid directory is one too; an executable file loses the bit when the caller is not in the
 * group it gets. Without `checkPermission` the groups are unknown and the kernel has done the latter.
 */
function inheritedSetgid(ctx: OpContext, dir: NodeRecord, isDirectory: boolean, mode: number): number {
  if (GROUP_FROM_PARENT || (dir.mode & SETGID) === 0) return mode
  if (isDirectory) return mode | SETGID
  const both = SETGID | GROUP_EXEC
  const drop = (mode & both) === both && isChecked(ctx) && !ctx.groups.includes(dir.gid)
  return drop ? mode & ~SETGID : mode
}

async function permissions(
  state: MetaState,
  ctx: OpContext,
  dir: NodeRecord,
  isDirectory: boolean,
  mode: number,
): Promise<Pick<NodeRecord, 'mode' | 'accessAcl' | 'defaultAcl'>> {
  if (dir.defaultAcl === 0) return { mode: mode & ~ctx.umask, accessAcl: 0, defaultAcl: 0 }
  const inherited = inheritAcl(await state.acls.get(dir.defaultAcl), mode)
  return {
    mode: inherited.mode,
    accessAcl: inherited.access === null ? 0 : await state.acls.intern(inherited.access),
    defaultAcl: isDirectory ? dir.defaultAcl : 0,
  }
}
