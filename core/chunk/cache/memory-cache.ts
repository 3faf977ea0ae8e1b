/**
 * Blocks in memory, within a number of bytes. Second-chance eviction: a block that was read since it came to
 * the end of the line goes round once more. A buffer of the pool that nobody has seen goes back there.
 */
import type { BufferPool } from '../buffer-pool.ts'
import type { BlockId } from '../geometry.ts'

interface Entry {
  readonly bytes: Uint8Array
  /** The pool's buffer that `bytes` views, to be given back. */
  readonly pooled: Uint8Array | undefined
  used: boolean
  shown: boolean
}

export class MemoryCache {
  readonly capacity: number
  readonly #pool: BufferPool
  readonly #entries = new Map<BlockId, Entry>()
  #used = 0

  constructor(capacity: number, pool: BufferPool) {
    this.capacity = capacity
    this.#pool = pool
  }

  get used(): number {
    return this.#used
  }

  get count(): number {
    return this.#entries.size
  }

  /** Each block with its bytes. */
  *sizes(): Generator<readonly [BlockId, number]> {
    for (const [id, { bytes }] of this.#entries) yield [id, bytes.length]
  }

  has(id: BlockId): boolean {
    return this.#entries.has(id)
  }

  /** The block, when it is here and `size` bytes long; not to be written to. @hot */
  peek(id: BlockId, size: number): Uint8Array | undefined {
    const entry = this.#entries.get(id)
    if (entry === undefined || entry.bytes.length !== size) return undefined
    entry.used = true
    entry.shown = true
    return entry.bytes
  }

  /** Keep a block; returns false, and keeps nothing, when it is larger than the whole cache. */
  put(id: BlockId, bytes: Uint8Array, pooled?: Uint8Array, shown = false): boolean {
    const cost = (pooled ?? bytes).length
    if (cost > this.capacity) return false
    this.delete(id)
    while (this.#used + cost > this.capacity) this.#evictOne()
    this.#entries.set(id, { bytes, pooled, used: false, shown })
    this.#used += cost
    return true
  }

  delete(id: BlockId): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    this.#entries.delete(id)
    this.#used -= (entry.pooled ?? entry.bytes).length
    if (entry.pooled !== undefined && !entry.shown) this.#pool.give(entry.pooled)
  }

  clear(): void {
    for (const id of [...this.#entries.keys()]) this.delete(id)
  }

  #evictOne(): void {
    for (const [id, entry] of this.#entries) {
      if (!entry.used) {
        this.delete(id)
        return
      }
      entry.used = false
      this.#entries.delete(id)
      this.#entries.set(id, entry)
    }
  }
}
