/** Inode flags through ioctl(2), as lsattr and chattr do it. Source: shared/spec/fs-semantics.md §5.18. */
import type { OpContext } from '#core/base/context.ts'
import { EINVAL, ENOSYS, ENOTSUP, ENOTTY, EPERM, fail } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import { FLAG_APPEND, FLAG_IMMUTABLE, FLAG_SKIP_TRASH } from '#core/meta/records.ts'
import type { VfsState } from '../state.ts'
import { isSpecial } from '../virtual-files.ts'
import { getattr, setattr } from './attrs.ts'

/** Commands; the 32-bit forms differ only in size. Source: include/uapi/linux/fs.h. */
const FS_IOC_GETFLAGS = 0x80086601
const FS_IOC32_GETFLAGS = 0x80046601
const FS_IOC_SETFLAGS = 0x40086602
const FS_IOC32_SETFLAGS = 0x40046602
const FS_IOC_FSGETXATTR = 0x801c581f
const FS_IOC_FSSETXATTR = 0x401c5820

const FSXATTR_BYTES = 28

/** Our flag bits, and what the two families of commands call them. `s` (secure deletion) means: not to the trash. */
const NAMES: readonly (readonly [flag: number, fsFlag: number, xFlag: number])[] = [
  [FLAG_SKIP_TRASH, 0x1, 0],
  [FLAG_IMMUTABLE, 0x10, 0x8],
  [FLAG_APPEND, 0x20, 0x10],
]
const SHOWN = FLAG_SKIP_TRASH | FLAG_IMMUTABLE | FLAG_APPEND

export interface IoctlResult {
  readonly result: number
  readonly out: Uint8Array
}

export async function ioctl(
  state: VfsState,
  ctx: OpContext,
  ino: Ino,
  command: number,
  input: Uint8Array,
  outSize: number,
): Promise<IoctlResult> {
  if (!state.options.ioctl) throw fail(ENOSYS, 'ioctl')
  if (isSpecial(ino)) throw fail(EPERM, 'ioctl')
  switch (command) {
    case FS_IOC_GETFLAGS:
    case FS_IOC32_GETFLAGS:
      return words(await fsFlags(state, ctx, ino, 1), sized(outSize, 4, 8))
    case FS_IOC_FSGETXATTR:
      return words(await fsFlags(state, ctx, ino, 2), sized(outSize, FSXATTR_BYTES))
    case FS_IOC_SETFLAGS:
    case FS_IOC32_SETFLAGS:
      return setFlags(state, ctx, ino, 1, firstWord(input, 4, 8))
    case FS_IOC_FSSETXATTR:
      return setFlags(state, ctx, ino, 2, firstWord(input, FSXATTR_BYTES))
    default:
      throw fail(ENOTTY, 'ioctl', `command 0x${command.toString(16)}`)
  }
}

function sized(size: number, ...allowed: readonly number[]): number {
  if (!allowed.includes(size)) throw fail(EINVAL, 'ioctl', `${size} bytes`)
  return size
}

function firstWord(input: Uint8Array, ...allowed: readonly number[]): number {
  sized(input.length, ...allowed)
  return new DataView(input.buffer, input.byteOffset).getUint32(0, true)
}

function words(first: number, size: number): IoctlResult {
  const out = new Uint8Array(size)
  new DataView(out.buffer).setUint32(0, first, true)
  return { result: 0, out }
}

async function fsFlags(state: VfsState, ctx: OpContext, ino: Ino, column: 1 | 2): Promise<number> {
  const { flags } = await getattr(state, ctx, ino)
  return NAMES.reduce((sum, names) => ((flags & names[0]) === 0 ? sum : sum | names[column]), 0)
}

/** Set those that the family knows; others that we keep stay as they are. */
async function setFlags(
  state: VfsState,
  ctx: OpContext,
  ino: Ino,
  column: 1 | 2,
  wanted: number,
): Promise<IoctlResult> {
  const known = NAMES.reduce((sum, names) => sum | names[column], 0)
  if ((wanted & ~known) !== 0) throw fail(ENOTSUP, 'ioctl', `flags 0x${wanted.toString(16)}`)
  if (ctx.checkPermission && ctx.uid !== 0 && wanted !== 0) throw fail(EPERM, 'ioctl')
  const { flags } = await getattr(state, ctx, ino)
  const settable = column === 1 ? SHOWN : FLAG_IMMUTABLE | FLAG_APPEND
  let next = flags & ~settable
  for (const names of NAMES) if ((wanted & names[column]) !== 0) next |= names[0]
  if (next !== flags) {
    if (changesProtection(flags, next) && ctx.uid !== 0) throw fail(EPERM, 'ioctl')
    await setattr(state, ctx, ino, { flags: next })
  }
  return { result: 0, out: new Uint8Array(0) }
}

/** Immutable and append-only are root's to change (CAP_LINUX_IMMUTABLE); the kernel does not check it for us. */
function changesProtection(before: number, after: number): boolean {
  return ((before ^ after) & (FLAG_IMMUTABLE | FLAG_APPEND)) !== 0
}
