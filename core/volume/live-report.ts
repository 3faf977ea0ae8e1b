/**
 * What a volume process tells a supervisor once a second, over a conversation that stays open: its numbers, and
 * whether its backends answer. Only what changed since the report before is sent, so that an idle volume costs next
 * to nothing. The stream is the sign of life, too.
 */
import { systemClock } from '#core/base/clock.ts'
import { rootContext } from '#core/base/context.ts'
import { ROOT_INO } from '#core/base/ino.ts'
import { redactText } from '#core/base/redact.ts'
import type { WriteRefusal } from '#core/meta/write-health.ts'
import type { ProcessStatus } from './control-client.ts'
import type { ControlRequest } from './control-socket.ts'
import type { Volume } from './open-volume.ts'

/** Counts below each bound and above the last; the bounds are sent once. */
export interface HistogramReport {
  readonly bounds?: readonly number[]
  readonly counts: readonly number[]
  readonly sum: number
}

/** How the metadata server answers. */
export interface MetaReport {
  /** Of the last read; null before the first and while it fails. */
  readonly roundTripMs: number | null
  /** 0: it answers. */
  readonly failingSinceMs: number
  readonly error?: string
  /** It answers reads and takes no writes. */
  readonly refusal?: WriteRefusal
}

/** Null: no limit. */
export interface UsageReport {
  readonly usedBytes: number
  readonly capacityBytes: number | null
  readonly inodes: number
  readonly inodesLimit: number | null
}

export interface LiveReport {
  readonly atMs: number
  readonly status: ProcessStatus
  /** Metrics whose value is not what it was. */
  readonly changed: Readonly<Record<string, number>>
  readonly histograms: Readonly<Record<string, HistogramReport>>
  readonly meta: MetaReport
  readonly usage?: UsageReport
  readonly store: { readonly kind: string; readonly address: string }
  /** Processor time of the process since it started, µs. */
  readonly cpuMicros: number
  readonly rssBytes: number
}

const EVERY_MS = 1000
/** How often the metadata server is asked something, and how long it may take. */
const META_EVERY_MS = 5000
const META_LATE_MS = 10_000

interface Source {
  readonly volume: Volume
  status(): ProcessStatus
  stats(): Readonly<Record<string, number>>
}

/** Report until the asker goes away. */
export async function reportLive(source: Source, request: ControlRequest): Promise<void> {
  const seen = new Map<string, number>()
  const seenHistograms = new Map<string, number>()
  const probe = new MetaProbe(source.volume, request.signal)
  while (!request.signal.aborted) {
    request.progress(reportOf(source, probe, seen, seenHistograms))
    await systemClock.sleep(EVERY_MS, request.signal).catch(() => {})
  }
}

function reportOf(
  { volume, status, stats }: Source,
  probe: MetaProbe,
  seen: Map<string, number>,
  seenHistograms: Map<string, number>,
): LiveReport {
  const changed: Record<string, number> = {}
  for (const [name, value] of Object.entries({ ...volume.metrics.snapshot(), ...stats() })) {
    if (seen.get(name) === value) continue
    seen.set(name, value)
    changed[name] = value
  }
  const histograms: Record<string, HistogramReport> = {}
  for (const [name, { bounds, counts, count, sum }] of volume.metrics.histograms()) {
    const before = seenHistograms.get(name)
    if (before === count || (before === undefined && count === 0)) continue
    seenHistograms.set(name, count)
    histograms[name] = { ...(before === undefined && { bounds }), counts: [...counts], sum }
  }
  const { user, system } = process.cpuUsage()
  return {
    atMs: Date.now(),
    status: status(),
    changed,
    histograms,
    meta: probe.next(),
    usage: probe.usage,
    store: { kind: volume.setting.Storage, address: volume.store.address },
    cpuMicros: user + system,
    rssBytes: process.memoryUsage.rss(),
  }
}

/** Asks the metadata server now and then, never twice at a time, and never waits for it. */
class MetaProbe {
  usage: LiveReport['usage']
  readonly #volume: Volume
  readonly #signal: AbortSignal
  #askedMs = Number.NEGATIVE_INFINITY
  #waiting = false
  #roundTripMs: number | null = null
  #failingSinceMs = 0
  #error: string | undefined

  constructor(volume: Volume, signal: AbortSignal) {
    this.#volume = volume
    this.#signal = signal
  }

  next(): MetaReport {
    const nowMs = systemClock.monotonicMs()
    if (!this.#waiting && nowMs - this.#askedMs >= META_EVERY_MS) void this.#ask(nowMs)
    if (this.#waiting && nowMs - this.#askedMs > META_LATE_MS)
      this.#fails(`no answer for ${Math.round((nowMs - this.#askedMs) / 1000)} s`)
    return {
      roundTripMs: this.#failingSinceMs === 0 ? this.#roundTripMs : null,
      failingSinceMs: this.#failingSinceMs,
      error: this.#error,
      refusal: this.#refusal(),
    }
  }

  #refusal(): WriteRefusal | undefined {
    const { refusal } = this.#volume.state.writes
    return refusal && { ...refusal, message: redactText(refusal.message) }
  }

  async #ask(nowMs: number): Promise<void> {
    this.#waiting = true
    this.#askedMs = nowMs
    try {
      await this.#volume.engine.read([{ kind: 'node', ino: ROOT_INO }], 'current')
      this.#roundTripMs = systemClock.monotonicMs() - nowMs
      const space = await this.#volume.meta.statfs(rootContext(this.#signal), ROOT_INO)
      const { Capacity, Inodes } = this.#volume.setting
      this.usage = {
        usedBytes: space.totalSpace - space.availableSpace,
        capacityBytes: Capacity || null,
        inodes: space.usedInodes,
        inodesLimit: Inodes || null,
      }
      this.#failingSinceMs = 0
      this.#error = undefined
    } catch (error) {
      this.#fails(error instanceof Error ? redactText(error.message) : 'it fails')
    } finally {
      this.#waiting = false
    }
  }

  #fails(reason: string): void {
    if (this.#failingSinceMs === 0) this.#failingSinceMs = Date.now()
    this.#error = reason
  }
}
