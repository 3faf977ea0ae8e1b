/**
 * The metadata of a mounted volume as `core/vfs` and the tools see it: POSIX operations on inodes, and the
 * chunk records of files. Implemented by `volume-meta.ts`, a table of delegation over `ops/`.
 *
 * Errors are FsError with the errno of shared/spec/fs-semantics.md §5 (and of Linux where that page says the
 * reference is wrong), or BackendError. Inode 1 is the root the caller sees; `--subdir` is mapped inside.
 */

import type { Time } from '#core/base/clock.ts'
import type { OpContext } from '#core/base/context.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import type { Page, PageRequest } from './engine.ts'
import type { Lease } from './lease.ts'
import type { ChunkRead } from './ops/chunks.ts'
import type { AclRule, Entry, NodeRecord, NodeType, SliceRecord } from './records.ts'
import type { RemovedNodes } from './removed.ts'
import type { VolumeSetting } from './setting.ts'

export interface Found {
  readonly ino: Ino
  readonly node: NodeRecord
}

export interface NewNode {
  readonly type: NodeType
  /** 12 bits; the umask of the context is applied unless a default ACL rules. */
  readonly mode: number
  readonly rdev?: number
  /** Symlinks only: the target's bytes. */
  readonly target?: Uint8Array
}

/** Fields to set; absent ones stay. `'now'` is the server's clock and needs only write permission. */
export interface AttrChange {
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly atime?: Time | 'now'
  readonly mtime?: Time | 'now'
  /** Attribute flag bits (ioctl SETFLAGS). */
  readonly flags?: number
}

export interface Removed extends Found {
  /** No link is left: the node is deleted, or sustained because this client has it open. */
  readonly gone: boolean
}

export interface Renamed {
  readonly moved: Found
  /** The node that was at the target: replaced, or exchanged. */
  readonly target?: Removed
}

export const RENAME_NOREPLACE = 1
export const RENAME_EXCHANGE = 2
export const RENAME_WHITEOUT = 4
/** Internal, together with NOREPLACE: out of the trash into a directory that lies in the trash too. */
export const RENAME_RESTORE = 32

/** Records at the start of a chunk's list, as they were read. */
export interface ChunkPrefix {
  readonly ino: Ino
  readonly index: number
  readonly records: readonly SliceRecord[]
}

export interface DirItem extends Entry {
  readonly name: Name
}

/** Bytes and counts for statfs(2). */
export interface VolumeSpace {
  readonly totalSpace: number
  readonly availableSpace: number
  readonly usedInodes: number
  readonly availableInodes: number
}

export type LockType = 'R' | 'W' | 'U'

export interface LockRange {
  readonly type: LockType
  readonly start: bigint
  /** Inclusive; 2^63-1 = to the end. */
  readonly end: bigint
  readonly pid: number
}

export interface TreeSummary {
  readonly length: number
  readonly space: number
  readonly files: number
  readonly dirs: number
}

export interface Meta {
  readonly setting: VolumeSetting
  readonly readOnly: boolean
  /** This client's session id; 0 without a recorded session. */
  readonly sid: number
  /** What is remembered of removed nodes while the kernel refers to them; told by the adapter. */
  readonly removed: RemovedNodes
  /** Whether locks that were taken are still held. */
  readonly lease: Lease

  /** Undefined when there is no such entry. `.` and `..` work; `.trash` under the volume's root too. */
  lookup(ctx: OpContext, parent: Ino, name: Name): Promise<Found | undefined>
  getattr(ctx: OpContext, ino: Ino): Promise<NodeRecord>
  /** `mask`: r=4 w=2 x=1. Throws EACCES. */
  access(ctx: OpContext, ino: Ino, mask: number): Promise<void>
  setattr(ctx: OpContext, ino: Ino, change: AttrChange): Promise<NodeRecord>
  /** `open`: through a handle open for writing, so the permission check and the trash rule are skipped. */
  truncate(ctx: OpContext, ino: Ino, length: number, open: boolean): Promise<NodeRecord>
  fallocate(ctx: OpContext, ino: Ino, mode: number, offset: number, size: number): Promise<NodeRecord>
  /** Returns bytes copied and the destination's attributes. No data move: slices are shared. */
  copyFileRange(
    ctx: OpContext,
    from: Ino,
    fromOffset: number,
    to: Ino,
    toOffset: number,
    size: number,
  ): Promise<{ readonly copied: number; readonly node: NodeRecord }>

  /** mknod, mkdir, symlink. EEXIST when the name is taken. */
  mknod(ctx: OpContext, parent: Ino, name: Name, what: NewNode): Promise<Found>
  /**
   * open(2) with O_CREAT: the new file, or without `exclusive` the existing regular file. Counts as opened:
   * `close` it.
   */
  create(
    ctx: OpContext,
    parent: Ino,
    name: Name,
    mode: number,
    flags: number,
  ): Promise<Found & { readonly created: boolean }>
  /** An open file without a name (O_TMPFILE), sustained by this session. `close` it. */
  tmpfile(ctx: OpContext, parent: Ino, mode: number): Promise<Found>
  link(ctx: OpContext, ino: Ino, parent: Ino, name: Name): Promise<NodeRecord>
  readlink(ctx: OpContext, ino: Ino): Promise<Uint8Array>
  unlink(ctx: OpContext, parent: Ino, name: Name, options?: { skipTrash?: boolean }): Promise<Removed>
  rmdir(ctx: OpContext, parent: Ino, name: Name, options?: { skipTrash?: boolean }): Promise<Removed>
  rename(
    ctx: OpContext,
    parent: Ino,
    name: Name,
    toParent: Ino,
    toName: Name,
    flags: number,
  ): Promise<Renamed>
  /** Real entries after the name `page.after`, in byte order; without `.` and `..`. `node` null: not asked for, or dangling. */
  readdir(ctx: OpContext, ino: Ino, page: PageRequest, withNodes: boolean): Promise<Page<DirItem>>

  /** Check an open (flags as open(2)) and count it; `close` gives it back and may delete an unlinked file. */
  open(ctx: OpContext, ino: Ino, flags: number): Promise<NodeRecord>
  close(ino: Ino): Promise<void>
  /** True when this client has it open. */
  isOpen(ino: Ino): boolean
  /** Update atime after reading as the atime mode says; never fails. */
  touchAtime(ino: Ino, node: NodeRecord): void

  /** Records that one commit may concern, where the engine bounds that (engine.ts). */
  readonly maxRecords?: number | undefined
  /** Slice records of a chunk, oldest first; empty for a hole. */
  readChunk(ino: Ino, index: number): Promise<readonly SliceRecord[]>
  /** The same, and the file they belong to. */
  readChunkWithFile(ino: Ino, index: number): Promise<ChunkRead>
  /** A fresh slice id. */
  newSlice(): Promise<number>
  /**
   * Append the records of a new slice, at least one, and grow the file. `records`: how many the chunk has now. `before`: the node as this
   * commit found it, where the engine knows it, so that changes by other clients are noticed. After BackendError
   * `unavailable` it may be called again with the same slice, which is then not added twice.
   */
  writeSlice(
    ino: Ino,
    index: number,
    pieces: readonly SliceRecord[],
    mtime: Time,
    ctime?: Time,
  ): Promise<{ readonly node: NodeRecord; readonly records: number; readonly before?: NodeRecord }>
  /** The lowest chunk index from `from` up that has records; undefined when there is none. */
  nextChunk(ino: Ino, from: number): Promise<number | undefined>
  /** Replace the first `prefix.length` records by `skipped` of them and `slice`. False: they have changed. */
  commitCompaction(
    ino: Ino,
    index: number,
    prefix: readonly SliceRecord[],
    skipped: number,
    slice: SliceRecord,
  ): Promise<boolean>
  /** Let records of `chunk` use the slice `to` for `from`, which has the same bytes. Returns how many changed. */
  shareSlice(chunk: ChunkPrefix, size: number, from: number, to: number, holder: ChunkPrefix): Promise<number>

  getxattr(ctx: OpContext, ino: Ino, name: Name): Promise<Uint8Array | undefined>
  /** flags: 0, XATTR_CREATE 1, XATTR_REPLACE 2. */
  setxattr(ctx: OpContext, ino: Ino, name: Name, value: Uint8Array, flags: number): Promise<void>
  listxattr(ctx: OpContext, ino: Ino): Promise<readonly Name[]>
  removexattr(ctx: OpContext, ino: Ino, name: Name): Promise<void>
  getAcl(ctx: OpContext, ino: Ino, kind: 'access' | 'default'): Promise<AclRule | undefined>
  setAcl(ctx: OpContext, ino: Ino, kind: 'access' | 'default', rule: AclRule | null): Promise<void>

  /** BSD lock. EAGAIN on conflict, unless `wait`: then until granted, or EINTR. */
  flock(ctx: OpContext, ino: Ino, owner: bigint, type: LockType, wait: boolean): Promise<void>
  /** The first lock that stands in the way; type 'U' when none. */
  getlk(ctx: OpContext, ino: Ino, owner: bigint, lock: LockRange): Promise<LockRange>
  setlk(ctx: OpContext, ino: Ino, owner: bigint, lock: LockRange, wait: boolean): Promise<void>

  statfs(ctx: OpContext, ino: Ino): Promise<VolumeSpace>
  /** Everything committed so far survives a power cut. */
  sync(): Promise<void>

  /** All paths of an inode from the root the caller sees; empty when unreachable. */
  paths(ino: Ino): Promise<readonly string[]>
  summary(ctx: OpContext, ino: Ino, options: { recursive: boolean; strict: boolean }): Promise<TreeSummary>
  clone(
    ctx: OpContext,
    from: Ino,
    toParent: Ino,
    toName: Name,
    options: { preserve: boolean; signal?: AbortSignal; onProgress?: (done: number) => void },
  ): Promise<Found>
  /** Remove an entry and everything below it; returns entries removed. */
  removeTree(
    ctx: OpContext,
    parent: Ino,
    name: Name,
    options: { skipTrash?: boolean; signal?: AbortSignal; onProgress?: (removed: number) => void },
  ): Promise<number>
}
