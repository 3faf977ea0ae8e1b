/**
 * Limits requests under way, and bytes per second by token bucket.
 * Source: shared/spec/volume-and-objects.md §7.6: rate = 0.85 x limit, burst = a tenth of a second of it, charged
 * before the transfer where the size is known, else after.
 */
import type { Clock } from '#core/base/clock.ts'
import { Semaphore } from '#core/base/semaphore.ts'
import { DelegatingStore } from './delegating-store.ts'
import { interruption, throwIfAborted } from './interrupt.ts'
import { totalLength } from './parts.ts'
import type { ByteRange, ObjectStore, PutOptions, RequestOptions, StreamOptions } from './store.ts'
import { around, tapped } from './streams.ts'

export interface LimitOptions {
  /** Requests at a time; no limit when unset. */
  readonly maxUploads?: number
  readonly maxDownloads?: number
  /** Mbit/s of 10^6 bits; 0 or unset: no limit. */
  readonly uploadLimit?: number
  readonly downloadLimit?: number
  readonly clock: Clock
}

export function withLimit(store: ObjectStore, options: LimitOptions): ObjectStore {
  const isFree =
    !options.maxUploads && !options.maxDownloads && !options.uploadLimit && !options.downloadLimit
  return isFree ? store : new LimitedStore(store, options)
}

class LimitedStore extends DelegatingStore {
  readonly #uploads: Semaphore | undefined
  readonly #downloads: Semaphore | undefined
  readonly #uploadBucket: TokenBucket | undefined
  readonly #downloadBucket: TokenBucket | undefined

  constructor(inner: ObjectStore, options: LimitOptions) {
    super(inner)
    const bucket = (mbits: number | undefined) => (mbits ? bandwidthBucket(mbits, options.clock) : undefined)
    this.#uploads = options.maxUploads ? new Semaphore(options.maxUploads) : undefined
    this.#downloads = options.maxDownloads ? new Semaphore(options.maxDownloads) : undefined
    this.#uploadBucket = bucket(options.uploadLimit)
    this.#downloadBucket = bucket(options.downloadLimit)
  }

  override get(key: string, range?: ByteRange, options?: RequestOptions): Promise<Uint8Array> {
    return holding(this.#downloads, options?.signal, async () => {
      if (range !== undefined) await this.#downloadBucket?.take(range.length, options?.signal)
      const bytes = await this.inner.get(key, range, options)
      if (range === undefined) await this.#downloadBucket?.take(bytes.length, options?.signal)
      return bytes
    })
  }

  /** Bytes read behind our back would not be counted. */
  override localPath(key: string): string | undefined {
    return this.#downloadBucket === undefined ? this.inner.localPath?.(key) : undefined
  }

  override put(key: string, parts: readonly Uint8Array[], options?: PutOptions): Promise<void> {
    return holding(this.#uploads, options?.signal, async () => {
      await this.#uploadBucket?.take(totalLength(parts), options?.signal)
      await this.inner.put(key, parts, options)
    })
  }

  override putStream(key: string, source: AsyncIterable<Uint8Array>, options?: StreamOptions): Promise<void> {
    const limited = tapped(source, (bytes) => this.#uploadBucket?.take(bytes, options?.signal))
    return this.inner.putStream(key, limited, holdingEach(this.#uploads, options))
  }

  override getStream(key: string, options?: StreamOptions): AsyncIterable<Uint8Array> {
    const pieces = this.inner.getStream(key, holdingEach(this.#downloads, options))
    return tapped(pieces, (bytes) => this.#downloadBucket?.take(bytes, options?.signal))
  }
}

/** A stream has a place while it makes a request, not while it waits for its source. */
function holdingEach(places: Semaphore | undefined, options: StreamOptions | undefined): StreamOptions {
  return around(options, (request, signal) => holding(places, signal, () => request(signal)))
}

async function holding<T>(
  places: Semaphore | undefined,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  throwIfAborted(signal)
  if (places === undefined) return work()
  if (!places.tryAcquire()) {
    await places.acquire(signal).catch((error: unknown) => {
      throw signal?.aborted ? interruption(signal) : error
    })
  }
  try {
    return await work()
  } finally {
    places.release()
  }
}

function bandwidthBucket(mbits: number, clock: Clock): TokenBucket {
  const bytesPerSec = (mbits * 1e6) / 8
  return new TokenBucket(0.85 * bytesPerSec, bytesPerSec / 10, clock)
}

/** Tokens may go below zero: who takes them waits until the debt is paid, so the order is that of asking. */
export class TokenBucket {
  readonly #perMs: number
  readonly #burst: number
  readonly #clock: Clock
  #tokens: number
  #filledMs: number

  constructor(perSec: number, burst: number, clock: Clock) {
    this.#perMs = perSec / 1000
    this.#burst = burst
    this.#clock = clock
    this.#tokens = burst
    this.#filledMs = clock.monotonicMs()
  }

  async take(count: number, signal?: AbortSignal): Promise<void> {
    const now = this.#clock.monotonicMs()
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filledMs) * this.#perMs) - count
    this.#filledMs = now
    if (this.#tokens >= 0) return
    try {
      await this.#clock.sleep(-this.#tokens / this.#perMs, signal)
    } catch (error) {
      this.#tokens += count
      throw signal?.aborted ? interruption(signal) : error
    }
  }
}
