/**
 * What the mount does, told to those who watch, while they watch: every operation when it ends, with the block
 * requests that it waited for or started. An operation that nobody watches costs one comparison.
 *
 * Which operation caused a request is known by its asynchronous context: the layers between need not pass it on.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from './clock.ts'
import { toErrno } from './errno.ts'
import type { Ino } from './ino.ts'
import type { Name } from './name.ts'

/** What an operation was asked; fields that it has not are absent. */
export interface Asked {
  /** The inode it works on; of `name`, the directory. */
  readonly ino: Ino
  readonly name?: Name
  readonly toIno?: Ino
  readonly toName?: Name
  readonly offset?: number
  /** Bytes. */
  readonly size?: number
}

/** A block that an operation waited for, or that it made somebody fetch or store. */
export interface RequestTrace extends Block {
  /** `flight`: another operation, or read-ahead, was fetching the block already. */
  readonly by: 'disk' | 'store' | 'flight' | 'upload' | 'staging'
  readonly ms: number
  readonly failed?: string
}

export interface StartedOperation extends Asked {
  /** Counts operations up, from the start of the process. */
  readonly seq: number
  readonly op: string
  readonly pid: number
  readonly uid: number
  /** Start, milliseconds since 1970. */
  readonly atMs: number
}

export interface OperationTrace extends StartedOperation {
  readonly ms: number
  /** 0: it succeeded. */
  readonly errno: number
  readonly requests: readonly RequestTrace[]
}

export interface TraceListener {
  /** Before anything is done for it: its program waits. */
  started(operation: StartedOperation): void
  ended(operation: OperationTrace): void
  /** A request that ended after its operation: an upload, read-ahead. Undefined: no operation caused it. */
  late(request: RequestTrace, cause: StartedOperation | undefined): void
}

/** An operation shows no more requests than this. */
const MOST_REQUESTS = 64

interface Block {
  /** The object's. */
  readonly key: string
  /** Of the block, not compressed. */
  readonly bytes: number
}

interface Running {
  readonly operation: StartedOperation
  readonly requests: RequestTrace[]
  ended: boolean
}

export class Trace {
  readonly #clock: Clock
  readonly #listeners = new Set<TraceListener>()
  readonly #cause = new AsyncLocalStorage<Running>()
  #seq = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Somebody watches. */
  get active(): boolean {
    return this.#listeners.size > 0
  }

  /** Tell `listener` of everything from now on, until the returned function is called. It must not throw. */
  watch(listener: TraceListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Do `work`, an operation called `op`. Call it only while `active`. `failed`: an errno that a result means. */
  async operation<T>(
    op: string,
    { pid, uid }: { readonly pid: number; readonly uid: number },
    asked: Asked,
    work: () => Promise<T>,
    failed?: (result: T) => number,
  ): Promise<T> {
    const { sec, nsec } = this.#clock.now()
    const atMs = sec * 1000 + nsec / 1e6
    const running: Running = {
      operation: { ...asked, seq: ++this.#seq, op, pid, uid, atMs },
      requests: [],
      ended: false,
    }
    for (const listener of this.#listeners) listener.started(running.operation)
    const started = this.#clock.monotonicMs()
    const end = (errno: number): void => {
      running.ended = true
      const ms = this.#clock.monotonicMs() - started
      const { requests } = running
      for (const listener of this.#listeners) listener.ended({ ...running.operation, ms, errno, requests })
    }
    try {
      const result = await this.#cause.run(running, work)
      end(failed?.(result) ?? 0)
      return result
    } catch (error) {
      end(toErrno(error))
      throw error
    }
  }

  /** Wait for `work`, a request for a block. Without a watcher it only waits. */
  request<T>(by: RequestTrace['by'], block: () => Block, work: Promise<T>): Promise<T> {
    return this.active ? this.#timed(by, block(), work) : work
  }

  async #timed<T>(by: RequestTrace['by'], block: Block, work: Promise<T>): Promise<T> {
    const cause = this.#cause.getStore()
    const started = this.#clock.monotonicMs()
    const end = (failed?: string): void => {
      const request = { by, ...block, ms: this.#clock.monotonicMs() - started, ...(failed && { failed }) }
      if (cause !== undefined && !cause.ended) {
        if (cause.requests.length < MOST_REQUESTS) cause.requests.push(request)
      } else for (const listener of this.#listeners) listener.late(request, cause?.operation)
    }
    try {
      const result = await work
      end()
      return result
    } catch (error) {
      end(error instanceof Error ? error.message : String(error))
      throw error
    }
  }
}
