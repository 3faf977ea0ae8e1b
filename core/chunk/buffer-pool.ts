/**
 * Block buffers, used again: a fresh one costs page faults, and leaving them to the garbage collector would
 * keep several times the budget in memory. Sizes are powers of two from 64 KiB.
 */
import { pageBuffer } from '#core/base/page-buffer.ts'

const SMALLEST = 64 * 1024

export class BufferPool {
  readonly #most: number
  readonly #free = new Map<number, Uint8Array[]>()
  #idle = 0

  /** Keep at most `most` idle bytes. */
  constructor(most: number) {
    this.#most = most
  }

  /** Bytes kept for the next taker. */
  get idle(): number {
    return this.#idle
  }

  /** The capacity of a buffer for `bytes`. */
  static capacity(bytes: number): number {
    return bytes <= SMALLEST ? SMALLEST : 2 ** Math.ceil(Math.log2(bytes))
  }

  /** A buffer of exactly `capacity` bytes with anything in it. */
  take(capacity: number): Uint8Array {
    const buffer = this.#free.get(capacity)?.pop()
    if (buffer === undefined) return pageBuffer(capacity)
    this.#idle -= capacity
    return buffer
  }

  /** Nobody may look at `buffer` any more. */
  give(buffer: Uint8Array): void {
    const capacity = buffer.length
    if (this.#idle + capacity > this.#most) return
    let free = this.#free.get(capacity)
    if (free === undefined) this.#free.set(capacity, (free = []))
    free.push(buffer)
    this.#idle += capacity
  }
}
