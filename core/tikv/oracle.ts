/**
 * Timestamps from PD's leader, over one stream. Everybody who waits while a request is under way shares the next.
 * Source: shared/spec/tikv-client.md §1 (Tso).
 */
import { BackendError } from '#core/base/errno.ts'
import { Backoffer, type BackoffParts } from './backoff.ts'
import type { Channel, Stream } from './channel.ts'
import { Message, write } from './messages.ts'
import type { PdClient } from './pd-client.ts'
import { composeTimestamp, type Timestamp } from './timestamp.ts'

const METHOD = '/pdpb.PD/Tso'
const WAIT_MS = 15_000
/** Without an answer for so long, another leader is looked for. */
const ANSWER_MS = 3_000
/** Timestamps of one request, at most. */
const MAX_BATCH = 10_000

interface Waiter {
  resolve(timestamp: Timestamp): void
  reject(error: unknown): void
}

export class PdOracle {
  readonly #pd: PdClient
  readonly #parts: BackoffParts
  #waiting: Waiter[] = []
  #running = false
  #stream: { readonly leader: Channel; readonly stream: Stream } | undefined
  /** Of the request under way. */
  #answer: { resolve(reply: Buffer): void; reject(error: Error): void } | undefined
  #closed = false
  /** Requests sent, for tests and metrics. */
  requests = 0

  constructor(pd: PdClient, parts: BackoffParts) {
    this.#pd = pd
    this.#parts = parts
  }

  /** Later than every timestamp that anybody was given before this call. */
  getTimestamp(): Promise<Timestamp> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      if (!this.#running) void this.#run()
    })
  }

  close(): void {
    this.#closed = true
    this.#dropStream(this.#closedError())
  }

  /** Until nobody waits. Never rejects. */
  async #run(): Promise<void> {
    this.#running = true
    await undefined // who asks in the same turn comes along
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_BATCH)
      try {
        const { physicalMs, logical, suffixBits } = await this.#request(batch.length)
        for (const [k, waiter] of batch.entries()) {
          const offset = (batch.length - 1 - k) * 2 ** suffixBits
          waiter.resolve(composeTimestamp(physicalMs, logical - offset))
        }
      } catch (error) {
        for (const waiter of batch) waiter.reject(error)
      }
    }
    this.#running = false
  }

  async #request(count: number): Promise<{ physicalMs: number; logical: number; suffixBits: number }> {
    const backoff = new Backoffer(this.#parts, WAIT_MS)
    for (;;) {
      if (this.#closed) throw this.#closedError()
      try {
        const reply = new Message(await this.#ask(count))
        const timestamp = reply.message(3)
        const error = reply.message(1)?.message(2)
        if (timestamp !== undefined && reply.number(2) === count && !error?.number(1))
          return {
            physicalMs: timestamp.number(1),
            logical: timestamp.number(2),
            suffixBits: timestamp.number(3),
          }
        throw new Error(error?.text(2) || 'PD answered without a timestamp')
      } catch (error) {
        if (error instanceof BackendError && error.kind !== 'unavailable') throw error
        const reason = error instanceof Error ? error.message : String(error)
        this.#dropStream(new Error(reason))
        if (this.#closed) throw this.#closedError()
        await backoff.pause('pd', `no timestamp from PD: ${reason}`)
      }
    }
  }

  async #ask(count: number): Promise<Buffer> {
    const stream = await this.#open()
    this.requests++
    const answer = new Promise<Buffer>((resolve, reject) => {
      this.#answer = { resolve, reject }
    })
    stream.write(
      write((writer) => {
        writer.bytes(1, this.#pd.header).number(2, count).bytes(3, Buffer.from('global'))
      }),
    )
    const timer = setTimeout(() => this.#answer?.reject(new Error('PD does not answer')), ANSWER_MS)
    try {
      return await answer
    } finally {
      clearTimeout(timer)
      this.#answer = undefined
    }
  }

  async #open(): Promise<Stream> {
    if (this.#stream !== undefined) return this.#stream.stream
    const leader = await this.#pd.leader()
    const stream = leader.open(METHOD, {
      message: (bytes) => this.#answer?.resolve(bytes),
      ended: (error) => {
        if (this.#stream?.stream === stream) this.#dropStream(error)
      },
    })
    this.#stream = { leader, stream }
    return stream
  }

  #dropStream(error: Error): void {
    const dropped = this.#stream
    this.#stream = undefined
    dropped?.stream.end()
    if (dropped !== undefined) this.#pd.forget(dropped.leader)
    this.#answer?.reject(error)
  }

  #closedError(): BackendError {
    return new BackendError('closed', `${this.#parts.address}: the TiKV client has been closed`)
  }
}
