/** Fill, check or empty the cache for files and trees. Source: shared/spec/admin-tools.md §10.3, vfs-and-fuse.md §6.4. */
import { rootContext } from '#core/base/context.ts'
import { pass } from '#core/base/gate.ts'
import { type Ino, isTrash } from '#core/base/ino.ts'
import { TYPE_DIRECTORY, TYPE_FILE } from '#core/meta/records.ts'
import { decodeSlices } from '#core/meta/slices.ts'
import { forEachParallel, pages } from './pages.ts'
import type { AdminParts, Job } from './parts.ts'
import { resolvePath } from './paths.ts'
import { walk } from './walk.ts'

export type WarmupAction = 'warmup' | 'evict' | 'check'

export interface WarmupResult {
  readonly files: number
  readonly slices: number
  /** Bytes of the slices seen. */
  readonly bytes: number
  /** Bytes fetched (warmup). */
  readonly fetched: number
  /** Bytes of pinned slices, which stay (evict). */
  readonly kept: number
  /** Bytes by place (check): memory, disk, staging, store. */
  readonly places: Readonly<Record<string, number>>
  /** Paths that could not be done, with the reason: the first hundred. */
  readonly failures: readonly string[]
}

const FAILURES_KEPT = 100

export async function warmup(
  parts: AdminParts,
  paths: readonly string[],
  { action, threads }: { readonly action: WarmupAction; readonly threads: number },
  job: Job<WarmupResult>,
): Promise<WarmupResult> {
  const sum = {
    files: 0,
    slices: 0,
    bytes: 0,
    fetched: 0,
    kept: 0,
    places: {} as Record<string, number>,
    failures: [] as string[],
  }
  const files = filesBelow(parts, paths, sum.failures, job.signal)
  await forEachParallel(files, threads, async ({ ino, path }) => {
    try {
      await oneFile(parts, ino, action, sum, job.signal)
    } catch (error) {
      job.signal?.throwIfAborted()
      if (sum.failures.length < FAILURES_KEPT) sum.failures.push(`${path}: ${(error as Error).message}`)
    }
    sum.files++
    job.onProgress?.(sum)
  })
  return sum
}

async function* filesBelow(
  { meta }: AdminParts,
  paths: readonly string[],
  failures: string[],
  signal: AbortSignal | undefined,
): AsyncGenerator<{ readonly ino: Ino; readonly path: string }> {
  const ctx = rootContext(signal)
  for (const path of paths) {
    try {
      const place = await resolvePath(meta, ctx, path)
      if (place.node.type === TYPE_FILE) yield { ino: place.ino, path }
      if (place.node.type !== TYPE_DIRECTORY) continue
      for await (const at of walk(meta, ctx, place.ino, path, { signal })) {
        if (at.node?.type === TYPE_FILE && !isTrash(at.parent)) yield at
      }
    } catch (error) {
      signal?.throwIfAborted()
      if (failures.length < FAILURES_KEPT) failures.push(`${path}: ${(error as Error).message}`)
    }
  }
}

interface Sum {
  slices: number
  bytes: number
  fetched: number
  kept: number
  places: Record<string, number>
}

async function oneFile(
  { engine, blocks, geometry }: AdminParts,
  ino: Ino,
  action: WarmupAction,
  sum: Sum,
  signal?: AbortSignal,
) {
  for await (const { slices } of pages(engine, { kind: 'chunks', ino }, signal)) {
    const seen = new Map<number, number>()
    for (const { id, size } of decodeSlices(slices)) if (id > 0) seen.set(id, size)
    for (const [id, size] of seen) {
      await pass(signal)
      sum.slices++
      sum.bytes += size
      if (action === 'warmup') sum.fetched += await blocks.warm({ id, size }, signal)
      else if (action === 'evict') sum.kept += (await blocks.evict({ id, size })) ? 0 : size
      else {
        for (const [block, place] of (await blocks.locate({ id, size }, false)).entries()) {
          sum.places[place] = (sum.places[place] ?? 0) + geometry.size(size, block)
        }
      }
    }
  }
}
