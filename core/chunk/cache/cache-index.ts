/**
 * What one cache directory holds, how much that is, and whom to drop next. Blocks of slices that are kept are never
 * dropped and do not count against the cache's size; the others are loose.
 * `2-random`: the less recently used of two picked by chance. `lru`: the least recently used.
 * Source: shared/spec/data-path.md §14.3.
 */
import { below, type Random } from '#core/base/random.ts'
import { type BlockId, type BlockName, blockId } from '../geometry.ts'

/** Added to each block's length: what its file takes besides. */
const ITEM_OVERHEAD = 4096

interface Item {
  readonly name: BlockName
  /** Place in `#loose`; -1: kept. */
  at: number
  /** Number of the last use. */
  usedAt: number
  /** When that was, by the clock of `nowMs`. */
  usedMs: number
  /** The scan that saw it last. */
  scan: number
}

export class CacheIndex {
  /** While true there is no victim. */
  held = false
  /** Set now and then by the owner; what is used is noted with it. */
  nowMs = 0
  /** With `lru` the least recently used comes first. */
  readonly #items = new Map<BlockId, Item>()
  /** For picking by chance. */
  readonly #loose: Item[] = []
  readonly #keptSlices = new Set<number>()
  readonly #kept = new Set<Item>()
  readonly #random: Random
  readonly #lru: boolean
  #uses = 0
  #scan = 0
  #looseBytes = 0
  #keptBytes = 0

  constructor(random: Random, lru: boolean) {
    this.#random = random
    this.#lru = lru
  }

  get count(): number {
    return this.#items.size
  }

  /** Bytes on disk, by estimate. */
  get bytes(): number {
    return this.#looseBytes + this.#keptBytes
  }

  get looseCount(): number {
    return this.#loose.length
  }

  get looseBytes(): number {
    return this.#looseBytes
  }

  get keptBytes(): number {
    return this.#keptBytes
  }

  static cost(size: number): number {
    return size + ITEM_OVERHEAD
  }

  has(id: BlockId): boolean {
    return this.#items.has(id)
  }

  /** Everything, with how long ago it was used as of `nowMs`; null: not since a scan found it. */
  *blocks(): Generator<{
    readonly name: BlockName
    readonly kept: boolean
    readonly idleMs: number | null
  }> {
    for (const { name, at, usedAt, usedMs } of this.#items.values())
      yield { name, kept: at < 0, idleMs: usedAt === 0 ? null : Math.max(0, this.nowMs - usedMs) }
  }

  keeps(slice: number): boolean {
    return this.#keptSlices.has(slice)
  }

  /** Blocks of the slice are kept from now on; `ids` are those it has. */
  keep(slice: number, ids: readonly BlockId[]): void {
    if (this.#keptSlices.has(slice)) return
    this.#keptSlices.add(slice)
    for (const id of ids) this.#sort(this.#items.get(id))
  }

  /** Of the kept slices, only these are from now on. */
  keepOnly(slices: ReadonlySet<number>): void {
    for (const slice of this.#keptSlices) if (!slices.has(slice)) this.#keptSlices.delete(slice)
    for (const item of [...this.#kept]) this.#sort(item)
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
    for (const [id, { scan }] of this.#items) if (scan !== this.#scan) this.delete(id)
  }

  delete(id: BlockId): boolean {
    const item = this.#items.get(id)
    if (item === undefined) return false
    this.#items.delete(id)
    this.#takeOut(item)
    return true
  }

  touch(id: BlockId): void {
    const item = this.#items.get(id)
    if (item === undefined) return
    item.usedAt = ++this.#uses
    item.usedMs = this.nowMs
    if (!this.#lru || item.at < 0) return
    this.#items.delete(id)
    this.#items.set(id, item)
  }

  /** Whom to drop; undefined when there is nothing. */
  victim(): BlockName | undefined {
    if (this.#loose.length === 0 || this.held) return undefined
    if (this.#lru) return this.#oldest()
    const one = this.#loose[below(this.#random, this.#loose.length)]!
    const other = this.#loose[below(this.#random, this.#loose.length)]!
    return (one.usedAt <= other.usedAt ? one : other).name
  }

  /** Of so many loose items picked by chance, those not used since `beforeMs`. */
  expired(beforeMs: number, picks: number): readonly BlockName[] {
    const found = new Set<BlockName>()
    if (this.held || this.#loose.length === 0) return []
    for (let n = 0; n < picks; n++) {
      const { name, usedMs } = this.#loose[below(this.#random, this.#loose.length)]!
      if (usedMs < beforeMs) found.add(name)
    }
    return [...found]
  }

  /** Kept ones that are met go to the end of the line: each is met once a round. */
  #oldest(): BlockName | undefined {
    for (const [id, item] of this.#items) {
      if (item.at >= 0) return item.name
      this.#items.delete(id)
      this.#items.set(id, item)
    }
    return undefined
  }

  #insert(name: BlockName, usedAt: number): void {
    const item = { name, at: -1, usedAt, usedMs: this.nowMs, scan: this.#scan }
    this.#items.set(blockId(name.slice, name.index), item)
    this.#putIn(item)
  }

  /** To where it belongs now. */
  #sort(item: Item | undefined): void {
    if (item === undefined || item.at < 0 === this.keeps(item.name.slice)) return
    this.#takeOut(item)
    this.#putIn(item)
  }

  #putIn(item: Item): void {
    const cost = CacheIndex.cost(item.name.size)
    if (this.keeps(item.name.slice)) {
      item.at = -1
      this.#kept.add(item)
      this.#keptBytes += cost
      return
    }
    item.at = this.#loose.length
    this.#loose.push(item)
    this.#looseBytes += cost
  }

  #takeOut(item: Item): void {
    const cost = CacheIndex.cost(item.name.size)
    if (item.at < 0) {
      this.#kept.delete(item)
      this.#keptBytes -= cost
      return
    }
    const last = this.#loose.pop()!
    if (last !== item) {
      this.#loose[item.at] = last
      last.at = item.at
    }
    this.#looseBytes -= cost
  }
}
