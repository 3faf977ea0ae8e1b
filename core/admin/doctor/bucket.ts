/** The bucket: whose it is, what may be done there, how it feels, and what its clock says. */
import { type Clock, systemClock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import { type Finding, worstLevel } from '#core/base/finding.ts'
import type { StoreExaminer } from '#core/object/examine-store.ts'
import type { ObjectStore } from '#core/object/store.ts'
import { type BucketFigures, measureBucket, speedFindings } from './bucket-speed.ts'
import { bucketClock } from './clocks.ts'
import { tryPermissions } from './permissions.ts'
import { TrialObjects } from './trial-objects.ts'
import { trouble } from './trouble.ts'

export interface BucketCase {
  /** Keys are below the volume's prefix; not encrypted. */
  readonly store: ObjectStore
  readonly examiner: StoreExaminer | undefined
  /** Bytes of a block of the volume. */
  readonly blockSize: number
  /** Of the volume whose data should be there; undefined when there is no volume yet. */
  readonly uuid: string | undefined
  readonly clock?: Clock
  readonly signal?: AbortSignal
}

export interface BucketReport {
  readonly findings: readonly Finding[]
  readonly figures?: BucketFigures & { readonly clockOffsetMs?: number }
}

const ADVICE = {
  unavailable: 'check the bucket’s URL, that the store runs and that this machine reaches it',
  denied: 'check the keys: ACCESS_KEY and SECRET_KEY, or those the volume stores (pomelo config)',
  invalid: 'check the bucket’s URL and that the bucket exists',
} as const

/** Leaves the bucket as it was, interrupted or not, or says what is left in it. */
export async function examineBucket(subject: BucketCase): Promise<BucketReport> {
  const { store, clock = systemClock, signal } = subject
  const trial = new TrialObjects(store, signal)
  let report: BucketReport
  try {
    report = await examine(subject, trial, clock)
  } catch (error) {
    report = { findings: [trouble('bucket-unavailable', error, ADVICE)] }
  }
  const left = await trial.remove()
  signal?.throwIfAborted()
  if (left.length === 0) return report
  const leftover: Finding = {
    level: 'warning',
    code: 'bucket-leftover',
    sentence: `${left.length} trial objects could not be removed from ${store.address}: ${left.join(', ')}.`,
    next: 'remove them with the tools of the object store',
  }
  return { ...report, findings: [...report.findings, leftover] }
}

async function examine(
  { store, examiner, blockSize, uuid }: BucketCase,
  trial: TrialObjects,
  clock: Clock,
): Promise<BucketReport> {
  // First of all, and once: whether there is an answer.
  const owner = uuid === undefined ? [] : await ownerFindings(store, trial, uuid)
  const clockOffsetMs = await examiner?.clockOffsetMs()
  const clocks = clockOffsetMs === undefined ? [] : [bucketClock(clockOffsetMs)]
  const { findings, canPut, canGet } = await tryPermissions(store, examiner, trial)
  const told = [...owner, ...clocks, ...findings]
  if (!canPut || !canGet || worstLevel(owner) === 'problem') return { findings: told }
  const figures = await measureBucket(store, trial, blockSize, clock)
  return {
    findings: [...told, ...speedFindings(figures)],
    figures: { ...figures, ...(clockOffsetMs !== undefined && { clockOffsetMs }) },
  }
}

/** The volume signs its prefix with its UUID. Source: volume-and-objects.md §3.5; older volumes did not. */
async function ownerFindings(
  store: ObjectStore,
  trial: TrialObjects,
  uuid: string,
): Promise<readonly Finding[]> {
  const code = 'bucket-owner'
  try {
    const found = Buffer.from(await store.get('juicefs_uuid', undefined, trial.once))
      .toString()
      .trim()
    if (found === uuid) return [{ level: 'ok', code, sentence: 'The bucket holds the data of this volume.' }]
    return [
      {
        level: 'problem',
        code,
        sentence: `${store.address} holds the data of another volume of this name (${found} instead of ${uuid}).`,
        next: 'check the bucket; a volume that was made anew over old data needs a name or bucket of its own',
      },
    ]
  } catch (error) {
    if (!(error instanceof BackendError && error.kind === 'not-found')) throw error
    return [
      {
        level: 'note',
        code,
        sentence: `${store.address} is not signed by this volume: its objects may be elsewhere.`,
        next: 'check the bucket, or run `pomelo fsck META-URL`, which looks for every block',
      },
    ]
  }
}
