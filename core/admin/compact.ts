/** Merge the slices of chunks, for a tree or a whole volume. Source: shared/spec/admin-tools.md §7.3, §8. */
import { rootContext } from '#core/base/context.ts'
import type { Ino } from '#core/base/ino.ts'
import { TYPE_DIRECTORY, TYPE_FILE } from '#core/meta/records.ts'
import { SLICE_BYTES } from '#core/meta/slices.ts'
import { forEachParallel, pages } from './pages.ts'
import type { AdminParts, Job } from './parts.ts'
import { resolvePath } from './paths.ts'
import { walk } from './walk.ts'

export interface CompactResult {
  /** Chunks with more than one slice. */
  readonly chunks: number
  /** Of those: rewritten at least once. */
  readonly compacted: number
  readonly failures: readonly string[]
}

export interface CompactOptions {
  /** True while the chunk got better. */
  readonly compactChunk: (ino: Ino, index: number) => Promise<boolean>
  readonly threads: number
}

/** Runs over one chunk; each takes at most 1000 slices (§8). */
const MOST_RUNS = 100
const FAILURES_KEPT = 100

interface Sum {
  chunks: number
  compacted: number
  failures: string[]
}

/** Every chunk of every file at or below `paths`. */
export async function compactTree(
  parts: AdminParts,
  paths: readonly string[],
  options: CompactOptions,
  job: Job<CompactResult>,
): Promise<CompactResult> {
  const sum: Sum = { chunks: 0, compacted: 0, failures: [] }
  await forEachParallel(chunksBelow(parts, paths, job.signal), options.threads, (chunk) =>
    compactOne(chunk, options, sum, job),
  )
  return sum
}

/** Every chunk of the volume. */
export async function compactVolume(
  parts: AdminParts,
  options: CompactOptions,
  job: Job<CompactResult>,
): Promise<CompactResult> {
  const sum: Sum = { chunks: 0, compacted: 0, failures: [] }
  await forEachParallel(allChunks(parts, job.signal), options.threads, (chunk) =>
    compactOne(chunk, options, sum, job),
  )
  return sum
}

interface ChunkAt {
  readonly ino: Ino
  readonly index: number
  readonly path: string
}

async function compactOne(
  { ino, index, path }: ChunkAt,
  { compactChunk }: CompactOptions,
  sum: Sum,
  { signal, onProgress }: Job<CompactResult>,
) {
  signal?.throwIfAborted()
  sum.chunks++
  try {
    for (let run = 0; run < MOST_RUNS && (await compactChunk(ino, index)); run++)
      if (run === 0) sum.compacted++
  } catch (error) {
    signal?.throwIfAborted()
    if (sum.failures.length < FAILURES_KEPT)
      sum.failures.push(`${path}, chunk ${index}: ${(error as Error).message}`)
  }
  onProgress?.(sum)
}

async function* chunksBelow(
  { engine, meta }: AdminParts,
  paths: readonly string[],
  signal: AbortSignal | undefined,
): AsyncGenerator<ChunkAt> {
  const ctx = rootContext(signal)
  for (const path of paths) {
    const place = await resolvePath(meta, ctx, path)
    if (place.node.type === TYPE_FILE) yield* chunksOf(engine, place.ino, path, signal)
    if (place.node.type !== TYPE_DIRECTORY) continue
    for await (const at of walk(meta, ctx, place.ino, path, { signal })) {
      if (at.node?.type === TYPE_FILE) yield* chunksOf(engine, at.ino, at.path, signal)
    }
  }
}

async function* chunksOf(
  engine: AdminParts['engine'],
  ino: Ino,
  path: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<ChunkAt> {
  for await (const { index, slices } of pages(engine, { kind: 'chunks', ino }, signal)) {
    if (slices.length > SLICE_BYTES) yield { ino, index, path }
  }
}

async function* allChunks({ engine }: AdminParts, signal: AbortSignal | undefined): AsyncGenerator<ChunkAt> {
  for await (const { ino, index, slices } of pages(engine, { kind: 'allChunks' }, signal)) {
    if (slices.length > SLICE_BYTES) yield { ino, index, path: `inode ${ino}` }
  }
}
