/** A private PostgreSQL cluster on loopback: its data in a temporary folder, gone after `stop`. */
import { type ChildProcess, execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { which } from '../../scripts/system.mjs'
import { end, freePort, spawnBound, untilListening } from './servers.ts'

const execute = promisify(execFile)
const START_MS = 60_000
const STARTS = 5

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

export interface PostgresOptions {
  /** Further settings. fsync stays on. */
  readonly config?: Readonly<Record<string, string>>
  /** Offer TLS with a certificate for `localhost` and 127.0.0.1; plain connections stay possible. */
  readonly tls?: boolean
  /** Further lines of pg_hba.conf, before those that ask everybody for a password. */
  readonly access?: readonly string[]
}

export interface PostgresServer {
  readonly port: number
  /** The folder of its unix socket. */
  readonly socketDir: string
  /** The certificate of the authority that signed the server's, with `tls`. */
  readonly rootCert: string | undefined
  readonly user: string
  readonly password: string
  /** A new empty database, as `postgres://user:password@127.0.0.1:port/name?sslmode=disable`. */
  createDatabase(name: string): Promise<string>
  /** Run SQL as superuser with psql; returns unaligned rows. */
  sql(database: string, text: string): Promise<string>
  /** kill -9 of the whole cluster. */
  kill(): Promise<void>
  restart(): Promise<void>
  /** Until it is started again its log is written only for those who wait for it: a crash takes back the rest. */
  writeNothingUnasked(): Promise<void>
  pause(): void
  resume(): void
  /** Refuse writes, as a standby does. */
  setReadOnly(on: boolean): Promise<void>
  stop(): Promise<void>
}

/** Everybody needs the password (scram-sha-256), also on the unix socket. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const { config = {}, tls = false, access = [] } = options
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
  const rootCert = tls ? join(base, 'root.crt') : undefined
  const env = { ...process.env, PGPASSWORD: password }
  const words = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: data,
    max_connections: '200',
    ...(tls
      ? {
          ssl: 'on',
          ssl_cert_file: join(base, 'server.crt'),
          ssl_key_file: join(base, 'server.key'),
          ssl_ca_file: join(base, 'root.crt'),
        }
      : {}),
    ...config,
  }
  const args = ['-D', data, ...Object.entries(words).flatMap(([key, value]) => ['-c', `${key}=${value}`])]
  let group: ChildProcess
  const start = async (): Promise<ChildProcess> => {
    const child = spawnBound(join(bin, 'postgres'), args, { ...as, stdio: 'ignore', detached: true })
    await untilListening(child, port, START_MS)
    return child
  }
  const signal = (name: NodeJS.Signals): void => {
    // Nobody's children any more once the server is gone, and then they keep the next one from starting.
    const children = backends(group.pid)
    try {
      if (group.pid !== undefined) process.kill(-group.pid, name)
    } catch {
      // It is gone already.
    }
    for (const pid of new Set([...children, ...backends(group.pid)])) {
      try {
        process.kill(pid, name)
      } catch {
        // So is this one.
      }
    }
  }
  const kill = async (): Promise<void> => {
    signal('SIGSTOP') // so that it begets no more
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
    const passwordFile = join(base, 'password')
    await writeFile(passwordFile, password, { mode: 0o644 })
    const words = ['-D', data, '-U', user, '-A', 'scram-sha-256', '--pwfile', passwordFile]
    const more = ['-E', 'UTF8', '--locale=C.UTF-8', '--no-sync']
    await execute(join(bin, 'initdb'), [...words, ...more], { ...as, timeout: START_MS })
    if (access.length > 0) await prepend(join(data, 'pg_hba.conf'), access)
    if (tls) await makeCertificates(base, uid, gid)
    group = await start()
    await untilAnswering(() => sql('postgres', 'SELECT 1'))
  } catch (error) {
    await remove()
    throw error
  }
  return {
    port,
    socketDir: data,
    rootCert,
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
      // A process that outlived the kill by a moment keeps the next server from starting, and so does a client whose
      // attempt to connect met itself on the port.
      for (let attempt = 1; ; attempt++) {
        try {
          group = await start()
          const ended = once(group, 'exit').then(() => Promise.reject(new Error('the server ended at once')))
          ended.catch(() => {}) // it ends some time
          await Promise.race([untilAnswering(() => sql('postgres', 'SELECT 1')), ended])
          return
        } catch (error) {
          if (attempt === STARTS) throw error
          await sleep(200)
        }
      }
    },
    writeNothingUnasked: async () => {
      const find = "SELECT pid FROM pg_stat_activity WHERE backend_type IN ('walwriter', 'background writer')"
      // The server answers before it has started all of its own processes.
      await untilAnswering(async () => {
        const pids = (await sql('postgres', find)).split('\n')
        if (pids.length < 2) throw new Error('a writer is missing')
        for (const pid of pids) process.kill(Number(pid), 'SIGSTOP')
      })
    },
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    setReadOnly: async (on) => {
      await sql('postgres', `ALTER SYSTEM SET default_transaction_read_only TO ${on ? 'on' : 'off'}`)
      await sql('postgres', 'SELECT pg_reload_conf()')
    },
    stop: async () => {
      await kill()
      await remove()
    },
  }
}

async function prepend(path: string, lines: readonly string[]): Promise<void> {
  await writeFile(path, `${lines.join('\n')}\n${readFileSync(path, 'utf8')}`)
}

/** An authority and a server certificate it signed: `root.crt`, `server.crt` and `server.key` in `folder`. */
async function makeCertificates(folder: string, uid?: number, gid?: number): Promise<void> {
  const openssl = (...args: string[]) => execute('openssl', args, { cwd: folder, timeout: START_MS })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const root = ['-keyout', 'root.key', '-out', 'root.crt', '-subj', '/CN=test authority', '-days', '2']
  await openssl('req', '-x509', ...key, ...root)
  await openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost')
  await writeFile(join(folder, 'names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  const sign = ['-CA', 'root.crt', '-CAkey', 'root.key', '-CAcreateserial', '-days', '2', '-extfile', 'names']
  await openssl('x509', '-req', '-in', 'server.csr', '-out', 'server.crt', ...sign)
  await chmod(join(folder, 'server.key'), 0o600)
  if (uid !== undefined && gid !== undefined) await chown(join(folder, 'server.key'), uid, gid)
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
