/** A long list that is read a page at a time, where it is looked at. */
import type { BucketObject, BucketPage } from '#core/api/inspect.ts'

const PAGE = 200
/** Pages that are kept; the ones looked at longest ago go. */
const MOST_PAGES = 50
/** Requests at a time. */
const MOST_READ = 2
/** Pages that wait to be read; of more, those looked at longest ago have been scrolled past. */
const MOST_WAITING = 4

export type ReadPage = (from: number, limit: number, signal: AbortSignal) => Promise<BucketPage>

export class ObjectPages {
  readonly read: ReadPage
  readonly #pages = new Map<number, readonly BucketObject[] | null>()
  readonly #listeners = new Set<() => void>()
  readonly #stop = new AbortController()
  readonly #waiting: number[] = []
  #reading = 0
  /** Counts changes, for who draws it. */
  version = 0
  total = 0
  /** Undefined until it is known; null: the bucket was never listed. */
  listedMs: number | null | undefined
  error: unknown = null

  constructor(read: ReadPage) {
    this.read = read
    this.#want(0)
  }

  /** Undefined: not read yet; it is being read now. */
  at(index: number): BucketObject | undefined {
    const page = Math.floor(index / PAGE)
    const rows = this.#pages.get(page)
    if (rows === undefined) this.#want(page)
    else {
      this.#pages.delete(page)
      this.#pages.set(page, rows)
    }
    return rows?.[index % PAGE]
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    this.#stop.abort()
  }

  #want(page: number): void {
    this.#pages.set(page, null)
    if (this.#pages.size > MOST_PAGES) this.#pages.delete(this.#pages.keys().next().value!)
    this.#waiting.push(page)
    // One that is still in sight is wanted again when the next one has come.
    if (this.#waiting.length > MOST_WAITING) this.#pages.delete(this.#waiting.shift()!)
    this.#readNext()
  }

  #readNext(): void {
    if (this.#reading >= MOST_READ) return
    const page = this.#waiting.pop()
    if (page === undefined) return
    this.#reading++
    const { signal } = this.#stop
    const ended = this.read(page * PAGE, PAGE, signal).then(
      ({ objects, total, listedMs }) => {
        if (signal.aborted) return
        this.#pages.set(page, objects)
        this.total = total
        this.listedMs = listedMs
        this.error = null
        this.#changed()
      },
      (error: unknown) => {
        if (signal.aborted) return
        this.#pages.delete(page)
        this.error = error
        this.#changed()
      },
    )
    void ended.finally(() => {
      this.#reading--
      if (!signal.aborted) this.#readNext()
    })
  }

  #changed(): void {
    this.version++
    for (const listener of this.#listeners) listener()
  }
}
