/**
 * One connection to one Redis server, from the socket to a chosen database. It never reconnects and never queues: when
 * it ends, everything on its way is rejected at once, and `link.ts` makes the next.
 */
import { Redis } from 'ioredis'
import type { Clock } from '#core/base/clock.ts'
import { explainDial } from './dial-errors.ts'
import { tlsOptions } from './tls.ts'
import { type Endpoint, endpointText, type RedisUrl } from './url.ts'

/** The first probe of an idle connection; the kernel then asks each second, ten times. */
const KEEP_ALIVE_MS = 10_000
/** A socket that is being closed may take this long to send what it has. */
const CLOSE_MS = 200

export interface Connection {
  readonly client: Redis
  readonly endpoint: Endpoint
  /** The server's process, to tell whether a number of a client is of the same one; absent where INFO is denied. */
  readonly runId: string | undefined
  /** This connection's number on the server; absent before Redis 5. */
  readonly clientId: number | undefined
  /** Resolves when the connection has ended, for whatever reason. */
  readonly ended: Promise<void>
}

export interface DialOptions {
  readonly clock: Clock
  readonly url: Pick<RedisUrl, 'tls' | 'username' | 'password' | 'connectTimeoutMs'>
  /** Undefined: stay in the first, as in a cluster and with Sentinels. */
  readonly db: number | undefined
  /** Silence that ends the connection while an answer is awaited. */
  readonly answerTimeoutMs: number
  /** Gives up connecting. */
  readonly signal: AbortSignal
}

/** Connect, authenticate, choose the database. Rejects BackendError with a sentence, within twice the connect time-out. */
export async function dial(endpoint: Endpoint, options: DialOptions): Promise<Connection> {
  const { clock, url, db, signal } = options
  const client = new Redis({
    ...endpoint,
    ...(url.tls === undefined ? {} : { tls: tlsOptions(url.tls) }),
    protocol: 2,
    lazyConnect: true,
    connectTimeout: url.connectTimeoutMs,
    disconnectTimeout: CLOSE_MS,
    socketTimeout: options.answerTimeoutMs,
    keepAlive: KEEP_ALIVE_MS,
    retryStrategy: null,
    maxRetriesPerRequest: null,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    disableClientInfo: true,
  })
  let socketError: unknown
  client.on('error', (error) => (socketError ??= error))
  const ended = new Promise<void>((resolve) => client.once('end', resolve))
  const progress = { connected: false, answered: false }
  const late = new AbortController()
  try {
    const greeted = client.connect().then(() => {
      progress.connected = true
      return greet(client, url, db, progress)
    })
    const expiry = clock.sleep(2 * url.connectTimeoutMs, AbortSignal.any([late.signal, signal])).then(() => {
      throw Object.assign(new Error('no answer in time'), progress.connected ? {} : { code: 'ETIMEDOUT' })
    })
    const { clientId, runId } = await Promise.race([greeted, expiry])
    return { client, endpoint, clientId, runId, ended }
  } catch (error) {
    client.disconnect()
    const cause = progress.answered ? error : (socketError ?? error)
    const hadPassword = url.password !== undefined
    const state = { place: endpointText(endpoint), tls: url.tls !== undefined, db, hadPassword, ...progress }
    throw explainDial(cause, state)
  } finally {
    late.abort()
  }
}

async function greet(
  client: Redis,
  url: DialOptions['url'],
  db: number | undefined,
  progress: { answered: boolean },
): Promise<{ clientId: number | undefined; runId: string | undefined }> {
  const { username, password } = url
  if (password !== undefined) {
    const words = username === undefined ? [password] : [username, password]
    await noted(client.call('AUTH', ...words), progress).catch(unlessNeedless)
  }
  const [id, info] = await Promise.all([
    noted(client.call('CLIENT', 'ID'), progress).catch(unlessUnknown),
    noted(client.info('server'), progress).catch(unlessUnknown),
    db === undefined || db === 0 ? undefined : noted(client.select(db), progress),
    noted(client.ping(), progress),
  ])
  const runId = typeof info === 'string' ? /^run_id:(\w+)/m.exec(info)?.[1] : undefined
  return { clientId: typeof id === 'number' ? id : undefined, runId }
}

/** Remember that the server has said something. */
async function noted<T>(answer: Promise<T>, progress: { answered: boolean }): Promise<T> {
  try {
    const value = await answer
    progress.answered = true
    return value
  } catch (error) {
    if (error instanceof Error && error.name === 'ReplyError') progress.answered = true
    throw error
  }
}

/** A password for a server that wants none is no reason to stop: other clients of the format do not mind either. */
function unlessNeedless(error: unknown): void {
  if (error instanceof Error && /without any password configured|no password is set/.test(error.message))
    return
  throw error
}

/** Old servers do not know their clients' numbers, and rights may forbid the question: we do without. */
function unlessUnknown(error: unknown): undefined {
  if (error instanceof Error && /^(ERR unknown|NOPERM|ERR Unknown|LOADING)/.test(error.message))
    return undefined
  throw error
}
