/**
 * Live things by id, as a change stream brings them. Rows subscribe to their own item and lists to the order, so one
 * change among a thousand volumes renders one row.
 */
export interface Change<T> {
  readonly kind: 'all' | 'change'
  readonly items: readonly T[]
  readonly removed: readonly string[]
}

export class KeyedStore<T> {
  readonly #keyOf: (item: T) => string
  readonly #items = new Map<string, T>()
  readonly #ofItem = new Map<string, Set<() => void>>()
  readonly #ofAll = new Set<() => void>()
  #list: readonly T[] = []
  #loaded = false

  constructor(keyOf: (item: T) => string) {
    this.#keyOf = keyOf
  }

  /** False until the first whole list has come. */
  get loaded(): boolean {
    return this.#loaded
  }

  /** A new array after every change. */
  get list(): readonly T[] {
    return this.#list
  }

  get(key: string): T | undefined {
    return this.#items.get(key)
  }

  apply({ kind, items, removed }: Change<T>): void {
    const touched = new Set<string>(removed)
    if (kind === 'all') {
      for (const key of this.#items.keys()) touched.add(key)
      this.#items.clear()
      this.#loaded = true
    }
    for (const key of removed) this.#items.delete(key)
    for (const item of items) {
      const key = this.#keyOf(item)
      this.#items.set(key, item)
      touched.add(key)
    }
    this.#list = [...this.#items.values()]
    for (const key of touched) for (const listener of this.#ofItem.get(key) ?? []) listener()
    for (const listener of this.#ofAll) listener()
  }

  subscribe(listener: () => void): () => void {
    this.#ofAll.add(listener)
    return () => {
      this.#ofAll.delete(listener)
    }
  }

  subscribeTo(key: string, listener: () => void): () => void {
    const listeners = this.#ofItem.get(key) ?? new Set()
    this.#ofItem.set(key, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#ofItem.delete(key)
    }
  }
}
