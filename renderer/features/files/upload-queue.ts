/** Uploads of the files somebody dropped: a few at a time, each can fail alone, all can be stopped. */
import type { UploadItem } from './dropped.ts'

const AT_ONCE = 3

export interface Failure {
  readonly item: UploadItem
  readonly error: unknown
}

export class UploadQueue {
  readonly #send: (item: UploadItem, overwrite: boolean, signal: AbortSignal) => Promise<void>
  readonly #onIdle: (uploaded: number) => void
  readonly #waiting: { readonly item: UploadItem; readonly overwrite: boolean }[] = []
  readonly #listeners = new Set<() => void>()
  #stop = new AbortController()
  #running = 0
  #done = 0
  #all = 0
  #failures: readonly Failure[] = []
  #version = 0

  /** `onIdle` is called when the last one has ended, with how many went up. */
  constructor(
    send: (item: UploadItem, overwrite: boolean, signal: AbortSignal) => Promise<void>,
    onIdle: (uploaded: number) => void,
  ) {
    this.#send = send
    this.#onIdle = onIdle
  }

  get version(): number {
    return this.#version
  }

  get busy(): boolean {
    return this.#running > 0
  }

  /** Ended and all, of the present run. */
  get progress(): { readonly done: number; readonly all: number } {
    return { done: this.#done, all: this.#all }
  }

  get failures(): readonly Failure[] {
    return this.#failures
  }

  add(items: readonly UploadItem[], overwrite = false): void {
    this.#failures = this.#failures.filter(({ item }) => !items.includes(item))
    for (const item of items) this.#waiting.push({ item, overwrite })
    this.#all += items.length
    this.#next()
  }

  dismiss(failure: Failure): void {
    this.#failures = this.#failures.filter((each) => each !== failure)
    this.#changed()
  }

  cancel(): void {
    this.#waiting.length = 0
    this.#stop.abort()
    this.#stop = new AbortController()
    this.#changed()
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  #next(): void {
    while (this.#running < AT_ONCE) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      this.#running++
      void this.#run(next.item, next.overwrite)
    }
    this.#changed()
  }

  async #run(item: UploadItem, overwrite: boolean): Promise<void> {
    const { signal } = this.#stop
    try {
      await this.#send(item, overwrite, signal)
      this.#done++
    } catch (error) {
      if (!signal.aborted) this.#failures = [...this.#failures, { item, error }]
    }
    this.#running--
    this.#next()
    if (this.#running > 0) return
    const uploaded = this.#done
    this.#done = 0
    this.#all = 0
    this.#changed()
    this.#onIdle(uploaded)
  }

  #changed(): void {
    this.#version++
    for (const listener of this.#listeners) listener()
  }
}
