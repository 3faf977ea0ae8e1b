/**
 * A bounded set of connections. The one used last is used next, so that under light load one warm connection does
 * everything; who finds all of them busy waits in line. When the server is away everybody waits for it, with one
 * attempt to connect after the other and pauses that grow, until the wait's end.
 */
import type { Clock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import type { Counter } from '#core/base/metrics.ts'
import type { Random } from '#core/base/random.ts'
import { Connection } from './connection.ts'
import { isPassing } from './errors.ts'
import { ServerLives } from './server-life.ts'
import type { PostgresUrl } from './url.ts'

/** How long an operation waits for a connection. */
export const WAIT_MS = 30_000
const MIN_PAUSE_MS = 20
const MAX_PAUSE_MS = 1_000
const MAX_WAITING = 100_000

interface Waiter {
  readonly take: (connection: Connection | undefined) => void
}

export class Pool {
  readonly #url: PostgresUrl
  readonly #readOnly: boolean
  readonly #clock: Clock
  readonly #random: Random
  readonly #trips: Counter
  readonly #idle: Connection[] = []
  readonly #waiting: Waiter[] = []
  readonly #stop = new AbortController()
  #open = 0
  #lazy = false
  #endpoint = 0
  #pauseMs = 0
  #retryAtMs = 0
  #failure: BackendError | undefined
  #before: (connection: Connection) => Promise<void> | undefined = () => undefined
  readonly #lives = new ServerLives()
  #sweeper: NodeJS.Timeout | undefined
  #onEmpty: (() => void) | undefined

  /** `trips` counts round trips. */
  constructor(url: PostgresUrl, readOnly: boolean, clock: Clock, random: Random, trips: Counter) {
    this.#trips = trips
    this.#url = url
    this.#readOnly = readOnly
    this.#clock = clock
    this.#random = random
  }

  /** The server answers commits before they are on its disk. */
  get lazy(): boolean {
    return this.#lazy
  }

  /** The address says what each commit waits for. */
  get strict(): boolean {
    return this.#url.synchronousCommit !== undefined
  }

  /** Grows when the server is met again after a crash. */
  get crashes(): number {
    return this.#lives.crashes
  }

  /** What to wait for before a connection is used; undefined: nothing. */
  set before(look: (connection: Connection) => Promise<void> | undefined) {
    this.#before = look
  }

  /** The role we are. */
  get user(): string {
    return this.#url.user
  }

  get closed(): boolean {
    return this.#stop.signal.aborted
  }

  /** A first connection, without waiting for a server that does not answer. Rejects BackendError. */
  async start(): Promise<void> {
    this.#open++
    try {
      this.#give(await this.#connect())
    } catch (error) {
      this.#open--
      throw error
    }
  }

  /**
   * Run `work` with a connection of its own. Rejects what `work` rejects; `unavailable` when there was no connection
   * until `deadlineMs` (monotonic).
   */
  async use<T>(work: (connection: Connection) => Promise<T>, deadlineMs?: number): Promise<T> {
    const connection = this.#take() ?? (await this.#wait(deadlineMs ?? this.#clock.monotonicMs() + WAIT_MS))
    try {
      const settled = this.#before(connection)
      if (settled !== undefined) await settled
      return await work(connection)
    } finally {
      this.#give(connection)
    }
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    if (this.closed) return
    this.#stop.abort()
    clearInterval(this.#sweeper)
    for (const waiter of this.#waiting.splice(0)) waiter.take(undefined)
    await Promise.all(this.#idle.splice(0).map((connection) => this.#drop(connection)))
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve))
  }

  /** @hot */
  #take(): Connection | undefined {
    if (this.closed) throw this.#closedError()
    for (;;) {
      const connection = this.#idle.pop()
      if (connection === undefined || !connection.lost) return connection
      this.#open--
    }
  }

  async #wait(deadlineMs: number): Promise<Connection> {
    for (;;) {
      if (this.closed) throw this.#closedError()
      if (this.#clock.monotonicMs() >= deadlineMs) throw this.#lateError()
      const connection = this.#take()
      if (connection !== undefined) return connection
      if (this.#open < this.#url.maxConnections && this.#clock.monotonicMs() >= this.#retryAtMs) {
        const made = await this.#tryConnect()
        if (made !== undefined) return made
        continue
      }
      const given = await this.#queue(deadlineMs)
      if (given !== undefined) return given
    }
  }

  /** Wait for a connection that is given back, or for the time of the next attempt. */
  async #queue(deadlineMs: number): Promise<Connection | undefined> {
    if (this.#waiting.length >= MAX_WAITING) throw this.#lateError()
    const now = this.#clock.monotonicMs()
    const until = this.#open === 0 || now < this.#retryAtMs ? this.#retryAtMs : deadlineMs
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => {
          const at = this.#waiting.indexOf(waiter)
          if (at >= 0) this.#waiting.splice(at, 1)
          resolve(undefined)
        },
        Math.max(1, Math.min(until, deadlineMs) - now),
      )
      const waiter: Waiter = {
        take: (connection) => {
          clearTimeout(timer)
          resolve(connection)
        },
      }
      this.#waiting.push(waiter)
    })
  }

  /** Undefined when the server does not take us just now. */
  async #tryConnect(): Promise<Connection | undefined> {
    this.#open++
    // Others wait for what comes of this attempt, unless there was no trouble lately.
    if (this.#pauseMs > 0) this.#retryAtMs = this.#clock.monotonicMs() + this.#pauseMs
    try {
      const connection = await this.#connect()
      this.#pauseMs = 0
      this.#retryAtMs = 0
      this.#failure = undefined
      if (!this.closed) return connection
      void this.#drop(connection)
      return undefined
    } catch (error) {
      this.#open--
      if (this.closed && this.#open === 0) this.#onEmpty?.()
      if (!(error instanceof BackendError) || !isPassing(error)) throw error
      this.#failure = error
      this.#pauseMs = Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, this.#pauseMs * 2))
      this.#retryAtMs = this.#clock.monotonicMs() + this.#pauseMs * (0.5 + this.#random.next())
      return undefined
    }
  }

  async #connect(): Promise<Connection> {
    const { endpoints } = this.#url
    let last: unknown
    for (let k = 0; k < endpoints.length; k++) {
      const at = (this.#endpoint + k) % endpoints.length
      try {
        const connection = await Connection.open(
          this.#url,
          endpoints[at]!,
          this.#readOnly,
          this.#clock.monotonicMs(),
          this.#lives,
          this.#trips,
        )
        this.#endpoint = at
        this.#lazy = connection.lazy
        return connection
      } catch (error) {
        last = error
      }
    }
    throw last
  }

  #give(connection: Connection): void {
    const now = this.#clock.monotonicMs()
    const { maxLifeMs, maxIdle } = this.#url
    const old = maxLifeMs > 0 && now - connection.bornMs > maxLifeMs
    if (connection.lost || this.closed || old) {
      void this.#drop(connection)
      this.#waiting.shift()?.take(undefined)
      return
    }
    const waiter = this.#waiting.shift()
    if (waiter !== undefined) {
      waiter.take(connection)
      return
    }
    connection.idleSinceMs = now
    this.#idle.push(connection)
    if (this.#idle.length > maxIdle) void this.#drop(this.#idle.shift()!)
    this.#sweeper ??= setInterval(() => this.#sweep(), 10_000).unref()
  }

  #sweep(): void {
    const oldest = this.#clock.monotonicMs() - this.#url.maxIdleMs
    while (this.#idle.length > 1 && (this.#idle[0]!.lost || this.#idle[0]!.idleSinceMs < oldest))
      void this.#drop(this.#idle.shift()!)
  }

  async #drop(connection: Connection): Promise<void> {
    this.#open--
    await connection.close()
    if (this.#open === 0) this.#onEmpty?.()
  }

  #closedError(): BackendError {
    return new BackendError('closed', `${this.#url.address}: the metadata engine has been closed`)
  }

  #lateError(): BackendError {
    const why = this.#failure === undefined ? 'all connections stayed busy' : this.#failure.message
    return new BackendError(
      'unavailable',
      `${this.#url.address}: no connection for ${WAIT_MS / 1000} s: ${why}`,
    )
  }
}
