/** Work on one key at a time, in the order asked; different keys run side by side. */
export class KeyedQueue<Key> {
  readonly #lines = new Map<Key, { last: Promise<unknown>; length: number }>()

  /** How much work of this key runs or waits. */
  length(key: Key): number {
    return this.#lines.get(key)?.length ?? 0
  }

  /** Run `work` once what was asked before for `key` has ended, well or not. */
  async run<T>(key: Key, work: () => Promise<T>): Promise<T> {
    let line = this.#lines.get(key)
    if (line === undefined) this.#lines.set(key, (line = { last: Promise.resolve(), length: 0 }))
    line.length++
    const own = line.last.then(work)
    line.last = own.catch(() => undefined)
    try {
      return await own
    } finally {
      if (--line.length === 0) this.#lines.delete(key)
    }
  }
}
