/**
 * Inode and slice numbers, handed out from batches reserved in the engine; those left over are lost.
 * Source: shared/spec/meta-records.md §11 (Id allocation).
 */
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import type { MetaEngine } from './engine.ts'
import type { CounterName } from './records.ts'
import type { Ids } from './state.ts'

const INODES = 1024
const SLICES = 4096
/** The next batch is fetched in the background when this part of the present one is left. */
const LOW_WATER = 0.1

export function createIds(engine: MetaEngine): Ids {
  const inodes = new Batches(engine, 'nextInode', INODES)
  const slices = new Batches(engine, 'nextChunk', SLICES)
  return {
    async nextInode(): Promise<Ino> {
      for (;;) {
        const ino = await inodes.next()
        if (ino > ROOT_INO) return ino
      }
    },
    async nextSlice(): Promise<number> {
      for (;;) {
        const id = await slices.next()
        if (id > 0) return id
      }
    },
  }
}

class Batches {
  readonly #engine: MetaEngine
  readonly #counter: CounterName
  readonly #size: number
  #next = 0
  #end = 0
  /** First number of the batch after this one. */
  #coming: Promise<number> | undefined

  constructor(engine: MetaEngine, counter: CounterName, size: number) {
    this.#engine = engine
    this.#counter = counter
    this.#size = size
  }

  async next(): Promise<number> {
    while (this.#next === this.#end) await this.#advance()
    const number = this.#next++
    if (this.#end - this.#next < this.#size * LOW_WATER) this.#prefetch()
    return number
  }

  #prefetch(): Promise<number> {
    if (this.#coming === undefined) {
      this.#coming = this.#engine.allocate(this.#counter, this.#size)
      this.#coming.catch(() => {
        this.#coming = undefined // whoever needs the batch asks again, and hears of a failure then
      })
    }
    return this.#coming
  }

  /** Many may wait for the same batch; the first to wake takes it over. */
  async #advance(): Promise<void> {
    const coming = this.#prefetch()
    const first = await coming
    if (this.#coming !== coming) return
    this.#coming = undefined
    this.#next = first
    this.#end = first + this.#size
  }
}
