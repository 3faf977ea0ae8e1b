/**
 * What a file system must offer to be served to the kernel. `dispatch.ts` calls it with decoded requests;
 * `adapter.ts` implements it with `core/vfs`. Knows the kernel's words, nothing of volumes.
 *
 * Every method may be called while others wait; rejecting with FsError answers that errno, any other error is
 * mapped by `toErrno`. A method that is not implemented is left undefined: the request is answered ENOSYS and
 * the kernel does not ask again. Inodes are carried as `base/ino.ts` says.
 */

import type { Time } from '#core/base/clock.ts'
import type { OpContext } from '#core/base/context.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'

/** The kernel's fuse_attr. */
export interface FileAttr {
  readonly ino: Ino
  readonly size: number
  /** 512-byte units. */
  readonly blocks: number
  readonly atime: number
  readonly atimeNsec: number
  readonly mtime: number
  readonly mtimeNsec: number
  readonly ctime: number
  readonly ctimeNsec: number
  /** With the S_IFMT bits. */
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  readonly rdev: number
  readonly blksize: number
}

export interface AttrReply {
  readonly attr: FileAttr
  /** Seconds, with fractions. */
  readonly attrTtl: number
}

/** `ino` 0 with a ttl is a negative entry that the kernel may keep. */
export interface EntryReply extends AttrReply {
  readonly ino: Ino
  readonly entryTtl: number
}

export interface OpenReply {
  readonly fh: number
  /** FOPEN_* bits. */
  readonly flags: number
}

/** Absent fields stay as they are. */
export interface SetattrRequest {
  readonly fh?: number
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly size?: number
  readonly atime?: Time | 'now'
  readonly mtime?: Time | 'now'
  readonly ctime?: Time
  /** The kernel asks us to drop suid and sgid (FATTR_KILL_SUIDGID). */
  readonly killSuidgid: boolean
}

/** A READ's answer: bytes in order, or a range of an open cache file that the pump sends itself. */
export type ReadReply =
  | { readonly kind: 'bytes'; readonly parts: readonly Uint8Array[]; readonly done?: () => void }
  | {
      readonly kind: 'file'
      readonly fd: number
      readonly offset: number
      readonly length: number
      /** `ok` false: the file had fewer bytes or could not be read; dispatch then asks `read` once more. */
      readonly done: (ok: boolean) => void
    }

/**
 * Entries for one READDIR(PLUS) reply. `add` returns false when the entry did not fit: stop, and keep it for the
 * next call. `next` is the offset the kernel sends to go on after this entry.
 */
export interface DirSink {
  add(name: Name, ino: Ino, type: number, next: number): boolean
  /** With attributes; takes a lookup count on `entry.ino` (not for `.` and `..`). */
  addPlus(name: Name, entry: EntryReply, next: number): boolean
}

/** F_RDLCK 0, F_WRLCK 1, F_UNLCK 2. */
export interface FileLock {
  readonly start: bigint
  /** Inclusive. */
  readonly end: bigint
  readonly type: number
  readonly pid: number
}

export interface StatfsReply {
  readonly blocks: number
  readonly bfree: number
  readonly bavail: number
  readonly files: number
  readonly ffree: number
  readonly bsize: number
  readonly frsize: number
  readonly namelen: number
}

export interface IoctlReply {
  readonly result: number
  readonly out: Uint8Array
}

/** What the kernel can be told; handed to the file system after INIT. Sent after pending replies. */
export interface KernelNotifier {
  /**
   * Drop cached attributes and, from `offset` for `length` bytes (0: to the end; offset -1: none), pages. `done` is
   * called when the kernel has done so, or will never be told.
   */
  invalInode(ino: Ino, offset: number, length: number, done?: () => void): void
  invalEntry(parent: Ino, name: Name): void
  /** Drop cached attributes; resolves when that is done. A request may wait for it, unlike for the others. */
  dropAttributes(ino: Ino): Promise<void>
}

export interface FileSystem {
  /**
   * True when `write` and `setattr` clear suid, sgid and security.capability themselves
   * (FUSE_HANDLE_KILLPRIV_V2). Saves the kernel a GETXATTR before every write.
   */
  readonly handlesKillpriv?: boolean

  /** After INIT was answered. */
  started(notify: KernelNotifier): void
  /** The connection is gone; flush and end. */
  destroyed(): void

  lookup(ctx: OpContext, parent: Ino, name: Name): Promise<EntryReply | undefined>
  /** The kernel gives back `n` lookup counts. Does no I/O. */
  forget(ino: Ino, n: number): void
  getattr(ctx: OpContext, ino: Ino, fh: number | undefined): Promise<AttrReply>
  setattr(ctx: OpContext, ino: Ino, change: SetattrRequest): Promise<AttrReply>
  readlink(ctx: OpContext, ino: Ino): Promise<Uint8Array>
  symlink(ctx: OpContext, parent: Ino, name: Name, target: Name): Promise<EntryReply>
  /** `mode` with its S_IFMT bits. The umask is in `ctx`. */
  mknod(ctx: OpContext, parent: Ino, name: Name, mode: number, rdev: number): Promise<EntryReply>
  mkdir(ctx: OpContext, parent: Ino, name: Name, mode: number): Promise<EntryReply>
  unlink(ctx: OpContext, parent: Ino, name: Name): Promise<void>
  rmdir(ctx: OpContext, parent: Ino, name: Name): Promise<void>
  rename(ctx: OpContext, parent: Ino, name: Name, toParent: Ino, toName: Name, flags: number): Promise<void>
  link(ctx: OpContext, ino: Ino, parent: Ino, name: Name): Promise<EntryReply>
  open(ctx: OpContext, ino: Ino, flags: number): Promise<OpenReply>
  create(
    ctx: OpContext,
    parent: Ino,
    name: Name,
    mode: number,
    flags: number,
  ): Promise<{ readonly entry: EntryReply; readonly open: OpenReply }>
  tmpfile(
    ctx: OpContext,
    parent: Ino,
    mode: number,
    flags: number,
  ): Promise<{ readonly entry: EntryReply; readonly open: OpenReply }>
  read(ctx: OpContext, ino: Ino, fh: number, offset: number, size: number): Promise<ReadReply>
  /**
   * `data` views the request buffer: copy what is kept before the first await. Returns bytes written.
   * `killSuidgid` only with `handlesKillpriv`: drop suid, and sgid when group-executable.
   */
  write(
    ctx: OpContext,
    ino: Ino,
    fh: number,
    offset: number,
    data: Uint8Array,
    killSuidgid: boolean,
  ): Promise<number>
  flush(ctx: OpContext, ino: Ino, fh: number, lockOwner: bigint): Promise<void>
  fsync(ctx: OpContext, ino: Ino, fh: number, dataOnly: boolean): Promise<void>
  /** `flockOwner` when the kernel wants the BSD lock of this open dropped. */
  release(ctx: OpContext, ino: Ino, fh: number, flockOwner: bigint | undefined): Promise<void>
  opendir(ctx: OpContext, ino: Ino, flags: number): Promise<OpenReply>
  readdir(
    ctx: OpContext,
    ino: Ino,
    fh: number,
    offset: number,
    size: number,
    sink: DirSink,
    plus: boolean,
  ): Promise<void>
  releasedir(ctx: OpContext, ino: Ino, fh: number): Promise<void>
  fsyncdir(ctx: OpContext, ino: Ino, fh: number, dataOnly: boolean): Promise<void>
  statfs(ctx: OpContext, ino: Ino): Promise<StatfsReply>
  access?(ctx: OpContext, ino: Ino, mask: number): Promise<void>
  setxattr(
    ctx: OpContext,
    ino: Ino,
    name: Name,
    value: Uint8Array,
    flags: number,
    clearSgid: boolean,
  ): Promise<void>
  /** The value, whatever its size: dispatch answers the size query and ERANGE. ENODATA when missing. */
  getxattr(ctx: OpContext, ino: Ino, name: Name): Promise<Uint8Array>
  listxattr(ctx: OpContext, ino: Ino): Promise<readonly Name[]>
  removexattr(ctx: OpContext, ino: Ino, name: Name): Promise<void>
  getlk(ctx: OpContext, ino: Ino, fh: number, owner: bigint, lock: FileLock): Promise<FileLock>
  setlk(ctx: OpContext, ino: Ino, fh: number, owner: bigint, lock: FileLock, wait: boolean): Promise<void>
  /** `type` as in FileLock. */
  flock(ctx: OpContext, ino: Ino, fh: number, owner: bigint, type: number, wait: boolean): Promise<void>
  fallocate(ctx: OpContext, ino: Ino, fh: number, mode: number, offset: number, length: number): Promise<void>
  /** SEEK_DATA 3, SEEK_HOLE 4. */
  lseek(ctx: OpContext, ino: Ino, fh: number, offset: number, whence: number): Promise<number>
  copyFileRange(
    ctx: OpContext,
    ino: Ino,
    fh: number,
    offset: number,
    toIno: Ino,
    toFh: number,
    toOffset: number,
    length: number,
    flags: number,
  ): Promise<number>
  ioctl(
    ctx: OpContext,
    ino: Ino,
    fh: number,
    command: number,
    input: Uint8Array,
    outSize: number,
  ): Promise<IoctlReply>
  syncfs(ctx: OpContext, ino: Ino): Promise<void>
}
