/** A dump on its way through a stream (a packer, mostly) into what takes it from there. */
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { Sink } from './sink.ts'

export class StreamSink implements Sink {
  readonly #input: Writable
  readonly #taken: Promise<unknown>

  /** `taken` ends when all that comes out of `input` has found its place, or cannot. */
  constructor(input: Writable, taken: Promise<unknown>) {
    this.#input = input
    this.#taken = taken
    this.#taken.catch(() => {}) // write and finish tell
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#input.errored !== null || this.#input.destroyed) await this.#taken
    if (!this.#input.write(bytes)) await Promise.race([once(this.#input, 'drain'), this.#taken])
  }

  async finish(): Promise<void> {
    this.#input.end()
    await this.#taken
  }

  /** Whoever takes it hears that it broke off. */
  async abandon(): Promise<void> {
    this.#input.destroy()
    await this.#taken.catch(() => {})
  }
}
