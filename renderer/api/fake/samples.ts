/** What a busy volume would measure at a moment. */
import type { LiveDetail, OperationRate, Sample, SeriesName } from '#core/api/metrics.ts'
import type { VolumeRates } from '#core/api/volumes.ts'
import { noise } from './noise.ts'

const MIB = 2 ** 20

/** How much a volume does; 0 is idle. */
export type Load = number

/** The few numbers of lists: cheap enough for a thousand volumes a second. */
export function ratesAt(id: string, load: Load, atMs: number): VolumeRates {
  const n = (name: string) => noise(`${id}/${name}`, atMs)
  const readBps = load * 90 * MIB * Math.max(0, n('read') - 0.25)
  return {
    readBps,
    writeBps: load * 60 * MIB * Math.max(0, n('write') - 0.45),
    opsPerSec: load * (200 + 2600 * n('ops')),
    hitRate: readBps === 0 ? null : Math.min(1, 0.82 + 0.25 * n('hit')),
    metaMs: 0.3 + 0.5 * n('meta'),
  }
}

export function sampleAt(id: string, load: Load, atMs: number): Sample {
  const n = (name: string) => noise(`${id}/${name}`, atMs)
  const { readBps: reads, writeBps: writes, opsPerSec: ops, hitRate, metaMs } = ratesAt(id, load, atMs)
  const memory = 0.55 + 0.3 * n('memory')
  const fromCache = reads * (hitRate ?? 0)
  const fromStore = reads - fromCache
  const median = 0.05 + 0.25 * n('latency')
  const errors = load > 1 && n('errors') > 0.86 ? 1 : 0
  const values: Record<SeriesName, number | null> = {
    readBps: reads,
    writeBps: writes,
    opsPerSec: ops,
    latencyMs: median * 1.6,
    latencyP50Ms: median,
    latencyP95Ms: median * (3 + 3 * n('p95')),
    latencyP99Ms: median * (9 + 16 * n('p99')),
    hitRate,
    memoryReadsPerSec: (fromCache * memory) / (128 * 1024),
    diskReadsPerSec: (fromCache * (1 - memory)) / (128 * 1024),
    storeReadsPerSec: fromStore / (128 * 1024),
    memoryBps: fromCache * memory,
    diskBps: fromCache * (1 - memory),
    storeBps: fromStore,
    getsPerSec: fromStore / (2 * MIB),
    putsPerSec: writes / (4 * MIB),
    deletesPerSec: load * 2 * n('deletes'),
    storeErrorsPerSec: errors,
    downloadBps: fromStore * 1.12,
    uploadBps: writes * 0.9,
    getMs: 18 + 30 * n('get'),
    putMs: 35 + 60 * n('put'),
    bufferBytes: load * 180 * MIB * n('buffer'),
    stagingBytes: load * 90 * MIB * Math.max(0, n('staging') - 0.5),
    stagingBlocks: Math.round(load * 22 * Math.max(0, n('staging') - 0.5)),
    cacheBytes: (38 + 2 * n('cache')) * 1024 * MIB,
    metaMs,
    cpu: load * 0.2 * n('cpu'),
    rssBytes: (110 + 60 * n('rss')) * MIB,
  }
  return { atMs, values }
}

const OPERATIONS = [
  'lookup',
  'getattr',
  'read',
  'readdirplus',
  'open',
  'release',
  'write',
  'flush',
  'create',
  'setattr',
]

export function detailAt(id: string, load: Load, atMs: number, sinceMs: number): LiveDetail {
  const sample = sampleAt(id, load, atMs)
  const seconds = (atMs - sinceMs) / 1000
  const total = sample.values.opsPerSec ?? 0
  const operations: OperationRate[] = OPERATIONS.map((op, at) => {
    const share = 0.42 * 0.62 ** at * (0.7 + 0.6 * noise(`${id}/${op}`, atMs))
    const slow = op === 'read' || op === 'write' || op === 'flush' ? 14 : 1
    const p50 = (0.04 + 0.08 * noise(`${id}/${op}/ms`, atMs)) * slow
    return { op, perSec: total * share, meanMs: p50 * 1.5, p50Ms: p50, p95Ms: p50 * 4, p99Ms: p50 * 16 }
  })
  const bytes = load * seconds * 22 * MIB
  return {
    atMs,
    sample,
    operations: operations.filter(({ perSec }) => perSec > 0.5),
    tiers: [
      { tier: 'memory', reads: Math.round((bytes * 0.55) / 131072), bytes: bytes * 0.55 },
      { tier: 'disk', reads: Math.round((bytes * 0.36) / 131072), bytes: bytes * 0.36 },
      { tier: 'store', reads: Math.round((bytes * 0.09) / 131072), bytes: bytes * 0.09 },
    ],
    kernel: { opens: Math.round(seconds * load * 3), keptOpens: Math.round(seconds * load * 2.1) },
    requests: {
      GET: Math.round((bytes * 0.09) / (2 * MIB)),
      PUT: Math.round((bytes * 0.05) / (4 * MIB)),
      DELETE: Math.round(seconds / 9),
    },
    requestErrors: Math.round(seconds / 900),
    askedBytes: bytes,
    fetchedBytes: bytes * 0.101,
    openFiles: Math.round(load * 40 * noise(`${id}/open`, atMs)),
    kernelWaiting: Math.round(load * 3 * noise(`${id}/waiting`, atMs)),
  }
}
