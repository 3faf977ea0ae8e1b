/** Counts and durations of kernel requests, under the names of shared/spec/vfs-and-fuse.md §7. */
import { errnoName } from '#core/base/errno.ts'
import { type Counter, exponentialBounds, type Histogram, type Metrics } from '#core/base/metrics.ts'
import { OP_NAMES } from './abi.ts'

export class OpMetrics {
  served = 0
  readonly #metrics: Metrics
  readonly #durations: Histogram
  readonly #totals: Counter[] = []
  readonly #seconds: Counter[] = []

  constructor(metrics: Metrics) {
    this.#metrics = metrics
    this.#durations = metrics.histogram(
      'fuse_ops_durations_histogram_seconds',
      exponentialBounds(1e-5, 1.8, 29),
    )
    for (const name of OP_NAMES) {
      this.#totals.push(metrics.counter(`fuse_ops_total_${name}`))
      this.#seconds.push(metrics.counter(`fuse_ops_durations_seconds_${name}`))
    }
  }

  /** @hot */
  observe(opcode: number, ms: number): void {
    const seconds = ms / 1000
    this.served++
    this.#durations.observe(seconds)
    this.#totals[opcode]?.add()
    this.#seconds[opcode]?.add(seconds)
  }

  ioError(errno: number): void {
    this.#metrics.counter(`fuse_ops_io_errors_${errnoName(errno)}`).add()
  }
}
