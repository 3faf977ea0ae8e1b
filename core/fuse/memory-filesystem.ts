/**
 * A small file system in memory: what protocol tests mount, and the yardstick for the cost of the kernel path alone.
 * POSIX where a test can see it; not a volume.
 */
import { systemClock, type Time } from '#core/base/clock.ts'
import type { OpContext } from '#core/base/context.ts'
import * as errno from '#core/base/errno.ts'
import { fail } from '#core/base/errno.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import { type Name, nameToBytes } from '#core/base/name.ts'
import type * as fuse from './filesystem.ts'
import { MemoryLocks } from './memory-locks.ts'

const S_IFMT = 0o170000
const S_IFDIR = 0o040000
const S_IFREG = 0o100000
const S_IFLNK = 0o120000
const RENAME_NOREPLACE = 1
const RENAME_EXCHANGE = 2
const FALLOC_FL_KEEP_SIZE = 1
const FALLOC_FL_PUNCH_HOLE = 2
const MAX_IOCTL = 4096
/** Source: include/uapi/linux/fs.h. The kernel asks for the second before it sends the third. */
const FS_IOC_GETFLAGS = 0x80086601
const FS_IOC_FSGETXATTR = 0x801c581f
const FS_IOC_SETFLAGS = 0x40086602

interface Node {
  readonly ino: Ino
  mode: number
  uid: number
  gid: number
  rdev: number
  nlink: number
  atime: Time
  mtime: Time
  ctime: Time
  flags: number
  /** Bytes of a file, or the target of a symlink. */
  data: Buffer
  size: number
  readonly children: Map<Name, Ino>
  parent: Ino
  readonly xattrs: Map<Name, Buffer>
  lookups: number
  opens: number
}

interface Handle {
  readonly ino: Ino
  /** Of a directory, as it was when reading began: offsets stay good while entries come and go. */
  names: readonly (readonly [Name, Ino])[]
}

export class MemoryFileSystem implements fuse.FileSystem {
  readonly nodes = new Map<Ino, Node>()
  /** Seconds that the kernel may keep names, and attributes. */
  entryTtl = 1
  attrTtl = 1
  /** Longest file. */
  maxFile = 64 * 1024 * 1024
  notifier: fuse.KernelNotifier | undefined
  isDestroyed = false
  readonly #locks = new MemoryLocks()
  readonly #handles = new Map<number, Handle>()
  #nextIno = ROOT_INO
  #nextFh = 1

  constructor(uid = 0, gid = 0) {
    const root = this.#make(S_IFDIR | 0o755, uid, gid)
    root.nlink = 2
    root.parent = root.ino
  }

  get openHandles(): number {
    return this.#handles.size
  }

  started(notifier: fuse.KernelNotifier): void {
    this.notifier = notifier
  }

  destroyed(): void {
    this.isDestroyed = true
  }

  async lookup(_ctx: OpContext, parent: Ino, name: Name): Promise<fuse.EntryReply | undefined> {
    const dir = this.#dir(parent)
    const ino = name === '.' ? parent : name === '..' ? dir.parent : dir.children.get(name)
    return ino === undefined ? undefined : this.#entry(this.#node(ino))
  }

  forget(ino: Ino, n: number): void {
    const node = this.nodes.get(ino)
    if (node === undefined) return
    node.lookups -= n
    this.#reap(node)
  }

  async getattr(_ctx: OpContext, ino: Ino): Promise<fuse.AttrReply> {
    return this.#attr(this.#node(ino))
  }

  async setattr(_ctx: OpContext, ino: Ino, change: fuse.SetattrRequest): Promise<fuse.AttrReply> {
    const node = this.#node(ino)
    const now = systemClock.now()
    if (change.mode !== undefined) node.mode = (node.mode & S_IFMT) | (change.mode & 0o7777)
    if (change.uid !== undefined) node.uid = change.uid
    if (change.gid !== undefined) node.gid = change.gid
    if (change.size !== undefined) {
      this.#resize(node, change.size)
      node.mtime = now
    }
    if (change.atime !== undefined) node.atime = change.atime === 'now' ? now : change.atime
    if (change.mtime !== undefined) node.mtime = change.mtime === 'now' ? now : change.mtime
    node.ctime = change.ctime ?? now
    return this.#attr(node)
  }

  async readlink(_ctx: OpContext, ino: Ino): Promise<Uint8Array> {
    return this.#node(ino).data
  }

  async symlink(ctx: OpContext, parent: Ino, name: Name, target: Name): Promise<fuse.EntryReply> {
    const node = this.#add(ctx, parent, name, S_IFLNK | 0o777)
    node.data = nameToBytes(target)
    node.size = node.data.length
    return this.#entry(node)
  }

  async mknod(ctx: OpContext, parent: Ino, name: Name, mode: number, rdev: number): Promise<fuse.EntryReply> {
    const node = this.#add(ctx, parent, name, mode)
    node.rdev = rdev
    return this.#entry(node)
  }

  async mkdir(ctx: OpContext, parent: Ino, name: Name, mode: number): Promise<fuse.EntryReply> {
    const node = this.#add(ctx, parent, name, S_IFDIR | (mode & 0o7777))
    node.nlink = 2
    this.#dir(parent).nlink++
    return this.#entry(node)
  }

  async unlink(_ctx: OpContext, parent: Ino, name: Name): Promise<void> {
    const node = this.#child(parent, name)
    if (isDir(node)) throw fail(errno.EISDIR, 'unlink')
    this.#remove(parent, name, node)
  }

  async rmdir(_ctx: OpContext, parent: Ino, name: Name): Promise<void> {
    const node = this.#child(parent, name)
    if (!isDir(node)) throw fail(errno.ENOTDIR, 'rmdir')
    if (node.children.size > 0) throw fail(errno.ENOTEMPTY, 'rmdir')
    this.#remove(parent, name, node)
  }

  async rename(
    _ctx: OpContext,
    parent: Ino,
    name: Name,
    toParent: Ino,
    toName: Name,
    flags: number,
  ): Promise<void> {
    const node = this.#child(parent, name)
    const to = this.#dir(toParent)
    const there = to.children.get(toName)
    if ((flags & RENAME_NOREPLACE) !== 0 && there !== undefined) throw fail(errno.EEXIST, 'rename')
    if ((flags & RENAME_EXCHANGE) !== 0) {
      this.#move(this.#child(toParent, toName), toParent, parent, name)
      return this.#move(node, parent, toParent, toName)
    }
    if (there === node.ino) return
    if (there !== undefined) {
      const old = this.#node(there)
      if (isDir(old) && !isDir(node)) throw fail(errno.EISDIR, 'rename')
      if (!isDir(old) && isDir(node)) throw fail(errno.ENOTDIR, 'rename')
      if (old.children.size > 0) throw fail(errno.ENOTEMPTY, 'rename')
      this.#remove(toParent, toName, old)
    }
    this.#dir(parent).children.delete(name)
    this.#move(node, parent, toParent, toName)
  }

  async link(_ctx: OpContext, ino: Ino, parent: Ino, name: Name): Promise<fuse.EntryReply> {
    const node = this.#node(ino)
    const dir = this.#dir(parent)
    if (dir.children.has(name)) throw fail(errno.EEXIST, 'link')
    dir.children.set(name, ino)
    node.nlink++
    return this.#entry(node)
  }

  async open(_ctx: OpContext, ino: Ino, _flags: number): Promise<fuse.OpenReply> {
    return this.#open(this.#node(ino))
  }

  async create(
    ctx: OpContext,
    parent: Ino,
    name: Name,
    mode: number,
    _flags: number,
  ): ReturnType<fuse.FileSystem['create']> {
    const node = this.#add(ctx, parent, name, S_IFREG | (mode & 0o7777))
    return { entry: this.#entry(node), open: this.#open(node) }
  }

  async tmpfile(
    ctx: OpContext,
    _parent: Ino,
    mode: number,
    _flags: number,
  ): ReturnType<fuse.FileSystem['tmpfile']> {
    const node = this.#make(S_IFREG | (mode & 0o7777 & ~ctx.umask), ctx.uid, ctx.gid)
    node.nlink = 0
    return { entry: this.#entry(node), open: this.#open(node) }
  }

  async read(_ctx: OpContext, ino: Ino, fh: number, offset: number, size: number): Promise<fuse.ReadReply> {
    this.#handle(fh)
    const node = this.#node(ino)
    return {
      kind: 'bytes',
      parts: [node.data.subarray(Math.min(offset, node.size), Math.min(offset + size, node.size))],
    }
  }

  async write(_ctx: OpContext, ino: Ino, fh: number, offset: number, data: Uint8Array): Promise<number> {
    this.#handle(fh)
    const node = this.#node(ino)
    const end = offset + data.length
    if (end > node.size) this.#resize(node, end)
    node.data.set(data, offset)
    node.mtime = node.ctime = systemClock.now()
    return data.length
  }

  async flush(_ctx: OpContext, ino: Ino, fh: number, lockOwner: bigint): Promise<void> {
    this.#handle(fh)
    this.#locks.drop(ino, 'posix', lockOwner)
  }

  async fsync(_ctx: OpContext, _ino: Ino, fh: number): Promise<void> {
    this.#handle(fh)
  }

  async release(_ctx: OpContext, ino: Ino, fh: number, flockOwner: bigint | undefined): Promise<void> {
    if (flockOwner !== undefined) this.#locks.drop(ino, 'flock', flockOwner)
    this.#close(fh)
  }

  async opendir(_ctx: OpContext, ino: Ino): Promise<fuse.OpenReply> {
    return this.#open(this.#dir(ino))
  }

  async readdir(
    _ctx: OpContext,
    ino: Ino,
    fh: number,
    offset: number,
    _size: number,
    sink: fuse.DirSink,
    plus: boolean,
  ): Promise<void> {
    const handle = this.#handle(fh)
    const dir = this.#dir(ino)
    if (offset === 0) handle.names = [['.', ino], ['..', dir.parent], ...dir.children]
    for (let i = offset; i < handle.names.length; i++) {
      const [name, child] = handle.names[i]!
      const node = this.nodes.get(child)
      if (node === undefined) continue
      const isDot = i < 2
      if (!plus) {
        if (!sink.add(name, child, node.mode >>> 12, i + 1)) return
      } else if (
        !sink.addPlus(name, { ...this.#attr(node), ino: isDot ? 0 : child, entryTtl: this.entryTtl }, i + 1)
      )
        return
      else if (!isDot) node.lookups++
    }
  }

  async releasedir(_ctx: OpContext, _ino: Ino, fh: number): Promise<void> {
    this.#close(fh)
  }

  async fsyncdir(_ctx: OpContext, _ino: Ino, fh: number): Promise<void> {
    this.#handle(fh)
  }

  async statfs(): Promise<fuse.StatfsReply> {
    return {
      blocks: 1000,
      bfree: 600,
      bavail: 500,
      files: 400,
      ffree: 300,
      bsize: 4096,
      frsize: 4096,
      namelen: 255,
    }
  }

  async setxattr(_ctx: OpContext, ino: Ino, name: Name, value: Uint8Array, flags: number): Promise<void> {
    const { xattrs } = this.#node(ino)
    if (flags === 1 && xattrs.has(name)) throw fail(errno.EEXIST, 'setxattr')
    if (flags === 2 && !xattrs.has(name)) throw fail(errno.ENODATA, 'setxattr')
    xattrs.set(name, Buffer.from(value))
  }

  async getxattr(_ctx: OpContext, ino: Ino, name: Name): Promise<Uint8Array> {
    const value = this.#node(ino).xattrs.get(name)
    if (value === undefined) throw fail(errno.ENODATA, 'getxattr')
    return value
  }

  async listxattr(_ctx: OpContext, ino: Ino): Promise<readonly Name[]> {
    return [...this.#node(ino).xattrs.keys()]
  }

  async removexattr(_ctx: OpContext, ino: Ino, name: Name): Promise<void> {
    if (!this.#node(ino).xattrs.delete(name)) throw fail(errno.ENODATA, 'removexattr')
  }

  async getlk(
    _ctx: OpContext,
    ino: Ino,
    _fh: number,
    owner: bigint,
    lock: fuse.FileLock,
  ): Promise<fuse.FileLock> {
    return this.#locks.blocking(ino, 'posix', owner, lock) ?? { ...lock, type: 2 }
  }

  setlk(
    ctx: OpContext,
    ino: Ino,
    _fh: number,
    owner: bigint,
    lock: fuse.FileLock,
    wait: boolean,
  ): Promise<void> {
    return this.#locks.set(ctx, ino, 'posix', owner, lock, wait)
  }

  flock(ctx: OpContext, ino: Ino, _fh: number, owner: bigint, type: number, wait: boolean): Promise<void> {
    return this.#locks.set(
      ctx,
      ino,
      'flock',
      owner,
      { start: 0n, end: 2n ** 63n - 1n, type, pid: ctx.pid },
      wait,
    )
  }

  async fallocate(
    _ctx: OpContext,
    ino: Ino,
    fh: number,
    mode: number,
    offset: number,
    length: number,
  ): Promise<void> {
    this.#handle(fh)
    const node = this.#node(ino)
    if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) !== 0)
      throw fail(errno.EOPNOTSUPP, 'fallocate')
    if ((mode & FALLOC_FL_PUNCH_HOLE) !== 0) node.data.fill(0, offset, Math.min(offset + length, node.size))
    else if ((mode & FALLOC_FL_KEEP_SIZE) === 0) this.#resize(node, Math.max(node.size, offset + length))
  }

  async lseek(_ctx: OpContext, ino: Ino, _fh: number, offset: number, whence: number): Promise<number> {
    const { size } = this.#node(ino)
    if (offset >= size) throw fail(errno.ENXIO, 'lseek')
    return whence === 3 ? offset : size
  }

  async copyFileRange(
    ctx: OpContext,
    ino: Ino,
    fh: number,
    offset: number,
    toIno: Ino,
    toFh: number,
    toOffset: number,
    length: number,
  ): Promise<number> {
    this.#handle(fh)
    const { data, size } = this.#node(ino)
    return this.write(
      ctx,
      toIno,
      toFh,
      toOffset,
      Buffer.from(data.subarray(offset, Math.min(offset + length, size))),
    )
  }

  async ioctl(
    _ctx: OpContext,
    ino: Ino,
    _fh: number,
    command: number,
    input: Uint8Array,
    outSize: number,
  ): Promise<fuse.IoctlReply> {
    const node = this.#node(ino)
    if (outSize > MAX_IOCTL) throw fail(errno.EINVAL, 'ioctl')
    const out = Buffer.alloc(outSize)
    if (command === FS_IOC_GETFLAGS) out.writeUInt32LE(node.flags)
    else if (command === FS_IOC_FSGETXATTR) out.writeUInt32LE(node.flags & 0x10)
    else if (command === FS_IOC_SETFLAGS) node.flags = Buffer.from(input).readUInt32LE()
    else throw fail(errno.ENOTTY, 'ioctl', `command 0x${command.toString(16)}`)
    return { result: 0, out }
  }

  async syncfs(): Promise<void> {}

  #node(ino: Ino): Node {
    const node = this.nodes.get(ino)
    if (node === undefined) throw fail(errno.ESTALE, 'node', `ino ${ino}`)
    return node
  }

  #dir(ino: Ino): Node {
    const node = this.#node(ino)
    if (!isDir(node)) throw fail(errno.ENOTDIR, 'node', `ino ${ino}`)
    return node
  }

  #child(parent: Ino, name: Name): Node {
    const ino = this.#dir(parent).children.get(name)
    if (ino === undefined) throw fail(errno.ENOENT, 'node')
    return this.#node(ino)
  }

  #handle(fh: number): Handle {
    const handle = this.#handles.get(fh)
    if (handle === undefined) throw fail(errno.EBADF, 'handle', String(fh))
    return handle
  }

  #make(mode: number, uid: number, gid: number): Node {
    const now = systemClock.now()
    const node: Node = {
      ...{
        ino: this.#nextIno++,
        mode,
        uid,
        gid,
        rdev: 0,
        nlink: 1,
        atime: now,
        mtime: now,
        ctime: now,
        flags: 0,
      },
      ...{
        data: Buffer.alloc(0),
        size: 0,
        children: new Map(),
        parent: 0,
        xattrs: new Map(),
        lookups: 0,
        opens: 0,
      },
    }
    this.nodes.set(node.ino, node)
    return node
  }

  #add(ctx: OpContext, parent: Ino, name: Name, mode: number): Node {
    const dir = this.#dir(parent)
    if (name.length > 255) throw fail(errno.ENAMETOOLONG, 'create')
    if (dir.children.has(name)) throw fail(errno.EEXIST, 'create')
    const node = this.#make(mode & ~ctx.umask, ctx.uid, ctx.gid)
    node.parent = parent
    dir.children.set(name, node.ino)
    dir.mtime = dir.ctime = node.ctime
    return node
  }

  #remove(parent: Ino, name: Name, node: Node): void {
    const dir = this.#dir(parent)
    dir.children.delete(name)
    dir.mtime = dir.ctime = node.ctime = systemClock.now()
    if (isDir(node)) dir.nlink--
    node.nlink -= isDir(node) ? 2 : 1
    this.#reap(node)
  }

  #move(node: Node, from: Ino, to: Ino, name: Name): void {
    this.#dir(to).children.set(name, node.ino)
    if (isDir(node) && from !== to) {
      this.#dir(from).nlink--
      this.#dir(to).nlink++
    }
    node.parent = to
    node.ctime = systemClock.now()
  }

  #reap(node: Node): void {
    if (node.nlink <= 0 && node.lookups <= 0 && node.opens === 0) this.nodes.delete(node.ino)
  }

  #open(node: Node): fuse.OpenReply {
    const fh = this.#nextFh++
    this.#handles.set(fh, { ino: node.ino, names: [] })
    node.opens++
    return { fh, flags: 0 }
  }

  #close(fh: number): void {
    const node = this.nodes.get(this.#handle(fh).ino)
    this.#handles.delete(fh)
    if (node === undefined) return
    node.opens--
    this.#reap(node)
  }

  #resize(node: Node, size: number): void {
    if (size > this.maxFile) throw fail(errno.EFBIG, 'write')
    if (size > node.data.length) {
      const grown = Buffer.alloc(Math.max(size, Math.min(this.maxFile, node.data.length * 2)))
      node.data.copy(grown, 0, 0, node.size)
      node.data = grown
    } else if (size < node.size) node.data.fill(0, size, node.size)
    node.size = size
  }

  #entry(node: Node): fuse.EntryReply {
    node.lookups++
    return { ...this.#attr(node), ino: node.ino, entryTtl: this.entryTtl }
  }

  #attr(node: Node): fuse.AttrReply {
    const { ino, size, mode, nlink, uid, gid, rdev, atime, mtime, ctime } = node
    return {
      attrTtl: this.attrTtl,
      attr: {
        ...{ ino, size, blocks: Math.ceil(size / 512), mode, nlink, uid, gid, rdev, blksize: 65536 },
        ...{ atime: atime.sec, atimeNsec: atime.nsec, mtime: mtime.sec, mtimeNsec: mtime.nsec },
        ...{ ctime: ctime.sec, ctimeNsec: ctime.nsec },
      },
    }
  }
}

function isDir(node: Node): boolean {
  return (node.mode & S_IFMT) === S_IFDIR
}
