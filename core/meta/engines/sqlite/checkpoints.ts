/**
 * Keeps the log short without the event loop ever waiting for a checkpoint: a thread with a connection of its
 * own does them, started when the first is due.
 *
 * Bound: a checkpoint is asked for every PASSIVE_FRAMES frames (estimated from what was committed here); beyond
 * RESTART_FRAMES the thread stops writers for a moment so that the log can start over.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** 8 MiB and 64 MiB of 4 KiB pages. */
const PASSIVE_FRAMES = 2_000
const RESTART_FRAMES = 16_000

export interface CheckpointSetup {
  readonly path: string
  /** A statement that rewrites one row as it is. */
  readonly touch: string
  readonly restartFrames: number
}

export interface CheckpointReply {
  /** Frames in the log, and how many of them are in the main file now. */
  readonly frames: number
  readonly moved: number
  readonly error?: string
}

export class Checkpoints {
  readonly #setup: CheckpointSetup
  readonly #onError: (message: string) => void
  #worker: Worker | undefined
  #running = false
  #frames = 0
  #closing = false

  constructor(
    path: string,
    touch: string,
    onError: (message: string) => void,
    restartFrames = RESTART_FRAMES,
  ) {
    this.#setup = { path, touch, restartFrames }
    this.#onError = onError
  }

  /** A commit with that many changes was applied. @hot */
  note(changes: number): void {
    this.#frames += changes + 1
    if (this.#frames >= PASSIVE_FRAMES && !this.#running) this.#ask()
  }

  async close(): Promise<void> {
    this.#closing = true
    const worker = this.#worker
    if (worker === undefined) return
    this.#worker = undefined
    const gone = once(worker, 'exit')
    worker.ref()
    worker.postMessage('close')
    await gone
  }

  #ask(): void {
    if (this.#closing) return
    this.#running = true
    this.#frames = 0
    this.#worker ??= this.#start()
    this.#worker.postMessage('checkpoint')
  }

  #start(): Worker {
    const worker = new Worker(new URL('./checkpoint-worker.ts', import.meta.url), { workerData: this.#setup })
    worker.on('message', (reply: CheckpointReply) => {
      this.#running = false
      if (reply.error !== undefined) this.#onError(reply.error)
    })
    worker.on('error', (error) => this.#onError(String(error)))
    worker.on('exit', () => {
      this.#running = false
      if (this.#worker === worker) this.#worker = undefined
    })
    worker.unref()
    return worker
  }
}
