/** Everything `fsck` checks, for a whole volume or a part of its tree. Source: shared/spec/admin-tools.md §7.1. */
import { rootContext } from '#core/base/context.ts'
import { type Ino, TRASH_INO } from '#core/base/ino.ts'
import { TYPE_DIRECTORY, TYPE_FILE } from '#core/meta/records.ts'
import type { MetaState } from '#core/meta/state.ts'
import { type BrokenFile, checkChunks, checkData, type DataReport } from './check-data.ts'
import { checkDirectory, checkTree, type Problem, type TreeCheck, type TreeProgress } from './check-tree.ts'
import { forEachParallel, pages } from './pages.ts'
import type { AdminParts, Job } from './parts.ts'
import { resolvePath } from './paths.ts'
import { type RepairOptions, type RepairOutcome, repairProblem } from './repair.ts'
import { walk } from './walk.ts'

export interface FsckOptions {
  /** Only this and, with `recursive`, what is below it. */
  readonly path?: string
  readonly recursive: boolean
  /** Compare directory statistics and, over the whole volume, put its counters right. */
  readonly syncDirStat: boolean
  readonly repair?: RepairOptions
}

export interface FsckReport {
  readonly data: DataReport
  readonly problems: readonly (Problem & { readonly outcome?: RepairOutcome })[]
  /** Paths of broken files by inode; empty when a file has no name. */
  readonly paths: ReadonlyMap<Ino, readonly string[]>
}

export interface FsckProgress {
  readonly step: string
  readonly count: number
}

const DIRS_AT_A_TIME = 16

export interface FsckParts extends AdminParts {
  readonly state: MetaState
}

export async function fsck(
  parts: FsckParts,
  options: FsckOptions,
  job: Job<FsckProgress>,
): Promise<FsckReport> {
  const check = {
    state: parts.state,
    engine: parts.engine,
    clock: parts.clock,
    dirStats: parts.setting.DirStats === true,
    compareDirStats: options.syncDirStat,
    signal: job.signal,
    onProgress: ({ nodes, edges }: TreeProgress) =>
      job.onProgress?.({ step: 'checking metadata', count: nodes + edges }),
  }
  const { data, problems } =
    options.path === undefined
      ? await wholeVolume(parts, check, job)
      : await partOf(parts, check, options, options.path, job)
  const paths = new Map<Ino, readonly string[]>()
  for (const { ino } of data.broken) paths.set(ino, await parts.meta.paths(ino))
  return { data, problems: await repairAll(check, problems, options.repair, job), paths }
}

async function wholeVolume(
  { engine, store, geometry }: AdminParts,
  check: TreeCheck,
  { signal, onProgress }: Job<FsckProgress>,
) {
  const data = await checkData({
    engine,
    store,
    geometry,
    signal,
    onProgress: ({ slices, objects }) => onProgress?.({ step: 'checking data', count: slices + objects }),
  })
  return { data, problems: await checkTree(check) }
}

async function partOf(
  parts: AdminParts,
  check: TreeCheck,
  options: FsckOptions,
  path: string,
  job: Job<FsckProgress>,
) {
  const ctx = rootContext(job.signal)
  const place = await resolvePath(parts.meta, ctx, path)
  const problems: Problem[] = []
  const sum = { slices: 0, blocks: 0, lostBlocks: 0, lostBytes: 0, unknownBlocks: 0, hiddenLosses: 0 }
  const broken: BrokenFile[] = []
  let done = 0
  const one = async ({ ino, type }: { ino: Ino; type: number }) => {
    job.signal?.throwIfAborted()
    if (type === TYPE_DIRECTORY) problems.push(...(await checkDirectory(check, ino)))
    if (type === TYPE_FILE) await checkFile(parts, ino, sum, broken, job.signal)
    job.onProgress?.({ step: 'checking', count: ++done })
  }
  await one({ ino: place.ino, type: place.node.type })
  if (place.node.type === TYPE_DIRECTORY) {
    const below = walk(parts.meta, ctx, place.ino, path, {
      signal: job.signal,
      maxDepth: options.recursive ? undefined : 1,
    })
    await forEachParallel(below, DIRS_AT_A_TIME, async (at) => {
      if (at.node !== null && at.ino !== TRASH_INO && (options.recursive || at.type !== TYPE_DIRECTORY))
        await one(at)
    })
  }
  const everything = path === '/' && options.recursive && options.syncDirStat
  if (everything)
    problems.push(...(await checkTree(check)).filter(({ kind }) => kind === 'counter' || kind === 'orphan'))
  return { data: { ...sum, broken }, problems }
}

type Sum = { -readonly [K in keyof Omit<DataReport, 'broken'>]: number }

async function checkFile(
  { engine, store, geometry }: AdminParts,
  ino: Ino,
  sum: Sum,
  broken: BrokenFile[],
  signal: AbortSignal | undefined,
) {
  const chunks: { index: number; slices: Uint8Array }[] = []
  for await (const chunk of pages(engine, { kind: 'chunks', ino }, signal)) chunks.push(chunk)
  const result = await checkChunks({ engine, store, geometry, signal }, ino, chunks)
  sum.slices += result.slices
  sum.blocks += result.blocks
  sum.lostBlocks += result.lostBlocks
  sum.lostBytes += result.lostBytes
  sum.unknownBlocks += result.unknownBlocks
  if (result.broken !== undefined) broken.push(result.broken)
}

async function repairAll(
  check: TreeCheck & { readonly state: MetaState },
  problems: readonly Problem[],
  options: RepairOptions | undefined,
  job: Job<FsckProgress>,
) {
  if (options === undefined) return problems
  const repaired: (Problem & { outcome: RepairOutcome })[] = []
  for (const problem of problems) {
    job.signal?.throwIfAborted()
    repaired.push({ ...problem, outcome: await repairProblem(check, problem, options) })
    job.onProgress?.({ step: 'repairing', count: repaired.length })
  }
  return repaired
}
