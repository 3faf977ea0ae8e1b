/**
 * One connection to one Redis server, from the socket to a chosen database. It never reconnects and never queues: when
 * it ends, everything on its way is rejected at once, and `link.ts` makes the next.
 */
import type { Clock } from '#core/base/clock.ts'
import { RedisClient } from './client.ts'
import { explainDial } from './dial-errors.ts'
import { ReplyError } from './replies.ts'
import { tlsOptions } from './tls.ts'
import { type Endpoint, endpointText, type RedisUrl } from './url.ts'

export interface Connection {
  readonly client: RedisClient
  readonly endpoint: Endpoint
  /** The server's process, to tell whether a number of a client is of the same one; absent where INFO is denied. */
  readonly runId: string | undefined
  /** This connection's number on the server; absent before Redis 5. */
  readonly clientId: number | undefined
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
  const progress = { connected: false, answered: false }
  const late = new AbortController()
  const giveUp = new AbortController()
  const connecting = RedisClient.connect(endpoint, {
    clock,
    tls: url.tls && tlsOptions(url.tls),
    connectTimeoutMs: url.connectTimeoutMs,
    answerTimeoutMs: options.answerTimeoutMs,
    signal: AbortSignal.any([giveUp.signal, signal]),
  })
  try {
    const greeted = connecting.then((client) => {
      progress.connected = true
      return greet(client, url, db, progress)
    })
    const expiry = clock.sleep(2 * url.connectTimeoutMs, AbortSignal.any([late.signal, signal])).then(() => {
      throw Object.assign(new Error('no answer in time'), progress.connected ? {} : { code: 'ETIMEDOUT' })
    })
    const { clientId, runId } = await Promise.race([greeted, expiry])
    const client = await connecting
    return { client, endpoint, clientId, runId }
  } catch (error) {
    giveUp.abort()
    const client = await connecting.catch(() => undefined)
    const cause = progress.answered ? error : (client?.failure ?? error)
    client?.disconnect()
    const hadPassword = url.password !== undefined
    const state = { place: endpointText(endpoint), tls: url.tls !== undefined, db, hadPassword, ...progress }
    throw explainDial(cause, state)
  } finally {
    late.abort()
  }
}

async function greet(
  client: RedisClient,
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
    noted(client.call('INFO', 'server'), progress).catch(unlessUnknown),
    db === undefined || db === 0 ? undefined : noted(client.call('SELECT', String(db)), progress),
    noted(client.call('PING'), progress),
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
    if (error instanceof ReplyError) progress.answered = true
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
