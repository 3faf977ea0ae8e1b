/** Blocks in memory, within a number of bytes. What was read since its turn to go came is spared once. */
import { ClockHand } from '#core/base/clock-hand.ts'
import type { BlockId } from '../geometry.ts'
import { type Lent, lend, type SharedBlock } from '../shared-block.ts'

interface Entry {
  readonly block: SharedBlock
  used: boolean
}

export class MemoryCache {
  readonly capacity: number
  readonly #entries = new Map<BlockId, Entry>()
  readonly #hand = new ClockHand(this.#entries)
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
    const id = this.#hand.next(mayGo)
    if (id !== undefined) this.delete(id)
  }
}

function mayGo(entry: Entry): boolean {
  const { used } = entry
  entry.used = false
  return !used
}
