/**
 * What the writers of all files share: the open slices in order of age, and the clock that ends them.
 *
 * A slice is frozen (uploaded, then committed) when it is 5 s old, when nobody wrote to it for 1 s, at flush, or
 * oldest first when buffers run short. Source of the numbers: shared/spec/data-path.md §5.
 */
import type { Clock } from '#core/base/clock.ts'
import type { Log } from '#core/base/log.ts'
import type { TaskSet } from '#core/base/tasks.ts'
import type { BlockStore } from '#core/chunk/api.ts'
import type { Meta } from '#core/meta/api.ts'
import type { Nodes, OpenNode } from './nodes.ts'
import type { PendingSlice } from './pending-slice.ts'

const TICK_MS = 100
const MAX_AGE_MS = 5000
const MAX_IDLE_MS = 1000
/** Bytes not yet on their way that one call of `relieve` sends off. */
const RELIEF_BYTES = 16 * 2 ** 20

/** What a writer needs from around it. */
export interface WriteParts {
  readonly meta: Meta
  readonly blocks: BlockStore
  readonly clock: Clock
  readonly log: Log
  readonly tasks: TaskSet
  readonly nodes: Nodes
  readonly open: OpenSlices
  /** What was written to the file may be stored. Undefined: it may. Errors: EIO a lock on it was lost; BackendError. */
  readonly mayCommit: (node: OpenNode) => Promise<void> | undefined
  /** A chunk has `records` records after a commit of the last `added`. */
  readonly onCommit: (ino: number, index: number, records: number, added: number) => Promise<void> | undefined
  /** A slice was committed; fsync must make its objects durable. */
  readonly onWritten: (ino: number, slice: { readonly id: number; readonly size: number }) => void
}

/** Slices that still take bytes, oldest first. */
export class OpenSlices {
  readonly #freeze = new Map<PendingSlice, () => void>()
  readonly #clock: Clock
  readonly #tasks: TaskSet
  readonly #stop = new AbortController()
  #ticking = false

  constructor(clock: Clock, tasks: TaskSet) {
    this.#clock = clock
    this.#tasks = tasks
  }

  get size(): number {
    return this.#freeze.size
  }

  add(slice: PendingSlice, freeze: () => void): void {
    this.#freeze.set(slice, freeze)
    if (this.#ticking) return
    this.#ticking = true
    this.#tasks.start('write timers', () => this.#tick())
  }

  delete(slice: PendingSlice): void {
    this.#freeze.delete(slice)
  }

  /** Buffers run short: send the oldest slices on their way. */
  relieve(): void {
    let bytes = 0
    for (const [slice, freeze] of this.#freeze) {
      bytes += slice.length - slice.writer.frozenBelow
      freeze()
      if (bytes >= RELIEF_BYTES) return
    }
  }

  /** No more timers: whoever closes flushes everything. */
  stop(): void {
    this.#stop.abort()
  }

  async #tick(): Promise<void> {
    const { signal } = this.#stop
    try {
      while (this.#freeze.size > 0 && !signal.aborted) {
        await this.#clock.sleep(TICK_MS, signal).catch(() => {})
        const now = this.#clock.monotonicMs()
        for (const [slice, freeze] of this.#freeze) {
          if (now - slice.createdMs >= MAX_AGE_MS || now - slice.touchedMs >= MAX_IDLE_MS) freeze()
        }
      }
    } finally {
      this.#ticking = false
    }
  }
}
