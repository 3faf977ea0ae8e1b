/**
 * A volume as files: metadata and blocks joined. What the kernel adapter and `openVolume()` users call. This is a
 * table of delegation; the rules are in `ops/`.
 */
import type { Clock } from '#core/base/clock.ts'
import { type OpContext, rootContext } from '#core/base/context.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import { TaskSet } from '#core/base/tasks.ts'
import type { BlockStore } from '#core/chunk/api.ts'
import type {
  Found,
  LockRange,
  LockType,
  Meta,
  NewNode,
  Removed,
  Renamed,
  VolumeSpace,
} from '#core/meta/api.ts'
import type { ChangedScope } from '#core/meta/engine.ts'
import type { NodeRecord } from '#core/meta/records.ts'
import { AccessLog } from './access-log.ts'
import { ChunkViews, type ViewKeeper } from './chunk-views.ts'
import { Compactor } from './compactor.ts'
import { ControlFile } from './control.ts'
import type { DirEntry } from './dir-stream.ts'
import type { ReadResult } from './file-reader.ts'
import { HandleTable } from './handles.ts'
import { Nodes } from './nodes.ts'
import * as attrs from './ops/attrs.ts'
import * as dirs from './ops/dirs.ts'
import * as files from './ops/files.ts'
import * as ioctls from './ops/ioctl.ts'
import * as locks from './ops/locks.ts'
import * as names from './ops/names.ts'
import * as space from './ops/space.ts'
import * as xattrs from './ops/xattr.ts'
import { type VfsOptions, type VfsParts, vfsOptions } from './options.ts'
import type { VfsState } from './state.ts'
import { Unsynced } from './unsynced.ts'
import { VirtualFiles } from './virtual-files.ts'
import { OpenSlices } from './write-state.ts'

export type { ControlAnswer, ControlBody, ControlCommand, ControlJob } from './control.ts'
export type { DirEntry } from './dir-stream.ts'
export type { ReadResult } from './file-reader.ts'
export type { SetattrChange } from './ops/attrs.ts'
export type { Created, Opened } from './ops/files.ts'
export type { IoctlResult } from './ops/ioctl.ts'
export type { VfsOptions, VfsParts } from './options.ts'

export class Vfs {
  readonly #state: VfsState

  constructor(parts: VfsParts) {
    this.#state = assemble(parts)
  }

  get meta(): Meta {
    return this.#state.meta
  }

  get blocks(): BlockStore {
    return this.#state.blocks
  }

  get options(): VfsOptions {
    return this.#state.options
  }

  get clock(): Clock {
    return this.#state.clock
  }

  get accessLog(): AccessLog {
    return this.#state.accessLog
  }

  /** Number of the last local change: note it before a request that answers attributes. */
  get sequence(): number {
    return this.#state.nodes.sequence
  }

  /** The inode was changed here after `sequence`: attributes read since then must not be kept. */
  changedSince(ino: Ino, sequence: number): boolean {
    return this.#state.nodes.changedSince(ino, sequence)
  }

  /** `listener` is told of an entry that went without the kernel asking for it. */
  onEntryGone(listener: (parent: Ino, name: Name) => void): void {
    this.#state.nodes.onEntryGone = listener
  }

  /** A tool removed an entry: the kernel must forget it. */
  entryGone(parent: Ino, name: Name): void {
    this.#state.nodes.onEntryGone(parent, name)
  }

  /** A tool changed attributes: the kernel must ask for them again. */
  attributesChanged(ino: Ino): void {
    this.#state.nodes.onRemoteAttributes(ino)
  }

  /** `listener` is told when another client changed the data of a file that is open here. */
  onRemoteChange(listener: (ino: Ino) => void): void {
    this.#state.nodes.onRemoteChange = listener
  }

  /** `listener` is told of inodes whose attributes another client changed. */
  onRemoteAttributes(listener: (ino: Ino) => void): void {
    this.#state.nodes.onRemoteAttributes = listener
  }

  /** The metadata server says that other clients changed these records. */
  changedElsewhere(scopes: readonly ChangedScope[]): void {
    for (const scope of scopes) {
      if (scope.kind === 'node') this.#state.nodes.onRemoteAttributes(scope.ino)
      else if (scope.kind === 'chunk') this.#state.nodes.dataChangedElsewhere(scope.ino)
    }
  }

  /** What is removed is remembered while `isHeld`: until `forgotten`, or for all inodes `forgotAll`. */
  rememberRemoved(isHeld: (ino: Ino) => boolean): void {
    this.meta.removed.isHeld = isHeld
  }

  /** Nobody refers to the inode any more. */
  forgotten(ino: Ino): void {
    this.meta.removed.forget(ino)
  }

  forgotAll(): void {
    this.meta.removed.clear()
  }

  lookup(ctx: OpContext, parent: Ino, name: Name): Promise<Found | undefined> {
    return names.lookup(this.#state, ctx, parent, name)
  }

  getattr(ctx: OpContext, ino: Ino): Promise<NodeRecord> {
    return attrs.getattr(this.#state, ctx, ino)
  }

  setattr(ctx: OpContext, ino: Ino, change: attrs.SetattrChange, fh?: number): Promise<NodeRecord> {
    return attrs.setattr(this.#state, ctx, ino, change, fh)
  }

  access(ctx: OpContext, ino: Ino, mask: number): Promise<void> {
    return attrs.access(this.#state, ctx, ino, mask)
  }

  readlink(ctx: OpContext, ino: Ino): Promise<Uint8Array> {
    return this.#state.meta.readlink(ctx, ino)
  }

  mknod(ctx: OpContext, parent: Ino, name: Name, what: NewNode): Promise<Found> {
    return names.mknod(this.#state, ctx, parent, name, what)
  }

  link(ctx: OpContext, ino: Ino, parent: Ino, name: Name): Promise<NodeRecord> {
    return names.link(this.#state, ctx, ino, parent, name)
  }

  unlink(ctx: OpContext, parent: Ino, name: Name, options?: { skipTrash?: boolean }): Promise<Removed> {
    return names.unlink(this.#state, ctx, parent, name, options)
  }

  rmdir(ctx: OpContext, parent: Ino, name: Name, options?: { skipTrash?: boolean }): Promise<Removed> {
    return names.rmdir(this.#state, ctx, parent, name, options)
  }

  rename(
    ctx: OpContext,
    parent: Ino,
    name: Name,
    toParent: Ino,
    toName: Name,
    flags: number,
  ): Promise<Renamed> {
    return names.rename(this.#state, ctx, parent, name, toParent, toName, flags)
  }

  open(ctx: OpContext, ino: Ino, flags: number): Promise<files.Opened> {
    return files.open(this.#state, ctx, ino, flags)
  }

  create(ctx: OpContext, parent: Ino, name: Name, mode: number, flags: number): Promise<files.Created> {
    return files.create(this.#state, ctx, parent, name, mode, flags)
  }

  tmpfile(ctx: OpContext, parent: Ino, mode: number, flags: number): Promise<files.Created> {
    return files.tmpfile(this.#state, ctx, parent, mode, flags)
  }

  read(ctx: OpContext, fh: number, offset: number, size: number): Promise<ReadResult> {
    return files.read(this.#state, ctx, fh, offset, size)
  }

  /** The cache file that the last read of this handle named could not be read: the next answers bytes. */
  refuseFile(fh: number): void {
    const handle = this.#state.handles.get(fh)
    if (handle?.kind === 'file') handle.refusedFile = true
  }

  write(ctx: OpContext, fh: number, offset: number, data: Uint8Array, killSuidgid = false): Promise<number> {
    return files.write(this.#state, ctx, fh, offset, data, killSuidgid)
  }

  flush(ctx: OpContext, fh: number, lockOwner?: bigint): Promise<void> {
    return files.flush(this.#state, ctx, fh, lockOwner)
  }

  fsync(ctx: OpContext, fh: number): Promise<void> {
    return files.fsync(this.#state, ctx, fh)
  }

  syncfs(ctx: OpContext): Promise<void> {
    return files.syncfs(this.#state, ctx)
  }

  /** Files, directories and virtual files. */
  release(fh: number, flockOwner?: bigint): Promise<void> {
    return files.release(this.#state, fh, flockOwner)
  }

  opendir(ctx: OpContext, ino: Ino, flags: number): Promise<number> {
    return dirs.opendir(this.#state, ctx, ino, flags)
  }

  /**
   * Entries after position `offset` (0: from the start) until `emit` refuses one. With nodes, attributes are read
   * inside this call, about `want` entries at a time.
   */
  async readdir(
    ctx: OpContext,
    fh: number,
    offset: number,
    want: number,
    withNodes: boolean,
    emit: (entry: DirEntry) => boolean,
  ): Promise<void> {
    const { stream } = this.#state.handles.dir('readdir', fh)
    await stream.read(ctx, offset, want, withNodes, emit)
  }

  fsyncdir(fh: number): Promise<void> {
    return dirs.fsyncdir(this.#state, fh)
  }

  /** `record` of an inode, as this client sees it. */
  seen(ino: Ino, record: NodeRecord): NodeRecord {
    return this.#state.nodes.seen(ino, record)
  }

  fallocate(ctx: OpContext, fh: number, mode: number, offset: number, size: number): Promise<void> {
    return space.fallocate(this.#state, ctx, fh, mode, offset, size)
  }

  copyFileRange(
    ctx: OpContext,
    from: { readonly fh: number; readonly offset: number },
    to: { readonly fh: number; readonly offset: number },
    size: number,
    flags = 0,
  ): Promise<number> {
    return space.copyFileRange(this.#state, ctx, from, to, size, flags)
  }

  /** SEEK_DATA 3, SEEK_HOLE 4. */
  lseek(ctx: OpContext, fh: number, offset: number, whence: number): Promise<number> {
    return space.lseek(this.#state, ctx, fh, offset, whence)
  }

  getxattr(ctx: OpContext, ino: Ino, name: Name): Promise<Uint8Array> {
    return xattrs.getxattr(this.#state, ctx, ino, name)
  }

  setxattr(ctx: OpContext, ino: Ino, name: Name, value: Uint8Array, flags = 0): Promise<void> {
    return xattrs.setxattr(this.#state, ctx, ino, name, value, flags)
  }

  removexattr(ctx: OpContext, ino: Ino, name: Name): Promise<void> {
    return xattrs.removexattr(this.#state, ctx, ino, name)
  }

  listxattr(ctx: OpContext, ino: Ino): Promise<readonly Name[]> {
    return xattrs.listxattr(this.#state, ctx, ino)
  }

  flock(ctx: OpContext, fh: number, owner: bigint, type: LockType, wait: boolean): Promise<void> {
    return locks.flock(this.#state, ctx, fh, owner, type, wait)
  }

  getlk(ctx: OpContext, fh: number, owner: bigint, lock: LockRange): Promise<LockRange> {
    return locks.getlk(this.#state, ctx, fh, owner, lock)
  }

  setlk(ctx: OpContext, fh: number, owner: bigint, lock: LockRange, wait: boolean): Promise<void> {
    return locks.setlk(this.#state, ctx, fh, owner, lock, wait)
  }

  ioctl(
    ctx: OpContext,
    ino: Ino,
    command: number,
    input: Uint8Array,
    outSize: number,
  ): Promise<ioctls.IoctlResult> {
    return ioctls.ioctl(this.#state, ctx, ino, command, input, outSize)
  }

  statfs(ctx: OpContext, ino: Ino): Promise<VolumeSpace> {
    return this.#state.meta.statfs(ctx, ino)
  }

  /** Rewrite a chunk's records as one slice. False: not worth it, or somebody was faster. */
  compactChunk(ino: Ino, index: number, signal?: AbortSignal): Promise<boolean> {
    return this.#state.compactor.compactChunk(ino, index, signal)
  }

  /** Write buffers run short: send the oldest open slices on their way. For `BlockStoreOptions.onPressure`. */
  relieve(): void {
    this.#state.writing.open.relieve()
  }

  /** Everything written so far is uploaded, committed, and its objects durable. Rejects with the first failure. */
  async drain(): Promise<void> {
    const flushes = [...this.#state.nodes.all()].map((node) => node.writer?.flush(rootContext()))
    const flushed = await Promise.allSettled(flushes)
    const synced = await Promise.allSettled([this.#state.unsynced.syncAll()])
    for (const result of [...flushed, ...synced]) if (result.status === 'rejected') throw result.reason
  }

  /**
   * Drain, close every handle, end background work. Afterwards nothing may be called. Throws what could not be
   * stored, after the rest is done.
   */
  async close(): Promise<void> {
    const { handles, compactor, tasks, log, writing } = this.#state
    compactor.stop()
    const [drained] = await Promise.allSettled([this.drain()])
    for (const { fh } of [...handles.all()]) {
      await this.release(fh).catch((error: unknown) => log.warn('close of a handle failed', { fh, error }))
    }
    writing.open.stop()
    await tasks.drain()
    if (drained.status === 'rejected') throw drained.reason
  }
}

function assemble(parts: VfsParts): VfsState {
  const { meta, blocks, clock, log, metrics } = parts
  const options = vfsOptions(parts.options, blocks.blockSize)
  const tasks = parts.tasks ?? new TaskSet(log)
  const nodes: Nodes = new Nodes((ino) => new ChunkViews(meta, ino, keeper), meta.removed)
  const keeper: ViewKeeper = {
    get sequence() {
      return nodes.sequence
    },
    observe: (...seen) => nodes.observeRead(...seen),
    loaded: (...loaded) => compactor.afterRead(...loaded),
  }
  const onCompacted = (ino: Ino, index: number): void => nodes.get(ino)?.views.drop(index)
  const compactor = new Compactor({ meta, blocks, clock, log, metrics, tasks, options, onCompacted })
  const handles = new HandleTable()
  const accessLog = new AccessLog(clock)
  const unsynced = new Unsynced(blocks, tasks)
  const open = new OpenSlices(clock, tasks)
  const openControl = () => new ControlFile({ clock, log, tasks, commands: parts.commands ?? new Map() })
  const sizes = Array.from({ length: 32 }, (_, k) => 4096 * (k + 1))
  metrics.gauge('fuse_open_handlers', () => nodes.openCount)
  metrics.gauge('vfs_handles', () => handles.size)
  metrics.gauge('vfs_open_slices', () => open.size)
  const state: VfsState = {
    meta,
    blocks,
    clock,
    log,
    metrics,
    tasks,
    options,
    nodes,
    handles,
    virtual: new VirtualFiles({ clock, metrics, accessLog, options, openControl }),
    accessLog,
    compactor,
    unsynced,
    writing: {
      meta,
      blocks,
      clock,
      log,
      tasks,
      nodes,
      open,
      mayCommit: (node) => locks.mayCommit(state, node),
      onCommit: (...commit) => compactor.afterCommit(...commit),
      onWritten: (ino, slice) => unsynced.add(ino, slice),
    },
    readSizes: metrics.histogram('fuse_read_size_bytes', sizes),
    writtenSizes: metrics.histogram('fuse_written_size_bytes', sizes),
  }
  meta.lease.onLocksLost = (inodes) => locks.locksLost(state, inodes)
  return state
}
