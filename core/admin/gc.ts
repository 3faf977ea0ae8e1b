/**
 * Data that nobody needs: find it, say why it is there, and with `delete` remove it. Source:
 * shared/spec/admin-tools.md §7.2.
 *
 * Metadata are read before the bucket is listed and again for what would be removed: an object is called leaked
 * only when nothing knew its slice at either time and it is older than an hour, so that an upload whose commit is
 * still to come is never touched.
 */
import { pass, ungated } from '#core/base/gate.ts'
import type { Geometry } from '#core/chunk/geometry.ts'
import type { DataDeletions } from '#core/meta/deletions.ts'
import { cleanDelayedSlices, cleanDeletedFiles, cleanDetached, cleanUnusedSlices } from '#core/meta/jobs.ts'
import { decodeSlices } from '#core/meta/slices.ts'
import type { MetaState } from '#core/meta/state.ts'
import { expireTrash } from '#core/meta/trash.ts'
import type { ObjectInfo } from '#core/object/store.ts'
import { type CompactOptions, compactVolume } from './compact.ts'
import { IdTable } from './id-table.ts'
import { forEachParallel, pages } from './pages.ts'
import type { AdminParts, Job } from './parts.ts'

export interface Amount {
  readonly count: number
  readonly bytes: number
}

/** Objects by what they are. */
export interface GcReport {
  readonly scanned: Amount
  /** Part of a file. */
  readonly valid: Amount
  /** Of a slice that no file uses; its removal is under way or due. */
  readonly pending: Amount
  /** Replaced by a compaction; kept as long as the trash. */
  readonly compacted: Amount
  /** Nothing knows it. */
  readonly leaked: Amount
  /** Too new to judge. */
  readonly skipped: Amount
  /** Deleted files whose data are not removed yet. */
  readonly deletedFiles: Amount
  /** Slices that compactions replaced. */
  readonly delayedSlices: Amount
  /** What was removed. */
  readonly removed: Amount
  /** Chunks rewritten. */
  readonly rewritten: number
}

export type GcClass = 'valid' | 'pending' | 'compacted' | 'leaked' | 'skipped'

export interface GcOptions {
  readonly delete: boolean
  /** How to compact a chunk; absent: nothing is compacted. */
  readonly compact?: CompactOptions
  readonly threads: number
  /** Objects younger than this are not judged. */
  readonly minAgeSec: number
  /** Slices of one pass; for tests. */
  readonly limit?: number
}

export interface GcParts extends AdminParts {
  readonly state: MetaState & { readonly deletions: DataDeletions }
}

export interface GcProgress {
  readonly step: string
  readonly report: GcReport
}

const DAY_SEC = 86_400
/** Held in memory before they are removed. */
const MOST_LEAKED = 200_000
const SIZE = 0
const USE = 1
const IN_USE = 3
const DELAYED = 2
const PENDING = 1

type MutableAmount = { -readonly [K in keyof Amount]: Amount[K] }
type Sum = { -readonly [K in keyof GcReport]: GcReport[K] extends Amount ? MutableAmount : number }

export async function collectGarbage(
  parts: GcParts,
  options: GcOptions,
  job: Job<GcProgress>,
): Promise<GcReport> {
  const sum = emptySum()
  const at = (step: string) => job.onProgress?.({ step, report: sum })
  if (options.delete) await cleanExpired(parts, job, at)
  await countPending(parts, sum, job)
  if (options.delete) {
    at('removing the data of deleted files')
    await cleanDeletedFiles(parts.state, parts.state.deletions, nowSec(parts) + 1, job.signal)
  }
  if (options.compact !== undefined) {
    at('compacting')
    const { compacted } = await compactVolume(parts, options.compact, {
      ...job,
      onProgress: () => at('compacting'),
    })
    sum.rewritten = compacted
  }
  if (options.delete) {
    at('removing slices nobody uses')
    await cleanUnusedSlices(parts.state, parts.state.deletions, job.signal)
    await cleanDelayedSlices(
      parts.state,
      parts.state.deletions,
      nowSec(parts) - parts.setting.TrashDays * DAY_SEC,
      job.signal,
    )
    await parts.state.tasks.drain()
  }
  await classifyAll(parts, options, sum, job)
  return sum
}

function nowSec({ clock }: AdminParts): number {
  return clock.nowSec()
}

async function cleanExpired(
  parts: GcParts,
  { signal }: Job<GcProgress>,
  at: (step: string) => void,
): Promise<void> {
  at('emptying the trash of what is too old')
  await expireTrash(parts.state, nowSec(parts) - parts.setting.TrashDays * DAY_SEC - 3600, signal)
  at('removing abandoned clones')
  await cleanDetached(parts.state, nowSec(parts) - DAY_SEC, signal)
}

async function countPending({ engine }: GcParts, sum: Sum, { signal }: Job<GcProgress>): Promise<void> {
  for await (const { length } of pages(engine, { kind: 'deletedFiles' }, signal))
    add(sum.deletedFiles, length)
  for await (const { slices } of pages(engine, { kind: 'delayedSlices' }, signal)) {
    for (const { size } of slices) add(sum.delayedSlices, size)
  }
}

async function classifyAll(
  parts: GcParts,
  options: GcOptions,
  sum: Sum,
  job: Job<GcProgress>,
): Promise<void> {
  for (let from = 0; from < Number.POSITIVE_INFINITY; ) {
    job.onProgress?.({ step: 'reading metadata', report: sum })
    const table = await knownSlices(parts, from, options.limit, job.signal)
    await classifyObjects(parts, table, options, sum, job)
    from = table.below
  }
}

/** Every slice that anything in the metadata knows, with what knows it. */
async function knownSlices(
  { engine }: GcParts,
  from: number,
  limit: number | undefined,
  signal?: AbortSignal,
): Promise<IdTable> {
  const table = new IdTable(from, 2, limit)
  const know = (id: number, size: number, use: number) => {
    const slot = id === 0 ? -1 : table.slot(id)
    if (slot < 0 || table.get(slot, USE) >= use) return
    table.set(slot, USE, use)
    table.set(slot, SIZE, size)
  }
  for await (const { id, size } of pages(engine, { kind: 'unusedSlices' }, signal)) know(id, size, PENDING)
  for await (const { slices } of pages(engine, { kind: 'delayedSlices' }, signal)) {
    for (const { id, size } of slices) know(id, size, DELAYED)
  }
  for await (const { slices } of pages(engine, { kind: 'allChunks' }, signal)) {
    for (const { id, size } of decodeSlices(slices)) know(id, size, IN_USE)
  }
  return table
}

async function classifyObjects(
  parts: GcParts,
  table: IdTable,
  options: GcOptions,
  sum: Sum,
  job: Job<GcProgress>,
): Promise<void> {
  let leaked: ObjectInfo[] = []
  const { minAgeSec } = options
  const youngestMs = minAgeSec > 0 ? (nowSec(parts) - minAgeSec) * 1000 : Number.POSITIVE_INFINITY
  for await (const object of parts.store.list('chunks/', { signal: job.signal })) {
    const name = parts.geometry.parse(object.key)
    if (name === undefined || name.slice < table.from || name.slice >= table.below) continue
    add(sum.scanned, object.size)
    const kind = classify(parts.geometry, table, object, name, youngestMs)
    add(sum[kind], object.size)
    if (kind === 'leaked' && options.delete) leaked.push(object)
    await pass(job.signal)
    if (leaked.length >= MOST_LEAKED) {
      await removeLeaked(parts, table, leaked, options, sum, job)
      leaked = []
    }
    if (sum.scanned.count % 100 === 0) job.onProgress?.({ step: 'scanning objects', report: sum })
  }
  if (leaked.length > 0) await removeLeaked(parts, table, leaked, options, sum, job)
}

function classify(
  geometry: Geometry,
  table: IdTable,
  object: ObjectInfo,
  name: { readonly slice: number; readonly index: number; readonly size: number },
  youngestMs: number,
): GcClass {
  if (object.mtimeMs > youngestMs) return 'skipped'
  const slot = table.find(name.slice)
  if (slot < 0) return 'leaked'
  const use = table.get(slot, USE)
  if (use === PENDING) return 'pending'
  if (use === DELAYED) return 'compacted'
  const size = table.get(slot, SIZE)
  return name.index < geometry.count(size) && geometry.size(size, name.index) === name.size
    ? 'valid'
    : 'leaked'
}

async function removeLeaked(
  parts: GcParts,
  table: IdTable,
  leaked: readonly ObjectInfo[],
  options: GcOptions,
  sum: Sum,
  job: Job<GcProgress>,
): Promise<void> {
  // Nothing waits at a gate from here on: what the second look found must be so when objects go.
  const now = await knownSlices(parts, table.from, options.limit, ungated(job.signal))
  await forEachParallel(leaked, options.threads, async ({ key, size }) => {
    job.signal?.throwIfAborted()
    const name = parts.geometry.parse(key)!
    const slot = now.find(name.slice)
    // Beyond the table's range nothing is known: leave it for the next run.
    if (
      name.slice >= now.below ||
      (slot >= 0 && parts.geometry.size(now.get(slot, SIZE), name.index) === name.size)
    )
      return
    await parts.store.delete(key, { signal: job.signal })
    add(sum.removed, size)
    job.onProgress?.({ step: 'removing leaked objects', report: sum })
  })
}

function add(amount: MutableAmount, bytes: number): void {
  amount.count++
  amount.bytes += bytes
}

function emptySum(): Sum {
  const none = () => ({ count: 0, bytes: 0 })
  return {
    scanned: none(),
    valid: none(),
    pending: none(),
    compacted: none(),
    leaked: none(),
    skipped: none(),
    deletedFiles: none(),
    delayedSlices: none(),
    removed: none(),
    rewritten: 0,
  }
}
