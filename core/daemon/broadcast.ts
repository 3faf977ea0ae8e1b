/** One source, many listeners, each with a bounded queue: who is slow loses the oldest, never holds up the others. */

const QUEUE = 1000

export class Broadcast<T> {
  readonly #listeners = new Set<Listener<T>>()

  get size(): number {
    return this.#listeners.size
  }

  send(value: T): void {
    for (const listener of this.#listeners) listener.push(value)
  }

  /** Values sent from the call on, until `signal` fires. */
  listen(signal: AbortSignal): AsyncIterable<T> {
    const listener = new Listener<T>()
    this.#listeners.add(listener)
    const end = () => {
      this.#listeners.delete(listener)
      listener.end()
    }
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
    return this.#iterate(listener, signal, end)
  }

  async *#iterate(listener: Listener<T>, signal: AbortSignal, end: () => void): AsyncGenerator<T> {
    try {
      for (;;) {
        const next = await listener.next()
        if (next === undefined) return
        yield next.value
      }
    } finally {
      signal.removeEventListener('abort', end)
      end()
    }
  }
}

class Listener<T> {
  readonly #queue: T[] = []
  #wake: (() => void) | undefined
  #ended = false

  push(value: T): void {
    if (this.#queue.length >= QUEUE) this.#queue.shift()
    this.#queue.push(value)
    this.#wake?.()
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  async next(): Promise<{ readonly value: T } | undefined> {
    while (this.#queue.length === 0) {
      if (this.#ended) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
    return { value: this.#queue.shift() as T }
  }
}
