/**
 * Removing data nobody can reach: the chunks of deleted files, and slices that no chunk uses.
 *
 * Nothing here is remembered by this process alone. A deleted file has its record until its last chunk is gone,
 * a slice its reference until its objects are gone, so whatever is left undone (queue full, maxDeletes 0, stop,
 * crash) the hourly jobs of some client find (jobs.ts).
 *
 * Source: shared/spec/meta-records.md §8, 10; fs-semantics.md §7; data-path.md §11 (Deletion of a slice).
 */
import { type Ino, inoText } from '#core/base/ino.ts'
import type { Log } from '#core/base/log.ts'
import { Semaphore } from '#core/base/semaphore.ts'
import type { TaskSet } from '#core/base/tasks.ts'
import { sliceUses } from './ops/slice-uses.ts'
import { pagesOf } from './ops/walk.ts'
import { decodeSlices } from './slices.ts'
import type { Deletions } from './state.ts'
import { type Runner, run } from './tx.ts'

/** Files whose data are removed at the same time. */
const FILES = 16
/** Files and slices waiting here; more are left to the hourly jobs. */
const MAX_WAITING = 100_000
const CHUNKS_PAGE = 200

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
  readonly #files = new Semaphore(FILES)
  readonly #slices: Semaphore | undefined
  readonly #stopping = new AbortController()

  constructor(host: DeletionsHost, removeObjects: RemoveSlice) {
    this.#host = host
    this.#removeObjects = removeObjects
    const { maxDeletes, readOnly } = host.options
    if (maxDeletes > 0 && !readOnly) this.#slices = new Semaphore(maxDeletes)
  }

  file(ino: Ino, length: number): void {
    if (this.#stopping.signal.aborted || this.#files.waiting >= MAX_WAITING) return
    this.#background('delete file data', () => this.removeFile(ino, length))
  }

  slice(id: number, size: number): void {
    if (this.#slices === undefined || this.#slices.waiting >= MAX_WAITING) return
    this.#background('delete slice', () => this.removeSlice(id, size))
  }

  /** Remove a deleted file's chunks and the slices only it used, then its record. */
  async removeFile(ino: Ino, length: number, signal = this.#stopping.signal): Promise<void> {
    await this.#files.run(async () => {
      const { engine, log } = this.#host
      const [node] = await engine.read([{ kind: 'node', ino }])
      if (node !== null) {
        log.warn('a file listed as deleted still exists; its data are kept', { ino: inoText(ino) })
        return
      }
      for await (const chunks of pagesOf(this.#host, { kind: 'chunks', ino }, CHUNKS_PAGE)) {
        for (const { index } of chunks) {
          signal.throwIfAborted()
          const unused = await this.#removeChunk(ino, index)
          await Promise.all(unused.map(({ id, size }) => this.removeSlice(id, size, signal)))
        }
      }
      await engine.commit('delete file', [], [{ kind: 'delDeletedFile', ino, length }])
    }, signal)
  }

  /** Remove a slice's objects and its reference, if really nobody uses it. Nothing when maxDeletes is 0. */
  async removeSlice(id: number, size: number, signal = this.#stopping.signal): Promise<void> {
    await this.#slices?.run(async () => {
      const [ref] = await this.#host.engine.read([{ kind: 'sliceRef', id, size }])
      if (ref === null || ref.uses > 0) return
      await this.#removeObjects(id, size)
      await this.#host.engine.commit('delete slice', [], [{ kind: 'delSliceRef', id, size }])
    }, signal)
  }

  /** Start no more; what is under way finishes (`tasks.drain`), what waits is left to the hourly jobs. */
  stop(): void {
    this.#stopping.abort()
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
