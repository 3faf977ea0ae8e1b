/**
 * The process of a mount with `-d`, and of every mount the daemon starts. Its parent sends one MountRequest over
 * the IPC channel, secrets and all, so that none shows in `ps`; it answers `{ready}` or `{failed}` and goes on by
 * itself. SIGTERM and SIGINT end it in good order, a second one at once.
 */
import { lineLog } from '#core/base/log.ts'
import { encodeError } from './control-socket.ts'
import { LogFile } from './log-file.ts'
import { type MountRequest, serveVolume } from './serve-volume.ts'
import { stopSignals } from './stop-signals.ts'

export type ProcessMessage =
  | { readonly ready: { readonly pid: number } }
  | { readonly failed: ReturnType<typeof encodeError> }

async function main(): Promise<number> {
  const { request, level } = await received()
  process.title = `pomelo ${request.mountPoint}`
  const file = request.logFile === undefined ? undefined : new LogFile(request.logFile)
  const log = lineLog(file?.write ?? ((line) => void process.stderr.write(`${line}\n`)), level)
  process.on('uncaughtException', (error) => log.error('uncaught', { error, stack: error.stack }))
  process.on('unhandledRejection', (error) => log.error('unhandled rejection', { error }))
  try {
    return await serveVolume(request, {
      log,
      ...stopSignals(),
      onReady: (status) => say({ ready: { pid: status.pid } }),
    })
  } catch (error) {
    log.error('the volume could not be mounted', { error })
    say({ failed: encodeError(error) })
    return 1
  }
}

interface Received {
  readonly request: MountRequest
  readonly level: 'debug' | 'info'
}

function received(): Promise<Received> {
  return new Promise((resolve, reject) => {
    process.once('message', (message) => resolve(message as Received))
    process.once('disconnect', () => reject(new Error('the starting process ended')))
  })
}

/** Tell whoever started us, if they are still there. */
function say(message: ProcessMessage): void {
  if (process.connected !== true) return
  process.send?.(message, () => process.disconnect?.())
}

process.exitCode = await main()
// Nothing may keep a process that has ended its volume.
setTimeout(() => process.exit(), 2000).unref()
