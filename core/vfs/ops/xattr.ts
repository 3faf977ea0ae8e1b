/** Extended attributes: which ones this mount serves; the rest is metadata's. Source: fs-semantics.md §5.17. */
import type { OpContext } from '#core/base/context.ts'
import { ENODATA, ENOSYS, ENOTSUP, EPERM, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import { ACL_ACCESS_XATTR, ACL_DEFAULT_XATTR } from '#core/meta/acl-rule.ts'
import type { VfsState } from '../state.ts'
import { isSpecial } from '../virtual-files.ts'

const CAPABILITY = 'security.capability'
const SELINUX = 'security.selinux'
/** Made once: the kernel asks for `security.capability` again and again, and a stack trace costs more than the answer. */
const NO_DATA = fail(ENODATA, 'getxattr')

function requireServed(state: VfsState, op: string): void {
  if (!state.options.xattr && !state.meta.setting.EnableACL) throw fail(ENOSYS, op)
}

function isAcl(name: Name): boolean {
  return name === ACL_ACCESS_XATTR || name === ACL_DEFAULT_XATTR
}

/** False for names that this mount or volume does not keep. */
function isKept(state: VfsState, name: Name): boolean {
  if (name === CAPABILITY) return state.options.capabilities
  if (name === SELINUX) return state.options.selinux
  return !isAcl(name) || state.meta.setting.EnableACL
}

function admitChange(state: VfsState, op: string, ino: Ino, name: Name): void {
  requireServed(state, op)
  if (isSpecial(ino)) throw fail(EPERM, op)
  if (!isKept(state, name)) throw fail(ENOTSUP, op, name)
}

/** Errors: ENODATA when there is none. */
export async function getxattr(state: VfsState, ctx: OpContext, ino: Ino, name: Name): Promise<Uint8Array> {
  requireServed(state, 'getxattr')
  if (isSpecial(ino) || !isKept(state, name)) throw NO_DATA
  const value = await state.meta.getxattr(ctx, ino, name)
  if (value === undefined) throw NO_DATA
  return value
}

/** `value` may view a request buffer. */
export async function setxattr(
  state: VfsState,
  ctx: OpContext,
  ino: Ino,
  name: Name,
  value: Uint8Array,
  flags: number,
): Promise<void> {
  admitChange(state, 'setxattr', ino, name)
  await state.meta.setxattr(ctx, ino, name, Buffer.from(value), flags)
  changed(state, ino, name)
}

export async function removexattr(state: VfsState, ctx: OpContext, ino: Ino, name: Name): Promise<void> {
  admitChange(state, 'removexattr', ino, name)
  await state.meta.removexattr(ctx, ino, name)
  changed(state, ino, name)
}

/** An ACL changes the mode; a capability must go with the next write. */
function changed(state: VfsState, ino: Ino, name: Name): void {
  state.nodes.stamp(ino)
  const node = state.nodes.get(ino)
  if (name === CAPABILITY && node !== undefined) node.capability = 'unknown'
}

export async function listxattr(state: VfsState, ctx: OpContext, ino: Ino): Promise<readonly Name[]> {
  requireServed(state, 'listxattr')
  if (isSpecial(ino)) return []
  const names = await state.meta.listxattr(ctx, ino)
  return names.filter((name) => isKept(state, name))
}
