/** Numbers over time: what a volume does, once a second live, and kept for an hour and for a week. Runs anywhere. */
import { z } from 'zod'
import { volumeId } from './volumes.ts'

/**
 * Every series with its unit. Reads by tier count what answered a read of this mount; the kernel's own cache answers
 * without asking, so nobody can count it.
 */
export const SERIES = {
  readBps: { label: 'Read', unit: 'B/s' },
  writeBps: { label: 'Written', unit: 'B/s' },
  opsPerSec: { label: 'Operations', unit: '/s' },
  latencyMs: { label: 'Mean latency', unit: 'ms' },
  latencyP50Ms: { label: 'Latency, median', unit: 'ms' },
  latencyP95Ms: { label: 'Latency, 95 %', unit: 'ms' },
  latencyP99Ms: { label: 'Latency, 99 %', unit: 'ms' },
  hitRate: { label: 'Cache hit rate', unit: 'ratio' },
  memoryReadsPerSec: { label: 'Memory', unit: '/s' },
  diskReadsPerSec: { label: 'Disk', unit: '/s' },
  storeReadsPerSec: { label: 'Bucket', unit: '/s' },
  memoryBps: { label: 'Memory', unit: 'B/s' },
  diskBps: { label: 'Disk', unit: 'B/s' },
  storeBps: { label: 'Bucket', unit: 'B/s' },
  getsPerSec: { label: 'GET', unit: '/s' },
  putsPerSec: { label: 'PUT', unit: '/s' },
  deletesPerSec: { label: 'DELETE', unit: '/s' },
  storeErrorsPerSec: { label: 'Bucket errors', unit: '/s' },
  downloadBps: { label: 'Download', unit: 'B/s' },
  uploadBps: { label: 'Upload', unit: 'B/s' },
  getMs: { label: 'GET, mean', unit: 'ms' },
  putMs: { label: 'PUT, mean', unit: 'ms' },
  bufferBytes: { label: 'Buffers', unit: 'B' },
  stagingBytes: { label: 'Waiting for upload', unit: 'B' },
  stagingBlocks: { label: 'Blocks waiting', unit: '' },
  cacheBytes: { label: 'Disk cache', unit: 'B' },
  metaMs: { label: 'Metadata round trip', unit: 'ms' },
  cpu: { label: 'Processor', unit: 'ratio' },
  rssBytes: { label: 'Memory of the process', unit: 'B' },
} as const satisfies Record<
  string,
  { readonly label: string; readonly unit: '' | '/s' | 'B' | 'B/s' | 'ms' | 'ratio' }
>
export type SeriesName = keyof typeof SERIES
export const SERIES_NAMES = Object.keys(SERIES) as readonly SeriesName[]

/** One second of one volume. A value is null where there is nothing to say: no read, so no hit rate. */
export interface Sample {
  readonly atMs: number
  readonly values: Readonly<Record<SeriesName, number | null>>
}

/** Reads since the volume was mounted, by what answered them. */
export interface ReadTier {
  readonly tier: 'memory' | 'disk' | 'store'
  readonly reads: number
  readonly bytes: number
}

export interface OperationRate {
  /** As the kernel calls it: `lookup`, `read`. */
  readonly op: string
  readonly perSec: number
  readonly meanMs: number | null
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
}

/** What a dashboard shows each second besides the series. */
export interface LiveDetail {
  readonly atMs: number
  readonly sample: Sample
  /** Busiest first; those that did something in the last ten seconds. */
  readonly operations: readonly OperationRate[]
  readonly tiers: readonly ReadTier[]
  /**
   * Opens of files since the mount, and those after which the kernel may answer reads from pages it kept. Such reads
   * never reach us, so their number and bytes are known to nobody.
   */
  readonly kernel: { readonly opens: number; readonly keptOpens: number }
  readonly requests: Readonly<Record<'GET' | 'PUT' | 'DELETE', number>>
  readonly requestErrors: number
  /** Bytes asked by programs and fetched from the bucket since the mount: their quotient is the read amplification. */
  readonly askedBytes: number
  readonly fetchedBytes: number
  readonly openFiles: number
  /** The kernel's requests that wait for an answer. */
  readonly kernelWaiting: number | null
}

export const liveInput = z.object({ id: volumeId })

export const historyInput = z.object({
  id: volumeId,
  fromMs: z.number().int().min(0),
  toMs: z.number().int().min(0).optional(),
  /** `second` reaches back an hour, `minute` a week; `auto` is what gives at most about 1,500 points. */
  resolution: z.enum(['second', 'minute', 'auto']).default('auto'),
  series: z
    .array(z.enum(SERIES_NAMES as [SeriesName, ...SeriesName[]]))
    .min(1)
    .max(SERIES_NAMES.length),
})

/** Columns, as charts take them. Gaps are null; `atMs` rises by `stepMs`. */
export interface History {
  readonly stepMs: number
  readonly atMs: readonly number[]
  readonly series: Readonly<Partial<Record<SeriesName, readonly (number | null)[]>>>
}
