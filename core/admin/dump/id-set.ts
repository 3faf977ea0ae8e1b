/**
 * Which ids have been seen, a bit each: numbers that mostly follow each other take an eighth of a byte, and scattered
 * ones some 200 bytes. A volume of a million files needs 130 KB.
 */
const PAGE_IDS = 1024

export class IdSet {
  readonly #pages = new Map<number, Uint32Array>()
  #lastPage = -1
  #last: Uint32Array | undefined
  #largest = 0

  /** The largest added; 0 when none was. */
  get largest(): number {
    return this.#largest
  }

  has(id: number): boolean {
    const page = this.#page(Math.floor(id / PAGE_IDS), false)
    const bit = id % PAGE_IDS
    return page !== undefined && ((page[bit >>> 5]! >>> (bit & 31)) & 1) === 1
  }

  /** False when it was there already. */
  add(id: number): boolean {
    const page = this.#page(Math.floor(id / PAGE_IDS), true)!
    const bit = id % PAGE_IDS
    const mask = 1 << (bit & 31)
    if ((page[bit >>> 5]! & mask) !== 0) return false
    page[bit >>> 5]! |= mask
    if (id > this.#largest) this.#largest = id
    return true
  }

  #page(number: number, make: boolean): Uint32Array | undefined {
    if (number === this.#lastPage) return this.#last
    let page = this.#pages.get(number)
    if (page === undefined) {
      if (!make) return undefined
      page = new Uint32Array(PAGE_IDS / 32)
      this.#pages.set(number, page)
    }
    this.#lastPage = number
    this.#last = page
    return page
  }
}
