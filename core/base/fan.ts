/**
 * Work on the items of nested lists, a bounded number at once over all levels. Never waits for a place: where
 * none is free the work is done in line, so recursion cannot deadlock.
 */
import { Semaphore } from './semaphore.ts'

export class Fan {
  readonly #places: Semaphore

  /** `width`: how many items may be worked on besides those in line. */
  constructor(width: number) {
    this.#places = new Semaphore(width)
  }

  /** Resolves when all items are done; after a failure no new one is begun and the first error is thrown. */
  async each<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
    const running = new Set<Promise<void>>()
    const failures: unknown[] = []
    const start = (item: T): Promise<void> =>
      work(item)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => this.#places.release())
    for (const item of items) {
      if (failures.length > 0) break
      if (this.#places.tryAcquire()) {
        const task = start(item)
        running.add(task)
        void task.then(() => running.delete(task))
      } else {
        await work(item).catch((error: unknown) => void failures.push(error))
      }
    }
    await Promise.all(running)
    if (failures.length > 0) throw failures[0]
  }
}
