/** Counts and durations of kernel requests, under the names of shared/spec/vfs-and-fuse.md §7. */
import { errnoName } from '#core/base/errno.ts'
import { exponentialBounds, Histogram, type Metrics } from '#core/base/metrics.ts'
import { OP_NAMES } from './abi.ts'

/** Seconds. */
const BOUNDS = exponentialBounds(1e-5, 1.8, 29)

export class OpMetrics {
  served = 0
  readonly #metrics: Metrics
  readonly #durations: Histogram
  /** By opcode; also had as `op_seconds_<name>` from `Metrics.histograms`. */
  readonly #byOp: Histogram[] = []

  constructor(metrics: Metrics) {
    this.#metrics = metrics
    this.#durations = metrics.histogram('fuse_ops_durations_histogram_seconds', BOUNDS)
    for (const name of OP_NAMES) {
      const histogram = new Histogram(BOUNDS)
      this.#byOp.push(histogram)
      if (name === undefined) continue
      metrics.attach(`op_seconds_${name}`, histogram)
      metrics.gauge(`fuse_ops_total_${name}`, () => histogram.count)
      metrics.gauge(`fuse_ops_durations_seconds_${name}`, () => histogram.sum)
    }
  }

  /** @hot */
  observe(opcode: number, ms: number): void {
    const seconds = ms / 1000
    this.served++
    this.#durations.observe(seconds)
    this.#byOp[opcode]?.observe(seconds)
  }

  ioError(errno: number): void {
    this.#metrics.counter(`fuse_ops_io_errors_${errnoName(errno)}`).add()
  }
}
