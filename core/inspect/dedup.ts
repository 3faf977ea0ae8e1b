/**
 * Store once what is stored twice: of slices with the same bytes all but one lose their users to that one, through the
 * format's own references, as copy_file_range would have made them. Other clients read and delete them as ever.
 *
 * A digest says where to look; what decides is a comparison of both slices as they lie in the bucket. Each chunk is
 * changed by itself, under guards on its records and on those of a chunk that keeps the shared slice in use, so that
 * it can be ended at any time and writers, compactions and removals beside it lose nothing (share-slice.ts). The
 * objects go as those of a compaction do: after a grace, or after the days of the trash.
 */
import { BackendError } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import type { BlockName } from '#core/chunk/geometry.ts'
import type { ChunkPrefix } from '#core/meta/api.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import { decodeSlices } from '#core/meta/slices.ts'
import type { DedupProgress } from './answers.ts'
import type { EqualSlices } from './content-file.ts'
import type { ContentParts } from './content-scan.ts'
import { usedEqualSlices } from './duplicates.ts'
import type { ScanOptions } from './scan.ts'
import { readStoredBlock } from './stored-block.ts'

/** A chunk that others change all the time is left alone. */
const TRIES = 3

export interface Dedup extends Pick<ScanOptions, 'signal' | 'pace'> {
  readonly onProgress?: (progress: DedupProgress) => void
  /** Only count: change nothing. */
  readonly dryRun: boolean
}

/** The index must be settled. Errors: of the store and the engine; the signal's reason. */
export async function dedup(parts: ContentParts, job: Dedup): Promise<DedupProgress> {
  const sum = { groups: 0, slices: 0, storedBytes: 0, records: 0, left: 0 }
  for (const group of usedEqualSlices(parts)) {
    job.signal?.throwIfAborted()
    await shareGroup(parts, group, job, sum)
    sum.groups++
    job.onProgress?.(sum)
  }
  return sum
}

type Sum = { -readonly [K in keyof DedupProgress]: number }

async function shareGroup(
  parts: ContentParts,
  { size, ids }: EqualSlices,
  job: Dedup,
  sum: Sum,
): Promise<void> {
  const [to, ...others] = ids as [number, ...number[]]
  const equal = await equalSlices(parts, size, to, others, job)
  for (const from of others) {
    job.signal?.throwIfAborted()
    const storedBytes = equal.get(from)
    if (storedBytes === undefined) {
      sum.left++
      continue
    }
    const moved = await moveUsers(parts, size, from, to, job)
    sum.records += moved.records
    if (moved.all) {
      sum.slices++
      sum.storedBytes += storedBytes
    } else sum.left++
  }
}

/** Those of `others` that are there and the same as `to`, which is read once; with the bytes their objects take. */
async function equalSlices(
  parts: ContentParts,
  size: number,
  to: number,
  others: readonly number[],
  job: Dedup,
): Promise<ReadonlyMap<number, number>> {
  const { geometry, store } = parts
  const equal = new Map(others.map((slice) => [slice, 0]))
  for (let index = 0; index < geometry.count(size) && equal.size > 0; index++) {
    const block = { index, size: geometry.size(size, index) }
    const bytes = job.dryRun ? undefined : await storedBytes(parts, { slice: to, ...block }, job)
    if (bytes === undefined && !job.dryRun) return new Map()
    for (const [slice, stored] of equal) {
      job.signal?.throwIfAborted()
      const info = await store.head(geometry.key(slice, index, block.size), { signal: job.signal })
      const same =
        info !== undefined &&
        (bytes === undefined ||
          (await isSame(bytes, await storedBytes(parts, { slice, ...block }, job), job)))
      if (same) equal.set(slice, stored + info.size)
      else equal.delete(slice)
    }
  }
  return equal
}

/** Undefined: it is missing or damaged. */
async function storedBytes(
  parts: ContentParts,
  block: BlockName,
  { signal }: Dedup,
): Promise<Uint8Array | undefined> {
  try {
    return await readStoredBlock(parts, block, signal)
  } catch (error) {
    if (error instanceof BackendError && (error.kind === 'not-found' || error.kind === 'corrupt'))
      return undefined
    throw error
  }
}

async function isSame(a: Uint8Array, b: Uint8Array | undefined, { pace }: Dedup): Promise<boolean> {
  if (b === undefined) return false
  const same = Buffer.compare(a, b) === 0
  await pace?.()
  return same
}

interface Moved {
  /** Records changed. */
  readonly records: number
  /** All that the index knows. */
  readonly all: boolean
}

/** Let every chunk that uses `from` use `to`. */
async function moveUsers(
  parts: ContentParts,
  size: number,
  from: number,
  to: number,
  { dryRun }: Dedup,
): Promise<Moved> {
  const users = parts.index.file.parts(from)
  if (dryRun) return { records: users.length, all: true }
  const chunks = new Map(users.map(({ ino, idx }) => [`${ino} ${idx}`, { ino, index: idx }]))
  let records = 0
  let all = true
  for (const place of chunks.values()) {
    const moved = await moveChunk(parts, size, from, to, place)
    records += moved.records
    all &&= moved.all
  }
  return { records, all }
}

interface ChunkPlace {
  readonly ino: Ino
  readonly index: number
}

async function moveChunk(
  parts: ContentParts,
  size: number,
  from: number,
  to: number,
  place: ChunkPlace,
): Promise<Moved> {
  const { shareSlice, engine, index } = parts
  for (let tries = 0; tries < TRIES; tries++) {
    const chunk = await prefixOf(engine, place)
    if (!usesSlice(chunk, from, size)) return { records: 0, all: true }
    for (const { ino, idx } of index.file.parts(to).slice(0, TRIES)) {
      const holder = await prefixOf(engine, { ino, index: idx })
      if (!usesSlice(holder, to, size)) continue
      const records = await shareSlice(chunk, size, from, to, holder)
      if (records > 0) return { records, all: true }
      break
    }
  }
  return { records: 0, all: false }
}

/** All records of a chunk as they are now. */
async function prefixOf(engine: MetaEngine, place: ChunkPlace): Promise<ChunkPrefix> {
  const [list] = await engine.read([{ kind: 'chunk', ...place }], 'fresh')
  return { ...place, records: list === null ? [] : decodeSlices(list) }
}

function usesSlice({ records }: ChunkPrefix, id: number, size: number): boolean {
  return records.some((record) => record.id === id && record.size === size)
}
