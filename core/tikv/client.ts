/** The face of this part: a client of one TiKV cluster. Names are those of client-go. */
import { type Clock, systemClock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import { type Log, silentLog } from '#core/base/log.ts'
import { type Random, systemRandom } from '#core/base/random.ts'
import { TaskSet } from '#core/base/tasks.ts'
import { batched } from './batch-commands.ts'
import { type Channel, dialer, type Security } from './channel.ts'
import type { CommitMoment } from './committer.ts'
import type { Key } from './keys.ts'
import { keyToBytes } from './keys.ts'
import { LockResolver } from './lock-resolver.ts'
import { PdOracle } from './oracle.ts'
import { PdClient } from './pd-client.ts'
import { RegionCache } from './region-cache.ts'
import { RegionRequestSender, type RequestCounts } from './region-request.ts'
import { newBackoff, type Shared, WRITE_MS } from './shared.ts'
import { KvSnapshot } from './snapshot.ts'
import { extractPhysical, MAX_TIMESTAMP, type Timestamp } from './timestamp.ts'
import { KvTxn } from './txn.ts'

export interface ClientOptions {
  readonly security?: Security
  /** How the cluster is called in messages; its PD addresses otherwise. */
  readonly address?: string
  readonly clock?: Clock
  readonly random?: Random
  readonly log?: Log
  /** Around every connection, for tests. */
  readonly wrap?: (channel: Channel) => Channel
}

export class TxnClient {
  readonly #shared: Shared
  readonly #pd: PdClient
  #closed = false

  private constructor(shared: Shared, pd: PdClient) {
    this.#shared = shared
    this.#pd = pd
  }

  /** `pdAddresses`: `host:port` of members of PD. Rejects BackendError with a sentence that says why and what to do. */
  static async connect(pdAddresses: readonly string[], options: ClientOptions = {}): Promise<TxnClient> {
    const { clock = systemClock, random = systemRandom, log = silentLog } = options
    const { address = pdAddresses.join(','), wrap = (channel) => channel } = options
    const dial = dialer(options.security)
    const parts = { clock, random, address, log }
    const pd = await PdClient.connect({ ...parts, addresses: pdAddresses, dial: (to) => wrap(dial(to)) })
    const oracle = new PdOracle(pd, parts)
    const regions = new RegionCache(pd, (to) => wrap(batched(dial(to))))
    const sender = new RegionRequestSender(regions, address)
    const base = { ...parts, oracle, regions, sender, tasks: new TaskSet(log) }
    return new TxnClient({ ...base, resolver: new LockResolver(base) }, pd)
  }

  get clusterId(): bigint {
    return this.#pd.clusterId
  }

  /** Requests sent to stores by method, and to PD's oracle as `Tso`. */
  get counts(): RequestCounts {
    return new Map(this.#shared.sender.counts).set('Tso', this.#shared.oracle.requests)
  }

  /**
   * `on`: where another transaction was committed (`KvTxn.moment`), instead of now; its commit then returns undefined also
   * when it writes nothing else than that one did, or not all in one region.
   */
  async begin(on?: CommitMoment): Promise<KvTxn> {
    const shared = this.#open
    const beganMs = shared.clock.monotonicMs()
    if (on !== undefined)
      return new KvTxn(shared, { startTs: on.at, startedOn: on.keys, beganMs }, this.getTimestamp())
    // Both of one request, which fails for both.
    const [startTs, minCommitTs] = await Promise.all([this.getTimestamp(), this.getTimestamp()])
    return new KvTxn(shared, { startTs, beganMs }, Promise.resolve(minCommitTs))
  }

  /** What was committed at the timestamp; without one, the newest, each key as it is when it is read. */
  getSnapshot(version: Timestamp = MAX_TIMESTAMP): KvSnapshot {
    return new KvSnapshot(this.#open, version)
  }

  getTimestamp(): Promise<Timestamp> {
    return this.#open.oracle.getTimestamp()
  }

  /** PD's wall clock, Unix milliseconds. */
  async getCurrentTimeMs(): Promise<number> {
    return extractPhysical(await this.getTimestamp())
  }

  /** Remove a range at once and without a trace: no transaction, and snapshots do not keep it. `end` '' is the end of all. */
  async deleteRange(start: Key, end: Key): Promise<void> {
    const { regions, sender, address } = this.#open
    for (let from = start; end === '' || from < end; ) {
      const backoff = newBackoff(this.#shared, WRITE_MS)
      const region = await regions.locate(from, backoff)
      const to = region.endKey === '' || (end !== '' && end < region.endKey) ? end : region.endKey
      const answer = await sender.send(
        region,
        'KvDeleteRange',
        (writer) => writer.bytes(2, keyToBytes(from)).bytes(3, keyToBytes(to)),
        backoff,
      )
      if (answer.kind !== 'reply') continue
      const error = answer.reply.text(2)
      if (error !== '') throw new BackendError('invalid', `${address}: TiKV refuses: ${error}`)
      if (to === '') return
      from = to
    }
  }

  /** Second phases that are under way end first, for as long as they may take. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#shared.tasks.drain()
    this.#shared.oracle.close()
    this.#shared.regions.close()
    this.#pd.close()
  }

  get #open(): Shared {
    if (this.#closed)
      throw new BackendError('closed', `${this.#shared.address}: the TiKV client has been closed`)
    return this.#shared
  }
}
