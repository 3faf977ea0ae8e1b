/** What is stored twice, and storing it once: by name and with plain data. */
import { scanContent } from '#core/inspect/content-scan.ts'
import { dedup as shareSlices } from '#core/inspect/dedup.ts'
import { duplicates as findDuplicates } from '#core/inspect/duplicates.ts'
import type { ScanOptions } from '#core/inspect/scan.ts'
import { type Args, number } from './arguments.ts'
import type { Volume } from './open-volume.ts'

interface DedupJob extends Omit<ScanOptions, 'onProgress'> {
  readonly onProgress?: (progress: unknown) => void
}
type Operation = (volume: Volume, args: Args, job: DedupJob) => Promise<unknown>

export const DEDUP_OPERATIONS: Readonly<Record<string, Operation>> = {
  duplicates,
  knownDuplicates,
  dedup,
}

const GROUPS = 100
const MOST_GROUPS = 10_000

/**
 * Read what is not known yet, and list what is stored twice. `cachedOnly`: ask nothing of the bucket; `downloadLimit`:
 * Mbit/s, 0 is none; `limit`: groups listed.
 */
async function duplicates(volume: Volume, args: Args, { signal, onProgress, pace }: DedupJob) {
  const parts = await volume.inspector.settledContent({ signal, onProgress, pace })
  const scanned = await scanContent(parts, {
    cachedOnly: args.cachedOnly === true,
    downloadLimit: number(args, 'downloadLimit', 0),
    signal,
    pace,
    onProgress: (progress) => onProgress?.({ step: 'reading', done: progress.slices, ...progress }),
  })
  return { scanned, report: await findDuplicates(parts, { from: 0, limit: groupsOf(args), signal }) }
}

/** The same of what was read before, by the index as it is: asked again and again while somebody looks at it. */
async function knownDuplicates(volume: Volume, args: Args, { signal, onProgress, pace }: DedupJob) {
  const parts = await volume.inspector.contentParts({ signal, onProgress, pace })
  return findDuplicates(parts, { from: number(args, 'from', 0), limit: groupsOf(args), signal })
}

function groupsOf(args: Args): number {
  return Math.min(number(args, 'limit', GROUPS), MOST_GROUPS)
}

/** `apply`: do it; else only say what it would come to. */
async function dedup(volume: Volume, args: Args, { signal, onProgress, pace }: DedupJob) {
  const parts = await volume.inspector.settledContent({ signal, onProgress, pace })
  return shareSlices(parts, {
    dryRun: args.apply !== true,
    signal,
    onProgress: (progress) => onProgress?.({ step: 'sharing', done: progress.groups, ...progress }),
    pace,
  })
}
