/** Blocks to be fetched in the background: a short line, served by a few; what does not fit is dropped. */
import type { Log } from '#core/base/log.ts'
import { TaskSet } from '#core/base/tasks.ts'
import type { BlockFetcher } from './block-fetcher.ts'
import type { BufferBudget } from './buffer-budget.ts'
import type { MemoryCache } from './cache/memory-cache.ts'
import { type BlockId, type BlockName, blockId } from './geometry.ts'

/** Blocks at a time; a stream that is read ahead needs several to fill a long line. */
const PARALLEL = 16
const LINE = 64
/** Part of the budget that must be left for those who wait for bytes now. */
const RESERVED = 0.2

export interface PrefetcherParts {
  readonly fetcher: BlockFetcher
  readonly budget: BufferBudget
  readonly cache: MemoryCache
  readonly log: Log
}

export class Prefetcher {
  readonly #parts: PrefetcherParts
  readonly #line = new Map<BlockId, BlockName>()
  readonly #tasks: TaskSet
  readonly #stop = new AbortController()

  constructor(parts: PrefetcherParts) {
    this.#parts = parts
    this.#tasks = new TaskSet(parts.log)
  }

  add(name: BlockName): void {
    const id = blockId(name.slice, name.index)
    const { cache, fetcher } = this.#parts
    if (cache.has(id) || fetcher.fetching(id) || this.#line.has(id) || this.#line.size >= LINE) return
    this.#line.set(id, name)
    if (this.#tasks.size < PARALLEL && !this.#stop.signal.aborted)
      this.#tasks.start('prefetch', () => this.#run())
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#line.clear()
    await this.#tasks.drain()
  }

  async #run(): Promise<void> {
    for (const [id, name] of this.#line) {
      this.#line.delete(id)
      if (this.#stop.signal.aborted) return
      await this.#fetch(name)
    }
  }

  /** A failure is left to whoever reads the block. */
  async #fetch(name: BlockName): Promise<void> {
    const { fetcher, budget } = this.#parts
    const cost = fetcher.cost(name)
    if (budget.used + cost > budget.limit * (1 - RESERVED)) return
    const share = budget.tryTake(cost)
    if (share !== undefined) await fetcher.fetch(name, this.#stop.signal, share).catch(() => {})
  }
}
