/**
 * The daemon's process: `pomelo daemon run` loads it, `pomelo daemon start` runs it in the background. It ends with
 * SIGTERM, SIGINT or a call of the API; mounted volumes go on.
 */
import { lineLog } from '#core/base/log.ts'
import { LogFile } from '#core/volume/log-file.ts'
import { Daemon } from './daemon.ts'
import { daemonPlaces } from './places.ts'

export interface RunOptions {
  readonly port: number
  readonly verbose: boolean
  readonly onReady: (port: number) => void
}

/** Resolves when the daemon has ended. Errors: Refusal when one runs already. */
export async function runDaemon({ port, verbose, onReady }: RunOptions): Promise<void> {
  const places = await daemonPlaces()
  const file = new LogFile(places.log)
  const log = lineLog(file.write, verbose ? 'debug' : 'info')
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>()
  const daemon = new Daemon({ places, log, port, onStop: stop })
  process.on('uncaughtException', (error) => log.error('uncaught', { error, stack: error.stack }))
  process.on('unhandledRejection', (error) => log.error('unhandled rejection', { error }))
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop)
  process.title = 'pomelo daemon'
  await daemon.start()
  log.info('started', { pid: process.pid, port: daemon.port })
  onReady(daemon.port)
  await stopped
  await daemon.stop()
  log.info('ended')
  file.close()
}
