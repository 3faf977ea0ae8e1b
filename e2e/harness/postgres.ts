/** A private PostgreSQL cluster on loopback: its data in a temporary folder, gone after `stop`. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { which } from '../../scripts/system.mjs'
import { end, freePort, untilListening } from './servers.ts'

const execute = promisify(execFile)
const START_MS = 60_000

/** The folder of `initdb` and `postgres`, which Debian keeps out of PATH; undefined when there is none. */
function binaries(): string | undefined {
  const packaged = '/usr/lib/postgresql'
  const versions = existsSync(packaged) ? readdirSync(packaged) : []
  const found = versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(packaged, version, 'bin'))
  const inPath = which('initdb')
  return found.find((folder) => existsSync(join(folder, 'initdb'))) ?? inPath?.replace(/\/initdb$/, '')
}

/** Why there is no PostgreSQL here: the reason to skip under; undefined when there is one. */
export function postgresMissing(): string | undefined {
  return binaries() === undefined ? 'no PostgreSQL server: install postgresql' : undefined
}

export interface PostgresServer {
  readonly port: number
  readonly user: string
  readonly password: string
  /** A new empty database, as `postgres://user:password@127.0.0.1:port/name?sslmode=disable`. */
  createDatabase(name: string): Promise<string>
  /** Run SQL as superuser with psql; returns unaligned rows. */
  sql(database: string, text: string): Promise<string>
  /** kill -9 of the whole cluster. */
  kill(): Promise<void>
  restart(): Promise<void>
  pause(): void
  resume(): void
  stop(): Promise<void>
}

/** `config`: further settings. fsync stays on. */
export async function startPostgres(config: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
  const bin = binaries()
  if (bin === undefined) throw new Error(postgresMissing())
  const base = await mkdtemp(join(tmpdir(), 'pp-'))
  const data = join(base, 'data')
  const port = await freePort()
  const [user, password] = ['pomelo', 'test-password']
  // The server refuses to run as root: there it becomes the user of its package.
  const asRoot = process.getuid?.() === 0
  const { uid, gid } = asRoot ? await packageUser() : {}
  if (uid !== undefined && gid !== undefined) {
    await chmod(base, 0o755)
    await mkdir(data)
    await chown(data, uid, gid)
  }
  const as = { uid, gid, cwd: '/' }
  const env = { ...process.env, PGPASSWORD: password }
  const words = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: data,
    max_connections: '200',
    ...config,
  }
  const args = ['-D', data, ...Object.entries(words).flatMap(([key, value]) => ['-c', `${key}=${value}`])]
  let group: ChildProcess
  const start = async (): Promise<ChildProcess> => {
    const child = spawn(join(bin, 'postgres'), args, { ...as, stdio: 'ignore', detached: true })
    await untilListening(child, port, START_MS)
    return child
  }
  const signal = (name: NodeJS.Signals): void => {
    try {
      if (group.pid !== undefined) process.kill(-group.pid, name)
    } catch {
      // It is gone already.
    }
    for (const pid of backends(group.pid)) {
      try {
        process.kill(pid, name)
      } catch {
        // So is this one.
      }
    }
  }
  const kill = async (): Promise<void> => {
    signal('SIGKILL')
    await end(group)
  }
  const sql = async (database: string, text: string): Promise<string> => {
    const connection = ['-h', '127.0.0.1', '-p', String(port), '-U', user, '-d', database]
    const options = ['-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-c', text]
    const { stdout } = await execute(join(bin, 'psql'), [...connection, ...options], { env, timeout: 30_000 })
    return stdout.trimEnd()
  }
  const remove = (): Promise<void> => rm(base, { recursive: true, force: true })
  try {
    const options = ['-D', data, '-U', user, '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync']
    await execute(join(bin, 'initdb'), options, { ...as, timeout: START_MS })
    group = await start()
    await untilAnswering(() => sql('postgres', `ALTER ROLE ${user} PASSWORD '${password}'`))
    await sql('postgres', 'SELECT 1')
  } catch (error) {
    await remove()
    throw error
  }
  return {
    port,
    user,
    password,
    sql,
    createDatabase: async (name) => {
      await sql('postgres', `CREATE DATABASE "${name}"`)
      return `postgres://${user}:${password}@127.0.0.1:${port}/${name}?sslmode=disable`
    },
    kill,
    restart: async () => {
      await kill()
      group = await start()
      await untilAnswering(() => sql('postgres', 'SELECT 1'))
    },
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    stop: async () => {
      await kill()
      await remove()
    },
  }
}

async function packageUser(): Promise<{ uid: number; gid: number }> {
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => Number((await execute('id', [flag, 'postgres'])).stdout)),
  )
  return { uid: uid!, gid: gid! }
}

/** Each backend leads a process group of its own, so a signal to the server's does not reach it. */
function backends(server: number | undefined): readonly number[] {
  if (server === undefined) return []
  try {
    const children = `/proc/${server}/task/${server}/children`
    return readFileSync(children, 'utf8').trim().split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** It listens before it has recovered. */
async function untilAnswering(ask: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + START_MS
  for (;;) {
    try {
      await ask()
      return
    } catch (error) {
      if (performance.now() > deadline) throw error
      await sleep(100)
    }
  }
}
