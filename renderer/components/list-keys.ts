/** Keys in a list: where they lead, and names typed to be jumped to. */

/** The index that `key` leads to from `at` (−1: nowhere yet), or undefined when the key moves nothing. */
export function keyedIndex(key: string, at: number, count: number, page: number): number | undefined {
  if (count === 0) return undefined
  const last = count - 1
  switch (key) {
    case 'ArrowDown':
      return Math.min(last, at + 1)
    case 'ArrowUp':
      return Math.max(0, at - 1)
    case 'Home':
      return 0
    case 'End':
      return last
    case 'PageDown':
      return Math.min(last, Math.max(0, at) + page)
    case 'PageUp':
      return Math.max(0, at - page)
    default:
      return undefined
  }
}

const PAUSE_MS = 800

/** Letters typed within a pause make one word; the list jumps to the next name that begins with it. */
export class TypeAhead {
  #typed = ''
  #lastMs = Number.NEGATIVE_INFINITY

  /**
   * The index to go to, or undefined. The same letter again goes to the next name that begins with it; a word that
   * grows stays where it still fits. Looks at most once around.
   */
  find(
    letter: string,
    at: number,
    count: number,
    nameAt: (index: number) => string,
    nowMs: number,
  ): number | undefined {
    const again = nowMs - this.#lastMs <= PAUSE_MS
    this.#lastMs = nowMs
    const lower = letter.toLowerCase()
    const repeated = again && this.#typed === lower
    this.#typed = again && !repeated ? this.#typed + lower : lower
    const from = this.#typed.length > 1 ? Math.max(0, at) : at + 1
    for (let step = 0; step < count; step++) {
      const index = (from + step) % count
      if (nameAt(index).slice(0, this.#typed.length).toLowerCase() === this.#typed) return index
    }
    return undefined
  }
}
