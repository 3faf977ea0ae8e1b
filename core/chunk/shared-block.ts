/**
 * A whole block in memory with those who use it: caches, the line to the disk cache, readers. When the last of them is done,
 * its buffer goes back to the pool: left to the garbage collector, the blocks of a sequential read keep it at work
 * for as long as everything else takes (bodies of 256 MiB: seven collections of the whole heap).
 *
 * Who takes a view and cannot say when it is done with it holds the block for ever: the buffer is the collector's then.
 */
import type { BufferPool } from './buffer-pool.ts'

export class SharedBlock {
  readonly bytes: Uint8Array
  /** Bytes of memory that it takes. */
  readonly cost: number
  readonly #buffer: Uint8Array
  readonly #pool: BufferPool | undefined
  /** Who makes it is the first. */
  #users = 1

  /** `bytes` views all or part of `buffer`, which is the pool's. */
  constructor(bytes: Uint8Array, pool?: BufferPool, buffer = bytes) {
    this.bytes = bytes
    this.cost = buffer.length
    this.#buffer = buffer
    this.#pool = pool
  }

  /** One user more. @hot */
  hold(): void {
    if (this.#users === 0) throw new Error('a block is used after its buffer was given back')
    this.#users++
  }

  /** One user less; each calls it once. */
  release(): void {
    if (--this.#users === 0) this.#pool?.give(this.#buffer)
  }
}

/** Blocks that a reader got views of: it holds each until `giveBack`. */
export type Lent = SharedBlock[]

/** The bytes, held for whoever has `lent`; without it for ever. @hot */
export function lend(block: SharedBlock, lent: Lent | undefined): Uint8Array {
  block.hold()
  lent?.push(block)
  return block.bytes
}

/** The views are not used any more. */
export function giveBack(lent: Lent): void {
  for (const block of lent.splice(0)) block.release()
}
