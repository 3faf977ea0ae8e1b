/**
 * Blocks that are not in memory: from the disk cache, or else from the object store.
 *
 * A whole block is fetched once for all who want it at the same time. A small part of a cold block comes by a
 * range request, and not with it the whole block (unlike the reference, which fetches the block after the first
 * such read): random reads of a large file would bring in a hundred times what they want. The second read of a
 * block shows that it is wanted; then it is fetched in the background.
 * Source: shared/spec/data-path.md §13, §16 "Reads".
 */
import { BackendError } from '#core/base/errno.ts'
import { Generations } from '#core/base/generations.ts'
import type { Log } from '#core/base/log.ts'
import type { Counter, Metrics } from '#core/base/metrics.ts'
import { Semaphore } from '#core/base/semaphore.ts'
import type { Trace } from '#core/base/trace.ts'
import type { BlockCodec } from '#core/object/compression.ts'
import { abandonable } from '#core/object/interrupt.ts'
import type { ObjectStore } from '#core/object/store.ts'
import type { BufferBudget, Share } from './buffer-budget.ts'
import { BufferPool } from './buffer-pool.ts'
import type { DiskCache } from './cache/disk-cache.ts'
import type { MemoryCache } from './cache/memory-cache.ts'
import { Flights } from './flights.ts'
import { type BlockId, type BlockName, blockId, type Geometry } from './geometry.ts'
import type { LocalObjects } from './local-objects.ts'
import { type Lent, lend, SharedBlock } from './shared-block.ts'

/** Blocks up to this are always fetched whole: the rest costs less than the round trip. */
const SMALL = 128 * 1024
/** How many blocks that were read in part are remembered. */
const TOUCHED = 4096

export interface FetcherParts {
  readonly store: ObjectStore
  readonly geometry: Geometry
  readonly codec: BlockCodec
  readonly budget: BufferBudget
  readonly pool: BufferPool
  readonly cache: MemoryCache
  readonly disk: DiskCache
  /** Undefined unless objects are read where they are. */
  readonly local: LocalObjects | undefined
  readonly cachePartialOnly: boolean
  readonly maxDownloads: number
  /** Ask for a block to be fetched in the background; undefined: never. */
  readonly prefetch: ((name: BlockName) => void) | undefined
  readonly log: Log
  readonly metrics: Metrics
  readonly trace: Trace
}

export class BlockFetcher {
  readonly #parts: FetcherParts
  readonly #flights = new Flights<BlockId, SharedBlock>()
  readonly #downloads: Semaphore
  readonly #touched = new Generations<BlockId, number>(TOUCHED)
  readonly #hits: Counter
  readonly #hitBytes: Counter
  readonly #diskHits: Counter
  readonly #diskHitBytes: Counter
  readonly #misses: Counter
  readonly #missBytes: Counter

  constructor(parts: FetcherParts) {
    this.#parts = parts
    this.#downloads = new Semaphore(parts.maxDownloads)
    this.#hits = parts.metrics.counter('blockcache_hits')
    this.#hitBytes = parts.metrics.counter('blockcache_hit_bytes')
    this.#diskHits = parts.metrics.counter('blockcache_disk_hits')
    this.#diskHitBytes = parts.metrics.counter('blockcache_disk_hit_bytes')
    this.#misses = parts.metrics.counter('blockcache_miss')
    this.#missBytes = parts.metrics.counter('blockcache_miss_bytes')
  }

  /** Bytes of a block. Errors: as `BlockStore.read`. */
  async read(
    name: BlockName,
    offset: number,
    length: number,
    signal?: AbortSignal,
    lent?: Lent,
  ): Promise<Uint8Array> {
    const id = blockId(name.slice, name.index)
    const whole = length === name.size
    const { disk, cache, local, geometry, trace } = this.#parts
    const described = () => ({ key: geometry.key(name.slice, name.index, name.size), bytes: length })
    if (local?.takes(name)) {
      const look = abandonable(signal, () => local.read(name, offset, length))
      const bytes = await trace.request('store', described, look)
      if (bytes !== undefined) return bytes
    }
    if (!this.#flights.has(id) && disk.mayHave(id)) {
      // Outside the budget, which uploads to a store that hangs may have used up.
      const look = abandonable(signal, () => disk.read(name, offset, length))
      const bytes = await trace.request('disk', described, look)
      if (bytes !== undefined && whole) cache.put(id, new SharedBlock(bytes))
      if (bytes !== undefined) return this.#hit(bytes, length)
    }
    if (!whole && !this.#flights.has(id) && this.#wantsRange(id, name, length)) {
      const bytes = await trace.request('store', described, this.#range(name, offset, length, signal))
      if (bytes !== undefined) return bytes
    }
    const by = this.#flights.has(id) ? 'flight' : 'store'
    const block = lend(await trace.request(by, described, this.fetch(name, signal)), lent)
    return whole ? block : block.subarray(offset, offset + length)
  }

  /**
   * The whole block, which goes into the caches. Held until the next turn of the event loop: who wants it for longer
   * holds it. `share`: budget taken for it already.
   */
  fetch(name: BlockName, signal?: AbortSignal, share?: Share): Promise<SharedBlock> {
    const id = blockId(name.slice, name.index)
    let taken = share
    const flight = this.#flights.join(
      id,
      (stop) => {
        const own = taken
        taken = undefined
        return this.#load(id, name, own, stop)
      },
      signal,
    )
    // Somebody else's flight: it has its own share.
    if (taken !== undefined) this.#parts.budget.give(taken)
    return flight
  }

  fetching(id: BlockId): boolean {
    return this.#flights.has(id)
  }

  /** Budget that fetching a block takes. */
  cost(name: BlockName): number {
    return name.size + this.#parts.codec.bound(name.size)
  }

  close(): void {
    this.#flights.abort(new BackendError('closed', 'volume closed'))
  }

  async #load(
    id: BlockId,
    name: BlockName,
    share: Share | undefined,
    signal: AbortSignal,
  ): Promise<SharedBlock> {
    const { budget, cache, disk, local, cachePartialOnly, geometry } = this.#parts
    const held = share ?? (await budget.take(this.cost(name), undefined, signal))
    try {
      const cached = disk.mayHave(id) ? await disk.read(name, 0, name.size) : undefined
      const block =
        cached === undefined
          ? await this.#get(name, signal)
          : new SharedBlock(this.#hit(cached, cached.length))
      setImmediate(() => block.release())
      cache.put(id, block)
      const isWanted = local === undefined && !(cachePartialOnly && name.size === geometry.blockSize)
      if (cached === undefined && isWanted) disk.put(name, block)
      return block
    } finally {
      budget.give(held)
    }
  }

  async #get(name: BlockName, signal: AbortSignal): Promise<SharedBlock> {
    const { store, geometry, codec, pool, log } = this.#parts
    const key = geometry.key(name.slice, name.index, name.size)
    let buffer: Uint8Array | undefined
    const room = (length: number): Uint8Array | undefined => {
      const fits = length === name.size && BufferPool.capacity(length) === length
      return (buffer = fits ? pool.take(length) : undefined)
    }
    try {
      const payload = await this.#downloads.run(() => store.get(key, undefined, { signal, room }), signal)
      this.#miss(name.size)
      if (codec.name === 'none' && payload.length > name.size)
        log.warn('object is longer than its block', { key })
      const bytes = await codec.decompress(payload, name.size)
      // Of attempts that failed or were too slow the buffer may still be written to: it is the collector's.
      return buffer !== undefined && bytes.buffer === buffer.buffer
        ? new SharedBlock(bytes, pool, buffer)
        : new SharedBlock(bytes)
    } catch (error) {
      throw named(error, key, log)
    }
  }

  #wantsRange(id: BlockId, name: BlockName, length: number): boolean {
    const { store, codec, cache, disk, prefetch } = this.#parts
    if (codec.name !== 'none' || !store.canReadRange) return false
    if (cache.capacity < name.size && !disk.usable) return true
    if (name.size <= SMALL || length * 4 > name.size) return false
    const before = this.#touch(id)
    if (before === 0) return true
    if (prefetch === undefined) return false
    prefetch(name)
    return true
  }

  /** How often the block was read in part before, lately. */
  #touch(id: BlockId): number {
    const before = this.#touched.get(id) ?? 0
    this.#touched.set(id, before + 1)
    return before
  }

  /** Exactly the wanted bytes; undefined when that did not work and the whole block is to be tried. */
  async #range(
    name: BlockName,
    offset: number,
    length: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array | undefined> {
    const { store, geometry, budget } = this.#parts
    const key = geometry.key(name.slice, name.index, name.size)
    const share = await budget.take(length, undefined, signal)
    try {
      const bytes = await this.#downloads.run(() => store.get(key, { offset, length }, { signal }), signal)
      this.#miss(length)
      return bytes.length === length ? bytes : undefined
    } catch (error) {
      if (signal?.aborted) throw error
      return undefined
    } finally {
      budget.give(share)
    }
  }

  #hit(bytes: Uint8Array, length: number): Uint8Array {
    this.#hits.add()
    this.#hitBytes.add(length)
    this.#diskHits.add()
    this.#diskHitBytes.add(length)
    return bytes
  }

  #miss(length: number): void {
    this.#misses.add()
    this.#missBytes.add(length)
  }
}

/** Say which object failed, in the log and in the error. */
function named(error: unknown, key: string, log: Log): unknown {
  if (!(error instanceof BackendError) || error.kind === 'interrupted' || error.kind === 'closed')
    return error
  log.warn(error.kind === 'corrupt' ? 'object is damaged' : 'object cannot be read', { key, error })
  if (error.kind !== 'corrupt' || error.message.includes(key)) return error
  return new BackendError('corrupt', `${key}: ${error.message}`, { cause: error })
}
