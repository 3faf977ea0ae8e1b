/** A block being gathered: a buffer from the pool, the budget it took, and how much of it is filled. */
import type { BufferBudget, Share } from './buffer-budget.ts'
import { BufferPool } from './buffer-pool.ts'

export class WriteBlock {
  readonly buffer: Uint8Array
  readonly #share: Share
  size = 0
  /** A view of it was handed out: it goes to the garbage collector, not back to the pool. */
  shown = false

  constructor(buffer: Uint8Array, share: Share) {
    this.buffer = buffer
    this.#share = share
  }

  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.size)
  }

  /** A view for a reader. */
  show(offset: number, length: number): Uint8Array {
    this.shown = true
    return this.buffer.subarray(offset, offset + length)
  }

  /** Give the budget back; also the buffer, unless somebody `keeps` it. */
  release({ budget, pool }: WriteMemory, keeps = false): void {
    if (!keeps && !this.shown) pool.give(this.buffer)
    budget.give(this.#share)
  }
}

/** Where buffers of writes come from. */
export interface WriteMemory {
  readonly budget: BufferBudget
  readonly pool: BufferPool
  readonly blockSize: number
}

/** What a block needs to hold `need` bytes. Blocks after the first are most likely filled. */
export function roomFor(memory: WriteMemory, index: number, need: number): number {
  return index > 0 ? memory.blockSize : Math.min(BufferPool.capacity(need), memory.blockSize)
}

/**
 * Wait for the budget of a larger buffer for `block`. One that has bytes already gets all of its room, so that
 * it can be completed (see `BufferBudget`).
 */
export function waitForRoom(
  memory: WriteMemory,
  block: WriteBlock | undefined,
  room: number,
  signal: AbortSignal | undefined,
): Promise<Share> {
  return memory.budget.take(block ? memory.blockSize : room, block && 'growth', signal)
}

/** `from`, or a new block, with the room that `share` stands for. */
export function withRoom(memory: WriteMemory, from: WriteBlock | undefined, share: Share): WriteBlock {
  const to = new WriteBlock(memory.pool.take(share.bytes), share)
  if (from === undefined) return to
  to.buffer.set(from.bytes)
  to.size = from.size
  from.release(memory)
  return to
}
