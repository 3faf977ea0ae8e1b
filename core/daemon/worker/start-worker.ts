/** Start a worker and talk to it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { secureBytes } from '#core/base/random.ts'
import { Refusal } from '#core/base/refusal.ts'
import { ControlClient } from '#core/volume/control-client.ts'
import { decodeError } from '#core/volume/control-socket.ts'
import type { WorkerMessage, WorkerRequest } from './worker-process.ts'

const READY_MS = 30_000

export interface Worker {
  readonly client: ControlClient
  readonly ended: Promise<void>
  /** It finishes what it stored and ends. */
  close(): void
}

type Wanted =
  Extract<WorkerRequest, { kind: 'probes' }> extends never
    ? never
    : { readonly kind: 'probes' } | Omit<Extract<WorkerRequest, { kind: 'volume' }>, 'socket'>

/** Errors: what it could not open; Refusal when it died or gave no sign in time. */
export async function startWorker(runtimeDir: string, wanted: Wanted): Promise<Worker> {
  const socket = join(runtimeDir, `worker-${secureBytes(6).toString('hex')}.socket`)
  const entry = fileURLToPath(new URL('./worker-process.ts', import.meta.url))
  const child = spawn(process.execPath, [entry], {
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE || '16' },
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.send({ ...wanted, socket } satisfies WorkerRequest)
  try {
    await ready(child)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  child.unref()
  child.channel?.unref()
  return {
    client: new ControlClient(socket),
    ended,
    close: () => {
      // Whoever closes it may wait for its end.
      child.ref()
      if (child.connected) child.disconnect()
    },
  }
}

async function ready(child: ChildProcess): Promise<void> {
  let said = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4096)
  })
  const timeout = new AbortController()
  try {
    await new Promise<void>((resolve, reject) => {
      const late = () => reject(new Refusal(`the volume was not opened within ${READY_MS / 1000} s`))
      const timer = setTimeout(late, READY_MS)
      timeout.signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
      child.once('error', reject)
      child.on('message', (message: WorkerMessage) => {
        if ('ready' in message) resolve()
        else reject(decodeError(message.failed))
      })
      child.once('exit', (code, by) =>
        reject(new Refusal(`a worker ended at once (${by ?? code}): ${said.trim()}`)),
      )
    })
  } finally {
    timeout.abort()
    child.removeAllListeners('message')
    child.removeAllListeners('error')
    child.on('error', () => {})
  }
}
