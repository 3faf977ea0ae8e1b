/**
 * Counters, gauges and duration histograms, by name. One registry per volume; reading it is the only
 * way out (a control socket, `.stats`, `pomelo stats`). Names are those of shared/spec/vfs-and-fuse.md §7
 * without the `juicefs_` prefix.
 */
export class Counter {
  value = 0

  add(n = 1): void {
    this.value += n
  }
}

/** Number and total of durations or sizes, and how many fell below each bound. */
export class Histogram {
  readonly bounds: readonly number[]
  readonly counts: Float64Array
  count = 0
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    this.count++
    this.sum += value
    let at = 0
    while (at < this.bounds.length && value > this.bounds[at]!) at++
    this.counts[at]!++
  }
}

export function exponentialBounds(start: number, factor: number, n: number): readonly number[] {
  return Array.from({ length: n }, (_, k) => start * factor ** k)
}

export class Metrics {
  readonly #counters = new Map<string, Counter>()
  readonly #histograms = new Map<string, Histogram>()
  readonly #attached = new Map<string, Histogram>()
  readonly #gauges = new Map<string, () => number>()

  /** The counter called `name`, made on first use. Keep the reference on hot paths. */
  counter(name: string): Counter {
    let counter = this.#counters.get(name)
    if (counter === undefined) this.#counters.set(name, (counter = new Counter()))
    return counter
  }

  histogram(name: string, bounds: readonly number[]): Histogram {
    let histogram = this.#histograms.get(name)
    if (histogram === undefined) this.#histograms.set(name, (histogram = new Histogram(bounds)))
    return histogram
  }

  /** A histogram kept elsewhere: told by `histograms`, not by `snapshot`. */
  attach(name: string, histogram: Histogram): void {
    this.#attached.set(name, histogram)
  }

  /** Every histogram there is, for percentiles. The arrays go on counting: copy what must stay. */
  histograms(): ReadonlyMap<string, Histogram> {
    return new Map([...this.#histograms, ...this.#attached])
  }

  /** `read` is asked whenever the metrics are. */
  gauge(name: string, read: () => number): void {
    this.#gauges.set(name, read)
  }

  /** All values, histograms as `<name>_total` and `<name>_sum`. */
  snapshot(): Record<string, number> {
    const out: Record<string, number> = {}
    for (const [name, counter] of this.#counters) out[name] = counter.value
    for (const [name, read] of this.#gauges) out[name] = read()
    for (const [name, histogram] of this.#histograms) {
      out[`${name}_total`] = histogram.count
      out[`${name}_sum`] = histogram.sum
    }
    return out
  }
}
