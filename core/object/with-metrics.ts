/** Counts and times requests under the names of shared/spec/vfs-and-fuse.md §7. */
import type { Clock } from '#core/base/clock.ts'
import { type Counter, exponentialBounds, type Histogram, type Metrics } from '#core/base/metrics.ts'
import { DelegatingStore } from './delegating-store.ts'
import { totalLength } from './parts.ts'
import type { ByteRange, ObjectStore, PutOptions, RequestOptions } from './store.ts'

/** Seconds. */
const BOUNDS = exponentialBounds(0.01, 1.5, 25)

export function withMetrics(store: ObjectStore, metrics: Metrics, clock: Clock): ObjectStore {
  return new MeteredStore(store, metrics, clock)
}

class MeteredStore extends DelegatingStore {
  readonly #clock: Clock
  readonly #durations: Readonly<Record<'GET' | 'PUT' | 'DELETE', Histogram>>
  readonly #bytesGot: Counter
  readonly #bytesPut: Counter
  readonly #errors: Counter
  #uploading = 0

  constructor(inner: ObjectStore, metrics: Metrics, clock: Clock) {
    super(inner)
    const durations = (method: string) =>
      metrics.histogram(`object_request_durations_histogram_seconds_${method}`, BOUNDS)
    this.#clock = clock
    this.#durations = { GET: durations('GET'), PUT: durations('PUT'), DELETE: durations('DELETE') }
    this.#bytesGot = metrics.counter('object_request_data_bytes_GET')
    this.#bytesPut = metrics.counter('object_request_data_bytes_PUT')
    this.#errors = metrics.counter('object_request_errors')
    metrics.gauge('object_request_uploading', () => this.#uploading)
  }

  override async get(key: string, range?: ByteRange, options?: RequestOptions): Promise<Uint8Array> {
    const bytes = await this.#timed('GET', () => this.inner.get(key, range, options))
    this.#bytesGot.add(bytes.length)
    return bytes
  }

  override async put(key: string, parts: readonly Uint8Array[], options?: PutOptions): Promise<void> {
    this.#uploading++
    try {
      await this.#timed('PUT', () => this.inner.put(key, parts, options))
      this.#bytesPut.add(totalLength(parts))
    } finally {
      this.#uploading--
    }
  }

  override delete(key: string, options?: RequestOptions): Promise<void> {
    return this.#timed('DELETE', () => this.inner.delete(key, options))
  }

  async #timed<T>(method: 'GET' | 'PUT' | 'DELETE', work: () => Promise<T>): Promise<T> {
    const start = this.#clock.monotonicMs()
    try {
      return await work()
    } catch (error) {
      this.#errors.add()
      throw error
    } finally {
      this.#durations[method].observe((this.#clock.monotonicMs() - start) / 1000)
    }
  }
}
