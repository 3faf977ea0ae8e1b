/** Counts and times requests under the names of shared/spec/vfs-and-fuse.md §7. */
import type { Clock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import { type Counter, exponentialBounds, type Histogram, type Metrics } from '#core/base/metrics.ts'
import { DelegatingStore } from './delegating-store.ts'
import { totalLength } from './parts.ts'
import type { ByteRange, ObjectStore, PutOptions, RequestOptions, StreamOptions } from './store.ts'
import { around, tapped } from './streams.ts'

/** The metric `object_request_failing_kind` counts these from 1. */
export const STORE_FAILURES: readonly BackendError['kind'][] = ['unavailable', 'denied', 'no-space']

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
  /** Unix seconds of the first of the failures since the last success; 0: the last request succeeded. */
  #failingSince = 0
  #failingKind = 0

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
    metrics.gauge('object_request_failing_since_seconds', () => this.#failingSince)
    metrics.gauge('object_request_failing_kind', () => this.#failingKind)
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

  override async putStream(
    key: string,
    source: AsyncIterable<Uint8Array>,
    options?: StreamOptions,
  ): Promise<void> {
    const counted = tapped(source, (bytes) => this.#bytesPut.add(bytes))
    this.#uploading++
    try {
      await this.inner.putStream(key, counted, this.#timedEach('PUT', options))
    } finally {
      this.#uploading--
    }
  }

  override getStream(key: string, options?: StreamOptions): AsyncIterable<Uint8Array> {
    const pieces = this.inner.getStream(key, this.#timedEach('GET', options))
    return tapped(pieces, (bytes) => this.#bytesGot.add(bytes))
  }

  override delete(key: string, options?: RequestOptions): Promise<void> {
    return this.#timed('DELETE', () => this.inner.delete(key, options))
  }

  /** A missing object or a request that was given up says nothing about the store. */
  #failed(error: unknown): void {
    const kind = STORE_FAILURES.findIndex((each) => error instanceof BackendError && error.kind === each) + 1
    if (kind === 0) return
    if (this.#failingSince === 0) this.#failingSince = this.#clock.nowSec()
    this.#failingKind = kind
  }

  #timedEach(method: 'GET' | 'PUT', options: StreamOptions | undefined): StreamOptions {
    return around(options, (request, signal) => this.#timed(method, () => request(signal)))
  }

  async #timed<T>(method: 'GET' | 'PUT' | 'DELETE', work: () => Promise<T>): Promise<T> {
    const start = this.#clock.monotonicMs()
    try {
      const result = await work()
      this.#failingSince = 0
      return result
    } catch (error) {
      this.#errors.add()
      this.#failed(error)
      throw error
    } finally {
      this.#durations[method].observe((this.#clock.monotonicMs() - start) / 1000)
    }
  }
}
