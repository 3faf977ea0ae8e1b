/** A file system whose operations a `Trace` tells of, while somebody watches. */
import type { OpContext } from '#core/base/context.ts'
import { ENOENT } from '#core/base/errno.ts'
import { type Ino, isVirtual } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { Asked, Trace } from '#core/base/trace.ts'
import type { FileSystem } from './filesystem.ts'

type Operation = Exclude<keyof FileSystem, 'handlesKillpriv' | 'started' | 'destroyed' | 'forget'>
type Arguments<K extends Operation> =
  Parameters<NonNullable<FileSystem[K]>> extends [OpContext, ...infer A] ? A : never

const onInode = (ino: Ino): Asked => ({ ino })
const onName = (ino: Ino, name: Name): Asked => ({ ino, name })

/** What the arguments of each say, for a reader of the trace. */
const ASKED: { readonly [K in Operation]: (...args: Arguments<K>) => Asked } = {
  lookup: onName,
  getattr: onInode,
  setattr: onInode,
  readlink: onInode,
  symlink: onName,
  mknod: onName,
  mkdir: onName,
  unlink: onName,
  rmdir: onName,
  rename: (ino, name, toIno, toName) => ({ ino, name, toIno, toName }),
  link: (ino, toIno, toName) => ({ ino, toIno, toName }),
  open: onInode,
  create: onName,
  tmpfile: onInode,
  read: (ino, _fh, offset, size) => ({ ino, offset, size }),
  write: (ino, _fh, offset, data) => ({ ino, offset, size: data.length }),
  flush: onInode,
  fsync: onInode,
  release: onInode,
  opendir: onInode,
  readdir: onInode,
  releasedir: onInode,
  fsyncdir: onInode,
  statfs: onInode,
  access: onInode,
  setxattr: onInode,
  getxattr: onInode,
  listxattr: onInode,
  removexattr: onInode,
  getlk: onInode,
  setlk: onInode,
  flock: onInode,
  fallocate: (ino, _fh, _mode, offset, size) => ({ ino, offset, size }),
  lseek: (ino, _fh, offset) => ({ ino, offset }),
  copyFileRange: (ino, _fh, offset, toIno, _toFh, _toOffset, size) => ({ ino, offset, toIno, size }),
  ioctl: onInode,
  syncfs: onInode,
}

type Method = (this: FileSystem, ctx: OpContext, ...args: readonly unknown[]) => Promise<unknown>

export function withTrace(fs: FileSystem, trace: Trace): FileSystem {
  const traced: Record<string, unknown> = {
    handlesKillpriv: fs.handlesKillpriv,
    started: fs.started.bind(fs),
    destroyed: fs.destroyed.bind(fs),
    forget: fs.forget.bind(fs),
  }
  for (const key of Object.keys(ASKED) as Operation[]) {
    if (fs[key] !== undefined) traced[key] = wrap(fs, key, trace)
  }
  return traced as unknown as FileSystem
}

/** The parameters are spelled out so that a call that nobody watches makes no array. */
function wrap(fs: FileSystem, key: Operation, trace: Trace): Method {
  const method = fs[key] as Method
  const asked = ASKED[key] as (...args: readonly unknown[]) => Asked
  const failed = key === 'lookup' ? (result: unknown) => (result === undefined ? ENOENT : 0) : undefined
  return (ctx, a, b, c, d, e, f, g, h) => {
    if (!trace.active || isVirtual(a as Ino)) return method.call(fs, ctx, a, b, c, d, e, f, g, h)
    const run = (): Promise<unknown> => method.call(fs, ctx, a, b, c, d, e, f, g, h)
    return trace.operation(key, ctx, asked(a, b, c, d, e, f, g, h), run, failed)
  }
}
