/**
 * Slices as bytes. Where a read finds a block, in this order:
 *
 *     memory cache | sent, not yet stored | waiting for the disk cache      peek: now
 *     open cache file that was checked | open object of this disk           peekFile: now
 *     object of this disk (LocalObjects)                                    read (BlockFetcher)
 *     disk cache | whole fetch under way | range or whole from the store    read (BlockFetcher)
 *
 * A table of delegation; the parts are put together by `open-block-store.ts`.
 */
import { atMost } from '#core/base/at-most.ts'
import type { Clock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import type { Log } from '#core/base/log.ts'
import type { Counter, Metrics } from '#core/base/metrics.ts'
import { Semaphore } from '#core/base/semaphore.ts'
import { TaskSet } from '#core/base/tasks.ts'
import { abandonable } from '#core/object/interrupt.ts'
import type { ObjectStore } from '#core/object/store.ts'
import type { BlockPlace, BlockStore, FileRange, HeldBlock, SliceId, SliceWriter } from './api.ts'
import type { BlockFetcher } from './block-fetcher.ts'
import type { BlockUploads } from './block-uploads.ts'
import type { DiskCache } from './cache/disk-cache.ts'
import type { MemoryCache } from './cache/memory-cache.ts'
import { type BlockName, blockId, blockOfId, checkSliceId, type Geometry } from './geometry.ts'
import type { LocalObjects } from './local-objects.ts'
import type { Prefetcher } from './prefetcher.ts'
import { giveBack, type Lent, SharedBlock } from './shared-block.ts'
import { BlockSliceWriter, type WriterHost } from './slice-writer.ts'
import type { Staging } from './staging.ts'
import type { WriteMemory } from './write-block.ts'

export interface BlockStoreParts {
  readonly store: ObjectStore
  readonly geometry: Geometry
  readonly memory: WriteMemory
  readonly cache: MemoryCache
  readonly disk: DiskCache
  readonly local: LocalObjects | undefined
  readonly staging: Staging
  readonly uploads: BlockUploads
  readonly fetcher: BlockFetcher
  readonly prefetcher: Prefetcher
  readonly maxDeletes: number
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
}

/** How long `close` waits for objects of aborted slices to be removed; those left are found by gc. */
const CLOSE_MS = 5000

export class CachedBlockStore implements BlockStore {
  readonly blockSize: number
  readonly #parts: BlockStoreParts
  readonly #host: WriterHost
  readonly #deletes: Semaphore
  /** Uploads of slices being written, and removals of aborted ones. */
  readonly #tasks: TaskSet
  readonly #hits: Counter
  readonly #hitBytes: Counter
  /** Of the hits, those that the disk cache answered. */
  readonly #diskHits: Counter
  readonly #diskHitBytes: Counter
  readonly #stop = new AbortController()
  #closed = false

  constructor(parts: BlockStoreParts) {
    this.blockSize = parts.geometry.blockSize
    this.#parts = parts
    this.#deletes = new Semaphore(parts.maxDeletes)
    this.#tasks = new TaskSet(parts.log)
    this.#hits = parts.metrics.counter('blockcache_hits')
    this.#hitBytes = parts.metrics.counter('blockcache_hit_bytes')
    this.#diskHits = parts.metrics.counter('blockcache_disk_hits')
    this.#diskHitBytes = parts.metrics.counter('blockcache_disk_hit_bytes')
    this.#host = {
      memory: parts.memory,
      uploads: parts.uploads,
      resident: (slice, index, size) => this.#resident(slice, index, size, undefined),
      discard: (slice, sent, length, settled) => this.#discard(slice, sent, length, settled),
    }
  }

  peek(slice: SliceId, offset: number, length: number, lent?: Lent): readonly Uint8Array[] | undefined {
    const { geometry } = this.#parts
    const index = Math.floor(offset / this.blockSize)
    const start = offset - index * this.blockSize
    if (start + length > this.blockSize) return this.#peekMany(slice, offset, length, lent)
    const size = geometry.size(slice.size, index)
    const block = start + length <= size ? this.#resident(slice.id, index, size, lent) : undefined
    if (block === undefined) return undefined
    this.#hits.add()
    this.#hitBytes.add(length)
    return [view(block, start, length)]
  }

  peekFile(slice: SliceId, offset: number, length: number): FileRange | undefined {
    const index = Math.floor(offset / this.blockSize)
    const start = offset - index * this.blockSize
    if (length === 0 || start + length > this.#parts.geometry.size(slice.size, index)) return undefined
    const id = blockId(slice.id, index)
    const range = this.#parts.disk.peekFile(id, start, length)
    if (range === undefined) return this.#parts.local?.peekFile(id, start, length)
    this.#hits.add()
    this.#hitBytes.add(length)
    this.#diskHits.add()
    this.#diskHitBytes.add(length)
    return range
  }

  async read(
    slice: SliceId,
    offset: number,
    length: number,
    signal?: AbortSignal,
    lent?: Lent,
  ): Promise<readonly Uint8Array[]> {
    this.#check(slice, offset, length)
    const pieces = [...this.#pieces(slice, offset, length)]
    if (pieces.length === 1) return [await this.#readPiece(pieces[0]!, signal, lent)]
    return await Promise.all(pieces.map((piece) => this.#readPiece(piece, signal, lent)))
  }

  prefetch(slice: SliceId, offset: number, length: number): void {
    if (this.#closed) return
    const { local, prefetcher } = this.#parts
    for (const { name } of this.#pieces(slice, offset, length)) {
      if (this.#isReady(name)) continue
      if (local?.takes(name)) local.prepare(name)
      else prefetcher.add(name)
    }
  }

  newSlice(options?: { readonly tier?: number; readonly direct?: boolean }): SliceWriter {
    return new BlockSliceWriter(this.#host, options)
  }

  async remove(slice: SliceId, signal?: AbortSignal): Promise<void> {
    await this.#removeBlocks([...this.#names(slice)], signal)
  }

  async warm(slice: SliceId, signal?: AbortSignal): Promise<number> {
    const { disk, cache, fetcher } = this.#parts
    let fetched = 0
    for (const name of this.#names(slice)) {
      const id = blockId(name.slice, name.index)
      if (disk.has(id) || (!disk.usable && cache.has(id))) continue
      const resident = this.#resident(name.slice, name.index, name.size, undefined)
      const block = resident ? new SharedBlock(resident) : await fetcher.fetch(name, signal)
      if (disk.usable) await abandonable(signal, () => disk.write(name, block))
      fetched += name.size
    }
    return fetched
  }

  async evict(slice: SliceId): Promise<boolean> {
    if (this.#parts.disk.keeps(slice.id)) return false
    for (const name of this.#names(slice)) {
      this.#parts.cache.delete(blockId(name.slice, name.index))
      await this.#parts.disk.remove(name)
    }
    return true
  }

  get hasDiskCache(): boolean {
    return this.#parts.disk.usable
  }

  keep(slice: SliceId): void {
    const ids = [...this.#names(slice)].map(({ index }) => blockId(slice.id, index))
    this.#parts.disk.keep(slice.id, ids)
  }

  keepOnly(slices: ReadonlySet<number>): void {
    this.#parts.disk.keepOnly(slices)
  }

  holdCache(hold: boolean): void {
    this.#parts.disk.hold(hold)
  }

  async locate(slice: SliceId, probe: boolean): Promise<readonly BlockPlace[]> {
    return await Promise.all([...this.#names(slice)].map((name) => this.#locateBlock(name, probe)))
  }

  *held(): Generator<HeldBlock> {
    const { cache, disk } = this.#parts
    for (const [id, size] of cache.sizes())
      if (!disk.has(id)) yield { ...blockOfId(id), size, place: 'memory', kept: false, idleMs: null }
    yield* disk.blocks()
  }

  key(slice: SliceId, block: number): string {
    const { geometry } = this.#parts
    return geometry.key(slice.id, block, geometry.size(slice.size, block))
  }

  async sync(slices: readonly SliceId[]): Promise<void> {
    const { staging, geometry, store } = this.#parts
    const keys: string[] = []
    for (const slice of slices) {
      for (const { slice: id, index, size } of this.#names(slice)) {
        if (!staging.has(blockId(id, index))) keys.push(geometry.key(id, index, size))
      }
    }
    if (keys.length > 0) await store.sync(keys)
  }

  async drain({ staged, signal }: { staged: boolean; signal?: AbortSignal }): Promise<void> {
    const { uploads, staging } = this.#parts
    await abandonable(signal, () => uploads.drain())
    await abandonable(signal, () => this.#tasks.drain())
    if (staged) await staging.drain(signal)
  }

  /** Stops what is under way, except writes to the disk cache that wait in line; staged blocks stay staged. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const { prefetcher, fetcher, staging, disk, local, cache, memory, clock } = this.#parts
    fetcher.close()
    await prefetcher.close()
    await atMost(clock, CLOSE_MS, this.#tasks.drain())
    this.#stop.abort(new BackendError('closed', 'volume closed'))
    await this.#tasks.drain()
    await staging.close()
    await disk.close()
    await local?.close()
    cache.clear()
    memory.pool.close()
  }

  /** A whole block that is in memory. @hot */
  #resident(slice: number, index: number, size: number, lent: Lent | undefined): Uint8Array | undefined {
    const { cache, uploads, disk } = this.#parts
    const id = blockId(slice, index)
    return cache.peek(id, size, lent) ?? uploads.peek(id, size) ?? disk.peek(id, size, lent)
  }

  /** `peek` or `peekFile` serve all of it. */
  #isReady({ slice, index, size }: BlockName): boolean {
    const lent: Lent = []
    const resident = this.#resident(slice, index, size, lent)
    giveBack(lent)
    if (resident !== undefined) return true
    const id = blockId(slice, index)
    const { disk, local } = this.#parts
    const range = disk.peekFile(id, 0, size) ?? local?.peekFile(id, 0, size)
    range?.done()
    return range !== undefined
  }

  #peekMany(
    slice: SliceId,
    offset: number,
    length: number,
    lent: Lent | undefined,
  ): readonly Uint8Array[] | undefined {
    if (offset + length > slice.size) return undefined
    const views: Uint8Array[] = []
    for (const { name, start, length: part } of this.#pieces(slice, offset, length)) {
      const block = this.#resident(name.slice, name.index, name.size, lent)
      if (block === undefined) return undefined
      views.push(view(block, start, part))
    }
    this.#hits.add()
    this.#hitBytes.add(length)
    return views
  }

  async #readPiece(
    { name, start, length }: Piece,
    signal: AbortSignal | undefined,
    lent: Lent | undefined,
  ): Promise<Uint8Array> {
    const block = this.#resident(name.slice, name.index, name.size, lent)
    if (block === undefined) return await this.#parts.fetcher.read(name, start, length, signal, lent)
    this.#hits.add()
    this.#hitBytes.add(length)
    return view(block, start, length)
  }

  #check(slice: SliceId, offset: number, length: number): void {
    checkSliceId(slice.id)
    if (offset >= 0 && length >= 0 && offset + length <= slice.size) return
    throw new BackendError('invalid', `slice ${slice.id}: [${offset}, +${length}) of ${slice.size} bytes`)
  }

  *#pieces(slice: SliceId, offset: number, length: number): Generator<Piece> {
    const end = Math.min(offset + length, slice.size)
    for (let at = offset; at < end; ) {
      const index = Math.floor(at / this.blockSize)
      const size = this.#parts.geometry.size(slice.size, index)
      const start = at - index * this.blockSize
      const part = Math.min(end - at, size - start)
      yield { name: { slice: slice.id, index, size }, start, length: part }
      at += part
    }
  }

  *#names(slice: SliceId): Generator<BlockName> {
    checkSliceId(slice.id)
    const { geometry } = this.#parts
    for (let index = 0; index < geometry.count(slice.size); index++) {
      yield { slice: slice.id, index, size: geometry.size(slice.size, index) }
    }
  }

  async #locateBlock(name: BlockName, probe: boolean): Promise<BlockPlace> {
    const { cache, uploads, staging, disk, store, geometry } = this.#parts
    const id = blockId(name.slice, name.index)
    if (staging.has(id)) return 'staging'
    if (disk.has(id)) return 'disk'
    if (cache.has(id) || uploads.has(id)) return 'memory'
    if (!probe) return 'store'
    const info = await store.head(geometry.key(name.slice, name.index, name.size))
    return info === undefined ? 'missing' : 'store'
  }

  async #removeBlocks(names: readonly BlockName[], signal: AbortSignal | undefined): Promise<void> {
    const { cache, disk, local, staging, store, geometry } = this.#parts
    const removals = names.map(async (name) => {
      const id = blockId(name.slice, name.index)
      cache.delete(id)
      local?.forget(id)
      const neverStored = await staging.drop(name)
      await disk.remove(name)
      if (neverStored) return
      const key = geometry.key(name.slice, name.index, name.size)
      await this.#deletes.run(() => store.delete(key, { signal }), signal)
    })
    const results = await Promise.allSettled(removals)
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  #discard(slice: number, sent: readonly number[], length: number, settled: Promise<unknown>): void {
    const { geometry } = this.#parts
    const names = sent.map((index) => ({ slice, index, size: geometry.size(length, index) }))
    this.#tasks.start(`removal of the aborted slice ${slice}`, async () => {
      await settled
      await this.#removeBlocks(names, this.#stop.signal)
    })
  }
}

interface Piece {
  readonly name: BlockName
  readonly start: number
  readonly length: number
}

/** Plain Uint8Array: making one is half the cost of Buffer's subarray. */
function view(block: Uint8Array, start: number, length: number): Uint8Array {
  return new Uint8Array(block.buffer, block.byteOffset + start, length)
}
