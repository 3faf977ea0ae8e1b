/**
 * The bytes of one file on their way into the volume, shared by all its handles.
 *
 *     write ──► open slices ──freeze──► upload (many at once) ──► commit (one at a time, in creation order)
 *
 * Committing in creation order over the whole file keeps every promise at once: later writes hide earlier ones,
 * the length never grows over bytes that are still on their way, and the modification time never goes back.
 * Readers see uncommitted slices through `overlay`. The first failure sticks until the last handle is closed.
 * Source: shared/spec/data-path.md §5, §6; better than the reference where §16 says so.
 */
import { addNsec, type Time } from '#core/base/clock.ts'
import type { OpContext } from '#core/base/context.ts'
import {
  EBADF,
  EDQUOT,
  EFBIG,
  EINTR,
  EINVAL,
  EIO,
  ENOENT,
  ENOSPC,
  EPERM,
  type FsError,
  fail,
  toErrno,
} from '#core/base/errno.ts'
import { Semaphore } from '#core/base/semaphore.ts'
import { CHUNK_SIZE, MAX_FILE_SIZE, type NodeRecord, type SliceRecord } from '#core/meta/records.ts'
import { appendRecords, newSliceId, type Stored } from './append-records.ts'
import type { OpenNode } from './nodes.ts'
import { CONTINUES, ELSEWHERE, MAX_PACKED, PendingSlice } from './pending-slice.ts'
import { interruptible } from './wait.ts'
import type { WriteParts } from './write-state.ts'

/** Uncommitted slices of a file; a write beyond waits. */
const MAX_PENDING = 1000
/** When so many wait, no slice of the file stays open. */
const CROWDED = 800
/** Newest slices of a chunk that may still take bytes. */
const MAX_OPEN_PER_CHUNK = 16
/** A close is not cut short by a signal before this: its caller may be dying and another client waiting. */
const FLUSH_GRACE_MS = 10_000

export class FileWriter {
  readonly #node: OpenNode
  readonly #parts: WriteParts
  /** All uncommitted slices in creation order, and the same by chunk. */
  readonly #pending: PendingSlice[] = []
  readonly #chunks = new Map<number, PendingSlice[]>()
  readonly #unfrozen = new Set<PendingSlice>()
  readonly #waiters: { readonly sequence: number; readonly wake: () => void }[] = []
  /** Held while a commit or a change of the stored times or length is made. */
  readonly #commitTurn = new Semaphore(1)
  /** Held by one slow write or one exclusive operation: others queue behind. */
  readonly #writeTurn = new Semaphore(1)
  /** The slice whose writer lacks buffers for a write at `at` of it that waits: it cannot be frozen meanwhile. */
  #stalled: { readonly slice: PendingSlice; readonly at: number; readonly room: Promise<void> } | undefined
  #committing = false
  #created = 0
  #mtime: Time = { sec: 0, nsec: 0 }
  #ctime: Time = { sec: 0, nsec: 0 }
  #end = 0
  #error: FsError | undefined

  constructor(node: OpenNode, parts: WriteParts) {
    this.#node = node
    this.#parts = parts
  }

  /** Nothing is uncommitted. */
  get idle(): boolean {
    return this.#pending.length === 0
  }

  get pendingCount(): number {
    return this.#pending.length
  }

  /** File offset after the last uncommitted byte; 0 when there is none. */
  get pendingEnd(): number {
    return this.#end
  }

  /** Time of the last write, or what utimes said since. */
  get mtime(): Time {
    return this.#mtime
  }

  /** Time of the last write. */
  get ctime(): Time {
    return this.#ctime
  }

  get error(): FsError | undefined {
    return this.#error
  }

  /** Uncommitted slices of a chunk, oldest first; newer hide older, and all hide what is committed. */
  overlay(index: number): readonly PendingSlice[] | undefined {
    return this.#chunks.get(index)
  }

  /** Indexes of chunks with uncommitted slices. */
  pendingChunks(): IterableIterator<number> {
    return this.#chunks.keys()
  }

  /**
   * Write at `offset`; `data` may view a request buffer. Undefined: all taken. A promise when that has to wait:
   * of how many bytes were taken, fewer than all only when interrupted.
   *
   * Errors: the sticky one; EFBIG; EINTR when interrupted before the first byte.
   * @hot
   */
  write(ctx: OpContext, offset: number, data: Uint8Array): Promise<number> | undefined {
    this.#check(offset, data.length)
    if (this.#pending.length >= MAX_PENDING || !this.#writeTurn.tryAcquire()) {
      return this.#writeSlowly(ctx, offset, Buffer.from(data), 0, false)
    }
    let taken = 0
    try {
      taken = this.#take(offset, data, 0)
    } catch (error) {
      this.#writeTurn.release()
      throw this.#broken(error)
    }
    if (taken < data.length) return this.#writeSlowly(ctx, offset, Buffer.from(data), taken, true)
    this.#writeTurn.release()
    return undefined
  }

  #check(offset: number, length: number): void {
    if (this.#error !== undefined) throw asWriteError('write', this.#error)
    if (offset + length >= MAX_FILE_SIZE) throw fail(EFBIG, 'write', `ino ${this.#node.ino}`)
  }

  /** Take bytes of `data` from `done` on; returns how many are taken now. Short: `#stalled` lacks buffers. */
  #take(offset: number, data: Uint8Array, done: number): number {
    const now = this.#parts.clock.monotonicMs()
    let taken = done
    while (taken < data.length) {
      const at = offset + taken
      const index = Math.floor(at / CHUNK_SIZE)
      const pos = at - index * CHUNK_SIZE
      const size = Math.min(data.length - taken, CHUNK_SIZE - pos)
      const slice = this.#stalled?.slice ?? this.#sliceFor(index, pos, size, now)
      const place = this.#stalled?.at ?? slice.place(pos, size)
      const piece = size === data.length ? data : data.subarray(taken, taken + size)
      const room = slice.writer.write(place, piece)
      this.#stalled = room && { slice, at: place, room }
      if (room !== undefined) break
      taken += size
      slice.touchedMs = now
      if (at + size > this.#end) this.#end = at + size
      if (pos + size === CHUNK_SIZE || slice.isFull(this.#parts.blocks.blockSize)) this.#freeze(slice)
    }
    if (taken > done) {
      this.#mtime = this.#ctime = this.#parts.clock.now()
      this.#parts.nodes.stamp(this.#node.ino)
    }
    return taken
  }

  /**
   * The slice that takes [pos, pos + size) of a chunk, ready for it: the newest that can and that nothing newer would
   * hide. A small write that fits nowhere goes to the chunk's pack, unless it makes the file longer: the length must
   * not grow over bytes of other slices that are still on their way.
   */
  #sliceFor(index: number, pos: number, size: number, nowMs: number): PendingSlice {
    const { blockSize } = this.#parts.blocks
    let isPacked = size <= MAX_PACKED && index * CHUNK_SIZE + pos + size <= this.#node.record.length
    let pack: PendingSlice | undefined
    const list = this.#chunks.get(index) ?? []
    const oldest = Math.max(0, list.length - MAX_OPEN_PER_CHUNK)
    for (let k = list.length - 1; k >= oldest; k--) {
      const slice = list[k]!
      const place = slice.place(pos, size)
      if (place >= 0) return slice
      if (place === CONTINUES) isPacked = false
      if (pack === undefined && slice.hasRoom(size, blockSize)) pack = slice
      if (place !== ELSEWHERE) break
    }
    if (!isPacked || pack === undefined) {
      // Those before it were frozen in the same way.
      if (list.length >= MAX_OPEN_PER_CHUNK) this.#freeze(list[oldest]!)
      pack = this.#open(index, isPacked, nowMs)
    }
    pack.extend(pos)
    return pack
  }

  #open(index: number, isPack: boolean, nowMs: number): PendingSlice {
    if (this.#pending.length >= CROWDED) this.#freezeAll()
    const { blocks, open } = this.#parts
    const at = { index, sequence: ++this.#created, nowMs, isPack }
    const tier = this.#node.record.tier
    const slice = new PendingSlice(at, blocks.newSlice(tier === 0 ? undefined : { tier }), () =>
      newSliceId(this.#parts),
    )
    this.#pending.push(slice)
    this.#unfrozen.add(slice)
    const list = this.#chunks.get(index)
    if (list === undefined) this.#chunks.set(index, [slice])
    else list.push(slice)
    open.add(slice, () => this.#freeze(slice))
    return slice
  }

  /** A write that waits: for its turn, for earlier slices to be committed, for buffers. */
  async #writeSlowly(
    ctx: OpContext,
    offset: number,
    data: Buffer,
    taken: number,
    holdsTurn: boolean,
  ): Promise<number> {
    let done = taken
    if (!holdsTurn) await takeTurn(this.#writeTurn, ctx)
    try {
      for (;;) {
        if (this.#stalled !== undefined) await interruptible(this.#stalled.room, ctx)
        while (this.#pending.length >= MAX_PENDING) {
          this.#freezeAll()
          await interruptible(this.#committed(this.#pending[0]!.sequence), ctx)
        }
        this.#check(offset, data.length)
        done = this.#take(offset, data, done)
        if (done === data.length) return done
      }
    } catch (error) {
      this.#giveUp()
      if (toErrno(error) !== EINTR) throw this.#broken(error)
      if (done > 0) return done
      throw error
    } finally {
      this.#writeTurn.release()
    }
  }

  /** Nobody waits for the stalled slice any more. Its writer may still: it takes nothing more. */
  #giveUp(): void {
    const stalled = this.#stalled
    this.#stalled = undefined
    if (stalled !== undefined) this.#freeze(stalled.slice)
  }

  /** A slice refused bytes because one of its blocks failed: let the commit line find out which, and stop. */
  #broken(error: unknown): unknown {
    if (this.#error === undefined) this.#freezeAll()
    return error
  }

  #freeze(slice: PendingSlice): void {
    if (slice.frozen || slice === this.#stalled?.slice) return
    slice.frozen = true
    this.#unfrozen.delete(slice)
    this.#parts.open.delete(slice)
    slice.uploaded = this.#upload(slice)
    // The commit loop awaits it in turn; until then nobody listens.
    slice.uploaded.catch(() => {})
    if (this.#committing) return
    this.#committing = true
    this.#parts.tasks.start('commit', () => this.#commitAll())
  }

  #freezeAll(): void {
    for (const slice of this.#unfrozen) this.#freeze(slice)
  }

  async #upload(slice: PendingSlice): Promise<void> {
    if (slice.length === 0) return slice.writer.abort()
    try {
      await slice.identified
    } catch (error) {
      slice.writer.abort()
      throw error
    }
    await slice.writer.finish()
  }

  /** Commit frozen slices from the front of the line until it is empty or its first is still open. */
  async #commitAll(): Promise<void> {
    try {
      for (let slice = this.#pending[0]; slice?.frozen === true; slice = this.#pending[0]) {
        await this.#commit(slice)
      }
    } finally {
      this.#committing = false
    }
  }

  async #commit(slice: PendingSlice): Promise<void> {
    const { index } = slice
    let uploaded = false
    let stored: Stored
    let records: readonly SliceRecord[]
    try {
      await slice.uploaded
      if (slice.length === 0) return this.#settle(slice)
      uploaded = true
      records = slice.records()
      stored = await this.#commitTurn.run(() =>
        appendRecords(
          this.#parts,
          this.#node.ino,
          index,
          records,
          () => this.#timesOfCommit(),
          () => this.#parts.mayCommit(this.#node),
        ),
      )
    } catch (error) {
      return this.#fail(slice, error, uploaded)
    }
    // No await between these: a reader finds the bytes either pending or in the view.
    this.#node.views.appended(index, records, stored.records)
    this.#parts.nodes.adopt(this.#node, stored.node, stored.before)
    this.#settle(slice)
    this.#parts.onWritten(this.#node.ino, { id: slice.id, size: slice.length })
    await this.#parts.onCommit(this.#node.ino, index, stored.records, records.length)
  }

  /**
   * Every append must change the node (meta/ops/chunks.ts `times`). So that the times shown all along are the ones
   * stored in the end, each commit but the last is a nanosecond older than the next.
   */
  #timesOfCommit(): { readonly mtime: Time; readonly ctime: Time } {
    let later = this.#pending.length - 1
    while (later > 0 && this.#pending[later]!.length === 0) later--
    return { mtime: addNsec(this.#mtime, -later), ctime: this.#ctime }
  }

  /** The first in line is done with, well or badly. */
  #settle(slice: PendingSlice): void {
    this.#pending.shift()
    const list = this.#chunks.get(slice.index)!
    list.shift()
    if (list.length === 0) this.#chunks.delete(slice.index)
    if (slice.index * CHUNK_SIZE + slice.end === this.#end) this.#end = this.#highestEnd()
    while (this.#waiters.length > 0 && this.#waiters[0]!.sequence <= slice.sequence) {
      this.#waiters.shift()!.wake()
    }
  }

  #highestEnd(): number {
    let end = 0
    for (const slice of this.#pending) end = Math.max(end, slice.index * CHUNK_SIZE + slice.end)
    return end
  }

  #fail(slice: PendingSlice, cause: unknown, uploaded: boolean): void {
    const { ino } = this.#node
    const errno = toErrno(cause)
    const lasting = errno === ENOENT || errno === ENOSPC || errno === EDQUOT
    this.#error ??= fail(lasting ? errno : EIO, 'write', `ino ${ino}`, { cause })
    this.#parts.log.error('written data are lost', {
      ino,
      before: slice.index * CHUNK_SIZE + slice.end,
      bytes: slice.length,
      error: cause,
    })
    // After another error the record may have arrived: its objects are left to gc.
    if (uploaded && lasting) {
      const gone = { id: slice.id, size: slice.length }
      this.#parts.tasks.start('remove unused slice', () => this.#parts.blocks.remove(gone))
    }
    this.#settle(slice)
    this.#parts.nodes.stamp(ino)
  }

  /** Resolves when slice number `sequence` and all before it are settled; waiters come in rising order or not. */
  #committed(sequence: number): Promise<void> {
    return new Promise((wake) => {
      let at = this.#waiters.length
      while (at > 0 && this.#waiters[at - 1]!.sequence > sequence) at--
      this.#waiters.splice(at, 0, { sequence, wake })
    })
  }

  /**
   * Everything written so far is uploaded and committed. An interrupt counts only after `graceMs`, and the work
   * goes on in any case.
   *
   * Errors: the sticky one, ENOENT, EPERM and EINVAL as EBADF; EINTR.
   */
  async flush(ctx: OpContext, graceMs = FLUSH_GRACE_MS): Promise<void> {
    if (this.#stalled !== undefined) await this.#writeTurn.run(async () => {}, ctx.signal)
    await this.#flush(ctx, graceMs)
  }

  async #flush(ctx: OpContext, graceMs: number): Promise<void> {
    const last = this.#pending.at(-1)
    if (last !== undefined) {
      this.#freezeAll()
      await interruptible(this.#committed(last.sequence), ctx, () => this.#parts.clock.sleep(graceMs))
    }
    if (this.#error !== undefined) throw asWriteError('flush', this.#error)
  }

  /** Flush, then run a change of the stored length or content with no write in between. */
  async exclusively<T>(ctx: OpContext, change: () => Promise<T>): Promise<T> {
    await takeTurn(this.#writeTurn, ctx)
    try {
      await this.#flush(ctx, 0)
      return await change()
    } finally {
      this.#writeTurn.release()
    }
  }

  /**
   * Run a change of the stored attributes between two commits. Later commits carry the `mtime` that it returns if
   * it `setsMtime`, and a ctime one nanosecond after it, since they have to change the node.
   */
  async betweenCommits(setsMtime: boolean, change: () => Promise<NodeRecord>): Promise<NodeRecord> {
    return this.#commitTurn.run(async () => {
      const record = await change()
      if (setsMtime) this.#mtime = { sec: record.mtime, nsec: record.mtimeNsec }
      this.#ctime = addNsec({ sec: record.ctime, nsec: record.ctimeNsec }, 1)
      return record
    })
  }
}

async function takeTurn(turn: Semaphore, ctx: OpContext): Promise<void> {
  if (turn.tryAcquire()) return
  try {
    await turn.acquire(ctx.signal)
  } catch (error) {
    throw fail(EINTR, 'write', undefined, { cause: error })
  }
}

/** What a write, flush or fsync answers for the error that stuck (fs-semantics.md §5.14). */
function asWriteError(op: string, error: FsError): FsError {
  const { errno } = error
  const hidden = errno === ENOENT || errno === EPERM || errno === EINVAL
  return fail(hidden ? EBADF : errno, op, undefined, { cause: error })
}
