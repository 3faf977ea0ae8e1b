/** Counters of a process as numbers per second: one `Sample` for each pair of reports. */
import type { LiveDetail, OperationRate, Sample, SeriesName } from '#core/api/metrics.ts'
import { SERIES_NAMES } from '#core/api/metrics.ts'
import type { HistogramNow, ProcessNumbers } from './volume-link.ts'

const ALL_OPS = 'fuse_ops_durations_histogram_seconds'
const REQUESTS = 'object_request_durations_histogram_seconds_'
const BY_OP = 'op_seconds_'
/** An operation is listed while it did something within so many samples. */
const RECENT = 10

/** What rates are differences of: copied, as the process' own maps go on changing. */
interface Before {
  readonly atMs: number
  readonly metrics: ReadonlyMap<string, number>
  readonly histograms: ReadonlyMap<string, HistogramNow>
  readonly cpuMicros: number
}

export class Sampler {
  #before: Before | undefined
  #last: Sample | undefined
  #operations: OperationRate[] = []
  readonly #idleFor = new Map<string, number>()
  /** Hits and misses of the last minute's samples. */
  readonly #hits: { readonly hits: number; readonly misses: number }[] = []

  get last(): Sample | undefined {
    return this.#last
  }

  /** Hit rate of the last minute; null when nothing was read. */
  get recentHitRate(): number | null {
    const sum = this.#hits.reduce((a, b) => ({ hits: a.hits + b.hits, misses: a.misses + b.misses }), {
      hits: 0,
      misses: 0,
    })
    return ratio(sum.hits, sum.hits + sum.misses)
  }

  /** The sample since the numbers before; undefined for the first. */
  take(numbers: ProcessNumbers): Sample | undefined {
    const before = this.#before
    this.#before = {
      atMs: numbers.atMs,
      metrics: new Map(numbers.metrics),
      histograms: new Map(numbers.histograms),
      cpuMicros: numbers.cpuMicros,
    }
    if (before === undefined || numbers.atMs <= before.atMs) return undefined
    const sample = this.#sampleOf(before, numbers)
    this.#operations = this.#operationsOf(before, numbers)
    this.#last = sample
    return sample
  }

  detail(numbers: ProcessNumbers, kernelWaiting: number | null): LiveDetail | undefined {
    if (this.#last === undefined) return undefined
    const now = (name: string) => numbers.metrics.get(name) ?? 0
    const disk = { reads: now('blockcache_disk_hits'), bytes: now('blockcache_disk_hit_bytes') }
    return {
      atMs: this.#last.atMs,
      sample: this.#last,
      operations: this.#operations,
      tiers: [
        {
          tier: 'memory',
          reads: now('blockcache_hits') - disk.reads,
          bytes: now('blockcache_hit_bytes') - disk.bytes,
        },
        { tier: 'disk', ...disk },
        {
          tier: 'store',
          reads: now('blockcache_miss') + now('object_local_reads'),
          bytes: now('blockcache_miss_bytes') + now('object_local_read_bytes'),
        },
      ],
      kernel: { opens: now('fuse_opens'), keptOpens: now('fuse_opens_kept') },
      requests: {
        GET: now(`${REQUESTS}GET_total`),
        PUT: now(`${REQUESTS}PUT_total`),
        DELETE: now(`${REQUESTS}DELETE_total`),
      },
      requestErrors: now('object_request_errors'),
      askedBytes: now('fuse_read_size_bytes_sum'),
      fetchedBytes: now('object_request_data_bytes_GET') + now('object_local_read_bytes'),
      openFiles: now('vfs_handles'),
      kernelWaiting,
    }
  }

  #sampleOf(
    before: Before,
    { atMs, metrics, histograms, cpuMicros, rssBytes, metaMs }: ProcessNumbers,
  ): Sample {
    const sec = (atMs - before.atMs) / 1000
    const grown = (name: string) => Math.max(0, (metrics.get(name) ?? 0) - (before.metrics.get(name) ?? 0))
    const rate = (name: string) => grown(name) / sec
    const now = (name: string) => metrics.get(name) ?? 0
    const mean = (name: string) => per(grown(`${name}_sum`) * 1000, grown(`${name}_total`))
    const latency = difference(histograms.get(ALL_OPS), before.histograms.get(ALL_OPS))
    const [hits, misses] = [grown('blockcache_hits'), grown('blockcache_miss')]
    this.#hits.push({ hits, misses })
    if (this.#hits.length > 60) this.#hits.shift()
    const values: Record<SeriesName, number | null> = {
      readBps: rate('fuse_read_size_bytes_sum'),
      writeBps: rate('fuse_written_size_bytes_sum'),
      opsPerSec: rate(`${ALL_OPS}_total`),
      latencyMs: mean(ALL_OPS),
      latencyP50Ms: quantileMs(latency, 0.5),
      latencyP95Ms: quantileMs(latency, 0.95),
      latencyP99Ms: quantileMs(latency, 0.99),
      hitRate: ratio(hits, hits + misses),
      memoryReadsPerSec: Math.max(0, rate('blockcache_hits') - rate('blockcache_disk_hits')),
      diskReadsPerSec: rate('blockcache_disk_hits'),
      // Objects on the disk of the cache are read where they are: neither hits of a cache nor misses.
      storeReadsPerSec: rate('blockcache_miss') + rate('object_local_reads'),
      memoryBps: Math.max(0, rate('blockcache_hit_bytes') - rate('blockcache_disk_hit_bytes')),
      diskBps: rate('blockcache_disk_hit_bytes'),
      storeBps: rate('blockcache_miss_bytes') + rate('object_local_read_bytes'),
      getsPerSec: rate(`${REQUESTS}GET_total`),
      putsPerSec: rate(`${REQUESTS}PUT_total`),
      deletesPerSec: rate(`${REQUESTS}DELETE_total`),
      storeErrorsPerSec: rate('object_request_errors'),
      downloadBps: rate('object_request_data_bytes_GET'),
      uploadBps: rate('object_request_data_bytes_PUT'),
      getMs: mean(`${REQUESTS}GET`),
      putMs: mean(`${REQUESTS}PUT`),
      bufferBytes: now('used_buffer_size_bytes'),
      stagingBytes: now('staging_block_bytes'),
      stagingBlocks: now('staging_blocks'),
      cacheBytes: now('blockcache_bytes'),
      metaMs,
      cpu: Math.max(0, cpuMicros - before.cpuMicros) / 1e6 / sec,
      rssBytes,
    }
    return { atMs, values }
  }

  #operationsOf(before: Before, { atMs, histograms }: ProcessNumbers): OperationRate[] {
    const sec = (atMs - before.atMs) / 1000
    const rates: OperationRate[] = []
    for (const [name, histogram] of histograms) {
      if (!name.startsWith(BY_OP)) continue
      const op = name.slice(BY_OP.length)
      const grown = difference(histogram, before.histograms.get(name))
      const count = grown === undefined ? 0 : total(grown.counts)
      this.#idleFor.set(op, count > 0 ? 0 : (this.#idleFor.get(op) ?? RECENT) + 1)
      if (this.#idleFor.get(op)! >= RECENT) continue
      rates.push({
        op,
        perSec: count / sec,
        meanMs: grown === undefined ? null : per(grown.sum * 1000, count),
        p50Ms: quantileMs(grown, 0.5),
        p95Ms: quantileMs(grown, 0.95),
        p99Ms: quantileMs(grown, 0.99),
      })
    }
    return rates.sort((a, b) => b.perSec - a.perSec)
  }
}

/** The mean of samples: a minute from its seconds. */
export function meanSample(samples: readonly Sample[]): Sample {
  const values = Object.fromEntries(
    SERIES_NAMES.map((name) => {
      const known = samples.map(({ values }) => values[name]).filter((value) => value !== null)
      return [name, known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length]
    }),
  ) as Record<SeriesName, number | null>
  return { atMs: samples.at(-1)!.atMs, values }
}

function difference(
  now: HistogramNow | undefined,
  before: HistogramNow | undefined,
): HistogramNow | undefined {
  if (now === undefined) return undefined
  if (before === undefined || before === now) {
    return before === now ? { ...now, counts: now.counts.map(() => 0), sum: 0 } : now
  }
  return {
    bounds: now.bounds,
    counts: now.counts.map((count, at) => Math.max(0, count - (before.counts[at] ?? 0))),
    sum: Math.max(0, now.sum - before.sum),
  }
}

/** A value that the given part lies below, in ms; between two bounds it is taken as evenly spread. */
export function quantileMs(histogram: HistogramNow | undefined, part: number): number | null {
  if (histogram === undefined) return null
  const { bounds, counts } = histogram
  const wanted = total(counts) * part
  if (wanted === 0) return null
  let seen = 0
  for (const [at, count] of counts.entries()) {
    if (seen + count < wanted || count === 0) {
      seen += count
      continue
    }
    const low = at === 0 ? 0 : bounds[at - 1]!
    const high = bounds[at] ?? low
    return (low + ((high - low) * (wanted - seen)) / count) * 1000
  }
  return null
}

function total(counts: readonly number[]): number {
  return counts.reduce((a, b) => a + b, 0)
}

function per(amount: number, count: number): number | null {
  return count === 0 ? null : amount / count
}

const ratio = per
