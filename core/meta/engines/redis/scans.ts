/**
 * Pages from what Redis brings in batches of its own size (SCAN, HSCAN, SSCAN). Items of a batch that did not fit into
 * the page are kept for the next; where they have been forgotten meanwhile, the batch is fetched again and may bring
 * items a second time, as SCAN itself may.
 */
import type { Page, PageRequest } from '#core/meta/engine.ts'

export interface Batch<T> {
  readonly items: readonly T[]
  /** Where the next batch is; absent at the end. */
  readonly next?: string | undefined
}

/** The batch at a position; the first is at ''. */
export type Source<T> = (position: string) => Promise<Batch<T>>

/** Pages that left something over, of all listings under way. */
const MAX_LEFT = 64

export class Scans {
  readonly #left = new Map<string, Batch<unknown>>()
  #count = 0

  async page<T>({ after = '', limit }: PageRequest, source: Source<T>): Promise<Page<T>> {
    const items: T[] = []
    const [position, id] = after.split('#') as [string, string?]
    let at: string | undefined = position
    let batch = this.#takeLeft<T>(id)
    for (;;) {
      batch ??= await source(at)
      const room = limit - items.length
      if (batch.items.length > room) {
        for (let k = 0; k < room; k++) items.push(batch.items[k]!)
        const rest = { items: batch.items.slice(room), next: batch.next }
        return { items, next: `${at}#${this.#keepLeft(rest)}` }
      }
      for (const item of batch.items) items.push(item)
      at = batch.next
      if (at === undefined) return { items }
      if (items.length === limit) return { items, next: at }
      batch = undefined
    }
  }

  #takeLeft<T>(id: string | undefined): Batch<T> | undefined {
    if (id === undefined) return undefined
    const batch = this.#left.get(id) as Batch<T> | undefined
    this.#left.delete(id)
    return batch
  }

  #keepLeft(batch: Batch<unknown>): string {
    const id = String(this.#count++)
    this.#left.set(id, batch)
    if (this.#left.size > MAX_LEFT) this.#left.delete(this.#left.keys().next().value!)
    return id
  }
}
