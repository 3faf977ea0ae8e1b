/**
 * Hearing of changes by anybody, as the server pushes them (client-side caching in broadcast mode).
 *
 * A second connection, to the very server of the data connection, tracks all keys and redirects the invalidations to
 * itself, as messages of a channel: that is RESP2, as everything here. Pushes over the data connection
 * itself would spare each commit some 50 of 250 µs, but the server bounds what it keeps for a subscriber that does not
 * read (client-output-buffer-limit pubsub), and not for others: laptops asleep must not fill its memory. Broadcast mode
 * needs nothing of the data connection, so one socket is the whole state: while it lives and answers, nothing has been
 * missed. With each new data connection a new listener is made, as the server may be another. No PREFIX on a single
 * server: each prefix would be a message of its own, and what one script wrote would come in pieces.
 *
 * Source: https://redis.io/docs/latest/develop/reference/client-side-caching/; shared/design.md, "Coherence".
 */
import { type Clock, systemClock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import { type Log, silentLog } from '#core/base/log.ts'
import { type Random, systemRandom } from '#core/base/random.ts'
import type { ChangedScope, ChangeListener } from '#core/meta/engine.ts'
import type { Connection } from './dial.ts'
import { Echoes } from './echoes.ts'
import { isClientError, verdictOf } from './errors.ts'
import type { LinkWatcher, RedisLink } from './link.ts'
import type { CommitKeys, CommitOutcome, CommitWatcher } from './place.ts'
import { scopeOf } from './scopes.ts'

const CHANNEL = '__redis__:invalidate'
/** A listener is asked so often whether it lives, and is dead when silent for so long: deaf within three seconds. */
const PING_MS = 1_000
export const SILENT_MS = 2_000
const MIN_RETRY_MS = 50
const MAX_RETRY_MS = 2_000

export interface TrackingParts {
  readonly link: RedisLink
  readonly listener: ChangeListener
  readonly clock?: Clock
  readonly random?: Random
  readonly log?: Log
}

export class Tracking implements CommitWatcher, LinkWatcher {
  readonly #link: RedisLink
  readonly #listener: ChangeListener
  readonly #clock: Clock
  readonly #random: Random
  readonly #log: Log
  readonly #prefix: Buffer
  readonly #echoes: Echoes
  readonly #first = Promise.withResolvers<void>()
  /** Ends the listening that goes with the present data connection. */
  #stopping: AbortController | undefined
  #running: Promise<void> = Promise.resolve()
  #isListening = false

  private constructor(parts: TrackingParts) {
    this.#link = parts.link
    this.#listener = parts.listener
    this.#clock = parts.clock ?? systemClock
    this.#random = parts.random ?? systemRandom
    this.#log = parts.log ?? silentLog
    this.#prefix = Buffer.from(parts.link.locator.prefix)
    this.#echoes = new Echoes(parts.link.locator.prefix)
  }

  /**
   * Resolves when the server pushes, or cannot be reached just now: the listener knows. Rejects `unavailable`, with the
   * reason, when the server refuses.
   */
  static async start(parts: TrackingParts): Promise<Tracking> {
    const tracking = new Tracking(parts)
    parts.link.watch(tracking)
    try {
      await tracking.#first.promise
      return tracking
    } catch (error) {
      await tracking.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#link.watch(undefined)
    this.down()
    await this.#running
  }

  up(connection: Connection): void {
    this.down()
    const stopping = new AbortController()
    this.#stopping = stopping
    const before = this.#running
    this.#running = this.#listen(connection, stopping.signal).then(() => before)
  }

  down(): void {
    this.#stopping?.abort()
    this.#stopping = undefined
    this.#setListening(false)
  }

  sent(keys: CommitKeys): void {
    if (this.#isListening) this.#echoes.sent(keys)
  }

  settled(keys: CommitKeys, outcome: CommitOutcome): void {
    const doubtful = this.#echoes.settled(keys, outcome, this.#clock.monotonicMs())
    if (doubtful !== undefined) this.#listener.changed(doubtful, 'foreign')
  }

  /** Keep a listener beside `data` until `signal`. */
  async #listen(data: Connection, signal: AbortSignal): Promise<void> {
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        const connection = await this.#link.locator.beside(data, { answerTimeoutMs: SILENT_MS, signal })
        try {
          await this.#track(connection)
          if (signal.aborted) return
          this.#setListening(true)
          this.#first.resolve()
          tries = 0
          await this.#untilSilent(connection, signal)
        } finally {
          connection.client.onMessage = undefined
          connection.client.disconnect()
          if (!signal.aborted) this.#setListening(false)
        }
      } catch (error) {
        if (isClientError(error) && verdictOf(error) === 'final') return this.#refused(error)
        this.#first.resolve()
        this.#log.debug('no listener for changes', { reason: error instanceof Error ? error.message : error })
      }
      const pauseMs = Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** tries) * (0.5 + this.#random.next() / 2)
      await this.#clock.sleep(pauseMs, signal).catch(() => {})
    }
  }

  /** Without rights or on an old server there will never be a push: entries live as long as without. */
  #refused(error: Error): void {
    this.#log.warn('the metadata server does not tell of changes', { reason: error.message })
    this.#first.reject(
      new BackendError(
        'unavailable',
        `${this.#link.address}: the server does not tell of changes by others (${error.message}); it takes Redis 6 and the right to CLIENT TRACKING and channel ${CHANNEL}`,
      ),
    )
  }

  async #track({ client }: Connection): Promise<void> {
    const id = await client.call('CLIENT', 'ID')
    const only = this.#prefix.length === 0 ? [] : ['PREFIX', this.#prefix.toString()]
    await client.call('CLIENT', 'TRACKING', 'on', 'REDIRECT', String(id), 'BCAST', ...only)
    client.onMessage = (keys) => this.#heard(keys)
    await client.call('SUBSCRIBE', CHANNEL)
  }

  /** Resolves when the listener is of no use any more. Its own time-out ends it when a ping stays unanswered. */
  async #untilSilent(connection: Connection, signal: AbortSignal): Promise<void> {
    const over = new AbortController()
    const stop = (): void => over.abort()
    signal.addEventListener('abort', stop, { once: true })
    const ended = connection.client.ended.then(stop)
    try {
      while (!over.signal.aborted) {
        await this.#clock.sleep(PING_MS, over.signal).catch(() => {})
        if (!over.signal.aborted) await connection.client.call('PING')
      }
    } finally {
      signal.removeEventListener('abort', stop)
      connection.client.disconnect()
      await ended
    }
  }

  /** @hot */
  #heard(message: unknown): void {
    if (!this.#isListening) return
    if (!Array.isArray(message)) {
      this.#everything()
      return
    }
    const keys: string[] = []
    const scopes: ChangedScope[] = []
    for (const key of message) {
      const scope = key instanceof Buffer ? scopeOf(key, this.#prefix) : undefined
      if (scope === undefined) continue
      scopes.push(scope)
      keys.push(key.latin1Slice())
    }
    if (scopes.length === 0) return
    this.#listener.changed(scopes, this.#echoes.heard(keys, scopes, this.#clock.monotonicMs()))
  }

  /** FLUSHALL or FLUSHDB: nothing that was read before is so any more. */
  #everything(): void {
    this.#setListening(false)
    this.#setListening(true)
  }

  #setListening(on: boolean): void {
    if (on === this.#isListening) return
    this.#isListening = on
    this.#echoes.clear()
    if (on) this.#listener.listening()
    else this.#listener.deaf()
  }
}
