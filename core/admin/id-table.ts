/**
 * Numbers by id for millions of ids: open addressing over typed arrays, 8 bytes a column and about 16 for the
 * id. It holds at most `limit` ids: those from `from` up; when there are more it drops the highest and says
 * by `below` from where on the next table must go over the records again.
 */
const FEWEST = 1024

export class IdTable {
  readonly from: number
  readonly #limit: number
  readonly #columns: Float64Array<ArrayBuffer>[]
  #below = Number.POSITIVE_INFINITY
  #ids = new Float64Array(FEWEST)
  /** Slot + 1 by hash; 0 is free. */
  #index = new Int32Array(FEWEST * 2)
  #size = 0

  constructor(from: number, columns: number, limit = 8_000_000) {
    this.from = from
    // Half of it must be something, or a pass would not get ahead.
    this.#limit = Math.max(2, limit)
    this.#columns = Array.from({ length: columns }, () => new Float64Array(FEWEST))
  }

  get size(): number {
    return this.#size
  }

  /** First id that is not held, though it may have been added. Infinity when all are. */
  get below(): number {
    return this.#below
  }

  /** The slot of `id`, made with zeros when new; -1 when it is out of this table's range. */
  slot(id: number): number {
    if (id < this.from || id >= this.#below) return -1
    const at = this.#probe(id)
    if (this.#index[at]! !== 0) return this.#index[at]! - 1
    if (this.#size === this.#limit) {
      this.#dropUpperHalf()
      return this.slot(id)
    }
    if (this.#size === this.#ids.length) {
      this.#grow()
      return this.slot(id)
    }
    this.#ids[this.#size] = id
    this.#index[at] = ++this.#size
    return this.#size - 1
  }

  /** The slot of `id`, or -1. */
  find(id: number): number {
    return this.#index[this.#probe(id)]! - 1
  }

  id(slot: number): number {
    return this.#ids[slot]!
  }

  get(slot: number, column: number): number {
    return this.#columns[column]![slot]!
  }

  set(slot: number, column: number, value: number): void {
    this.#columns[column]![slot] = value
  }

  add(slot: number, column: number, value: number): void {
    this.#columns[column]![slot]! += value
  }

  /** Where `id` is in the index, or the free place where it belongs. */
  #probe(id: number): number {
    const mask = this.#index.length - 1
    let at = hash(id) & mask
    while (this.#index[at]! !== 0 && this.#ids[this.#index[at]! - 1] !== id) at = (at + 1) & mask
    return at
  }

  #grow(): void {
    this.#ids = longer(this.#ids)
    for (const [k, column] of this.#columns.entries()) this.#columns[k] = longer(column)
    this.#index = new Int32Array(this.#ids.length * 2)
    this.#reindex()
  }

  #dropUpperHalf(): void {
    const sorted = this.#ids.slice(0, this.#size).sort()
    this.#below = sorted[this.#size >> 1]!
    let kept = 0
    for (let slot = 0; slot < this.#size; slot++) {
      if (this.#ids[slot]! >= this.#below) continue
      this.#ids[kept] = this.#ids[slot]!
      for (const column of this.#columns) column[kept] = column[slot]!
      kept++
    }
    for (const column of this.#columns) column.fill(0, kept, this.#size)
    this.#size = kept
    this.#index.fill(0)
    this.#reindex()
  }

  #reindex(): void {
    for (let slot = 0; slot < this.#size; slot++) this.#index[this.#probe(this.#ids[slot]!)] = slot + 1
  }
}

function longer(array: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const twice = new Float64Array(array.length * 2)
  twice.set(array)
  return twice
}

function hash(id: number): number {
  const low = id >>> 0
  const high = (id / 2 ** 32) >>> 0
  let h = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b)
  h ^= h >>> 15
  return Math.imul(h, 0xc2b2ae35) >>> 0
}
