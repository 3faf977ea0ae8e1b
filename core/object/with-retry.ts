/**
 * Tries again what may work the next time, within bounds: a number of attempts, a time limit for each, and one for
 * all. The pause before attempt k doubles, with jitter, so that clients of a recovering store do not come at once.
 * Source: shared/spec/volume-and-objects.md §7.6 (the reference pauses k² s, 385 s in all, without jitter).
 */
import { type Clock, systemClock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import { type Log, silentLog } from '#core/base/log.ts'
import { type Random, systemRandom } from '#core/base/random.ts'
import { DelegatingStore } from './delegating-store.ts'
import { abandonable, interruption, throwIfAborted } from './interrupt.ts'
import type {
  ByteRange,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  RequestOptions,
  StreamOptions,
} from './store.ts'
import { around } from './streams.ts'

export interface RetryOptions {
  /** Attempts in all. */
  readonly attempts: number
  /** Of one attempt, with its body. */
  readonly getTimeoutMs: number
  readonly putTimeoutMs: number
  /** No attempt starts later than this after the first. */
  readonly deadlineMs: number
  /** Before the second attempt; doubles up to `maxPauseMs`. */
  readonly pauseMs: number
  readonly maxPauseMs: number
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** The standard bounds, with the given ones put over them. */
export function retryOptions(own: Partial<RetryOptions> = {}): RetryOptions {
  const standard: RetryOptions = {
    attempts: 11,
    getTimeoutMs: 60_000,
    putTimeoutMs: 60_000,
    deadlineMs: 600_000,
    pauseMs: 100,
    maxPauseMs: 60_000,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  }
  return { ...standard, ...own }
}

/** Attempts when the bytes themselves were wrong: once more may help, ten times will not. */
const CORRUPT_ATTEMPTS = 3

export function withRetry(store: ObjectStore, options: RetryOptions): ObjectStore {
  return new RetryingStore(store, options)
}

class RetryingStore extends DelegatingStore {
  readonly #options: RetryOptions

  constructor(inner: ObjectStore, options: RetryOptions) {
    super(inner)
    this.#options = options
  }

  override get(key: string, range?: ByteRange, options?: RequestOptions): Promise<Uint8Array> {
    return this.#retry('get', key, this.#options.getTimeoutMs, options, (signal) =>
      this.inner.get(key, range, { ...options, signal }),
    )
  }

  override put(key: string, parts: readonly Uint8Array[], options?: PutOptions): Promise<void> {
    return this.#retry('put', key, this.#options.putTimeoutMs, options, (signal) =>
      this.inner.put(key, parts, { ...options, signal }),
    )
  }

  override putStream(key: string, source: AsyncIterable<Uint8Array>, options?: StreamOptions): Promise<void> {
    return this.inner.putStream(key, source, this.#retryEach('put', key, this.#options.putTimeoutMs, options))
  }

  override getStream(key: string, options?: StreamOptions): AsyncIterable<Uint8Array> {
    return this.inner.getStream(key, this.#retryEach('get', key, this.#options.getTimeoutMs, options))
  }

  override delete(key: string, options?: RequestOptions): Promise<void> {
    return this.#retry('delete', key, this.#options.putTimeoutMs, options, (signal) =>
      this.inner.delete(key, { signal }),
    )
  }

  override head(key: string, options?: RequestOptions): Promise<ObjectInfo | undefined> {
    return this.#retry('head', key, this.#options.getTimeoutMs, options, (signal) =>
      this.inner.head(key, { signal }),
    )
  }

  /** A failed page is asked for again from after the last key that was seen. */
  override async *list(
    prefix: string,
    options?: RequestOptions & { after?: string },
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    let after = options?.after
    let listing: AsyncIterator<ObjectInfo> | undefined
    try {
      for (;;) {
        const next = await this.#retry(
          'list',
          prefix,
          this.#options.getTimeoutMs,
          options,
          async (signal) => {
            listing ??= this.inner.list(prefix, { after, signal: options?.signal })[Symbol.asyncIterator]()
            try {
              return await abandonable(signal, () => listing!.next())
            } catch (error) {
              listing = undefined
              throw error
            }
          },
        )
        if (next.done) return
        after = next.value.key
        yield next.value
      }
    } finally {
      await listing?.return?.()
    }
  }

  /** Requests of a stream are tried again one by one. */
  #retryEach(op: string, key: string, timeoutMs: number, options: StreamOptions | undefined): StreamOptions {
    return around(options, (request, signal) =>
      this.#retry(op, key, timeoutMs, { ...options, signal }, request),
    )
  }

  async #retry<T>(
    op: string,
    key: string,
    timeoutMs: number,
    request: RequestOptions | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { deadlineMs, clock, log } = this.#options
    const attempts = Math.min(this.#options.attempts, request?.attempts ?? Number.POSITIVE_INFINITY)
    const signal = request?.signal
    const start = clock.monotonicMs()
    for (let attempt = 1; ; attempt++) {
      try {
        return await limited(clock, `${op} ${key}`, timeoutMs, signal, work)
      } catch (error) {
        throwIfAborted(signal)
        const most = mayHelp(error)
        const pauseMs = this.#pause(attempt)
        if (attempt >= Math.min(attempts, most) || clock.monotonicMs() - start + pauseMs > deadlineMs)
          throw error
        log.warn('object request failed, trying again', {
          op,
          key,
          attempt,
          pauseMs: Math.round(pauseMs),
          error,
        })
        await pause(clock, pauseMs, signal)
      }
    }
  }

  #pause(attempt: number): number {
    const { pauseMs, maxPauseMs, random } = this.#options
    return Math.min(maxPauseMs, pauseMs * 2 ** (attempt - 1)) * (0.5 + random.next() / 2)
  }
}

/** How many attempts an error deserves. */
function mayHelp(error: unknown): number {
  if (!(error instanceof BackendError)) return 1
  if (error.kind === 'corrupt') return CORRUPT_ATTEMPTS
  return error.kind === 'unavailable' || error.kind === 'conflict' ? Number.POSITIVE_INFINITY : 1
}

async function pause(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await clock.sleep(ms, signal)
  } catch (error) {
    if (signal?.aborted) throw interruption(signal)
    throw error
  }
}

/** Run one attempt with a signal of its own, which fires with the caller's or when the time is up. */
async function limited<T>(
  clock: Clock,
  name: string,
  timeoutMs: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  throwIfAborted(outer)
  const attempt = new AbortController()
  const done = new AbortController()
  const onAbort = (): void => attempt.abort(outer?.reason)
  outer?.addEventListener('abort', onAbort, { once: true })
  clock.sleep(timeoutMs, done.signal).then(
    () => attempt.abort(new BackendError('unavailable', `${name}: no end after ${timeoutMs / 1000} s`)),
    () => {},
  )
  try {
    return await abandonable(attempt.signal, () => work(attempt.signal))
  } finally {
    done.abort()
    outer?.removeEventListener('abort', onAbort)
  }
}
