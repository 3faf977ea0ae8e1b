/** Opening, reading, writing and closing files. Source: shared/spec/fs-semantics.md §5.6, §5.13, §5.14. */
import { type OpContext, rootContext } from '#core/base/context.ts'
import { EBADF, EFBIG, EISDIR, ENOENT, FsError, fail } from '#core/base/errno.ts'
import { type Ino, isVirtual } from '#core/base/ino.ts'
import type { Name } from '#core/base/name.ts'
import { O_TRUNC } from '#core/base/open-flags.ts'
import type { Found } from '#core/meta/api.ts'
import { MAX_FILE_SIZE, type NodeRecord, TYPE_DIRECTORY } from '#core/meta/records.ts'
import { NO_BYTES, prefetch, type ReadResult, readLater, readNow } from '../file-reader.ts'
import { DirHandle, FileHandle, VirtualHandle } from '../handles.ts'
import type { OpenNode } from '../nodes.ts'
import { type VfsState, writableFile, writerOf } from '../state.ts'
import { killCapability, killPrivileges, truncate } from './attrs.ts'
import { checkLocks, releaseLocks, unlockOwner } from './locks.ts'
import { checkNew } from './names.ts'

export interface Opened {
  readonly fh: number
  /** The kernel's pages of the file still show what is stored. */
  readonly keepCache: boolean
  /** Not to be cached by the kernel at all: a virtual file. */
  readonly direct: boolean
  readonly node: NodeRecord
}

export interface Created extends Found {
  readonly fh: number
  readonly created: boolean
}

export async function open(state: VfsState, ctx: OpContext, ino: Ino, flags: number): Promise<Opened> {
  if (isVirtual(ino)) {
    const file = state.virtual.open(ino, flags)
    const { fh } = state.handles.add((number) => new VirtualHandle(number, ino, file))
    return { fh, keepCache: false, direct: true, node: state.virtual.node(ino) }
  }
  const since = state.nodes.sequence
  const record = await state.meta.open(ctx, ino, flags)
  const handle = await enter(state, ctx, ino, record, flags, since)
  const { fh } = handle
  const keepCache = state.nodes.keepsCache(ino, handle.node.record)
  return { fh, keepCache, direct: false, node: state.nodes.seen(ino, handle.node.record) }
}

/** A handle for a file that metadata counts as opened. */
async function enter(
  state: VfsState,
  ctx: OpContext,
  ino: Ino,
  record: NodeRecord,
  flags: number,
  since: number,
): Promise<FileHandle> {
  const node = state.nodes.use(ino, record, since)
  try {
    if (record.type === TYPE_DIRECTORY) throw fail(EISDIR, 'open')
    if ((flags & O_TRUNC) !== 0) await truncate(state, ctx, ino, 0)
  } catch (error) {
    state.nodes.unuse(node)
    await state.meta.close(ino)
    throw error
  }
  const handle = state.handles.add((fh) => new FileHandle(fh, node, flags))
  node.handles.add(handle)
  return handle
}

export async function create(
  state: VfsState,
  ctx: OpContext,
  parent: Ino,
  name: Name,
  mode: number,
  flags: number,
): Promise<Created> {
  checkNew(state, 'create', parent, name)
  const since = state.nodes.sequence
  const { ino, node, created } = await state.meta.create(ctx, parent, name, mode, flags)
  const handle = await enter(state, ctx, ino, node, created ? flags & ~O_TRUNC : flags, since)
  state.nodes.keepsCache(ino, handle.node.record)
  return { ino, node: state.nodes.seen(ino, handle.node.record), fh: handle.fh, created }
}

/** An open file without a name (O_TMPFILE). */
export async function tmpfile(
  state: VfsState,
  ctx: OpContext,
  parent: Ino,
  mode: number,
  flags: number,
): Promise<Created> {
  const since = state.nodes.sequence
  const { ino, node } = await state.meta.tmpfile(ctx, parent, mode)
  const handle = await enter(state, ctx, ino, node, flags, since)
  return { ino, node, fh: handle.fh, created: true }
}

/**
 * Up to `size` bytes at `offset`; fewer only at the end of the file. Views stay valid while referenced.
 * Errors: EBADF not open for reading; EFBIG; EIO bytes that cannot be had; EINTR.
 */
export async function read(
  state: VfsState,
  ctx: OpContext,
  fh: number,
  offset: number,
  size: number,
): Promise<ReadResult> {
  const handle = state.handles.get(fh)
  if (handle instanceof VirtualHandle) {
    return { kind: 'bytes', parts: [await handle.file.read(ctx, offset, size)] }
  }
  if (!(handle instanceof FileHandle)) throw fail(EBADF, 'read', `handle ${fh}`)
  if (!handle.readable && !state.options.writebackCache) throw fail(EBADF, 'read')
  if (offset + size >= MAX_FILE_SIZE) throw fail(EFBIG, 'read')
  const { node } = handle
  const check = checkLocks(state, handle)
  if (check !== undefined) await check
  const length = Math.min(size, node.length - offset)
  state.readSizes.observe(Math.max(length, 0))
  if (length <= 0) return NO_BYTES
  const fromFile = !handle.refusedFile
  handle.refusedFile = false
  const now = readNow(state.blocks, node, offset, length, fromFile)
  const range = handle.readahead.after(offset, length, state.blocks.blockSize, state.options.maxReadahead)
  if (range !== undefined) prefetch(state, node, range)
  touch(state, node)
  if (now === undefined) return readLater(state, ctx, node, offset, size)
  return now
}

/** atime as the atime mode says; what is known here of it is older than a second at most. */
function touch({ meta, clock }: VfsState, node: OpenNode): void {
  const now = clock.monotonicMs()
  if (now - node.touchedMs < 1000) return
  node.touchedMs = now
  meta.touchAtime(node.ino, node.record)
}

/**
 * Write all of `data`, which may view a request buffer: it is copied before the first wait. Returns bytes
 * written, fewer only when interrupted. Errors: EBADF; EFBIG; EINTR; an earlier write's failure, until the
 * file is closed everywhere.
 */
export async function write(
  state: VfsState,
  ctx: OpContext,
  fh: number,
  offset: number,
  data: Uint8Array,
  killSuidgid = false,
): Promise<number> {
  const found = state.handles.get(fh)
  if (found instanceof VirtualHandle) return found.file.write(ctx, Buffer.from(data))
  const handle = writableFile(state, 'write', fh)
  const check = checkLocks(state, handle)
  if (check !== undefined) {
    const kept = Buffer.from(data)
    await check
    return write(state, ctx, fh, offset, kept, killSuidgid)
  }
  const { node } = handle
  state.writtenSizes.observe(data.length)
  const writer = writerOf(state, node)
  if (mayHavePrivileges(state, handle, killSuidgid)) {
    const kept = Buffer.from(data)
    if (state.options.capabilities) await killCapability(state, node)
    if (killSuidgid) await killPrivileges(state, ctx, node.ino, node.record)
    return (await writer.write(ctx, offset, kept)) ?? kept.length
  }
  if (data.length === 0) return 0
  const later = writer.write(ctx, offset, data)
  return later ?? data.length
}

function mayHavePrivileges(state: VfsState, { node }: FileHandle, killSuidgid: boolean): boolean {
  return (
    (killSuidgid && (node.record.mode & 0o6000) !== 0) ||
    (state.options.capabilities && node.capability !== 'none')
  )
}

/**
 * One close(2) of a file: what was written is uploaded and committed, and the owner's POSIX locks are gone.
 * Errors: EBADF, and what became of earlier writes.
 */
export async function flush(state: VfsState, ctx: OpContext, fh: number, lockOwner?: bigint): Promise<void> {
  const handle = state.handles.get(fh)
  if (handle === undefined || handle instanceof DirHandle) throw fail(EBADF, 'flush', `handle ${fh}`)
  if (handle instanceof VirtualHandle) return
  const { node } = handle
  try {
    await node.writer?.flush(ctx)
  } finally {
    if (lockOwner !== undefined) await unlockOwner(state, node, lockOwner)
  }
}

/** The file's data and the metadata about them survive a power cut. */
export async function fsync(state: VfsState, ctx: OpContext, fh: number): Promise<void> {
  const handle = state.handles.get(fh)
  if (handle instanceof VirtualHandle) return
  const { node } = state.handles.file('fsync', fh)
  await node.writer?.flush(ctx, 0)
  await state.unsynced.sync(node.ino)
  await state.meta.sync()
}

/** Everything written through this client survives a power cut. */
export async function syncfs(state: VfsState, ctx: OpContext): Promise<void> {
  const flushes = [...state.nodes.all()].map((node) => node.writer?.flush(ctx, 0))
  const results = await Promise.allSettled(flushes)
  await state.unsynced.syncAll()
  await state.meta.sync()
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

/**
 * The last close of an open: locks taken through it go, what was written is stored before the file may be
 * deleted. `flockOwner` as the kernel knows it. Nobody hears of errors here: flush and fsync told them.
 */
export async function release(state: VfsState, fh: number, flockOwner?: bigint): Promise<void> {
  const handle = state.handles.remove(fh)
  if (handle === undefined) throw fail(EBADF, 'release', `handle ${fh}`)
  if (handle instanceof VirtualHandle) return handle.file.close()
  if (handle instanceof DirHandle) return
  const { node } = handle
  node.handles.delete(handle)
  const ended = endOpen(state, handle, flockOwner)
  if (!handle.mayHoldLocks) return ended
  node.unlocks.add(ended)
  try {
    await ended
  } finally {
    node.unlocks.delete(ended)
  }
}

async function endOpen(state: VfsState, handle: FileHandle, flockOwner: bigint | undefined): Promise<void> {
  const { node } = handle
  try {
    if (node.handles.size === 0) await node.writer?.flush(rootContext()).catch(() => {})
    await releaseLocks(state, handle, flockOwner)
  } catch (error) {
    const gone = error instanceof FsError && error.errno === ENOENT
    if (!gone) state.log.warn('locks of a closed file stay until the session ends', { ino: node.ino, error })
  } finally {
    try {
      await state.meta.close(node.ino)
    } finally {
      if (handle.writable) state.nodes.stamp(node.ino)
      state.nodes.unuse(node)
    }
  }
}
