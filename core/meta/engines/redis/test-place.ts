/** For tests: a private server, and engines on its databases over a connection of their own. */
import type { TestContext } from 'node:test'
import { Redis } from 'ioredis'
import { systemClock } from '#core/base/clock.ts'
import type { Metrics } from '#core/base/metrics.ts'
import { type RedisServer, startRedis } from '../../../../e2e/harness/redis.ts'
import { RedisClient } from './client.ts'
import { RedisEngine } from './engine.ts'
import { fromRedis } from './errors.ts'
import type { CommitWatcher, RedisPlace } from './place.ts'

export interface TestServer {
  readonly server: RedisServer
  /** A client of the next empty database, for looking at what is stored. */
  database(t: TestContext, prefix?: string, db?: number): TestDatabase
  stop(): Promise<void>
}

export interface TestDatabase {
  readonly db: number
  readonly client: Redis
  open(options?: { metrics?: Metrics; watcher?: CommitWatcher; readOnly?: boolean }): RedisEngine
}

const DATABASES = 400

export async function startTestServer(config: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const server = await startRedis({ databases: String(DATABASES), appendonly: 'no', ...config })
  let last = 0
  return {
    server,
    database(t, prefix = '', db = ++last) {
      const client = connect(server, db)
      t.after(() => client.disconnect())
      return {
        db,
        client,
        open: ({ metrics, watcher, readOnly = false } = {}) => {
          const parts = metrics === undefined ? {} : { metrics }
          return new RedisEngine(barePlace(server, db, prefix, readOnly, watcher), parts)
        },
      }
    },
    stop: () => server.stop(),
  }
}

function connect(server: RedisServer, db: number): Redis {
  return new Redis({ host: '127.0.0.1', port: server.port, db, protocol: 2, retryStrategy: null })
}

/** A client of the engine's kind. */
export async function connectTo({ port }: RedisServer, db = 0): Promise<RedisClient> {
  const client = await RedisClient.connect(
    { host: '127.0.0.1', port },
    {
      clock: systemClock,
      tls: undefined,
      connectTimeoutMs: 5_000,
      answerTimeoutMs: 30_000,
      signal: new AbortController().signal,
    },
  )
  await client.call('SELECT', String(db))
  return client
}

/** A place without the care that connect.ts takes of connections. */
function barePlace(
  server: RedisServer,
  db: number,
  prefix: string,
  readOnly: boolean,
  watcher: CommitWatcher | undefined,
): RedisPlace {
  const client = connectTo(server, db)
  const address = `redis://127.0.0.1:${server.port}/${db}`
  const run = async <T>(send: (client: RedisClient) => Promise<T>): Promise<T> => {
    try {
      return await send(await client)
    } catch (error) {
      throw fromRedis(error, address)
    }
  }
  return {
    scheme: 'redis',
    prefix,
    address,
    readOnly,
    watcher,
    repeat: run,
    once: run,
    settle: async () => {},
    listen: () => Promise.reject(new Error('nothing listens here')),
    close: async () => (await client).disconnect(),
  }
}
