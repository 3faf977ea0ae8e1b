/** A private `redis-server` on loopback: its data in a temporary folder, gone after `stop`. */
import { type ChildProcess, execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { which } from '../../scripts/system.mjs'
import { end, freePort, spawnBound, untilListening } from './servers.ts'

const execute = promisify(execFile)

/** Why there is no Redis here: the reason to skip under; undefined when there is one. */
export function redisMissing(): string | undefined {
  return which('redis-server') === undefined ? 'no redis-server: install redis-server' : undefined
}

export interface RedisServer {
  readonly port: number
  readonly process: ChildProcess
  /** `redis://127.0.0.1:port/db`; databases count from 0. */
  url(db?: number): string
  /** kill -9. */
  kill(): Promise<void>
  /** Once more on the same port and data, after `kill`. */
  restart(): Promise<void>
  /** SIGSTOP and SIGCONT. */
  pause(): void
  resume(): void
  /** Become a replica, which refuses writes, and the primary again. */
  setReadOnly(on: boolean): Promise<void>
  /** Have no memory left for anything more. */
  setFull(on: boolean): Promise<void>
  stop(): Promise<void>
}

/** `config`: further words of redis.conf, such as `{ requirepass: 'x' }`. AOF with fsync each second unless told otherwise. */
export async function startRedis(config: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
  const data = await mkdtemp(join(tmpdir(), 'pr-'))
  let port = await freePort()
  // The nodes of a cluster listen to each other on a port that is so much higher.
  while (config['cluster-enabled'] === 'yes' && port + 10_000 > 65_535) port = await freePort()
  const words = {
    bind: '127.0.0.1',
    port: String(port),
    dir: data,
    save: '',
    appendonly: 'yes',
    appendfsync: 'everysec',
    'maxmemory-policy': 'noeviction',
    ...config,
  }
  const args = Object.entries(words).flatMap(([key, value]) => [`--${key}`, value])
  const start = async (): Promise<ChildProcess> => {
    const child = spawnBound('redis-server', args, { stdio: 'ignore' })
    await untilListening(child, port)
    return child
  }
  /** `redis-cli` is of the same package. */
  const ask = async (...words: string[]): Promise<void> => {
    await execute('redis-cli', ['-p', String(port), '-e', ...words], { timeout: 10_000 })
  }
  const remove = (): Promise<void> => rm(data, { recursive: true, force: true })
  let server: ChildProcess
  try {
    server = await start()
  } catch (error) {
    await remove()
    throw error
  }
  return {
    port,
    get process() {
      return server
    },
    url: (db = 0) => `redis://127.0.0.1:${port}/${db}`,
    kill: () => end(server),
    restart: async () => {
      await end(server)
      server = await start()
    },
    pause: () => void server.kill('SIGSTOP'),
    resume: () => void server.kill('SIGCONT'),
    setReadOnly: (on) => ask('REPLICAOF', ...(on ? ['127.0.0.1', '1'] : ['NO', 'ONE'])),
    setFull: (on) => ask('CONFIG', 'SET', 'maxmemory', on ? '1' : '0'),
    stop: async () => {
      await end(server)
      await remove()
    },
  }
}
