/**
 * Compaction in the background: a chunk whose records have become many is rewritten as one slice. Which records,
 * and what becomes of the replaced ones, is decided in `core/meta/ops/compaction.ts`.
 * Source: shared/spec/fs-semantics.md §1, data-path.md §11.
 */
import type { Clock } from '#core/base/clock.ts'
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
/** With so many records it is worth any number of bytes; above the second the writer waits for it. */
const MANY_RECORDS = 1000
const WRITE_STOP = 2500
/** Always worth writing again: about an object. */
const CHEAP_BYTES = 4 * 2 ** 20
/** Bytes that may be written for each byte of the pieces that are merged. */
const MAX_AMPLIFICATION = 4
/** A chunk that is read and overwritten by turns is not rewritten with every few reads. */
const READ_PAUSE_MS = 10_000
/** Chunks remembered for that. */
const MAX_RECENT = 1000
/** Chunks asked for and not begun; more are forgotten and asked for again by their next reader. */
const MAX_ASKED = 1000

interface Parts {
  readonly meta: Meta
  readonly blocks: BlockStore
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly tasks: TaskSet
  readonly options: VfsOptions
  /** The chunk's records were replaced. */
  readonly onCompacted: (ino: Ino, index: number) => void
}

interface Running {
  readonly atAnyCost: boolean
  readonly done: Promise<boolean>
}

export class Compactor {
  readonly #parts: Parts
  readonly #turns: Semaphore
  readonly #running = new Map<string, Running>()
  /** When chunks were compacted lately, oldest first. */
  readonly #recent = new Map<string, number>()
  readonly #sizes: Histogram
  readonly #stop = new AbortController()
  readonly #off: boolean
  readonly #eager: boolean

  constructor(parts: Parts) {
    this.#parts = parts
    this.#turns = new Semaphore(parts.options.maxCompactions)
    this.#sizes = parts.metrics.histogram('compact_size_histogram_bytes', exponentialBounds(1024, 2, 16))
    this.#off = parts.meta.readOnly || parts.options.compaction === 'off'
    this.#eager = parts.options.compaction === 'eager'
  }

  /** A chunk's view was read. */
  afterRead(ino: Ino, index: number, view: ChunkView): void {
    if (view.records < READ_LIMIT && view.pieces.length < READ_LIMIT) return
    const lastMs = this.#recent.get(chunkKey(ino, index)) ?? Number.NEGATIVE_INFINITY
    if (this.#parts.clock.monotonicMs() - lastMs >= READ_PAUSE_MS) this.#ask(ino, index)
  }

  /** A commit left `records` in a chunk, the last `added` of them its own. A promise when the writer has to wait. */
  afterCommit(ino: Ino, index: number, records: number, added: number): Promise<void> | undefined {
    if (this.#off) return undefined
    if (records >= WRITE_STOP) return this.#quietly(ino, index)
    const every = this.#eager ? 2 : 100
    const due = records % every < added || records > MANY_RECORDS
    if (due) this.#ask(ino, index)
    return undefined
  }

  /** Start no more, and end those under way. */
  stop(): void {
    this.#stop.abort(new BackendError('closed', 'compaction stopped'))
  }

  #ask(ino: Ino, index: number): void {
    if (this.#off || this.#stop.signal.aborted) return
    if (this.#running.size >= MAX_ASKED || this.#running.has(chunkKey(ino, index))) return
    this.#parts.tasks.start('compaction', () => this.#quietly(ino, index))
  }

  /** Nobody waits for the outcome: what fails is logged and tried again by the next reader. */
  async #quietly(ino: Ino, index: number): Promise<void> {
    try {
      await this.#share(ino, index, this.#eager)
    } catch (error) {
      const gone = error instanceof BackendError && (error.kind === 'not-found' || error.kind === 'closed')
      this.#parts.log[gone ? 'debug' : 'warn']('compaction failed', { ino, index, error })
    }
  }

  /**
   * Compact one chunk, whatever it costs; callers for the same chunk share one. False: there is nothing to gain,
   * or somebody was faster. Errors: as Meta and BlockStore.
   */
  compactChunk(ino: Ino, index: number, signal?: AbortSignal): Promise<boolean> {
    return this.#share(ino, index, true, signal)
  }

  #share(ino: Ino, index: number, atAnyCost: boolean, signal?: AbortSignal): Promise<boolean> {
    const key = chunkKey(ino, index)
    const running = this.#running.get(key)
    if (running !== undefined && (running.atAnyCost || !atAnyCost)) return running.done
    const stop = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal])
    const before = running?.done.catch(() => false) ?? Promise.resolve(false)
    const done = before
      .then(() => this.#turns.run(() => this.#compact(ino, index, atAnyCost, stop), stop))
      .finally(() => {
        if (this.#running.get(key)?.done === done) this.#running.delete(key)
      })
    this.#running.set(key, { atAnyCost, done })
    return done
  }

  async #compact(ino: Ino, index: number, atAnyCost: boolean, signal: AbortSignal): Promise<boolean> {
    const { meta, blocks } = this.#parts
    const records = await meta.readChunk(ino, index)
    const plan = planCompaction(records, meta.maxRecords)
    if (plan === undefined || !(atAnyCost || isWorth(plan, records.length))) return false
    if (plan.isHole) return this.#replace(ino, index, plan, 0)
    const { tier } = await meta.getattr(rootContext(), ino)
    const id = await meta.newSlice()
    const writer = blocks.newSlice({ tier, direct: true })
    try {
      writer.setId(id)
      for (const segment of plan.segments) await this.#copy(segment, plan.pos, writer, signal)
      await writer.finish()
      // What it replaces may have been durable long ago.
      await blocks.sync([{ id, size: plan.size }])
    } catch (error) {
      writer.abort()
      throw error
    }
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
      this.#remember(chunkKey(ino, index))
      onCompacted(ino, index)
    } else if (id !== 0) {
      await blocks.remove(slice)
    }
    return done
  }

  #remember(key: string): void {
    this.#recent.delete(key)
    this.#recent.set(key, this.#parts.clock.monotonicMs())
    if (this.#recent.size > MAX_RECENT) this.#recent.delete(this.#recent.keys().next().value!)
  }
}

/**
 * Whether fewer records are worth the bytes to be written again: a few small pieces on a large one are not, or each
 * hundred random writes would cost a chunk.
 */
function isWorth({ prefix, skipped, size }: CompactionPlan, records: number): boolean {
  let total = 0
  let largest = 0
  for (const { len } of prefix.slice(skipped)) {
    total += len
    largest = Math.max(largest, len)
  }
  return records > MANY_RECORDS || size <= CHEAP_BYTES || size <= MAX_AMPLIFICATION * (total - largest)
}

function chunkKey(ino: Ino, index: number): string {
  return `${ino} ${index}`
}

async function put(writer: SliceWriter, at: number, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  for (;;) {
    const room = writer.write(at, bytes, signal)
    if (room === undefined) return
    await room
  }
}
