/**
 * A process for work that must not hold up the daemon, or grow it: a volume opened without a mount, or tests of
 * addresses. Its parent sends one WorkerRequest over the IPC channel, secrets and all, so that none shows in `ps`;
 * it answers `{ready}` or `{failed}`, and then serves requests on a socket as a volume process does. It ends when
 * its parent does, and when the parent says so by closing the channel.
 */
import { silentLog } from '#core/base/log.ts'
import { type ControlHandler, encodeError, serveControl } from '#core/volume/control-socket.ts'
import { openVolume } from '#core/volume/open-volume.ts'
import { runOperation } from '#core/volume/operations.ts'
import type { VolumeOptions } from '#core/volume/volume-options.ts'

export type WorkerRequest = { readonly socket: string } & (
  | { readonly kind: 'volume'; readonly metaUrl: string; readonly options: VolumeOptions }
  | { readonly kind: 'probes' }
)

export type WorkerMessage = { readonly ready: true } | { readonly failed: ReturnType<typeof encodeError> }

interface Opened {
  readonly handle: ControlHandler
  close(): Promise<void>
}

async function main(): Promise<void> {
  const request = await new Promise<WorkerRequest>((resolve) => {
    process.once('message', (message) => resolve(message as WorkerRequest))
  })
  process.title = `pomelo worker (${request.kind})`
  const parentGone = new Promise<void>((resolve) => process.once('disconnect', () => resolve()))
  let opened: Opened
  try {
    opened = request.kind === 'volume' ? await openForWork(request) : await openProbes()
  } catch (error) {
    process.send?.({ failed: encodeError(error) })
    process.exitCode = 1
    return
  }
  const server = await serveControl(request.socket, opened.handle)
  process.send?.({ ready: true })
  await parentGone
  await server.close()
  await opened.close()
}

async function openForWork({
  metaUrl,
  options,
}: Extract<WorkerRequest, { kind: 'volume' }>): Promise<Opened> {
  const volume = await openVolume(
    metaUrl,
    { ...options, noBackgroundJobs: true, unrecorded: true },
    { log: silentLog },
  )
  return {
    handle: ({ op, args, signal, progress }) =>
      runOperation(volume, op, args, { signal, onProgress: progress }),
    close: () => volume.close(),
  }
}

async function openProbes(): Promise<Opened> {
  const { runProbe } = await import('./probes.ts')
  return { handle: runProbe, close: async () => {} }
}

await main()
// Nothing may keep a process that has done its work.
setTimeout(() => process.exit(), 2000).unref()
