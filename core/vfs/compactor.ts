/**
 * Compaction in the background: a chunk whose records have become many is rewritten as one slice. Which records,
 * and what becomes of the replaced ones, is decided in `core/meta/ops/compaction.ts`.
 * Source: shared/spec/fs-semantics.md §1, data-path.md §11.
 */
import { rootContext } from '#core/base/context.ts'
import { BackendError } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Log } from '#core/base/log.ts'
import { exponentialBounds, type Histogram, type Metrics } from '#core/base/metrics.ts'
import { Semaphore } from '#core/base/semaphore.ts'
import type { TaskSet } from '#core/base/tasks.ts'
import type { BlockStore, SliceWriter } from '#core/chunk/api.ts'
import type { Meta } from '#core/meta/api.ts'
import type { CompactionPlan } from '#core/meta/ops/compaction.ts'
import { planCompaction } from '#core/meta/ops/compaction.ts'
import type { SliceRecord } from '#core/meta/records.ts'
import type { ChunkView } from './chunk-view.ts'
import type { VfsOptions } from './options.ts'

/** Records, or visible pieces, at which a chunk that was read is worth it. */
const READ_LIMIT = 5
/** Above so many records every commit asks for it; above the second the writer waits for it. */
const WRITE_LIMIT = 350
const WRITE_STOP = 2500
/** Chunks asked for and not begun; more are forgotten and asked for again by their next reader. */
const MAX_ASKED = 1000

interface Parts {
  readonly meta: Meta
  readonly blocks: BlockStore
  readonly log: Log
  readonly metrics: Metrics
  readonly tasks: TaskSet
  readonly options: VfsOptions
  /** The chunk's records were replaced. */
  readonly onCompacted: (ino: Ino, index: number) => void
}

export class Compactor {
  readonly #parts: Parts
  readonly #turns: Semaphore
  readonly #running = new Map<string, Promise<boolean>>()
  readonly #sizes: Histogram
  readonly #stop = new AbortController()
  readonly #off: boolean

  constructor(parts: Parts) {
    this.#parts = parts
    this.#turns = new Semaphore(parts.options.maxCompactions)
    this.#sizes = parts.metrics.histogram('compact_size_histogram_bytes', exponentialBounds(1024, 2, 16))
    this.#off = parts.meta.readOnly || parts.options.compaction === 'off'
  }

  /** A chunk's view was read. */
  afterRead(ino: Ino, index: number, view: ChunkView): void {
    if (view.records >= READ_LIMIT || view.pieces.length >= READ_LIMIT) this.#ask(ino, index)
  }

  /** A commit left `records` in a chunk. A promise when the writer has to wait for it. */
  afterCommit(ino: Ino, index: number, records: number): Promise<void> | undefined {
    if (this.#off) return undefined
    if (records >= WRITE_STOP) return this.#quietly(ino, index)
    const eager = this.#parts.options.compaction === 'eager' && records % 2 === 0
    if (eager || records % 100 === 99 || records > WRITE_LIMIT) this.#ask(ino, index)
    return undefined
  }

  /** Start no more, and end those under way. */
  stop(): void {
    this.#stop.abort(new BackendError('closed', 'compaction stopped'))
  }

  #ask(ino: Ino, index: number): void {
    if (this.#off || this.#stop.signal.aborted) return
    if (this.#running.size >= MAX_ASKED || this.#running.has(`${ino} ${index}`)) return
    this.#parts.tasks.start('compaction', () => this.#quietly(ino, index))
  }

  /** Nobody waits for the outcome: what fails is logged and tried again by the next reader. */
  async #quietly(ino: Ino, index: number): Promise<void> {
    try {
      await this.compactChunk(ino, index)
    } catch (error) {
      const gone = error instanceof BackendError && (error.kind === 'not-found' || error.kind === 'closed')
      this.#parts.log[gone ? 'debug' : 'warn']('compaction failed', { ino, index, error })
    }
  }

  /**
   * Compact one chunk; callers for the same chunk share one. False: not worth it, or somebody was faster.
   * Errors: as Meta and BlockStore.
   */
  compactChunk(ino: Ino, index: number, signal?: AbortSignal): Promise<boolean> {
    const key = `${ino} ${index}`
    let running = this.#running.get(key)
    if (running === undefined) {
      const stop = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal])
      running = this.#turns
        .run(() => this.#compact(ino, index, stop), stop)
        .finally(() => this.#running.delete(key))
      this.#running.set(key, running)
    }
    return running
  }

  async #compact(ino: Ino, index: number, signal: AbortSignal): Promise<boolean> {
    const { meta, blocks } = this.#parts
    const plan = planCompaction(await meta.readChunk(ino, index))
    if (plan === undefined) return false
    if (plan.isHole) return this.#replace(ino, index, plan, 0)
    const { tier } = await meta.getattr(rootContext(), ino)
    const id = await meta.newSlice()
    const writer = blocks.newSlice({ tier, direct: true })
    try {
      writer.setId(id)
      for (const segment of plan.segments) await this.#copy(segment, plan.pos, writer, signal)
    } catch (error) {
      writer.abort()
      throw error
    }
    await writer.finish()
    return this.#replace(ino, index, plan, id)
  }

  async #copy(segment: SliceRecord, base: number, writer: SliceWriter, signal: AbortSignal): Promise<void> {
    const { blocks } = this.#parts
    for (let done = 0; done < segment.len; ) {
      signal.throwIfAborted()
      const size = Math.min(blocks.blockSize, segment.len - done)
      const parts =
        segment.id === 0 ? [Buffer.alloc(size)] : await blocks.read(segment, segment.off + done, size, signal)
      for (const part of parts) {
        await put(writer, segment.pos - base + done, part, signal)
        done += part.length
      }
    }
  }

  async #replace(ino: Ino, index: number, plan: CompactionPlan, id: number): Promise<boolean> {
    const { meta, blocks, onCompacted } = this.#parts
    const slice = { pos: plan.pos, id, size: plan.size, off: 0, len: plan.size }
    const done = await meta.commitCompaction(ino, index, plan.prefix, plan.skipped, slice)
    if (done) {
      this.#sizes.observe(plan.size)
      onCompacted(ino, index)
    } else if (id !== 0) {
      await blocks.remove(slice)
    }
    return done
  }
}

async function put(writer: SliceWriter, at: number, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  for (;;) {
    const room = writer.write(at, bytes, signal)
    if (room === undefined) return
    await room
  }
}
