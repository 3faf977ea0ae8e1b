/** The names of a directory in the order of their bytes, as they were at one moment: for listings out of memory. */
import type { Name } from '#core/base/name.ts'

export class NameOrder<T> {
  /** The cache's event when they were put in order. */
  readonly stamp: number
  readonly names: readonly Name[]
  /** What the names stood for then, in the same order. */
  readonly values: readonly T[]
  /** Names have come since. */
  outgrown = false

  constructor(names: ReadonlyMap<Name, T>, stamp: number) {
    this.names = [...names.keys()].sort() // by UTF-16 units, which in a byte string are bytes
    this.values = this.names.map((name) => names.get(name)!)
    this.stamp = stamp
  }

  /** Where the names after `name` begin. */
  after(name: Name): number {
    let low = 0
    let high = this.names.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.names[middle]! <= name) low = middle + 1
      else high = middle
    }
    return low
  }
}
