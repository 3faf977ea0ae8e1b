/** A connection pooler before a test PostgreSQL, as many teams run one. */
import { spawn } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { which } from '../../scripts/system.mjs'
import type { PostgresServer } from './postgres.ts'
import { end, freePort, untilListening } from './servers.ts'

const PROGRAM = which('pgbouncer')

/** Why there is none here: the reason to skip under; undefined when there is one. */
export function pgbouncerMissing(): string | undefined {
  return PROGRAM === undefined ? 'no connection pooler: install pgbouncer' : undefined
}

export interface Pooler {
  readonly port: number
  stop(): Promise<void>
}

/** `mode`: what a server process is lent for. Everybody is let in. */
export async function startPgbouncer(
  server: PostgresServer,
  mode: 'session' | 'transaction',
): Promise<Pooler> {
  if (PROGRAM === undefined) throw new Error(pgbouncerMissing())
  const base = await mkdtemp(join(tmpdir(), 'pb-'))
  const port = await freePort()
  const target = `host=127.0.0.1 port=${server.port} user=${server.user} password=${server.password}`
  const config = join(base, 'pgbouncer.ini')
  const lines = [
    '[databases]',
    `* = ${target}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = any',
    `pool_mode = ${mode}`,
    'default_pool_size = 4',
    ...(userInfo().uid === 0 ? ['user = nobody'] : []), // it refuses to run as root
  ]
  await chmod(base, 0o755)
  await writeFile(config, `${lines.join('\n')}\n`)
  const child = spawn(PROGRAM, ['-q', config], { stdio: 'ignore' })
  const stop = async (): Promise<void> => {
    await end(child)
    await rm(base, { recursive: true, force: true })
  }
  try {
    await untilListening(child, port)
  } catch (error) {
    await stop()
    throw error
  }
  return { port, stop }
}
