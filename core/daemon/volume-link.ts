/**
 * The open conversation with one volume process: its reports once a second, folded into all of its numbers. The
 * stream is its heartbeat; that it ended says that the process has ended, or will.
 */
import { systemClock } from '#core/base/clock.ts'
import type { ControlClient, ProcessStatus } from '#core/volume/control-client.ts'
import type { LiveReport } from '#core/volume/live-report.ts'

export interface HistogramNow {
  readonly bounds: readonly number[]
  readonly counts: readonly number[]
  readonly sum: number
}

/** Everything a process has said, as of its last report. */
export interface ProcessNumbers {
  readonly atMs: number
  readonly metrics: ReadonlyMap<string, number>
  readonly histograms: ReadonlyMap<string, HistogramNow>
  readonly cpuMicros: number
  readonly rssBytes: number
  readonly metaMs: number | null
}

export interface LinkEvents {
  onReport(link: VolumeLink): void
  onEnded(link: VolumeLink): void
}

export class VolumeLink {
  readonly client: ControlClient
  readonly #stop = new AbortController()
  readonly #metrics = new Map<string, number>()
  readonly #histograms = new Map<string, HistogramNow>()
  #status: ProcessStatus
  #report: LiveReport | undefined
  #heardMs = systemClock.monotonicMs()
  #ended = false
  #storeErrorMs = Number.NEGATIVE_INFINITY

  constructor(client: ControlClient, status: ProcessStatus) {
    this.client = client
    this.#status = status
  }

  get status(): ProcessStatus {
    return this.#status
  }

  get report(): LiveReport | undefined {
    return this.#report
  }

  get ended(): boolean {
    return this.#ended
  }

  /** How long nothing was heard. */
  get silentMs(): number {
    return systemClock.monotonicMs() - this.#heardMs
  }

  /** How long ago the bucket last failed. */
  get sinceStoreErrorMs(): number {
    return systemClock.monotonicMs() - this.#storeErrorMs
  }

  metric(name: string): number {
    return this.#metrics.get(name) ?? 0
  }

  numbers(): ProcessNumbers | undefined {
    const report = this.#report
    if (report === undefined) return undefined
    return {
      atMs: report.atMs,
      metrics: this.#metrics,
      histograms: this.#histograms,
      cpuMicros: report.cpuMicros,
      rssBytes: report.rssBytes,
      metaMs: report.meta.roundTripMs,
    }
  }

  /** Listen until the process ends or `close`. */
  async run(events: LinkEvents): Promise<void> {
    const onProgress = (value: unknown) => {
      this.#take(value as LiveReport)
      events.onReport(this)
    }
    try {
      await this.client.call('watch', {}, { signal: this.#stop.signal, onProgress })
    } catch {
      // However it ended: who listens looks at what is left.
    }
    this.#ended = true
    if (!this.#stop.signal.aborted) events.onEnded(this)
  }

  close(): void {
    this.#stop.abort()
  }

  #take(report: LiveReport): void {
    this.#heardMs = systemClock.monotonicMs()
    this.#report = report
    this.#status = report.status
    if ('object_request_errors' in report.changed) this.#storeErrorMs = this.#heardMs
    for (const [name, value] of Object.entries(report.changed)) this.#metrics.set(name, value)
    for (const [name, { bounds, counts, sum }] of Object.entries(report.histograms)) {
      this.#histograms.set(name, { bounds: bounds ?? this.#histograms.get(name)?.bounds ?? [], counts, sum })
    }
  }
}
