/**
 * Which entry of a map is to go for another: the hand goes round the entries in the order they came, and from where it
 * stopped. Entries stay where they are: a Map whose keys are deleted and set again leaves holes to walk through
 * (generations.ts).
 */
export class ClockHand<K, V> {
  readonly #entries: ReadonlyMap<K, V>
  #at: MapIterator<[K, V]>

  constructor(entries: ReadonlyMap<K, V>) {
    this.#entries = entries
    this.#at = entries.entries()
  }

  /**
   * The next key whose value may go; undefined when in two rounds none may. For a second chance `mayGo` answers no to a
   * value that was used since it was last asked.
   */
  next(mayGo: (value: V) => boolean): K | undefined {
    for (let left = 2 * this.#entries.size; left > 0; left--) {
      let step = this.#at.next()
      if (step.done) {
        this.#at = this.#entries.entries()
        step = this.#at.next()
      }
      if (step.done) return undefined
      const [key, value] = step.value
      if (mayGo(value)) return key
    }
    return undefined
  }
}
