/** What is drawn, in order: all on one time axis. */
import type { SeriesName } from '#core/api/metrics.ts'
import { bytes, rate } from '../../format/bytes.ts'
import { percent, perSecond } from '../../format/number.ts'
import { latency } from '../../format/time.ts'
import type { Strings } from '../../strings/strings.ts'

export interface Line {
  readonly name: SeriesName & keyof Strings['overview']['series']
  /** A token of theme/tokens.css. */
  readonly color: string
  readonly fill?: boolean
}

export interface Chart {
  readonly key: keyof Strings['overview']['chart']
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
  /** Sizes have binary steps. */
  readonly binary?: boolean
  /** So many lines, from the first, are parts of one whole and are drawn on top of each other. */
  readonly parts?: number
  /** Largest value the scale has at least. */
  readonly least: number
  /** Largest it has at most. */
  readonly most?: number
}

export const CHARTS: readonly Chart[] = [
  {
    key: 'throughput',
    lines: [
      { name: 'memoryBps', color: '--tier-memory', fill: true },
      { name: 'diskBps', color: '--tier-disk', fill: true },
      { name: 'storeBps', color: '--tier-bucket', fill: true },
      { name: 'writeBps', color: '--series-2' },
    ],
    parts: 3,
    format: rate,
    binary: true,
    least: 1024,
  },
  {
    key: 'operations',
    lines: [{ name: 'opsPerSec', color: '--series-1', fill: true }],
    format: perSecond,
    least: 10,
  },
  {
    key: 'latency',
    lines: [
      { name: 'latencyP50Ms', color: '--series-1' },
      { name: 'latencyP95Ms', color: '--series-2' },
      { name: 'latencyP99Ms', color: '--series-3' },
    ],
    format: latency,
    least: 0.2,
  },
  {
    key: 'hits',
    lines: [{ name: 'hitRate', color: '--tier-disk', fill: true }],
    format: (share) => percent(share, 1),
    least: 1,
    most: 1,
  },
  {
    key: 'bucket',
    lines: [
      { name: 'getsPerSec', color: '--tier-bucket' },
      { name: 'putsPerSec', color: '--series-2' },
      { name: 'storeErrorsPerSec', color: '--bad-fill' },
    ],
    format: perSecond,
    least: 2,
  },
  {
    key: 'buffers',
    lines: [
      { name: 'bufferBytes', color: '--tier-memory', fill: true },
      { name: 'stagingBytes', color: '--waiting-fill', fill: true },
    ],
    format: bytes,
    binary: true,
    least: 2 ** 20,
  },
]

export const CHART_SERIES: readonly SeriesName[] = CHARTS.flatMap(({ lines }) =>
  lines.map(({ name }) => name),
)

export const RANGES = { '5m': 300_000, '1h': 3_600_000, '1d': 86_400_000, '7d': 604_800_000 } as const
export type Range = keyof typeof RANGES
