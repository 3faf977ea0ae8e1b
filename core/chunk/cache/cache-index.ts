/**
 * What one cache directory holds, how much that is, and whom to drop next.
 * `2-random`: the less recently used of two picked by chance. `lru`: the least recently used.
 * Source: shared/spec/data-path.md §14.3.
 */
import { below, type Random } from '#core/base/random.ts'
import { type BlockId, type BlockName, blockId } from '../geometry.ts'

/** Added to each block's length: what its file takes besides. */
const ITEM_OVERHEAD = 4096

interface Item {
  readonly name: BlockName
  /** Place in `#order`. */
  at: number
  /** Number of the last use. */
  usedAt: number
  /** The scan that saw it last. */
  scan: number
}

export class CacheIndex {
  readonly #items = new Map<BlockId, Item>()
  /** All items, for picking by chance. */
  readonly #order: Item[] = []
  readonly #random: Random
  readonly #lru: boolean
  #uses = 0
  #scan = 0
  #bytes = 0

  constructor(random: Random, lru: boolean) {
    this.#random = random
    this.#lru = lru
  }

  get count(): number {
    return this.#order.length
  }

  /** Bytes on disk, by estimate. */
  get bytes(): number {
    return this.#bytes
  }

  static cost(size: number): number {
    return size + ITEM_OVERHEAD
  }

  has(id: BlockId): boolean {
    return this.#items.has(id)
  }

  /** Note an item that was just written or used. */
  add(name: BlockName): void {
    this.delete(blockId(name.slice, name.index))
    this.#insert(name, ++this.#uses)
  }

  /** Note an item that a scan came upon; how recently it was used is not known. */
  see(name: BlockName): void {
    const item = this.#items.get(blockId(name.slice, name.index))
    if (item === undefined) this.#insert(name, 0)
    else item.scan = this.#scan
  }

  startScan(): void {
    this.#scan++
  }

  /** The scan is over: forget what it did not see. */
  endScan(): void {
    for (const item of [...this.#order]) {
      if (item.scan !== this.#scan) this.delete(blockId(item.name.slice, item.name.index))
    }
  }

  delete(id: BlockId): boolean {
    const item = this.#items.get(id)
    if (item === undefined) return false
    this.#items.delete(id)
    const last = this.#order.pop()!
    if (last !== item) {
      this.#order[item.at] = last
      last.at = item.at
    }
    this.#bytes -= CacheIndex.cost(item.name.size)
    return true
  }

  #insert(name: BlockName, usedAt: number): void {
    const item = { name, at: this.#order.length, usedAt, scan: this.#scan }
    this.#items.set(blockId(name.slice, name.index), item)
    this.#order.push(item)
    this.#bytes += CacheIndex.cost(name.size)
  }

  touch(id: BlockId): void {
    const item = this.#items.get(id)
    if (item === undefined) return
    item.usedAt = ++this.#uses
    if (!this.#lru) return
    this.#items.delete(id)
    this.#items.set(id, item)
  }

  /** Whom to drop; undefined when there is nothing. */
  victim(): BlockName | undefined {
    if (this.#lru) return this.#items.values().next().value?.name
    if (this.#order.length === 0) return undefined
    const one = this.#order[below(this.#random, this.#order.length)]!
    const other = this.#order[below(this.#random, this.#order.length)]!
    return (one.usedAt <= other.usedAt ? one : other).name
  }
}
