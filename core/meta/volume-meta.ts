/**
 * The metadata of one mounted volume: a table of delegation to `ops/`. Here and only here the caller's inode 1
 * becomes the root of the mounted sub-directory, and a read-only client is told EROFS.
 */
import type { Time } from '#core/base/clock.ts'
import type { OpContext } from '#core/base/context.ts'
import { EROFS, fail } from '#core/base/errno.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import { O_TRUNC, writes } from '#core/base/open-flags.ts'
import type {
  AttrChange,
  ChunkPrefix,
  DirItem,
  Found,
  LockRange,
  LockType,
  Meta,
  NewNode,
  Removed,
  Renamed,
  TreeSummary,
  VolumeSpace,
} from './api.ts'
import type { Page, PageRequest } from './engine.ts'
import type { Lease } from './lease.ts'
import { getAcl, setAcl } from './ops/acl.ts'
import {
  type ChunkRead,
  newSlice,
  nextChunk,
  readChunk,
  readChunkWithFile,
  type Written,
  writeSlice,
} from './ops/chunks.ts'
import { clone } from './ops/clone.ts'
import type { CloneOptions } from './ops/clone-tree.ts'
import { commitCompaction } from './ops/compaction.ts'
import { type Copied, copyFileRange } from './ops/copy-file-range.ts'
import { create, mknod, tmpfile } from './ops/create.ts'
import { fallocate } from './ops/fallocate.ts'
import { access, getattr } from './ops/getattr.ts'
import { link } from './ops/link.ts'
import { flock, getlk, setlk } from './ops/locks.ts'
import { lookup } from './ops/lookup.ts'
import { close, open } from './ops/open.ts'
import { paths } from './ops/paths.ts'
import { readdir } from './ops/readdir.ts'
import { readlink } from './ops/readlink.ts'
import { type RemoveOptions, removeTree } from './ops/remove-tree.ts'
import { rename } from './ops/rename.ts'
import { rmdir } from './ops/rmdir.ts'
import { setattr } from './ops/setattr.ts'
import { shareSlice } from './ops/share-slice.ts'
import { statfs } from './ops/statfs.ts'
import { summary } from './ops/summary.ts'
import { touchAtime } from './ops/touch-atime.ts'
import { truncate } from './ops/truncate.ts'
import { unlink } from './ops/unlink.ts'
import { getxattr, listxattr, removexattr, setxattr } from './ops/xattr.ts'
import type { AclRule, NodeRecord, SliceRecord } from './records.ts'
import type { RemovedNodes } from './removed.ts'
import type { VolumeSetting } from './setting.ts'
import type { MetaState } from './state.ts'

export class VolumeMeta implements Meta {
  readonly state: MetaState

  constructor(state: MetaState) {
    this.state = state
  }

  get setting(): VolumeSetting {
    return this.state.setting
  }

  get maxRecords(): number | undefined {
    return this.state.engine.maxRecords
  }

  get readOnly(): boolean {
    return this.state.options.readOnly
  }

  get sid(): number {
    return this.state.sid
  }

  get lease(): Lease {
    return this.state.lease
  }

  get removed(): RemovedNodes {
    return this.state.removed
  }

  async lookup(ctx: OpContext, parent: Ino, name: Name): Promise<Found | undefined> {
    const found = await lookup(this.state, ctx, this.#in(parent), name)
    return found?.ino === this.state.rootIno ? { ino: ROOT_INO, node: found.node } : found
  }

  getattr(_ctx: OpContext, ino: Ino): Promise<NodeRecord> {
    return getattr(this.state, this.#in(ino))
  }

  access(ctx: OpContext, ino: Ino, mask: number): Promise<void> {
    return access(this.state, ctx, this.#in(ino), mask)
  }

  async setattr(ctx: OpContext, ino: Ino, change: AttrChange): Promise<NodeRecord> {
    return setattr(this.#writable('setattr'), ctx, this.#in(ino), change)
  }

  async truncate(ctx: OpContext, ino: Ino, length: number, open: boolean): Promise<NodeRecord> {
    return truncate(this.#writable('truncate'), ctx, ino, length, open)
  }

  async fallocate(ctx: OpContext, ino: Ino, mode: number, offset: number, size: number): Promise<NodeRecord> {
    return fallocate(this.#writable('fallocate'), ctx, ino, mode, offset, size)
  }

  async copyFileRange(
    ctx: OpContext,
    from: Ino,
    fromOffset: number,
    to: Ino,
    toOffset: number,
    size: number,
  ): Promise<Copied> {
    return copyFileRange(this.#writable('copy_file_range'), ctx, from, fromOffset, to, toOffset, size)
  }

  async mknod(ctx: OpContext, parent: Ino, name: Name, what: NewNode): Promise<Found> {
    return mknod(this.#writable('mknod'), ctx, this.#in(parent), name, what)
  }

  async create(
    ctx: OpContext,
    parent: Ino,
    name: Name,
    mode: number,
    flags: number,
  ): Promise<Found & { readonly created: boolean }> {
    return create(this.#writable('create'), ctx, this.#in(parent), name, mode, flags)
  }

  async tmpfile(ctx: OpContext, parent: Ino, mode: number): Promise<Found> {
    return tmpfile(this.#writable('tmpfile'), ctx, this.#in(parent), mode)
  }

  async link(ctx: OpContext, ino: Ino, parent: Ino, name: Name): Promise<NodeRecord> {
    return link(this.#writable('link'), ctx, ino, this.#in(parent), name)
  }

  readlink(_ctx: OpContext, ino: Ino): Promise<Uint8Array> {
    return readlink(this.state, ino)
  }

  async unlink(
    ctx: OpContext,
    parent: Ino,
    name: Name,
    options: { skipTrash?: boolean } = {},
  ): Promise<Removed> {
    const { skipTrash } = options
    return unlink(this.#writable('unlink'), ctx, this.#in(parent), name, { skipTrash })
  }

  async rmdir(
    ctx: OpContext,
    parent: Ino,
    name: Name,
    options: { skipTrash?: boolean } = {},
  ): Promise<Removed> {
    const { skipTrash } = options
    return rmdir(this.#writable('rmdir'), ctx, this.#in(parent), name, { skipTrash })
  }

  async rename(
    ctx: OpContext,
    parent: Ino,
    name: Name,
    toParent: Ino,
    toName: Name,
    flags: number,
  ): Promise<Renamed> {
    return rename(this.#writable('rename'), ctx, this.#in(parent), name, this.#in(toParent), toName, flags)
  }

  readdir(ctx: OpContext, ino: Ino, page: PageRequest, withNodes: boolean): Promise<Page<DirItem>> {
    return readdir(this.state, ctx, this.#in(ino), page, withNodes)
  }

  async open(ctx: OpContext, ino: Ino, flags: number): Promise<NodeRecord> {
    const changes = writes(flags) || (flags & O_TRUNC) !== 0
    return open(changes ? this.#writable('open') : this.state, ctx, this.#in(ino), flags)
  }

  close(ino: Ino): Promise<void> {
    return close(this.state, this.#in(ino))
  }

  isOpen(ino: Ino): boolean {
    return this.state.openFiles.isOpen(this.#in(ino))
  }

  touchAtime(ino: Ino, node: NodeRecord): void {
    touchAtime(this.state, this.#in(ino), node)
  }

  readChunk(ino: Ino, index: number): Promise<readonly SliceRecord[]> {
    return readChunk(this.state, ino, index)
  }

  readChunkWithFile(ino: Ino, index: number): Promise<ChunkRead> {
    return readChunkWithFile(this.state, ino, index)
  }

  newSlice(): Promise<number> {
    return newSlice(this.state)
  }

  async writeSlice(
    ino: Ino,
    index: number,
    pieces: readonly SliceRecord[],
    mtime: Time,
    ctime?: Time,
  ): Promise<Written> {
    return writeSlice(this.#writable('write'), ino, index, pieces, mtime, ctime)
  }

  nextChunk(ino: Ino, from: number): Promise<number | undefined> {
    return nextChunk(this.state, ino, from)
  }

  async commitCompaction(
    ino: Ino,
    index: number,
    prefix: readonly SliceRecord[],
    skipped: number,
    slice: SliceRecord,
  ): Promise<boolean> {
    return commitCompaction(this.#writable('compact'), ino, index, prefix, skipped, slice)
  }

  async shareSlice(
    chunk: ChunkPrefix,
    size: number,
    from: number,
    to: number,
    holder: ChunkPrefix,
  ): Promise<number> {
    return shareSlice(this.#writable('share'), chunk, size, from, to, holder)
  }

  getxattr(ctx: OpContext, ino: Ino, name: Name): Promise<Uint8Array | undefined> {
    return getxattr(this.state, ctx, this.#in(ino), name)
  }

  async setxattr(ctx: OpContext, ino: Ino, name: Name, value: Uint8Array, flags: number): Promise<void> {
    return setxattr(this.#writable('setxattr'), ctx, this.#in(ino), name, value, flags)
  }

  listxattr(ctx: OpContext, ino: Ino): Promise<readonly Name[]> {
    return listxattr(this.state, ctx, this.#in(ino))
  }

  async removexattr(ctx: OpContext, ino: Ino, name: Name): Promise<void> {
    return removexattr(this.#writable('removexattr'), ctx, this.#in(ino), name)
  }

  getAcl(ctx: OpContext, ino: Ino, kind: 'access' | 'default'): Promise<AclRule | undefined> {
    return getAcl(this.state, ctx, this.#in(ino), kind)
  }

  async setAcl(ctx: OpContext, ino: Ino, kind: 'access' | 'default', rule: AclRule | null): Promise<void> {
    return setAcl(this.#writable('setfacl'), ctx, this.#in(ino), kind, rule)
  }

  async flock(ctx: OpContext, ino: Ino, owner: bigint, type: LockType, wait: boolean): Promise<void> {
    return flock(this.#writable('flock'), ctx, this.#in(ino), owner, type, wait)
  }

  getlk(ctx: OpContext, ino: Ino, owner: bigint, lock: LockRange): Promise<LockRange> {
    return getlk(this.state, ctx, this.#in(ino), owner, lock)
  }

  async setlk(ctx: OpContext, ino: Ino, owner: bigint, lock: LockRange, wait: boolean): Promise<void> {
    return setlk(this.#writable('setlk'), ctx, this.#in(ino), owner, lock, wait)
  }

  statfs(ctx: OpContext, ino: Ino): Promise<VolumeSpace> {
    return statfs(this.state, ctx, this.#in(ino))
  }

  sync(): Promise<void> {
    return this.state.engine.sync()
  }

  paths(ino: Ino): Promise<readonly string[]> {
    return paths(this.state, this.#in(ino))
  }

  summary(
    _ctx: OpContext,
    ino: Ino,
    options: { recursive: boolean; strict: boolean; signal?: AbortSignal },
  ): Promise<TreeSummary> {
    return summary(this.state, this.#in(ino), options)
  }

  async clone(ctx: OpContext, from: Ino, toParent: Ino, toName: Name, options: CloneOptions): Promise<Found> {
    return clone(this.#writable('clone'), ctx, this.#in(from), this.#in(toParent), toName, options)
  }

  async removeTree(
    ctx: OpContext,
    parent: Ino,
    name: Name,
    { skipTrash, signal, onProgress }: RemoveOptions,
  ): Promise<number> {
    const options = { skipTrash, signal, onProgress }
    return removeTree(this.#writable('rmr'), ctx, this.#in(parent), name, options)
  }

  /** The stored inode for the caller's. */
  #in(ino: Ino): Ino {
    return ino === ROOT_INO ? this.state.rootIno : ino
  }

  /** The state, for an operation that changes it. */
  #writable(op: string): MetaState {
    if (this.state.options.readOnly) throw fail(EROFS, op)
    return this.state
  }
}
