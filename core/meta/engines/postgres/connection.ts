/** One connection: what is prepared on it, whom it really reaches, and whether it still lives. */
import pg from 'pg'
import { BackendError } from '#core/base/errno.ts'
import type { Counter } from '#core/base/metrics.ts'
import { Batch, type Call, type PreparedHere, type Result } from './batch.ts'
import { explainDial } from './dial-errors.ts'
import { endsSession, isTold, LostAnswer } from './errors.ts'
import { INCARNATION, type ServerLives, SURVIVED } from './server-life.ts'
import { Prepared } from './statement.ts'
import { tlsAttempts, tlsOptions } from './tls.ts'
import { type Endpoint, endpointText, type PostgresUrl } from './url.ts'

/** An answer that takes longer is given up with its connection: more than any time-out of the server. */
export const ANSWER_MS = 35_000
const KEEP_ALIVE_MS = 10_000

/**
 * Waiting for a lock and running a statement have an end; plans go by index however small a table was when they were
 * made; a transaction we left open by an accident does not stay.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  lock_timeout: '20s',
  statement_timeout: '30s',
  idle_in_transaction_session_timeout: '60s',
  default_transaction_isolation: 'read committed',
  bytea_output: 'hex',
  client_min_messages: 'warning',
  jit: 'off',
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
}

const HELLO = new Prepared(
  `SELECT pg_backend_pid(), (SELECT extract(epoch FROM backend_start)::text FROM pg_stat_activity WHERE pid = pg_backend_pid()), current_setting('synchronous_commit') = 'off', ${INCARNATION}`,
)
/** Nothing when it is a standby, which recovers still. */
const BEGINNING = new Prepared(`SELECT position, number FROM ${SURVIVED} WHERE NOT pg_is_in_recovery()`)

/** Which server process did the work, for asking whether it is gone. */
export interface Backend {
  readonly pid: number
  /** Seconds, as text: a pid may come again. */
  readonly started: string
}

export class Connection {
  readonly endpoint: Endpoint
  readonly bornMs: number
  readonly backend: Backend
  /** Commits are answered before they are on the server's disk. */
  readonly lazy: boolean
  /** Of the server, for as long as this connection lives. */
  readonly incarnation: string
  /** Of the server, this one being the latest. */
  readonly lives: ServerLives
  /** Functions made on this connection. */
  readonly functions = new Set<string>()
  /** When it was last given back to the pool. */
  idleSinceMs = 0
  readonly #client: pg.Client
  readonly #trips: Counter
  #here: PreparedHere
  #pooled: boolean
  #lost: Error | undefined
  #running = 0
  /** Begins anew with each batch, which is cheaper than a timer for each. */
  readonly #patience: NodeJS.Timeout

  private constructor(
    client: pg.Client,
    endpoint: Endpoint,
    bornMs: number,
    backend: Backend,
    lazy: boolean,
    incarnation: string,
    lives: ServerLives,
    trips: Counter,
  ) {
    this.lazy = lazy
    this.incarnation = incarnation
    this.lives = lives
    this.#trips = trips
    this.#patience = setTimeout(() => {
      if (this.#running > 0) this.#lose(new Error('no answer in time'))
    }, ANSWER_MS).unref()
    this.#client = client
    this.endpoint = endpoint
    this.bornMs = bornMs
    this.backend = backend
    // A pooler invents the process number that cancel requests name.
    const { processID } = client as unknown as { processID: number | null }
    this.#pooled = processID !== backend.pid
    this.#here = { ...nothingPrepared(), named: !this.#pooled }
  }

  /** Rejects BackendError with the cause and a next step. */
  static async open(
    url: PostgresUrl,
    endpoint: Endpoint,
    readOnly: boolean,
    nowMs: number,
    lives: ServerLives,
    trips: Counter,
  ): Promise<Connection> {
    const attempts = endpoint.host.startsWith('/') ? [false] : tlsAttempts(url.tls)
    for (const [k, tls] of attempts.entries()) {
      try {
        return await Connection.#dial(url, endpoint, tls, readOnly, nowMs, lives, trips)
      } catch (error) {
        if (k === attempts.length - 1 || !refusesThisWay(error)) throw explainDial(error, endpoint, url)
      }
    }
    throw new BackendError('unavailable', `${endpointText(endpoint)}: no way to connect`)
  }

  static async #dial(
    url: PostgresUrl,
    endpoint: Endpoint,
    tls: boolean,
    readOnly: boolean,
    nowMs: number,
    lives: ServerLives,
    trips: Counter,
  ): Promise<Connection> {
    const client = new pg.Client({
      host: endpoint.host,
      port: endpoint.port,
      user: url.user,
      // A missing one is asked for, and then missed, by name: not looked for in other places.
      password: url.password ?? '',
      database: url.database,
      ssl: tls ? tlsOptions(url.tls) : false,
      connectionTimeoutMillis: url.connectTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      application_name: url.applicationName,
    })
    client.on('error', () => {})
    try {
      await client.connect()
      const [hello] = await runBatch(client, [{ statement: HELLO, params: [] }], nothingPrepared())
      const [pid, started, lazy, incarnation] = hello!.rows[0] as [number, string | null, boolean, string]
      if (lives.meet(incarnation)) {
        const [answer] = await runBatch(client, [{ statement: BEGINNING, params: [] }], nothingPrepared())
        for (const [position, number] of answer!.rows as [number, number][])
          lives.begin(incarnation, { position, number })
      }
      const backend = { pid, started: started ?? '' }
      const isLazy = url.synchronousCommit === undefined ? lazy : url.synchronousCommit === 'off'
      const connection = new Connection(client, endpoint, nowMs, backend, isLazy, incarnation, lives, trips)
      client.on('error', (error) => connection.#lose(error))
      client.on('end', () => connection.#lose(new Error('the connection was closed')))
      if (!connection.pooled) await client.query(settings(readOnly, url.synchronousCommit))
      return connection
    } catch (error) {
      client.end().catch(() => {})
      throw error
    }
  }

  /** Something between us and the server may hand each transaction to another server process. */
  get pooled(): boolean {
    return this.#pooled
  }

  get lost(): boolean {
    return this.#lost !== undefined
  }

  /**
   * Run statements in one round trip. Rejects the server's error as it is, or LostAnswer when the connection went
   * first: then what was sent may have been carried out.
   */
  async run(calls: readonly Call[]): Promise<readonly Result[]> {
    if (this.#lost !== undefined) throw new LostAnswer(this.#lost.message)
    this.#trips.add()
    this.#running++
    this.#patience.refresh()
    try {
      return await runBatch(this.#client, calls, this.#here)
    } catch (error) {
      if (error instanceof BackendError || (isTold(error) && !endsSession(error))) throw error
      throw this.#lostAnswer(error)
    } finally {
      this.#running--
    }
  }

  /** Statements without parameters, a whole transaction, separated by semicolons. For changing the schema. */
  async script(text: string): Promise<void> {
    try {
      await this.#client.query(text)
    } catch (error) {
      if (!isTold(error) || endsSession(error)) throw this.#lostAnswer(error)
      await this.#client.query('ROLLBACK').catch((later) => this.#lose(later))
      throw error
    }
  }

  /** What was prepared here is gone: somebody gave us another server process. Prepare nothing more. */
  distrust(): void {
    this.#pooled = true
    this.#here = nothingPrepared()
    this.functions.clear()
  }

  async close(): Promise<void> {
    clearTimeout(this.#patience)
    const ended = this.#client.end().catch(() => {})
    if (this.#lost === undefined) await ended
  }

  #lostAnswer(cause: unknown): LostAnswer {
    this.#lose(cause instanceof Error ? cause : new Error(String(cause)))
    return new LostAnswer(this.#lost!.message, { cause })
  }

  #lose(error: Error): void {
    if (this.#lost !== undefined) return
    this.#lost = error
    const { connection } = this.#client as unknown as { connection: { stream: { destroy(): void } } }
    connection.stream.destroy()
  }
}

function settings(readOnly: boolean, synchronousCommit: string | undefined): string {
  const words = {
    ...SETTINGS,
    ...(readOnly ? { default_transaction_read_only: 'on' } : {}),
    ...(synchronousCommit === undefined ? {} : { synchronous_commit: synchronousCommit }),
  }
  return Object.entries(words)
    .map(([name, value]) => `SET ${name} TO '${value}'`)
    .join('; ')
}

/** The server, or its pg_hba.conf, takes no connection of this kind: another kind may be taken. */
function refusesThisWay(error: unknown): boolean {
  if (isTold(error)) return error.code === '28000'
  return error instanceof Error && /does not support SSL/.test(error.message)
}

/** Behind a pooler: nothing is known to be prepared, and nothing will be. */
function nothingPrepared(): PreparedHere {
  return { named: false, known: new Set(), doubtful: new Set() }
}

function runBatch(client: pg.Client, calls: readonly Call[], here: PreparedHere): Promise<readonly Result[]> {
  return new Promise((resolve, reject) => {
    const batch = new Batch(calls, here, (error) => {
      if (error === undefined) resolve(batch.results)
      else reject(error)
    })
    client.query(batch as unknown as pg.Submittable)
  })
}
