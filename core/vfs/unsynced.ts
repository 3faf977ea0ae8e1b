/**
 * Slices that are committed but may not survive a power cut yet, by file, until an fsync of the file or of
 * everything. Remote stores have nothing to do for them; a local one flushes their files.
 */
import type { Ino } from '#core/base/ino.ts'
import type { TaskSet } from '#core/base/tasks.ts'
import type { BlockStore, SliceId } from '#core/chunk/api.ts'

/** Slices remembered; the files that waited longest are synced in the background beyond. */
const MAX_SLICES = 10_000

export class Unsynced {
  readonly #blocks: BlockStore
  readonly #tasks: TaskSet
  readonly #slices = new Map<Ino, SliceId[]>()
  /** The last sync of a file under way: the next waits for it. */
  readonly #running = new Map<Ino, Promise<void>>()
  #count = 0

  constructor(blocks: BlockStore, tasks: TaskSet) {
    this.#blocks = blocks
    this.#tasks = tasks
  }

  add(ino: Ino, slice: SliceId): void {
    const slices = this.#slices.get(ino)
    if (slices === undefined) this.#slices.set(ino, [slice])
    else slices.push(slice)
    if (++this.#count <= MAX_SLICES) return
    const oldest = this.#slices.keys().next().value!
    this.#tasks.start('sync old slices', () => this.sync(oldest))
  }

  /** The file's slices are durable when this resolves. A failure leaves them to be synced again. */
  async sync(ino: Ino): Promise<void> {
    const before = this.#running.get(ino)
    if (before === undefined && !this.#slices.has(ino)) return
    const own = this.#syncAfter(before, ino)
    this.#running.set(ino, own)
    try {
      await own
    } finally {
      if (this.#running.get(ino) === own) this.#running.delete(ino)
    }
  }

  async syncAll(): Promise<void> {
    for (const ino of new Set([...this.#slices.keys(), ...this.#running.keys()])) await this.sync(ino)
  }

  #take(ino: Ino): readonly SliceId[] {
    const slices = this.#slices.get(ino) ?? []
    this.#slices.delete(ino)
    this.#count -= slices.length
    return slices
  }

  async #syncAfter(before: Promise<void> | undefined, ino: Ino): Promise<void> {
    await before?.catch(() => {})
    const slices = this.#take(ino)
    if (slices.length === 0) return
    try {
      await this.#blocks.sync(slices)
    } catch (error) {
      this.#count += slices.length
      this.#slices.set(ino, [...slices, ...(this.#slices.get(ino) ?? [])])
      throw error
    }
  }
}
