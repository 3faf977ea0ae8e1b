/**
 * Slices that are committed but may not survive a power cut yet. Remote stores have nothing to do for them; a local
 * one flushes their files.
 *
 * Metadata become durable as a whole, so an fsync of one file first makes the slices of all files durable: what is
 * stored never names bytes that are not, and an fsync covers slices that a clone or copy shares with another file.
 * Callers that come together share one round.
 */
import type { Ino } from '#core/base/ino.ts'
import type { TaskSet } from '#core/base/tasks.ts'
import type { BlockStore, SliceId } from '#core/chunk/api.ts'

/** Slices remembered; beyond, they are synced in the background. */
const MAX_SLICES = 10_000

/** What failed in a round, by the file that wrote it. */
type Failures = ReadonlyMap<Ino, unknown>

export class Unsynced {
  readonly #blocks: BlockStore
  readonly #tasks: TaskSet
  #slices = new Map<Ino, SliceId[]>()
  #count = 0
  #running: Promise<Failures> | undefined
  #queued: Promise<Failures> | undefined

  constructor(blocks: BlockStore, tasks: TaskSet) {
    this.#blocks = blocks
    this.#tasks = tasks
  }

  add(ino: Ino, slice: SliceId): void {
    const slices = this.#slices.get(ino)
    if (slices === undefined) this.#slices.set(ino, [slice])
    else slices.push(slice)
    if (++this.#count > MAX_SLICES && this.#running === undefined) {
      this.#tasks.start('sync of old slices', () => this.syncAll())
    }
  }

  /** Everything added so far is durable when this resolves; rejects only when slices that `ino` wrote are not. */
  async sync(ino: Ino): Promise<void> {
    const failures = await this.#round()
    if (failures.has(ino)) throw failures.get(ino)
  }

  /** The same; rejects when any slice is not. */
  async syncAll(): Promise<void> {
    for (const [, error] of await this.#round()) throw error
  }

  /** A round that has all slices added so far. */
  #round(): Promise<Failures> {
    const running = this.#running
    if (running === undefined) return this.#start()
    if (this.#count === 0) return running
    this.#queued ??= running.then(() => {
      this.#queued = undefined
      return this.#start()
    })
    return this.#queued
  }

  #start(): Promise<Failures> {
    const slices = this.#slices
    this.#slices = new Map()
    this.#count = 0
    const running = this.#flush(slices).finally(() => {
      this.#running = undefined
    })
    this.#running = running
    return running
  }

  /** What fails is taken back to be synced again. */
  async #flush(slices: ReadonlyMap<Ino, readonly SliceId[]>): Promise<Failures> {
    const failures = new Map<Ino, unknown>()
    const files = [...slices].map(async ([ino, own]) => {
      try {
        await this.#blocks.sync(own)
      } catch (error) {
        failures.set(ino, error)
        this.#count += own.length
        this.#slices.set(ino, [...own, ...(this.#slices.get(ino) ?? [])])
      }
    })
    await Promise.all(files)
    return failures
  }
}
