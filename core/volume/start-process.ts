/** Start a volume in a process of its own, and wait until it is mounted or has said why not. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { redactUrl } from '#core/base/redact.ts'
import { Refusal } from '#core/base/refusal.ts'
import { decodeError } from './control-socket.ts'
import type { MountRequest } from './serve-volume.ts'
import type { ProcessMessage } from './volume-process.ts'

const READY_MS = 30_000
const GRACE_MS = 5000

export interface StartOptions {
  readonly level: 'debug' | 'info'
  readonly signal?: AbortSignal
  readonly deadlineMs?: number
}

/**
 * Resolves with the process id when the mount is usable. Rejects with what the process rejected with, or a
 * Refusal naming its log when it died or gave no sign in time; it is ended then.
 */
export async function startVolumeProcess(request: MountRequest, options: StartOptions): Promise<number> {
  const entry = fileURLToPath(new URL('./volume-process.ts', import.meta.url))
  // The arguments are for people who look at `ps`; the process reads none of them.
  const child = spawn(process.execPath, [entry, redactUrl(request.metaUrl), request.mountPoint], {
    detached: true,
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE || '16' },
  })
  let said = ''
  child.stderr!.setEncoding('utf8')
  child.stderr!.on('data', (text: string) => {
    said = (said + text).slice(-8192)
  })
  const { deadlineMs = READY_MS, signal } = options
  let timer: NodeJS.Timeout | undefined
  let onAbort: (() => void) | undefined
  try {
    return await new Promise<number>((resolve, reject) => {
      const where = request.logFile === undefined ? undefined : `see ${request.logFile}`
      timer = setTimeout(
        () => reject(new Refusal(`not mounted after ${deadlineMs / 1000} s`, where)),
        deadlineMs,
      )
      onAbort = () => reject(signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })
      child.on('error', reject)
      child.on('message', (message: ProcessMessage) => {
        if ('ready' in message) resolve(message.ready.pid)
        else reject(decodeError(message.failed))
      })
      child.on('exit', (code, by) => {
        const last = said.trim().split('\n').slice(-5).join('\n')
        reject(
          new Refusal(
            `the volume process ended at once (${by ?? `exit ${code}`})${last === '' ? '' : `: ${last}`}`,
            where,
          ),
        )
      })
      child.send({ request, level: options.level })
    })
  } catch (error) {
    await endChild(child)
    throw error
  } finally {
    clearTimeout(timer)
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort)
    child.removeAllListeners()
    if (child.connected) child.disconnect()
    child.stderr!.destroy()
    child.unref()
  }
}

async function endChild(child: ReturnType<typeof spawn>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const killer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
  await ended
  clearTimeout(killer)
}
