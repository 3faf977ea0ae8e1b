/**
 * Blocks in memory, within a number of bytes. Second-chance eviction: a block that was read since it came to
 * the end of the line goes round once more.
 */
import type { BlockId } from '../geometry.ts'
import { type Lent, lend, type SharedBlock } from '../shared-block.ts'

interface Entry {
  readonly block: SharedBlock
  used: boolean
}

export class MemoryCache {
  readonly capacity: number
  readonly #entries = new Map<BlockId, Entry>()
  #used = 0

  constructor(capacity: number) {
    this.capacity = capacity
  }

  get used(): number {
    return this.#used
  }

  get count(): number {
    return this.#entries.size
  }

  /** Each block with its bytes. */
  *sizes(): Generator<readonly [BlockId, number]> {
    for (const [id, { block }] of this.#entries) yield [id, block.bytes.length]
  }

  has(id: BlockId): boolean {
    return this.#entries.has(id)
  }

  /** The block, when it is here and `size` bytes long; not to be written to. @hot */
  peek(id: BlockId, size: number, lent: Lent | undefined): Uint8Array | undefined {
    const entry = this.#entries.get(id)
    if (entry === undefined || entry.block.bytes.length !== size) return undefined
    entry.used = true
    return lend(entry.block, lent)
  }

  /** Hold a block, unless it is larger than the whole cache. */
  put(id: BlockId, block: SharedBlock): void {
    const { cost } = block
    if (cost > this.capacity) return
    block.hold()
    this.delete(id)
    while (this.#used + cost > this.capacity) this.#evictOne()
    this.#entries.set(id, { block, used: false })
    this.#used += cost
  }

  delete(id: BlockId): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    this.#entries.delete(id)
    this.#used -= entry.block.cost
    entry.block.release()
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
