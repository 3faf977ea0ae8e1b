/** At most `limit` holders at a time; the others wait in line, bounded by their signal. */
export class Semaphore {
  readonly limit: number
  #free: number
  readonly #waiting: { start: () => void; cancelled: boolean }[] = []

  constructor(limit: number) {
    this.limit = limit
    this.#free = limit
  }

  get inUse(): number {
    return this.limit - this.#free
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Take a place at once, or return false. */
  tryAcquire(): boolean {
    if (this.#free === 0) return false
    this.#free--
    return true
  }

  /** Take a place; rejects with the signal's reason when it fires first. Give it back with `release`. */
  acquire(signal?: AbortSignal): Promise<void> {
    if (this.tryAcquire()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = (): void => {
        waiter.cancelled = true
        const at = this.#waiting.indexOf(waiter)
        if (at >= 0) this.#waiting.splice(at, 1)
        reject(signal?.reason)
      }
      const waiter = {
        cancelled: false,
        start: () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(waiter)
    })
  }

  release(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free++
    else next.start()
  }

  /** Run `work` while holding a place. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.acquire(signal)
    try {
      return await work()
    } finally {
      this.release()
    }
  }
}
