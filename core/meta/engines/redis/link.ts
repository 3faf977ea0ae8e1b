/**
 * The data connection, kept up for as long as the engine is open: when one ends, the next is made, with growing pauses
 * and for ever. Commands wait for it, in a bounded number and for a bounded time.
 *
 * What was on its way when a connection ended is rejected at once: `repeat` sends it again, `once` says LostAnswer. The
 * server may still execute it, from a buffer of the dead connection, so before the next one is used the server is made
 * to close the old (CLIENT KILL by its number, on the same process only): from then on records do not change behind a
 * reader's back, and reading them shows whether a lost commit was applied.
 */
import type { Clock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import type { Log } from '#core/base/log.ts'
import type { Random } from '#core/base/random.ts'
import type { RedisClient } from './client.ts'
import type { Connection } from './dial.ts'
import { fromRedis, isClientError, LostAnswer, replyCode, verdictOf } from './errors.ts'
import { Locator } from './locate.ts'
import type { RedisUrl } from './url.ts'

/** Commands that may wait for a connection. */
const MAX_WAITING = 10_000
/** "Another server has the data" leads to a look for it at most this often. */
const LOOK_ELSEWHERE_MS = 3_000
/** Pause before asking again a server that says "not now". */
const FIRST_LATER_MS = 10
const MAX_LATER_MS = 500

export interface LinkParts {
  readonly url: RedisUrl
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** Told of each data connection, and that it ended. Calls return at once and do not throw. */
export interface LinkWatcher {
  up(connection: Connection): void
  down(): void
}

interface Waiter {
  readonly go: (connection: Connection) => void
  readonly fail: (error: unknown) => void
}

export class RedisLink {
  readonly locator: Locator
  readonly #parts: LinkParts
  readonly #closing = new AbortController()
  readonly #waiting = new Set<Waiter>()
  #live: Connection | undefined
  /** The connection before this one, if it may have left commands behind. */
  #before: Connection | undefined
  #watcher: LinkWatcher | undefined
  /** Why there is no connection at present. */
  #lastError: unknown
  #lookedMs = Number.NEGATIVE_INFINITY
  #kept: Promise<void> = Promise.resolve()

  private constructor(parts: LinkParts) {
    const { url, clock } = parts
    this.#parts = parts
    const { signal } = this.#closing
    this.locator = new Locator(url, { clock, url, answerTimeoutMs: url.readTimeoutMs, signal })
  }

  /** Connect for the first time: rejects at once when that fails, with the reason and what to do. */
  static async open(parts: LinkParts): Promise<RedisLink> {
    const link = new RedisLink(parts)
    link.#live = await link.locator.connect()
    link.#kept = link.#keep(link.#live)
    return link
  }

  get address(): string {
    return this.#parts.url.address
  }

  /** The connection in use; undefined while there is none. */
  get live(): Connection | undefined {
    return this.#live
  }

  /** One watcher at a time; told of the present connection at once. */
  watch(watcher: LinkWatcher | undefined): void {
    this.#watcher = watcher
    if (this.#live !== undefined) watcher?.up(this.#live)
  }

  /** Run `send`, and again until the read time-out while that may help. For what may be sent twice. */
  repeat<T>(send: (client: RedisClient) => Promise<T>): Promise<T> {
    return this.#run(send, true)
  }

  /** Run `send`; again only when the server certainly did nothing. Rejects LostAnswer when that is not known. */
  once<T>(send: (client: RedisClient) => Promise<T>): Promise<T> {
    return this.#run(send, false)
  }

  /** Resolves when there is a connection, and with it nothing left of the one before. */
  async settle(): Promise<void> {
    await this.#connection(this.#parts.clock.monotonicMs() + this.#parts.url.readTimeoutMs)
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return this.#kept
    this.#closing.abort()
    this.#live?.client.disconnect()
    await this.#kept
  }

  async #run<T>(send: (client: RedisClient) => Promise<T>, mayRepeat: boolean): Promise<T> {
    const { clock, url } = this.#parts
    const deadline = clock.monotonicMs() + url.readTimeoutMs
    for (let tries = 0; ; tries++) {
      const connection = this.#live ?? (await this.#connection(deadline))
      if (!connection.client.isOpen) {
        this.#retire(connection)
        continue
      }
      try {
        return await send(connection.client)
      } catch (error) {
        await this.#recover(error, connection, mayRepeat, deadline, tries)
      }
    }
  }

  /** Returns when `send` may run again; throws what the caller gets otherwise. */
  async #recover(
    error: unknown,
    connection: Connection,
    mayRepeat: boolean,
    deadline: number,
    tries: number,
  ): Promise<void> {
    const { clock, random } = this.#parts
    if (!isClientError(error)) throw error
    const verdict = verdictOf(error)
    if (this.#closing.signal.aborted) throw closed(this.address)
    if (verdict === 'final') throw fromRedis(error, this.address)
    if (verdict === 'gone' || verdict === 'unsent') {
      this.#retire(connection)
      if (verdict === 'gone' && !mayRepeat) throw new LostAnswer(this.address)
      if (clock.monotonicMs() > deadline) throw this.#without('answer')
      return
    }
    if (verdict === 'elsewhere') this.#lookElsewhere(connection)
    if (replyCode(error.message) === 'READONLY') throw fromRedis(error, this.address)
    const pauseMs = Math.min(MAX_LATER_MS, FIRST_LATER_MS * 2 ** tries) * (0.5 + random.next() / 2)
    if (clock.monotonicMs() + pauseMs > deadline) throw fromRedis(error, this.address)
    await clock.sleep(pauseMs)
  }

  /** Stop using a connection; its end is made known later. */
  #retire(connection: Connection): void {
    if (this.#live !== connection) return
    this.#live = undefined
    this.#watcher?.down()
    connection.client.disconnect()
  }

  #lookElsewhere(connection: Connection): void {
    const now = this.#parts.clock.monotonicMs()
    if (now - this.#lookedMs < LOOK_ELSEWHERE_MS) return
    this.#lookedMs = now
    this.#retire(connection)
  }

  #connection(deadline: number): Promise<Connection> {
    if (this.#live !== undefined) return Promise.resolve(this.#live)
    if (this.#closing.signal.aborted) return Promise.reject(closed(this.address))
    if (this.#waiting.size >= MAX_WAITING)
      return Promise.reject(
        new BackendError(
          'unavailable',
          `${this.address}: no connection, and ${MAX_WAITING} commands wait already`,
        ),
      )
    const { clock } = this.#parts
    const { promise, resolve, reject } = Promise.withResolvers<Connection>()
    const timer = new AbortController()
    const waiter: Waiter = { go: resolve, fail: reject }
    this.#waiting.add(waiter)
    clock.sleep(Math.max(0, deadline - clock.monotonicMs()), timer.signal).then(
      () => reject(this.#without('connection')),
      () => {},
    )
    return promise.finally(() => {
      timer.abort()
      this.#waiting.delete(waiter)
    })
  }

  #without(what: 'answer' | 'connection'): BackendError {
    const last = this.#lastError instanceof BackendError ? `: ${this.#lastError.message}` : ''
    const seconds = this.#parts.url.readTimeoutMs / 1000
    return new BackendError('unavailable', `${this.address}: no ${what} for ${seconds} s${last}`)
  }

  async #keep(first: Connection): Promise<void> {
    const { log } = this.#parts
    let connection: Connection | undefined = first
    while (connection !== undefined) {
      await connection.client.ended
      this.#retire(connection)
      if (this.#closing.signal.aborted) break
      log.warn('connection to the metadata server lost', { address: this.address })
      this.#before = connection
      connection = await this.#reconnect()
      if (connection === undefined) break
      if (this.#closing.signal.aborted) {
        connection.client.disconnect()
        break
      }
      log.info('connected to the metadata server again', { address: this.address })
      this.#live = connection
      this.#lastError = undefined
      this.#watcher?.up(connection)
      for (const waiter of [...this.#waiting]) waiter.go(connection)
    }
    for (const waiter of [...this.#waiting]) waiter.fail(closed(this.address))
  }

  /** Undefined when closed meanwhile. */
  async #reconnect(): Promise<Connection | undefined> {
    const { clock, random, log, url } = this.#parts
    const { signal } = this.#closing
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        const connection = await this.locator.connect()
        if (!signal.aborted && (await fence(connection, this.#before))) return connection
        connection.client.disconnect()
      } catch (error) {
        this.#lastError = fromRedis(error, this.address)
        const reason = this.#lastError instanceof Error ? this.#lastError.message : String(error)
        log[tries === 0 ? 'warn' : 'debug']('no connection to the metadata server', { reason })
      }
      const pauseMs = Math.min(url.maxRetryMs, url.minRetryMs * 2 ** tries)
      await clock.sleep(pauseMs * (0.5 + random.next() / 2), signal).catch(() => {})
    }
    return undefined
  }
}

/**
 * Make sure that nothing sent over `before` is executed from now on. Another process, or the same one started again,
 * has nothing of it. Where rights forbid CLIENT KILL, closing our end and the pause of reconnecting must do. False:
 * try another connection.
 */
async function fence(connection: Connection, before: Connection | undefined): Promise<boolean> {
  if (before?.clientId === undefined || before.runId === undefined) return true
  if (before.runId !== connection.runId) return true
  try {
    await connection.client.call('CLIENT', 'KILL', 'ID', String(before.clientId))
    return true
  } catch (error) {
    return error instanceof Error && /^(NOPERM|ERR No such client)/.test(error.message)
  }
}

function closed(address: string): BackendError {
  return new BackendError('closed', `${address}: the connection to the metadata server has been closed`)
}
