/**
 * Threads for sealing and unsealing: the RSA private operation takes 0.7 ms and AES of a 4 MiB block 2 ms, which the
 * event loop must not wait for. What is to be unsealed is moved to the thread; what is to be sealed is copied into
 * memory shared with it, which stays warm: a fresh 4 MiB costs 2 ms of page faults, the copy 0.2 ms.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { BackendError } from '#core/base/errno.ts'
import { totalLength } from './parts.ts'
import type { VolumeKey } from './volume-key.ts'

export type SealingTask = { readonly plain: Uint8Array } | { readonly sealed: Uint8Array }

export type SealingAnswer =
  | { readonly parts: readonly Uint8Array[] }
  | { readonly message: string; readonly isCorrupt: boolean }

interface Job {
  /** Called when a thread is free. */
  readonly start: (thread: Thread) => void
  readonly resolve: (parts: readonly Uint8Array[]) => void
  readonly reject: (error: Error) => void
}

class Thread {
  readonly worker: Worker
  /** What it works on. */
  job: Job | undefined
  #shared = new Uint8Array(new SharedArrayBuffer(0))

  constructor(key: VolumeKey) {
    this.worker = new Worker(new URL('./sealing-worker.ts', import.meta.url), { workerData: key })
  }

  /** Memory that both sides see; good until the thread's next job. */
  share(parts: readonly Uint8Array[]): Uint8Array {
    const length = totalLength(parts)
    if (length > this.#shared.length) this.#shared = new Uint8Array(new SharedArrayBuffer(length))
    let at = 0
    for (const part of parts) {
      this.#shared.set(part, at)
      at += part.length
    }
    return this.#shared.subarray(0, length)
  }
}

export class SealingPool {
  readonly #key: VolumeKey
  readonly #size: number
  readonly #threads = new Set<Thread>()
  /** In order of arrival; as many as the callers' own limits let through. */
  readonly #waiting: Job[] = []
  #isClosed = false

  constructor(key: VolumeKey, size = Math.min(4, availableParallelism())) {
    this.#key = key
    this.#size = size
  }

  /** The parts of the sealed object. `plain` must not change until then. */
  seal(plain: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    return this.#run((thread) => {
      thread.worker.postMessage({ plain: thread.share(plain) } satisfies SealingTask)
    })
  }

  /** `sealed` is given away: its memory must be nobody else's and is gone afterwards. */
  async unseal(sealed: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    const parts = await this.#run(({ worker }) => {
      worker.postMessage({ sealed } satisfies SealingTask, [sealed.buffer])
    })
    return parts[0]!
  }

  close(): void {
    this.#isClosed = true
    for (const thread of this.#threads) {
      void thread.worker.terminate()
      this.#drop(thread, closed())
    }
    for (const { reject } of this.#waiting.splice(0)) reject(closed())
  }

  #run(start: (thread: Thread) => void): Promise<readonly Uint8Array[]> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(closed())
      this.#waiting.push({ start, resolve, reject })
      this.#next()
    })
  }

  /** Give the first in line to a free thread, if there is one or may be one more. */
  #next(): void {
    if (this.#waiting.length === 0) return
    const thread = this.#freeThread()
    if (thread === undefined) return
    const job = this.#waiting.shift()!
    thread.job = job
    // A thread keeps the process alive only while somebody waits for it.
    thread.worker.ref()
    job.start(thread)
  }

  #freeThread(): Thread | undefined {
    for (const thread of this.#threads) if (thread.job === undefined) return thread
    if (this.#threads.size >= this.#size) return undefined
    const thread = new Thread(this.#key)
    thread.worker.on('message', (answer: SealingAnswer) => this.#settle(thread, answer))
    thread.worker.on('error', (cause) =>
      this.#drop(thread, new BackendError('unavailable', `sealing thread failed: ${cause}`, { cause })),
    )
    thread.worker.on('exit', () =>
      this.#drop(thread, new BackendError('unavailable', 'sealing thread ended')),
    )
    this.#threads.add(thread)
    return thread
  }

  #settle(thread: Thread, answer: SealingAnswer): void {
    const { job } = thread
    thread.job = undefined
    thread.worker.unref()
    if ('parts' in answer) job?.resolve(answer.parts)
    else job?.reject(new BackendError(answer.isCorrupt ? 'corrupt' : 'unavailable', answer.message))
    this.#next()
  }

  #drop(thread: Thread, error: BackendError): void {
    this.#threads.delete(thread)
    thread.job?.reject(error)
    thread.job = undefined
    if (!this.#isClosed) this.#next()
  }
}

function closed(): BackendError {
  return new BackendError('closed', 'the store was closed')
}
