/**
 * Removing data nobody can reach: the chunks of deleted files, and slices that no chunk uses.
 *
 * Nothing here is remembered by this process alone. A deleted file has its record until its last chunk is gone,
 * a slice its reference until its objects are gone, so whatever is left undone (queue full, maxDeletes 0, stop,
 * crash) the hourly jobs of some client find (jobs.ts).
 *
 * Source: shared/spec/meta-records.md §8, 10; fs-semantics.md §7; data-path.md §11 (Deletion of a slice).
 */
import { setMaxListeners } from 'node:events'
import { type Ino, inoText } from '#core/base/ino.ts'
import type { Log } from '#core/base/log.ts'
import { Semaphore } from '#core/base/semaphore.ts'
import type { TaskSet } from '#core/base/tasks.ts'
import { sliceUses } from './ops/slice-uses.ts'
import { pagesOf } from './ops/walk.ts'
import type { DeletedFile } from './records.ts'
import { decodeSlices } from './slices.ts'
import type { Deletions } from './state.ts'
import { type Runner, run } from './tx.ts'

/** Files whose data are removed at the same time. */
const FILES = 16
/** Files waiting here; when there were more, their records are listed once these are done. */
const MAX_FILES_WAITING = 10_000
/** Slices waiting here; more are left to the hourly job. */
const MAX_SLICES_WAITING = 10_000
const CHUNKS_PAGE = 200
const FILES_PAGE = 1000

export interface DeletionsHost extends Runner {
  readonly log: Log
  readonly tasks: TaskSet
  readonly options: { readonly readOnly: boolean; readonly maxDeletes: number }
}

/** Remove all objects of a slice, and what caches hold of it. Idempotent. */
export type RemoveSlice = (id: number, size: number) => Promise<void>

export class DataDeletions implements Deletions {
  readonly #host: DeletionsHost
  readonly #removeObjects: RemoveSlice
  readonly #slices: Semaphore | undefined
  readonly #stopping = new AbortController()
  readonly #waiting: Pick<DeletedFile, 'ino' | 'length'>[] = []
  #running = 0
  /** Some deleted files did not fit into `#waiting`: list them, after this mark of the list. */
  #missed = false
  #mark: string | undefined

  constructor(host: DeletionsHost, removeObjects: RemoveSlice) {
    this.#host = host
    this.#removeObjects = removeObjects
    const { maxDeletes, readOnly } = host.options
    if (maxDeletes > 0 && !readOnly) this.#slices = new Semaphore(maxDeletes)
    setMaxListeners(0, this.#stopping.signal)
  }

  file(ino: Ino, length: number): void {
    if (this.#waiting.length < MAX_FILES_WAITING) this.#waiting.push({ ino, length })
    else this.#missed = true
    this.#pump()
  }

  slice(id: number, size: number): void {
    if (this.#slices === undefined || this.#slices.waiting >= MAX_SLICES_WAITING) return
    if (!this.#stopping.signal.aborted) this.#background('delete slice', () => this.removeSlice(id, size))
  }

  /** Remove a deleted file's chunks and the slices only it used, then its record. */
  async removeFile(ino: Ino, length: number, signal = this.#stopping.signal): Promise<void> {
    const { engine, log } = this.#host
    const [node] = await engine.read([{ kind: 'node', ino }])
    if (node !== null) {
      log.warn('a file listed as deleted still exists; its data are kept', { ino: inoText(ino) })
      return
    }
    for await (const chunks of pagesOf(this.#host, { kind: 'chunks', ino, length }, CHUNKS_PAGE)) {
      for (const { index } of chunks) {
        signal.throwIfAborted()
        const unused = await this.#removeChunk(ino, index)
        await Promise.all(unused.map(({ id, size }) => this.removeSlice(id, size, signal)))
      }
    }
    await engine.commit('delete file', [], [{ kind: 'delDeletedFile', ino, length }])
  }

  /** Remove a slice's objects and its reference, if really nobody uses it. Nothing when maxDeletes is 0. */
  async removeSlice(id: number, size: number, signal = this.#stopping.signal): Promise<void> {
    await this.#slices?.run(async () => {
      const [ref] = await this.#host.engine.read([{ kind: 'sliceRef', id, size }])
      if (ref === null || ref.uses > 0) return
      // After a power cut no metadata may come back that still name the objects.
      await this.#host.engine.sync()
      await this.#removeObjects(id, size)
      await this.#host.engine.commit('delete slice', [], [{ kind: 'delSliceRef', id, size }])
    }, signal)
  }

  /** Start no more; what is under way finishes (`tasks.drain`), what waits is left to the hourly jobs. */
  stop(): void {
    this.#stopping.abort()
  }

  #pump(): void {
    while (this.#running < FILES && this.#waiting.length > 0 && !this.#stopping.signal.aborted) {
      const { ino, length } = this.#waiting.shift()!
      this.#running++
      this.#background('delete file data', () =>
        this.removeFile(ino, length).finally(() => {
          this.#running--
          this.#pump()
        }),
      )
    }
    if (!this.#missed || this.#running > 0 || this.#stopping.signal.aborted) return
    this.#missed = false
    this.#background('list deleted files', () => this.#findMissed())
  }

  async #findMissed(): Promise<void> {
    do {
      const page = await this.#host.engine.list(
        { kind: 'deletedFiles' },
        { after: this.#mark, limit: FILES_PAGE },
      )
      this.#waiting.push(...page.items)
      this.#mark = page.next
    } while (this.#mark !== undefined && this.#waiting.length + FILES_PAGE <= MAX_FILES_WAITING)
    if (this.#mark !== undefined) this.#missed = true
    this.#pump()
  }

  /** Drop the chunk's records; returns the slices that nobody uses any more. */
  #removeChunk(ino: Ino, index: number): Promise<readonly { readonly id: number; readonly size: number }[]> {
    const unused: { id: number; size: number }[] = []
    return run(this.#host, 'delete chunk', async (tx) => {
      const [list] = await tx.read([{ kind: 'chunk', ino, index }])
      if (list === null) return unused
      const uses = [...sliceUses(decodeSlices(list))]
      tx.guard({ kind: 'chunkIs', ino, index, is: list })
      tx.change({ kind: 'delChunk', ino, index })
      const at = tx.change(
        ...uses.map(({ id, size, uses }) => ({ kind: 'addSliceRef', id, size, add: -uses }) as const),
      )
      tx.onCommit((replies) => unused.push(...uses.filter((_, k) => replies[at + k]! <= 0)))
      return unused
    })
  }

  #background(name: string, work: () => Promise<void>): void {
    const { signal } = this.#stopping
    this.#host.tasks.start(name, () =>
      work().catch((error: unknown) => {
        if (!signal.aborted || error !== signal.reason) throw error
      }),
    )
  }
}
