/**
 * Complete blocks on their way to the object store: compressed, put, then kept in the caches. Readers find a
 * block here from the moment it is sent until the caches have it.
 */
import { Semaphore } from '#core/base/semaphore.ts'
import type { Trace } from '#core/base/trace.ts'
import type { BlockCodec } from '#core/object/compression.ts'
import type { ObjectStore } from '#core/object/store.ts'
import type { DiskCache } from './cache/disk-cache.ts'
import type { MemoryCache } from './cache/memory-cache.ts'
import { type BlockId, type BlockName, blockId, type Geometry } from './geometry.ts'
import type { LocalObjects } from './local-objects.ts'
import { SharedBlock } from './shared-block.ts'
import type { Staging } from './staging.ts'
import type { WriteBlock, WriteMemory } from './write-block.ts'

export interface UploadOptions {
  readonly tier: number
  /** Not through staging. */
  readonly direct: boolean
  readonly signal: AbortSignal
}

export interface UploadParts {
  readonly store: ObjectStore
  readonly geometry: Geometry
  readonly codec: BlockCodec
  readonly memory: WriteMemory
  readonly cache: MemoryCache
  readonly disk: DiskCache
  /** Where there is one, a cached copy would be no better than the object. */
  readonly local: LocalObjects | undefined
  /** Undefined unless blocks are to be acknowledged once staged. */
  readonly staging: Staging | undefined
  /** Only blocks smaller than this are. */
  readonly stageBelow: number
  readonly cacheLargeWrite: boolean
  readonly maxUploads: number
  readonly trace: Trace
}

export class BlockUploads {
  readonly #parts: UploadParts
  readonly #slots: Semaphore
  readonly #sent = new Map<BlockId, WriteBlock>()
  readonly #idle: (() => void)[] = []

  constructor(parts: UploadParts) {
    this.#parts = parts
    this.#slots = new Semaphore(parts.maxUploads)
  }

  has(id: BlockId): boolean {
    return this.#sent.has(id)
  }

  /** Wait for the uploads under way, however they end. */
  async drain(): Promise<void> {
    while (this.#sent.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  /** Bytes of a block that is on its way. @hot */
  peek(id: BlockId, size: number): Uint8Array | undefined {
    const block = this.#sent.get(id)
    if (block === undefined || block.size !== size) return undefined
    return block.show(0, size)
  }

  /** Store the block, or stage it durably. Takes `block` over, whatever comes. Errors: as `ObjectStore.put`. */
  async upload(name: BlockName, block: WriteBlock, options: UploadOptions): Promise<void> {
    const id = blockId(name.slice, name.index)
    this.#sent.set(id, block)
    let kept = false
    try {
      const staged = !options.direct && (await this.#stage(name, block, options))
      if (!staged) await this.#traced('upload', name, this.#put(name, block, options))
      kept = this.#keep(id, name, block, staged)
    } finally {
      this.#sent.delete(id)
      block.release(this.#parts.memory, kept)
      if (this.#sent.size === 0) for (const wake of this.#idle.splice(0)) wake()
    }
  }

  async #stage(name: BlockName, block: WriteBlock, { tier, signal }: UploadOptions): Promise<boolean> {
    const { staging, stageBelow } = this.#parts
    if (staging === undefined || name.size >= stageBelow) return false
    return await this.#traced('staging', name, staging.stage(name, block.bytes, tier, signal))
  }

  #traced<T>(by: 'upload' | 'staging', name: BlockName, work: Promise<T>): Promise<T> {
    const { trace, geometry } = this.#parts
    const described = () => ({ key: geometry.key(name.slice, name.index, name.size), bytes: name.size })
    return trace.request(by, described, work)
  }

  async #put(name: BlockName, block: WriteBlock, { tier, signal }: UploadOptions): Promise<void> {
    const { store, geometry, codec, memory } = this.#parts
    await this.#slots.acquire(signal)
    const bound = codec.bound(name.size)
    const share = bound > 0 ? await this.#payloadShare(bound, signal) : undefined
    try {
      const payload = await codec.compress([block.bytes])
      await store.put(geometry.key(name.slice, name.index, name.size), payload, { tier, signal, fresh: true })
    } finally {
      if (share !== undefined) memory.budget.give(share)
      this.#slots.release()
    }
  }

  async #payloadShare(bound: number, signal: AbortSignal) {
    try {
      return await this.#parts.memory.budget.take(bound, 'payload', signal)
    } catch (error) {
      this.#slots.release()
      throw error
    }
  }

  /** Put a stored block in the caches; true when it has taken over the buffer. */
  #keep(id: BlockId, name: BlockName, block: WriteBlock, staged: boolean): boolean {
    const { geometry, memory, cache, disk, local, cacheLargeWrite } = this.#parts
    const isWanted = local === undefined && (name.size < geometry.blockSize || cacheLargeWrite)
    const toDisk = isWanted && disk.usable && !staged
    if (cache.capacity === 0 && !toDisk) return false
    // A short block in a long buffer would waste the cache's room: copy it out.
    const whole = name.size * 2 > block.buffer.length
    const bytes = whole ? block.bytes : new Uint8Array(block.bytes)
    const shared = whole ? new SharedBlock(bytes, memory.pool, block.buffer) : new SharedBlock(bytes)
    if (block.shown) shared.hold()
    cache.put(id, shared)
    if (toDisk) disk.put(name, shared)
    shared.release()
    return whole
  }
}
