/**
 * Threads for sealing and unsealing: the RSA private operation takes 0.7 ms and AES of a 4 MiB block 2 ms, which the
 * event loop must not wait for. Bytes are moved to and fro, not copied.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { BackendError } from '#core/base/errno.ts'
import type { VolumeKey } from './volume-key.ts'

export interface SealingTask {
  readonly id: number
  readonly op: 'seal' | 'unseal'
  readonly bytes: Uint8Array
}

export type SealingAnswer =
  | { readonly id: number; readonly bytes: Uint8Array }
  | { readonly id: number; readonly message: string; readonly isCorrupt: boolean }

interface Pending {
  readonly resolve: (bytes: Uint8Array) => void
  readonly reject: (error: Error) => void
}

interface Thread {
  readonly worker: Worker
  readonly pending: Map<number, Pending>
}

export class SealingPool {
  readonly #key: VolumeKey
  readonly #size: number
  readonly #threads = new Set<Thread>()
  #lastId = 0
  #isClosed = false

  constructor(key: VolumeKey, size = Math.min(4, availableParallelism())) {
    this.#key = key
    this.#size = size
  }

  /** `bytes` is given away: its memory must be nobody else's and is gone afterwards. */
  run(op: SealingTask['op'], bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    if (this.#isClosed) return Promise.reject(new BackendError('closed', 'the store was closed'))
    return new Promise((resolve, reject) => {
      const thread = this.#leastBusy()
      const id = ++this.#lastId
      // A thread keeps the process alive only while somebody waits for it.
      if (thread.pending.size === 0) thread.worker.ref()
      thread.pending.set(id, { resolve, reject })
      thread.worker.postMessage({ id, op, bytes } satisfies SealingTask, [bytes.buffer])
    })
  }

  close(): void {
    this.#isClosed = true
    for (const thread of this.#threads) {
      void thread.worker.terminate()
      this.#drop(thread, new BackendError('closed', 'the store was closed'))
    }
  }

  #leastBusy(): Thread {
    let least: Thread | undefined
    for (const thread of this.#threads) {
      if (least === undefined || thread.pending.size < least.pending.size) least = thread
    }
    if (least !== undefined && (least.pending.size === 0 || this.#threads.size >= this.#size)) return least
    return this.#start()
  }

  #start(): Thread {
    const worker = new Worker(new URL('./sealing-worker.ts', import.meta.url), { workerData: this.#key })
    const thread: Thread = { worker, pending: new Map() }
    worker.on('message', (answer: SealingAnswer) => settle(thread, answer))
    worker.on('error', (cause) =>
      this.#drop(thread, new BackendError('unavailable', `sealing thread failed: ${cause}`, { cause })),
    )
    worker.on('exit', () => this.#drop(thread, new BackendError('unavailable', 'sealing thread ended')))
    this.#threads.add(thread)
    return thread
  }

  #drop(thread: Thread, error: BackendError): void {
    this.#threads.delete(thread)
    for (const { reject } of thread.pending.values()) reject(error)
    thread.pending.clear()
  }
}

function settle({ worker, pending }: Thread, answer: SealingAnswer): void {
  const waiting = pending.get(answer.id)
  pending.delete(answer.id)
  if (pending.size === 0) worker.unref()
  if (waiting === undefined) return
  if ('bytes' in answer) waiting.resolve(answer.bytes)
  else waiting.reject(new BackendError(answer.isCorrupt ? 'corrupt' : 'unavailable', answer.message))
}
