/** A store that fails, dawdles and hangs as told: for tests, repeatable through its `Random`. */
import { type Clock, systemClock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import { type Random, seededRandom } from '#core/base/random.ts'
import { interruption } from './interrupt.ts'
import type {
  ByteRange,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  RequestOptions,
  StreamOptions,
} from './store.ts'
import { around } from './streams.ts'

export type FaultOp = 'get' | 'put' | 'delete' | 'head' | 'list' | 'sync' | 'create'

/** Rates are parts of one; all may be changed while the store is in use. */
export interface Faults {
  /** Longest delay before an operation, milliseconds. */
  latencyMs: number
  /** The operation is not done and fails. */
  errors: number
  /** The operation is done and fails all the same: its answer was lost. */
  lostAnswers: number
  /** No answer until the signal fires. */
  hangs: number
  /** A whole get returns fewer bytes without a word, as a bad proxy does. */
  truncated: number
  /** Only these operations; all when empty. */
  ops: readonly FaultOp[]
  kind: BackendError['kind']
}

export class FaultyObjectStore implements ObjectStore {
  readonly faults: Faults
  /** Operations begun, by name. */
  readonly calls: Record<FaultOp, number> = {
    get: 0,
    put: 0,
    delete: 0,
    head: 0,
    list: 0,
    sync: 0,
    create: 0,
  }
  readonly #inner: ObjectStore
  readonly #random: Random
  readonly #clock: Clock

  constructor(inner: ObjectStore, faults: Partial<Faults>, random: Random, clock: Clock) {
    this.#inner = inner
    this.#random = random
    this.#clock = clock
    this.faults = {
      latencyMs: 0,
      errors: 0,
      lostAnswers: 0,
      hangs: 0,
      truncated: 0,
      ops: [],
      kind: 'unavailable',
      ...faults,
    }
  }

  get address(): string {
    return this.#inner.address
  }

  get canReadRange(): boolean {
    return this.#inner.canReadRange
  }

  async get(key: string, range?: ByteRange, options?: RequestOptions): Promise<Uint8Array> {
    const bytes = await this.#disturb('get', options?.signal, () => this.#inner.get(key, range, options))
    return this.#hits('get', this.faults.truncated) ? bytes.subarray(0, Math.floor(bytes.length / 2)) : bytes
  }

  put(key: string, parts: readonly Uint8Array[], options?: PutOptions): Promise<void> {
    return this.#disturb('put', options?.signal, () => this.#inner.put(key, parts, options))
  }

  putStream(key: string, source: AsyncIterable<Uint8Array>, options?: StreamOptions): Promise<void> {
    return this.#inner.putStream(key, source, this.#disturbEach('put', options))
  }

  getStream(key: string, options?: StreamOptions): AsyncIterable<Uint8Array> {
    return this.#inner.getStream(key, this.#disturbEach('get', options))
  }

  delete(key: string, options?: RequestOptions): Promise<void> {
    return this.#disturb('delete', options?.signal, () => this.#inner.delete(key, options))
  }

  head(key: string, options?: RequestOptions): Promise<ObjectInfo | undefined> {
    return this.#disturb('head', options?.signal, () => this.#inner.head(key, options))
  }

  async *list(
    prefix: string,
    options?: RequestOptions & { after?: string },
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    for await (const info of this.#inner.list(prefix, options)) {
      await this.#disturb('list', options?.signal, async () => {})
      yield info
    }
  }

  sync(keys: readonly string[]): Promise<void> {
    return this.#disturb('sync', undefined, () => this.#inner.sync(keys))
  }

  create(): Promise<void> {
    return this.#disturb('create', undefined, () => this.#inner.create())
  }

  close(): void {
    this.#inner.close()
  }

  #disturbEach(op: FaultOp, options: StreamOptions | undefined): StreamOptions {
    return around(options, (request, signal) => this.#disturb(op, signal, () => request(signal)))
  }

  async #disturb<T>(op: FaultOp, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    this.calls[op]++
    const { latencyMs, errors, lostAnswers, hangs, kind } = this.faults
    if (this.#hits(op, hangs)) await untilAborted(signal)
    if (latencyMs > 0) await this.#clock.sleep(this.#random.next() * latencyMs, signal)
    if (this.#hits(op, errors)) throw new BackendError(kind, `fault: ${op} failed`)
    const result = await work()
    if (this.#hits(op, lostAnswers)) throw new BackendError(kind, `fault: the answer to ${op} was lost`)
    return result
  }

  #hits(op: FaultOp, rate: number): boolean {
    const { ops } = this.faults
    return rate > 0 && (ops.length === 0 || ops.includes(op)) && this.#random.next() < rate
  }
}

export function withFaults(
  store: ObjectStore,
  faults: Partial<Faults>,
  random: Random = seededRandom(1),
  clock: Clock = systemClock,
): FaultyObjectStore {
  return new FaultyObjectStore(store, faults, random, clock)
}

function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal === undefined) return
    const onAbort = (): void => reject(interruption(signal))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}
