/**
 * The disk cache: one or several directories, and a line of blocks waiting to be written to them. A block in the
 * line is served from memory; a block for which the line has no room is not cached.
 * Source: shared/spec/data-path.md §14.3, §14.4 (our own placement: the index knows where a block is).
 */
import { atMost } from '#core/base/at-most.ts'
import type { Clock } from '#core/base/clock.ts'
import type { Log } from '#core/base/log.ts'
import { type Counter, exponentialBounds, type Histogram, type Metrics } from '#core/base/metrics.ts'
import { TaskSet } from '#core/base/tasks.ts'
import type { FileRange, HeldBlock } from '../api.ts'
import { type BlockId, type BlockName, blockId } from '../geometry.ts'
import { type Lent, lend, type SharedBlock } from '../shared-block.ts'
import type { CacheDir } from './cache-dir.ts'

/** How long `close` waits for blocks in line; a disk that hangs must not hold it up. */
const CLOSE_MS = 10_000

interface Queued {
  readonly name: BlockName
  readonly block: SharedBlock
  readonly done: Promise<boolean>
  readonly settle: (written: boolean) => void
  cancelled: boolean
}

/** What waits to be written to one directory, one at a time. */
interface Line {
  readonly dir: CacheDir
  readonly waiting: Queued[]
  bytes: number
  writing: boolean
}

export interface DiskCacheOptions {
  readonly dirs: readonly CacheDir[]
  /** Bytes that may wait to be written. */
  readonly queueSize: number
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
}

export class DiskCache {
  readonly dirs: readonly CacheDir[]
  readonly #options: DiskCacheOptions
  readonly #queue = new Map<BlockId, Queued>()
  readonly #lines: readonly Line[]
  readonly #writers: TaskSet
  readonly #watchers: TaskSet
  readonly #roomWaiters: (() => void)[] = []
  readonly #writes: Counter
  readonly #writeBytes: Counter
  readonly #drops: Counter
  readonly #readTimes: Histogram
  readonly #writeTimes: Histogram
  #queued = 0
  #closed = false

  constructor(options: DiskCacheOptions) {
    const { dirs, log, metrics } = options
    this.dirs = dirs
    this.#options = options
    this.#lines = dirs.map((dir) => ({ dir, waiting: [], bytes: 0, writing: false }))
    this.#writers = new TaskSet(log)
    this.#watchers = new TaskSet(log)
    this.#writes = metrics.counter('blockcache_writes')
    this.#writeBytes = metrics.counter('blockcache_write_bytes')
    this.#drops = metrics.counter('blockcache_drops')
    this.#readTimes = metrics.histogram('blockcache_read_hist_seconds', exponentialBounds(1e-5, 2, 20))
    this.#writeTimes = metrics.histogram('blockcache_write_hist_seconds', exponentialBounds(1e-5, 2, 20))
    for (const dir of dirs) this.#watchers.start('cache watch', () => dir.watch())
  }

  get count(): number {
    return this.dirs.reduce((sum, dir) => sum + dir.count, 0)
  }

  get bytes(): number {
    return this.dirs.reduce((sum, dir) => sum + dir.bytes, 0)
  }

  /** Bytes of blocks that are kept. */
  get keptBytes(): number {
    return this.dirs.reduce((sum, dir) => sum + dir.keptBytes, 0)
  }

  keeps(slice: number): boolean {
    return this.dirs.some((dir) => dir.keeps(slice))
  }

  /** See `BlockStore.keep`; `ids` are the blocks of the slice. */
  keep(slice: number, ids: readonly BlockId[]): void {
    for (const dir of this.dirs) dir.keep(slice, ids)
  }

  keepOnly(slices: ReadonlySet<number>): void {
    for (const dir of this.dirs) dir.keepOnly(slices)
  }

  hold(hold: boolean): void {
    for (const dir of this.dirs) dir.hold(hold)
  }

  /** Some directory takes blocks. */
  get usable(): boolean {
    return this.dirs.some((dir) => dir.writable)
  }

  /** On disk or about to be. */
  *blocks(): Generator<HeldBlock> {
    for (const dir of this.dirs) yield* dir.blocks()
  }

  has(id: BlockId): boolean {
    return this.#queue.has(id) || this.dirs.some((dir) => dir.has(id))
  }

  /** A block that still waits to be written. @hot */
  peek(id: BlockId, size: number, lent: Lent | undefined): Uint8Array | undefined {
    const queued = this.#queue.get(id)
    return queued?.block.bytes.length === size ? lend(queued.block, lent) : undefined
  }

  mayHave(id: BlockId): boolean {
    return this.dirs.some((dir) => dir.mayHave(id))
  }

  peekFile(id: BlockId, offset: number, length: number): FileRange | undefined {
    for (const dir of this.dirs) {
      const range = dir.peekFile(id, offset, length)
      if (range !== undefined) return range
    }
    return undefined
  }

  /** Bytes of a cached block; undefined when it is not here, or not whole. */
  async read(name: BlockName, offset: number, length: number): Promise<Uint8Array | undefined> {
    const id = blockId(name.slice, name.index)
    const { clock } = this.#options
    for (const dir of this.dirs) {
      if (!dir.mayHave(id)) continue
      const start = clock.monotonicMs()
      const bytes = await dir.read(name, offset, length)
      if (bytes === undefined) continue
      this.#readTimes.observe((clock.monotonicMs() - start) / 1000)
      return bytes
    }
    return undefined
  }

  /** Cache a block soon and hold it until then; not, when too much waits already. Do not change its bytes after. */
  put(name: BlockName, block: SharedBlock): void {
    const id = blockId(name.slice, name.index)
    if (this.#closed || !this.usable || this.has(id)) return
    if (this.#mayQueue(block)) this.#enqueue(id, name, block)
    else this.#drops.add()
  }

  /** Cache a block and wait until it is on disk; false when it could not be. */
  async write(name: BlockName, block: SharedBlock): Promise<boolean> {
    const id = blockId(name.slice, name.index)
    block.hold()
    try {
      while (!this.#closed && this.usable) {
        const queued = this.#queue.get(id)
        if (queued !== undefined) return await queued.done
        if (this.has(id)) return true
        if (this.#mayQueue(block)) return await this.#enqueue(id, name, block).done
        await new Promise<void>((resolve) => this.#roomWaiters.push(resolve))
      }
      return false
    } finally {
      block.release()
    }
  }

  /** Drop the cached copy; a staged block stays. */
  async remove(name: BlockName): Promise<void> {
    const queued = this.#queue.get(blockId(name.slice, name.index))
    if (queued !== undefined) {
      queued.cancelled = true
      await queued.done
    }
    await Promise.all(this.dirs.map((dir) => dir.remove(name)))
  }

  /** Wait until everything in line is written. */
  async flush(): Promise<void> {
    await this.#writers.drain()
  }

  async close(): Promise<void> {
    this.#closed = true
    await atMost(this.#options.clock, CLOSE_MS, this.flush())
    for (const dir of this.dirs) dir.close()
    await this.#watchers.drain()
  }

  #mayQueue({ bytes }: SharedBlock): boolean {
    return this.#queued + bytes.length <= this.#options.queueSize || this.#queue.size === 0
  }

  #enqueue(id: BlockId, name: BlockName, block: SharedBlock): Queued {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const { bytes } = block
    block.hold()
    const queued: Queued = { name, block, done: promise, settle: resolve, cancelled: false }
    this.#queue.set(id, queued)
    this.#queued += bytes.length
    const line = this.#shortestLine()
    line.waiting.push(queued)
    line.bytes += bytes.length
    if (!line.writing) {
      line.writing = true
      this.#writers.start('cache write', () => this.#writeLine(line))
    }
    return queued
  }

  /** To the directory that will hold least. */
  #shortestLine(): Line {
    const fill = (line: Line): number => (line.dir.writable ? line.dir.bytes + line.bytes : Infinity)
    return this.#lines.reduce((best, line) => (fill(line) < fill(best) ? line : best))
  }

  async #writeLine(line: Line): Promise<void> {
    const { dir, waiting } = line
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { name, block } = next
      const { bytes } = block
      const start = this.#options.clock.monotonicMs()
      const written = !next.cancelled && (await dir.write(name, bytes))
      if (written) {
        this.#writes.add()
        this.#writeBytes.add(bytes.length)
        this.#writeTimes.observe((this.#options.clock.monotonicMs() - start) / 1000)
      } else {
        this.#drops.add()
      }
      this.#queue.delete(blockId(name.slice, name.index))
      this.#queued -= bytes.length
      line.bytes -= bytes.length
      block.release()
      next.settle(written)
      for (const wake of this.#roomWaiters.splice(0)) wake()
    }
    line.writing = false
  }
}
