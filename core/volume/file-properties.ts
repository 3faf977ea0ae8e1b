/** What a file or folder is besides its bytes, shown and changed: mode, owner, extended attributes, ACLs. */
import { warmup } from '#core/admin/warmup.ts'
import { rootContext } from '#core/base/context.ts'
import { EINVAL, fail } from '#core/base/errno.ts'
import { nameFromBytes, nameFromText, nameToText } from '#core/base/name.ts'
import {
  ACL_ACCESS_XATTR,
  ACL_DEFAULT_XATTR,
  checkAcl,
  completeAcl,
  encodeAclXattr,
} from '#core/meta/acl-rule.ts'
import { TYPE_FILE, TYPE_SYMLINK } from '#core/meta/records.ts'
import { type Args, number, text } from './arguments.ts'
import { ruleOf, shownAcl } from './file-view.ts'
import { cleanPath, entryAt, place } from './named-places.ts'
import type { Volume } from './open-volume.ts'

interface Job {
  readonly signal?: AbortSignal
}

const MOST_XATTRS = 1000
const SHOWN_BYTES = 65_536

export async function stat(volume: Volume, args: Args, { signal }: Job) {
  const path = cleanPath(text(args, 'path'))
  const found = await place(volume, path, signal, false)
  const ctx = rootContext(signal)
  const { meta, vfs, setting } = volume
  const xattrs = []
  for (const name of (await meta.listxattr(ctx, found.ino)).slice(0, MOST_XATTRS)) {
    const value = await meta.getxattr(ctx, found.ino, name)
    if (value !== undefined) xattrs.push({ name: nameToText(name), ...shownBytes(value) })
  }
  const isFile = found.node.type === TYPE_FILE
  const isLink = found.node.type === TYPE_SYMLINK
  const target = isLink ? nameToText(nameFromBytes(await vfs.readlink(ctx, found.ino))) : undefined
  return {
    ...entryAt(path, found),
    ...(target !== undefined && { target }),
    xattrs,
    acl: setting.EnableACL ? shownAcl(await meta.getAcl(ctx, found.ino, 'access')) : null,
    defaultAcl: setting.EnableACL ? shownAcl(await meta.getAcl(ctx, found.ino, 'default')) : null,
    can: {
      change: !meta.readOnly,
      xattrs: !meta.readOnly && (vfs.options.xattr || setting.EnableACL === true),
      acl: !meta.readOnly && setting.EnableACL === true && !isLink,
    },
    places: isFile
      ? (await warmup(volume, [path], { action: 'check', threads: 4 }, { signal })).places
      : null,
  }
}

export async function chmod(volume: Volume, args: Args, job: Job) {
  return change(volume, args, job, { mode: number(args, 'mode', 0) })
}

export async function chown(volume: Volume, args: Args, job: Job) {
  const id = (name: string) => (args[name] === undefined ? {} : { [name]: number(args, name, 0) })
  return change(volume, args, job, { ...id('uid'), ...id('gid') })
}

async function change(
  volume: Volume,
  args: Args,
  { signal }: Job,
  attributes: { readonly mode?: number; readonly uid?: number; readonly gid?: number },
) {
  const path = cleanPath(text(args, 'path'))
  const { ino } = await place(volume, path, signal, false)
  const node = await volume.vfs.setattr(rootContext(signal), ino, attributes)
  volume.vfs.attributesChanged(ino)
  return entryAt(path, { ino, node })
}

/** The rules of a mount hold: which names it keeps, and that a capability goes with the next write. */
export async function setXattr(volume: Volume, args: Args, { signal }: Job) {
  const { ino } = await place(volume, text(args, 'path'), signal, false)
  const value = Buffer.from(text(args, 'value'), args.encoding === 'hex' ? 'hex' : 'utf8')
  await volume.vfs.setxattr(rootContext(signal), ino, nameFromText(text(args, 'name')), value, 0)
}

export async function removeXattr(volume: Volume, args: Args, { signal }: Job) {
  const { ino } = await place(volume, text(args, 'path'), signal, false)
  await volume.vfs.removexattr(rootContext(signal), ino, nameFromText(text(args, 'name')))
}

/** What the entries leave out follows the mode; the mask, as setfacl(1) has it, what is named. */
export async function setAcl(volume: Volume, args: Args, { signal }: Job) {
  const path = cleanPath(text(args, 'path'))
  const { ino, node } = await place(volume, path, signal, false)
  const ctx = rootContext(signal)
  const name = args.which === 'default' ? ACL_DEFAULT_XATTR : ACL_ACCESS_XATTR
  if (args.entries === null) await volume.vfs.removexattr(ctx, ino, name)
  else {
    const rule = checkAcl(completeAcl(ruleOf(entriesOf(args)), node.mode))
    await volume.vfs.setxattr(ctx, ino, name, encodeAclXattr(rule), 0)
  }
  volume.vfs.attributesChanged(ino)
  return entryAt(path, await place(volume, path, signal, false))
}

function entriesOf({ entries }: Args): Parameters<typeof ruleOf>[0] {
  if (!Array.isArray(entries)) throw fail(EINVAL, 'request', 'entries are missing')
  return entries as Parameters<typeof ruleOf>[0]
}

/** Text where it is some, else hexadecimal digits; long values are cut. */
function shownBytes(value: Uint8Array): { readonly value: string; readonly encoding: 'text' | 'hex' } {
  const bytes = Buffer.from(value).subarray(0, SHOWN_BYTES)
  const textual = bytes.toString('utf8')
  const isText =
    Buffer.from(textual, 'utf8').equals(bytes) && !/\p{Cc}/u.test(textual.replace(/[\t\n\r]/g, ''))
  return isText ? { value: textual, encoding: 'text' } : { value: bytes.toString('hex'), encoding: 'hex' }
}
