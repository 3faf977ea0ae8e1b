/**
 * Shared work, one at a time per key: who asks for what is under way waits for it, too. Each can be interrupted
 * alone; the work itself is when nobody waits any more.
 */
import { abandonable, throwIfAborted } from '#core/object/interrupt.ts'

interface Flight<T> {
  readonly done: Promise<T>
  readonly stop: AbortController
  waiting: number
}

export class Flights<K, T> {
  readonly #flights = new Map<K, Flight<T>>()

  get size(): number {
    return this.#flights.size
  }

  has(key: K): boolean {
    return this.#flights.has(key)
  }

  /** The result of the work under way for `key`, or else of `start`. Errors: those of the work; `interrupted`. */
  async join(key: K, start: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    throwIfAborted(signal)
    const flight = this.#flights.get(key) ?? this.#launch(key, start)
    flight.waiting++
    try {
      return await abandonable(signal, () => flight.done)
    } finally {
      if (--flight.waiting === 0) this.#leave(key, flight)
    }
  }

  /** Stop all work; the waiters get `reason`. */
  abort(reason: unknown): void {
    for (const flight of this.#flights.values()) flight.stop.abort(reason)
  }

  #launch(key: K, start: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const stop = new AbortController()
    const flight: Flight<T> = { stop, waiting: 0, done: start(stop.signal) }
    this.#flights.set(key, flight)
    const land = (): void => this.#forget(key, flight)
    flight.done.then(land, land)
    return flight
  }

  /** Nobody waits: who comes next must not get the result of stopped work. */
  #leave(key: K, flight: Flight<T>): void {
    this.#forget(key, flight)
    flight.stop.abort()
  }

  #forget(key: K, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key)
  }
}
