/**
 * One directory of the disk cache: block files under `raw/`, blocks not yet uploaded under `rawstaging/`, in the
 * layout of the reference. Nothing that goes wrong here is an error to a reader: a block that cannot be read is a
 * miss, one that cannot be written is not cached, and the first trouble of each kind is a warning.
 * Source: shared/spec/data-path.md §14.1, §14.3.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, stat, statfs, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '#core/base/clock.ts'
import type { Log } from '#core/base/log.ts'
import type { Counter, Metrics } from '#core/base/metrics.ts'
import { isPages } from '#core/base/page-buffer.ts'
import type { Random } from '#core/base/random.ts'
import { DirectWrites } from '#core/object/direct-writes.ts'
import { LoopCalls } from '#core/object/loop-calls.ts'
import type { FileRange, HeldBlock } from '../api.ts'
import { type BlockId, type BlockName, blockId, type Geometry } from '../geometry.ts'
import {
  BadCacheFile,
  type ChecksumLevel,
  directoryMode,
  openBlockFile,
  readPart,
  readWholeFile,
  writeBlockFile,
} from './block-file.ts'
import { CacheIndex } from './cache-index.ts'
import { type OpenFile, OpenFiles } from './open-files.ts'

/** Blocks up to this are read whole and not kept open: they go to the memory cache. */
const SMALL = 128 * 1024
const OPEN_FILES = 1024
/** After a failed write the next is tried this much later; on a full disk once free space is looked at again. */
const PAUSE_MS = 30_000
/** A read that takes longer makes the directory sick: others go to the object store instead of waiting, too. */
const SICK_MS = 10_000
const SPACE_AGE_MS = 1000
const WATCH_MS = 10_000
/** Blocks looked at in one round, as the reference does. */
const EXPIRE_PICKS = 1000
const TMP_AGE_MS = 60_000

export interface CacheDirOptions {
  /** `<cache-dir>/<UUID>`. */
  readonly root: string
  readonly geometry: Geometry
  /** Bytes and number of blocks; 0 blocks: what the file system allows. */
  readonly capacity: number
  readonly maxItems: number
  readonly freeSpaceRatio: number
  readonly mode: number
  readonly eviction: '2-random' | 'lru' | 'none'
  readonly level: ChecksumLevel
  /** Milliseconds between scans; 0: one at start. */
  readonly scanIntervalMs: number
  /** Milliseconds after which a block that was not used is dropped; 0: never. */
  readonly expireMs: number
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  readonly random: Random
}

export class CacheDir {
  readonly root: string
  readonly #options: CacheDirOptions
  readonly #index: CacheIndex
  readonly #files = new OpenFiles(OPEN_FILES)
  readonly #loop: LoopCalls
  readonly #direct = new DirectWrites()
  /** Blocks whose only copy is their file under `rawstaging/`: never evicted, never dropped. */
  readonly staged = new Map<BlockId, BlockName>()
  readonly #warned = new Set<string>()
  readonly #reading = new Set<{ readonly since: number }>()
  readonly #evicts: Counter
  readonly #stop = new AbortController()
  #scanned = false
  #pausedUntil = 0
  #space = { at: -Infinity, total: 0, free: 0, inodes: 0, freeInodes: 0 }

  constructor(options: CacheDirOptions) {
    this.root = options.root
    this.#options = options
    this.#loop = new LoopCalls(options.root, options.clock)
    this.#index = new CacheIndex(options.random, options.eviction === 'lru')
    this.#evicts = options.metrics.counter('blockcache_evicts')
  }

  get count(): number {
    return this.#index.count
  }

  get bytes(): number {
    return this.#index.bytes
  }

  get keptBytes(): number {
    return this.#index.keptBytes
  }

  keeps(slice: number): boolean {
    return this.#index.keeps(slice)
  }

  keep(slice: number, ids: readonly BlockId[]): void {
    this.#index.keep(slice, ids)
  }

  keepOnly(slices: ReadonlySet<number>): void {
    this.#index.keepOnly(slices)
  }

  hold(hold: boolean): void {
    this.#index.held = hold
  }

  /** False for a while after a write failed. */
  get writable(): boolean {
    return this.#options.clock.monotonicMs() >= this.#pausedUntil
  }

  get openFiles(): number {
    return this.#files.count
  }

  /** Make the directory and its identity. A failure is a warning: what can be read is read all the same. */
  async prepare(): Promise<void> {
    try {
      await mkdir(this.root, { recursive: true, mode: directoryMode(this.#options.mode) })
      await writeFile(join(this.root, '.lock'), randomUUID(), { flag: 'wx', mode: 0o666 })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') this.#writeFailed(error)
    }
  }

  /** Learn what is there, then look after free space until `close`. */
  async watch(): Promise<void> {
    const { clock, scanIntervalMs } = this.#options
    const { signal } = this.#stop
    for (let nextScan = -Infinity; !signal.aborted; ) {
      this.#index.nowMs = clock.monotonicMs()
      if (clock.monotonicMs() >= nextScan) {
        await this.#scan(signal)
        nextScan = scanIntervalMs > 0 ? clock.monotonicMs() + scanIntervalMs : Infinity
      }
      // What fails here fails at the next write, too, which says so.
      await this.#makeRoom(0).catch(() => {})
      await this.#expire().catch(() => {})
      await clock.sleep(WATCH_MS, signal).catch(() => {})
    }
  }

  close(): void {
    this.#stop.abort()
    this.#files.clear()
  }

  /** Cached and staged blocks. */
  *blocks(): Generator<HeldBlock> {
    for (const { name, kept, idleMs } of this.#index.blocks()) yield { ...name, place: 'disk', kept, idleMs }
    for (const name of this.staged.values()) yield { ...name, place: 'staging', kept: true, idleMs: null }
  }

  has(id: BlockId): boolean {
    return this.#index.has(id) || this.staged.has(id)
  }

  /** The block may be here: it is, or nobody has looked yet. */
  mayHave(id: BlockId): boolean {
    return !this.#scanned || this.has(id)
  }

  /** Bytes of a cached block; undefined when it is not here, or not whole. */
  async read(name: BlockName, offset: number, length: number): Promise<Uint8Array | undefined> {
    if (this.#sick()) return undefined
    const id = blockId(name.slice, name.index)
    const read = { since: this.#options.clock.monotonicMs() }
    this.#reading.add(read)
    try {
      const bytes = await this.#readFile(id, name, offset, length)
      if (!this.#scanned && !this.has(id)) this.#index.add(name)
      else this.#index.touch(id)
      return bytes
    } catch (error) {
      await this.#readFailed(id, name, error)
      return undefined
    } finally {
      this.#reading.delete(read)
    }
  }

  /** See `BlockStore.peekFile`. */
  peekFile(id: BlockId, offset: number, length: number): FileRange | undefined {
    const file = this.#files.get(id)
    if (file === undefined) return undefined
    const unchecked = this.#options.level === 'none' || file.sums === undefined
    if (!unchecked && !file.isGood(offset, length)) return undefined
    this.#index.touch(id)
    file.hold()
    return { fd: file.fd, offset, length, done: () => file.letGo() }
  }

  /** Cache a block; false when that was not possible. */
  async write(name: BlockName, bytes: Uint8Array): Promise<boolean> {
    if (!this.writable) return false
    try {
      if (!(await this.#makeRoom(CacheIndex.cost(name.size), this.keeps(name.slice)))) return this.#full()
      this.spend(name.size)
      await this.#writeFile(this.rawPath(name), bytes)
      this.adopt(name)
      return true
    } catch (error) {
      this.#writeFailed(error)
      return false
    }
  }

  /** Past the kernel's cache where that is better: the mount's own pages of the file are what is read again. */
  async #writeFile(path: string, bytes: Uint8Array): Promise<void> {
    const { mode, level, clock } = this.#options
    const options = { mode, checksums: level !== 'none' }
    const direct = this.#loop.isLocal && isPages(bytes) && this.#direct.choose(bytes.length)
    const start = clock.monotonicMs()
    try {
      await writeBlockFile(path, bytes, { ...options, direct })
    } catch (error) {
      if (!direct || (error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
      this.#direct.refused()
      return writeBlockFile(path, bytes, options)
    }
    this.#direct.took(direct, bytes.length, clock.monotonicMs() - start)
  }

  /** A file was put in place under `raw/`. */
  adopt(name: BlockName): void {
    const id = blockId(name.slice, name.index)
    this.#files.delete(id)
    this.#index.add(name)
  }

  /** Drop the cached copy; a staged block stays. */
  async remove(name: BlockName): Promise<void> {
    const id = blockId(name.slice, name.index)
    if (this.staged.has(id)) return
    this.#files.delete(id)
    if (!this.#index.delete(id) && this.#scanned) return
    await this.#unlink(name)
  }

  rawPath(name: BlockName): string {
    return join(this.root, 'raw', this.#options.geometry.key(name.slice, name.index, name.size))
  }

  stagingPath(name: BlockName): string {
    return join(this.root, 'rawstaging', this.#options.geometry.key(name.slice, name.index, name.size))
  }

  /** Part of the file system's space and inodes that is free, 0 to 1. */
  async freeRatio(): Promise<number> {
    const space = await this.#look()
    return Math.min(space.free / space.total, space.inodes > 0 ? space.freeInodes / space.inodes : 1)
  }

  /** A file of so many bytes is about to be written: what the last look found free is less now. */
  spend(bytes: number): void {
    const { free, freeInodes } = this.#space
    this.#space = { ...this.#space, free: free - CacheIndex.cost(bytes), freeInodes: freeInodes - 1 }
  }

  async #readFile(id: BlockId, name: BlockName, offset: number, length: number): Promise<Uint8Array> {
    const { level } = this.#options
    const path = this.staged.has(id) ? this.stagingPath(name) : this.rawPath(name)
    if (name.size <= SMALL) {
      return (await readWholeFile(path, name.size, level)).subarray(offset, offset + length)
    }
    const file = this.#files.get(id) ?? this.#files.put(id, await openBlockFile(path, name.size))
    return await this.#readHeld(file, offset, length)
  }

  async #readHeld(file: OpenFile, offset: number, length: number): Promise<Uint8Array> {
    file.hold()
    try {
      return await readPart(file, offset, length, this.#options.level)
    } finally {
      file.letGo()
    }
  }

  /** A miss; but a file that is there and bad goes away, so that a good one can take its place. */
  async #readFailed(id: BlockId, name: BlockName, error: unknown): Promise<void> {
    this.#files.delete(id)
    const missing = isMissing(error)
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EMFILE' || code === 'ENFILE') this.#files.halve()
    if (error instanceof BadCacheFile)
      this.#options.log.warn('cached block is damaged', { path: this.rawPath(name), error })
    else if (!missing) this.#warnOnce('read', error)
    const lost = missing || code === 'EIO' || error instanceof BadCacheFile
    if (!lost || this.staged.has(id)) return
    this.#index.delete(id)
    if (!missing) await this.#unlink(name)
  }

  #sick(): boolean {
    const [oldest] = this.#reading
    if (oldest === undefined || this.#options.clock.monotonicMs() - oldest.since < SICK_MS) return false
    this.#warnOnce('read', Object.assign(new Error('reads hang'), { code: 'ETIMEDOUT' }))
    return true
  }

  #full(): false {
    const error = Object.assign(new Error('no room within its limits'), { code: 'ENOSPC' })
    // Before the first scan is over we do not know what could make room.
    if (this.#options.eviction !== 'none' && this.#scanned) this.#warnOnce('write', error)
    return false
  }

  #writeFailed(error: unknown): void {
    const isFull = (error as NodeJS.ErrnoException).code === 'ENOSPC'
    this.#pausedUntil = this.#options.clock.monotonicMs() + (isFull ? SPACE_AGE_MS : PAUSE_MS)
    this.#warnOnce('write', error)
  }

  #warnOnce(op: string, error: unknown): void {
    const kind = String((error as NodeJS.ErrnoException).code)
    if (this.#warned.has(kind)) return
    this.#warned.add(kind)
    this.#options.log.warn(`disk cache: ${op} failed, going on without`, { directory: this.root, error })
  }

  async #unlink(name: BlockName): Promise<void> {
    await unlink(this.rawPath(name)).catch((error: unknown) => {
      if (!isMissing(error)) this.#warnOnce('remove', error)
    })
  }

  /** Errors: those of the file system; the block is then still there. */
  async #evict(name: BlockName): Promise<void> {
    const id = blockId(name.slice, name.index)
    this.#index.delete(id)
    this.#files.delete(id)
    try {
      await unlink(this.rawPath(name))
      this.#evicts.add()
    } catch (error) {
      if (isMissing(error)) return
      this.#index.add(name)
      throw error
    }
  }

  async #look() {
    const now = this.#options.clock.monotonicMs()
    if (now - this.#space.at < SPACE_AGE_MS) return this.#space
    const { blocks, bavail, bsize, files, ffree } = await statfs(this.root)
    this.#space = { at: now, total: blocks * bsize, free: bavail * bsize, inodes: files, freeInodes: ffree }
    return this.#space
  }

  /**
   * Evict until a file that costs `cost` fits; false when it cannot. What is `kept` counts against free space alone,
   * not against the cache's size.
   */
  async #makeRoom(cost: number, kept = false): Promise<boolean> {
    const { freeSpaceRatio, eviction } = this.#options
    const space = await this.#look()
    const capacity = Math.min(this.#options.capacity, (1 - freeSpaceRatio) * space.total)
    const items = this.#itemLimit(space.inodes)
    const lack = freeSpaceRatio * space.total - (space.free - cost)
    const lackInodes = freeSpaceRatio * space.inodes - (space.freeInodes - 1)
    const { looseBytes: bytes, looseCount: count } = this.#index
    const [more, one] = kept ? [0, 0] : [cost, Math.sign(cost)]
    const fits = bytes + more <= capacity && count + one <= items
    if (fits && lack <= 0 && lackInodes <= 0) return true
    if (eviction === 'none' || more > capacity || items < 1) return false
    const wantBytes = Math.min(
      bytes + more > capacity ? capacity * 0.95 - more : bytes,
      bytes - Math.max(lack, 0),
    )
    const wantCount = Math.min(
      count + one > items ? Math.floor(items * 0.99) - one : count,
      count - Math.max(lackInodes, 0),
    )
    await this.#evictTo(wantBytes, wantCount)
    this.#space = { ...this.#space, at: -Infinity }
    return this.#index.looseBytes <= wantBytes && this.#index.looseCount <= wantCount
  }

  async #expire(): Promise<void> {
    const { expireMs, clock } = this.#options
    if (expireMs === 0) return
    for (const name of this.#index.expired(clock.monotonicMs() - expireMs, EXPIRE_PICKS))
      await this.#evict(name)
  }

  #itemLimit(inodes: number): number {
    const { maxItems, freeSpaceRatio } = this.#options
    const byInodes = inodes > 0 ? (1 - freeSpaceRatio) * inodes : Infinity
    return maxItems > 0 ? Math.min(maxItems, byInodes) : byInodes
  }

  async #evictTo(bytes: number, count: number): Promise<void> {
    const isOver = () => this.#index.looseBytes > bytes || this.#index.looseCount > count
    while (isOver()) {
      const batch: Promise<void>[] = []
      while (batch.length < 8 && isOver()) {
        const name = this.#index.victim()
        if (name === undefined) break
        batch.push(this.#evict(name))
      }
      if (batch.length === 0) return
      await Promise.all(batch)
    }
  }

  /** Names only: a file is checked when it is read. */
  async #scan(signal: AbortSignal): Promise<void> {
    const raw = join(this.root, 'raw')
    this.#index.startScan()
    for await (const key of walk(raw, 'chunks', signal)) {
      const name = this.#options.geometry.parse(key)
      if (name !== undefined && !this.staged.has(blockId(name.slice, name.index))) this.#index.see(name)
      else if (key.endsWith('.tmp')) await removeOld(join(raw, key), this.#options.clock)
    }
    if (signal.aborted) return
    this.#index.endScan()
    this.#scanned = true
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** Files under `root`/`from`, as paths from `root`; directories that cannot be read are skipped. */
export async function* walk(root: string, from: string, signal: AbortSignal): AsyncGenerator<string> {
  const entries = await readdir(join(root, from), { withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    if (signal.aborted) return
    const path = `${from}/${entry.name}`
    if (entry.isDirectory()) yield* walk(root, path, signal)
    else yield path
  }
}

/** Remove a temporary file that nobody writes any more. */
export async function removeOld(path: string, clock: Clock): Promise<void> {
  const info = await stat(path).catch(() => undefined)
  if (info !== undefined && info.mtimeMs < clock.nowSec() * 1000 - TMP_AGE_MS)
    await unlink(path).catch(() => {})
}
