/** Background promises with an owner: nothing floats, `drain` waits for all of them. */
import type { Log } from './log.ts'

export class TaskSet {
  readonly #running = new Set<Promise<void>>()
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  get size(): number {
    return this.#running.size
  }

  /** Start `work`; a failure is logged under `name`. */
  start(name: string, work: () => Promise<void>): void {
    const task = work()
      .catch((error: unknown) => this.#log.error(`${name} failed`, { error }))
      .finally(() => this.#running.delete(task))
    this.#running.add(task)
  }

  /** Wait until nothing runs any more, including what the running ones start. */
  async drain(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }
}
