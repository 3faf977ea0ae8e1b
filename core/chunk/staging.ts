/**
 * Write-back: blocks that are durable on the local disk and wait to be uploaded, oldest first. The files are the
 * journal: whatever a mount finds under `rawstaging/` when it starts it uploads, in write-back mode or not, and a
 * file goes away only when its block is in the object store or its slice was removed.
 *
 *     stage: rawstaging/<key>.tmp -> fsync -> rename -> link to raw/<key> -> fsync directories -> acknowledged
 *
 * Source: shared/spec/data-path.md §9; the two fsyncs, the order and the upload by any mount are ours (§16).
 */
import { link, mkdir, open, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Clock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import type { Log } from '#core/base/log.ts'
import type { Counter, Metrics } from '#core/base/metrics.ts'
import { TaskSet } from '#core/base/tasks.ts'
import type { BlockCodec } from '#core/object/compression.ts'
import { abandonable, interruption } from '#core/object/interrupt.ts'
import type { ObjectStore } from '#core/object/store.ts'
import type { BufferBudget } from './buffer-budget.ts'
import {
  BadCacheFile,
  directoryMode,
  readWholeFile,
  syncDirectories,
  writeBlockFile,
} from './cache/block-file.ts'
import { type CacheDir, removeOld, walk } from './cache/cache-dir.ts'
import { fileShape, footerTier } from './cache/cache-file.ts'
import { type BlockId, type BlockName, blockId, type Geometry } from './geometry.ts'
import { type UploadWindow, waitMs } from './upload-window.ts'

const RETRY_MS = { first: 1000, most: 60_000 } as const
/** What was read damaged is read again after this: a disk may have lied once. */
const DAMAGED_AGAIN_MS = 60_000

interface Staged {
  readonly name: BlockName
  readonly dir: CacheDir
  readonly tier: number
  readonly sinceMs: number
  /** An upload was begun, by us or before us: the object may exist. */
  attempted: boolean
  dropped: boolean
  upload?: { readonly stop: AbortController; readonly settled: Promise<void> }
}

export interface StagingOptions {
  readonly dirs: readonly CacheDir[]
  readonly store: ObjectStore
  readonly geometry: Geometry
  readonly codec: BlockCodec
  readonly budget: BufferBudget
  readonly mode: number
  readonly freeSpaceRatio: number
  /** Uploads at a time. */
  readonly parallel: number
  readonly window: UploadWindow
  /** Blocks staged at a time; 0: any number. */
  readonly maxWrites: number
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
}

export class Staging {
  readonly #options: StagingOptions
  readonly #staged = new Map<BlockId, Staged>()
  /** Waiting for upload, oldest first. */
  readonly #line: Staged[] = []
  /** Damaged on disk when last read: kept for whoever can save them, not uploaded. */
  readonly #damaged = new Set<Staged>()
  readonly #workers: TaskSet
  readonly #stop = new AbortController()
  /** Directories whose names are durable down from the cache's root. */
  readonly #durable = new Set<string>()
  readonly #idle: (() => void)[] = []
  readonly #writeBytes: Counter
  readonly #delays: Counter
  readonly #errors: Counter
  #writing = 0
  #working = 0
  /** Who waits for the line to be empty; then nothing is held back. */
  #hurried = 0
  /** A directory was short of space when it last took a block. */
  #pressed = false
  #waiting = false
  #retryMs: number = RETRY_MS.first
  #bytes = 0

  constructor(options: StagingOptions) {
    const { log, metrics } = options
    this.#options = options
    this.#workers = new TaskSet(log)
    this.#writeBytes = metrics.counter('staging_write_bytes')
    this.#delays = metrics.counter('staging_block_delay_seconds')
    this.#errors = metrics.counter('staging_block_errors')
    metrics.gauge('staging_blocks', () => this.#staged.size)
    metrics.gauge('staging_block_bytes', () => this.#bytes)
    metrics.gauge('staging_writing_blocks', () => this.#writing)
    metrics.gauge('staging_oldest_seconds', () => this.#oldestSec())
  }

  /** Age of the block that waits longest, about: they are kept in the order they came. 0 for none. */
  #oldestSec(): number {
    for (const { sinceMs } of this.#staged.values()) return Math.max(0, this.#nowMs() - sinceMs) / 1000
    return 0
  }

  get count(): number {
    return this.#staged.size
  }

  has(id: BlockId): boolean {
    return this.#staged.has(id)
  }

  /** Find what earlier mounts left, then upload it in the background. */
  async recover(): Promise<void> {
    const found: Staged[] = []
    for (const dir of this.#options.dirs) {
      for await (const key of walk(join(dir.root, 'rawstaging'), 'chunks', this.#stop.signal)) {
        const path = join(dir.root, 'rawstaging', key)
        const name = this.#options.geometry.parse(key)
        if (name !== undefined) await this.#found(dir, name, path, found)
        else if (key.endsWith('.tmp')) await removeOld(path, this.#options.clock)
      }
    }
    if (found.length > 0) this.#options.log.info('uploading blocks staged earlier', { blocks: found.length })
    for (const staged of found.sort((a, b) => a.sinceMs - b.sinceMs)) this.#add(staged)
  }

  /**
   * Make a block durable here; false when it must go up directly, because no directory takes it.
   * Errors: `interrupted`.
   */
  async stage(name: BlockName, bytes: Uint8Array, tier: number, signal: AbortSignal): Promise<boolean> {
    const dirs = this.#options.dirs.filter((one) => one.writable)
    const dir = dirs[(name.slice + name.index) % dirs.length]
    const { freeSpaceRatio, maxWrites } = this.#options
    if (dir === undefined || this.#stop.signal.aborted) return false
    if (maxWrites > 0 && this.#writing >= maxWrites) return false
    this.#writing++
    try {
      const free = await dir.freeRatio()
      this.#pressed = free < freeSpaceRatio
      if (free < freeSpaceRatio / 2) return false
      dir.spend(bytes.length)
      await this.#write(dir, name, bytes, tier)
    } catch (error) {
      this.#errors.add()
      this.#options.log.warn('staging failed, uploading directly', { directory: dir.root, error })
      return false
    } finally {
      this.#writing--
    }
    if (signal.aborted) {
      await unlink(dir.stagingPath(name))
      throw interruption(signal)
    }
    this.#writeBytes.add(bytes.length)
    this.#add({ name, dir, tier, sinceMs: this.#nowMs(), attempted: false, dropped: false })
    return true
  }

  /** The slice is removed: forget its block. True when it certainly never got into the object store. */
  async drop(name: BlockName): Promise<boolean> {
    const staged = this.#staged.get(blockId(name.slice, name.index))
    if (staged === undefined) return false
    staged.dropped = true
    staged.upload?.stop.abort()
    await staged.upload?.settled
    await unlink(staged.dir.stagingPath(name))
      .catch(ignoreMissing)
      .catch((error: unknown) => this.#options.log.warn('a staged block of a removed slice stays', { error }))
    this.#forget(staged)
    return !staged.attempted
  }

  /** Wait until everything that can be uploaded is. Errors: `interrupted`. */
  async drain(signal?: AbortSignal): Promise<void> {
    this.#hurried++
    this.#lineUpDamaged()
    this.#workAll()
    try {
      while (this.#staged.size > this.#damaged.size) {
        await abandonable(signal, () => new Promise<void>((resolve) => this.#idle.push(resolve)))
      }
    } finally {
      this.#hurried--
    }
  }

  /** Stop uploading; the files stay for the next mount. */
  async close(): Promise<void> {
    this.#stop.abort(new BackendError('closed', 'volume closed'))
    await this.#workers.drain()
  }

  async #found(dir: CacheDir, name: BlockName, path: string, found: Staged[]): Promise<void> {
    try {
      found.push(await recovered(dir, name, path))
    } catch (error) {
      this.#options.log.error('staged block cannot be read', { path, error })
    }
  }

  #nowMs(): number {
    const { sec, nsec } = this.#options.clock.now()
    return sec * 1000 + nsec / 1e6
  }

  async #write(dir: CacheDir, name: BlockName, bytes: Uint8Array, tier: number): Promise<void> {
    const { mode } = this.#options
    const [path, raw] = [dir.stagingPath(name), dir.rawPath(name)]
    await writeBlockFile(path, bytes, { mode, checksums: true, tier, sync: true })
    try {
      await mkdir(dirname(raw), { recursive: true, mode: directoryMode(mode) })
      await unlink(raw).catch(ignoreMissing)
      await link(path, raw)
      await this.#syncNames(dirname(path), dir.root)
    } catch (error) {
      await unlink(path).catch(ignoreMissing)
      throw error
    }
  }

  async #syncNames(directory: string, root: string): Promise<void> {
    await syncDirectories(directory, this.#durable.has(directory) ? directory : dirname(root))
    this.#durable.add(directory)
  }

  #add(staged: Staged): void {
    const id = blockId(staged.name.slice, staged.name.index)
    this.#staged.set(id, staged)
    staged.dir.staged.set(id, staged.name)
    this.#bytes += staged.name.size
    this.#line.push(staged)
    this.#work()
  }

  #forget(staged: Staged): void {
    const id = blockId(staged.name.slice, staged.name.index)
    if (this.#staged.get(id) !== staged) return
    this.#staged.delete(id)
    this.#damaged.delete(staged)
    staged.dir.staged.delete(id)
    this.#bytes -= staged.name.size
    this.#wakeIdle()
  }

  #wakeIdle(): void {
    if (this.#staged.size <= this.#damaged.size) for (const wake of this.#idle.splice(0)) wake()
  }

  #work(): void {
    if (this.#working >= this.#options.parallel || this.#stop.signal.aborted) return
    this.#working++
    this.#workers.start('staged upload', async () => {
      try {
        while (!this.#stop.signal.aborted) {
          const staged = this.#next()
          if (staged === undefined) return
          if (!staged.dropped) await this.#tryUpload(staged)
        }
      } finally {
        this.#working--
      }
    })
  }

  #workAll(): void {
    const wanted = Math.min(this.#line.length, this.#options.parallel)
    for (let n = 0; n < wanted; n++) this.#work()
  }

  /** The oldest that may go up; undefined when none may, and then it is looked at again in time. */
  #next(): Staged | undefined {
    const [oldest] = this.#line
    if (oldest === undefined) return undefined
    const { window } = this.#options
    const isHeld = this.#hurried === 0 && !this.#pressed && !oldest.dropped
    const ms = isHeld ? waitMs(window, oldest.sinceMs, this.#nowMs()) : 0
    if (ms === 0) return this.#line.shift()
    this.#lookIn(ms)
    return undefined
  }

  #lookIn(ms: number): void {
    if (this.#waiting) return
    this.#waiting = true
    this.#workers.start('wait for the time of uploads', async () => {
      await this.#options.clock.sleep(ms, this.#stop.signal).catch(() => {})
      this.#waiting = false
      this.#workAll()
    })
  }

  async #tryUpload(staged: Staged): Promise<void> {
    const stop = new AbortController()
    const { promise, resolve } = Promise.withResolvers<void>()
    staged.upload = { stop, settled: promise }
    try {
      await this.#upload(staged, AbortSignal.any([stop.signal, this.#stop.signal])).catch(
        (error: unknown) => {
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
          return this.#vanished(staged)
        },
      )
      this.#retryMs = RETRY_MS.first
    } catch (error) {
      resolve()
      await this.#failed(staged, error)
    } finally {
      resolve()
    }
  }

  async #upload(staged: Staged, signal: AbortSignal): Promise<void> {
    const { store, geometry, codec, budget } = this.#options
    const { name, dir, tier } = staged
    const path = dir.stagingPath(name)
    const share = await budget.take(name.size + codec.bound(name.size), undefined, signal)
    try {
      const bytes = await readWholeFile(path, name.size, 'extend')
      staged.attempted = true
      const payload = await codec.compress([bytes])
      await store.put(geometry.key(name.slice, name.index, name.size), payload, { tier, signal })
    } finally {
      budget.give(share)
    }
    if (staged.dropped) return
    await unlink(path).catch(ignoreMissing)
    this.#delays.add(Math.max(0, (this.#nowMs() - staged.sinceMs) / 1000))
    this.#forget(staged)
    dir.adopt(name)
  }

  async #failed(staged: Staged, error: unknown): Promise<void> {
    if (staged.dropped || this.#stop.signal.aborted) return
    const path = staged.dir.stagingPath(staged.name)
    this.#errors.add()
    if (error instanceof BadCacheFile) return this.#foundDamaged(staged, path, error)
    this.#options.log.warn('upload of a staged block failed, will be tried again', { path, error })
    this.#line.push(staged)
    const pause = this.#retryMs
    this.#retryMs = Math.min(pause * 2, RETRY_MS.most)
    await this.#options.clock.sleep(pause, this.#stop.signal).catch(() => {})
  }

  #foundDamaged(staged: Staged, path: string, error: BadCacheFile): void {
    this.#options.log.error('staged block is damaged and cannot be uploaded', { path, error })
    if (this.#damaged.size === 0)
      this.#workers.start('wait to look at damaged blocks again', async () => {
        await this.#options.clock.sleep(DAMAGED_AGAIN_MS, this.#stop.signal).catch(() => {})
        this.#lineUpDamaged()
        this.#workAll()
      })
    this.#damaged.add(staged)
    this.#wakeIdle()
  }

  #lineUpDamaged(): void {
    this.#line.push(...this.#damaged)
    this.#damaged.clear()
  }

  /** Somebody else on this directory uploaded it, or somebody deleted it. */
  async #vanished(staged: Staged): Promise<void> {
    const { name } = staged
    const key = this.#options.geometry.key(name.slice, name.index, name.size)
    const info = await this.#options.store.head(key, { signal: this.#stop.signal })
    if (info === undefined) this.#options.log.error('staged block is gone and was not uploaded', { key })
    this.#forget(staged)
  }
}

async function recovered(dir: CacheDir, name: BlockName, path: string): Promise<Staged> {
  const { mtimeMs, size } = await stat(path)
  const tier = await readTier(path, name.size, size)
  return { name, dir, tier, sinceMs: mtimeMs, attempted: true, dropped: false }
}

/** The tier in the footer of a staged file; 0 without one. */
async function readTier(path: string, blockSize: number, fileSize: number): Promise<number> {
  const shape = fileShape(fileSize, blockSize)
  if (shape?.footerAt === undefined) return 0
  const file = await open(path, 'r')
  try {
    const footer = new Uint8Array(fileSize - shape.footerAt)
    await file.read(footer, 0, footer.length, shape.footerAt)
    return footerTier(footer) ?? 0
  } finally {
    await file.close()
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
