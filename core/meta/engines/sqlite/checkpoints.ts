/**
 * Keeps the log short without the event loop ever waiting for a checkpoint: a thread with a connection of its
 * own does them, started when the first is due.
 *
 * Bounds: from PASSIVE_FRAMES waiting frames on a checkpoint is under way; beyond RESTART_FRAMES in the log the
 * thread stops writers for a moment so that the log can start over; beyond FULL_FRAMES our own commits wait
 * for it. Only a reader elsewhere that stays in one transaction can make the log longer than that.
 */
import { Worker } from 'node:worker_threads'
import type { Database, Statement } from 'better-sqlite3'

/** 8, 32 and 96 MiB of 4 KiB pages. */
const PASSIVE_FRAMES = 2_000
const RESTART_FRAMES = 8_000
const FULL_FRAMES = 24_000
/** Commits between two looks at the log's length. */
const LOOK_EVERY = 64

export interface CheckpointSetup {
  readonly path: string
  readonly restartFrames: number
}

export interface CheckpointReply {
  readonly error?: string
}

export class Checkpoints {
  readonly #setup: CheckpointSetup
  readonly #onError: (message: string) => void
  readonly #look: Statement<unknown[], [busy: number, frames: number, moved: number]>
  #worker: Worker | undefined
  #running: Promise<void> | undefined
  #done: (() => void) | undefined
  #commits = 0
  #closing = false

  /** `db`: the engine's connection to the file at `path`. */
  constructor(db: Database, path: string, onError: (message: string) => void) {
    this.#setup = { path, restartFrames: RESTART_FRAMES }
    this.#onError = onError
    this.#look = db.prepare<unknown[], [number, number, number]>('PRAGMA main.wal_checkpoint(NOOP)').raw(true)
  }

  /** A commit was applied. What it returns is to be awaited before the next one. @hot */
  note(): Promise<void> | undefined {
    if (++this.#commits < LOOK_EVERY || this.#closing) return undefined
    this.#commits = 0
    const [, frames, moved] = this.#look.get()!
    if (frames - moved >= PASSIVE_FRAMES) this.#ask()
    return frames >= FULL_FRAMES ? this.#running : undefined
  }

  async close(): Promise<void> {
    this.#closing = true
    const worker = this.#worker
    if (worker === undefined) return
    const gone = new Promise((resolve) => worker.once('exit', resolve))
    worker.ref()
    worker.postMessage('close')
    await gone
  }

  #ask(): void {
    if (this.#running !== undefined) return
    this.#running = new Promise((resolve) => {
      this.#done = resolve
    })
    this.#worker ??= this.#start()
    this.#worker.ref() // somebody may wait for it
    this.#worker.postMessage('checkpoint')
  }

  #finish(): void {
    if (!this.#closing) this.#worker?.unref()
    this.#running = undefined
    this.#done?.()
  }

  #start(): Worker {
    const worker = new Worker(new URL('./checkpoint-worker.ts', import.meta.url), { workerData: this.#setup })
    worker.on('message', (reply: CheckpointReply) => {
      if (reply.error !== undefined) this.#onError(reply.error)
      this.#finish()
    })
    worker.on('error', (error) => this.#onError(String(error)))
    worker.on('exit', () => {
      this.#worker = undefined
      this.#finish()
    })
    return worker
  }
}
