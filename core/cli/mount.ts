import { resolve } from 'node:path'
import { lineLog } from '#core/base/log.ts'
import { defaultLogPath } from '#core/volume/log-file.ts'
import { completeMetaUrl } from '#core/volume/meta-url.ts'
import { openMountFolder } from '#core/volume/mount-folder.ts'
import type { MountRequest } from '#core/volume/serve-volume.ts'
import { type Call, defineCommand } from './command.ts'
import { translateOptions } from './mount-helper.ts'
import { MOUNT_OPTIONS, mountVolumeOptions, optionWarnings } from './mount-options.ts'
import { parseOptions } from './options.ts'
import { secretFromFile } from './secrets.ts'

type MountCall = Call<typeof MOUNT_OPTIONS>

export const mount = defineCommand({
  name: 'mount',
  operands: 'META-URL MOUNT-POINT',
  arity: [2, 2],
  summary: 'Mount a volume on a directory.',
  description: `
Stays in the foreground until the volume is unmounted; -d returns once it is mounted. Ctrl-C, SIGTERM and
\`pomelo umount\` flush everything first; a second Ctrl-C does not wait. In /etc/fstab:
  sqlite3:///srv/team.db  /mnt/team  fuse.pomelo  _netdev,nofail,cache-size=20G  0 0`,
  options: MOUNT_OPTIONS,
  examples: [
    'pomelo mount -d sqlite3:///home/me/team.db ~/team',
    'META_PASSWORD=… pomelo mount redis://server:6379/1 /mnt/team --cache-dir /ssd/cache --cache-size 50G',
    'pomelo mount redis://server/1 /mnt/team -o ro,allow_other',
  ],
  async run(call) {
    const { options, given } = withMountOptions(call)
    for (const line of optionWarnings(given, options)) call.out.warn(line)
    const request = await mountRequest({ ...call, options })
    const level = call.out.verbose ? 'debug' : 'info'
    await openMountFolder(request.mountPoint)
    return call.options.background ? background(call, request, level) : foreground(call, request, level)
  },
})

async function mountRequest({ options, operands, env }: MountCall): Promise<MountRequest> {
  const [metaUrl, mountPoint] = operands as [string, string]
  return {
    metaUrl: completeMetaUrl(metaUrl, env.META_PASSWORD),
    mountPoint: resolve(mountPoint),
    volume: mountVolumeOptions(options, env, await secretFromFile(options['secret-key-file'])),
    maxFuseIo: options['max-fuse-io'],
    kernelOptions: options.options,
    driver: options.driver as MountRequest['driver'],
    logFile: options.background ? resolve(options.log ?? defaultLogPath(env)) : undefined,
  }
}

/** `-o a,b=c` read as options of ours where they are; what is left in `options` is for the kernel. */
function withMountOptions({ options: written, given, env }: MountCall): Pick<MountCall, 'options' | 'given'> {
  if (written.options.length === 0) return { options: written, given }
  const more = parseOptions(MOUNT_OPTIONS, translateOptions(written.options), env)
  const { values } = more
  const overrides = Object.fromEntries(
    [...more.given].map((name) => [name, values[name as keyof typeof values]]),
  )
  return {
    options: { ...written, ...overrides, options: values.options },
    given: new Set([...given, ...more.given]),
  }
}

async function background(
  { out, signal }: MountCall,
  request: MountRequest,
  level: 'debug' | 'info',
): Promise<number> {
  const { startVolumeProcess } = await import('#core/volume/start-process.ts')
  const pid = await startVolumeProcess(request, { level, signal })
  const { mountPoint, logFile } = request
  out.data({ mountPoint, pid, logFile }, () =>
    out.print(`mounted at ${mountPoint} (process ${pid}, log ${logFile})`),
  )
  return 0
}

async function foreground(
  { out }: MountCall,
  request: MountRequest,
  level: 'debug' | 'info',
): Promise<number> {
  const [{ serveVolume }, { stopSignals }] = await Promise.all([
    import('#core/volume/serve-volume.ts'),
    import('#core/volume/stop-signals.ts'),
  ])
  process.title = `pomelo mount ${request.mountPoint}`
  const log = lineLog((line) => out.note(line), out.quiet ? 'warn' : level)
  return serveVolume(request, {
    log,
    ...stopSignals(),
    onReady: ({ mountPoint, pid }) =>
      out.data({ mountPoint, pid }, () => out.print(`mounted at ${mountPoint} (process ${pid})`)),
  })
}
