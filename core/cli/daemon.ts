import { formatDuration, formatSize } from '#core/base/units.ts'
import { connectDaemon, findOrStartDaemon } from '#core/daemon/connect.ts'
import { type Call, defineCommand } from './command.ts'
import { UsageError } from './options.ts'

const RUN = {
  port: { kind: 'number', max: 65_535, default: '0', help: 'loopback port of the interface; 0: any' },
} as const

export const daemonRun = defineCommand({
  name: 'daemon run',
  operands: '',
  arity: [0, 0],
  summary: 'Run the daemon in the foreground: for systemd, and to look at it.',
  description: 'It ends with Ctrl-C or SIGTERM. Mounted volumes go on, and the next daemon finds them.',
  options: RUN,
  examples: ['pomelo daemon run', 'pomelo daemon run --port 7533'],
  async run({ options, out }) {
    const { runDaemon } = await import('#core/daemon/main.ts')
    await runDaemon({
      port: options.port,
      verbose: out.verbose,
      onReady: (port) =>
        out.data({ port, pid: process.pid }, () => out.note(`the daemon runs (port ${port})`)),
    })
    return 0
  },
})

export const daemonStart = defineCommand({
  name: 'daemon start',
  operands: '',
  arity: [0, 0],
  summary: 'Start the daemon in the background, if none runs.',
  options: {},
  examples: ['pomelo daemon start'],
  async run({ out, signal }) {
    const api = await findOrStartDaemon(signal)
    const { daemonPid } = await api.trpc.system.about.query()
    await api.close()
    out.data({ pid: daemonPid }, () => out.print(`the daemon runs (process ${daemonPid})`))
    return 0
  },
})

export const daemonStop = defineCommand({
  name: 'daemon stop',
  operands: '',
  arity: [0, 0],
  summary: 'End the daemon; mounted volumes stay mounted.',
  options: {},
  examples: ['pomelo daemon stop'],
  run: (call) => stop(call),
})

export const daemonRestart = defineCommand({
  name: 'daemon restart',
  operands: '',
  arity: [0, 0],
  summary: 'End the daemon and start it again, with the version installed now.',
  options: {},
  examples: ['pomelo daemon restart'],
  async run(call) {
    await stop(call)
    const api = await findOrStartDaemon(call.signal)
    await api.close()
    return 0
  },
})

export const daemonStatus = defineCommand({
  name: 'daemon status',
  operands: '',
  arity: [0, 0],
  summary: 'Say whether the daemon runs, and what it looks after.',
  options: {},
  examples: ['pomelo daemon status', 'pomelo daemon status --json'],
  async run({ out }) {
    const api = await connectDaemon()
    if (api === undefined) {
      out.data({ running: false }, () => out.print('the daemon does not run'))
      return 1
    }
    try {
      const about = await api.trpc.system.about.query()
      const volumes = await api.trpc.volumes.list.query()
      const upSec = (Date.now() - about.startedMs) / 1000
      out.data({ running: true, ...about, volumes: volumes.length }, () => {
        out.print(
          `the daemon runs (process ${about.daemonPid}, for ${formatDuration(upSec)}, ${formatSize(about.rssBytes)})`,
        )
        out.print(
          `${volumes.length} volumes, ${about.safeToShutDown ? 'all changes are uploaded' : 'uploads are pending'}`,
        )
        out.print(`log ${about.logFile}`)
      })
      return 0
    } finally {
      await api.close()
    }
  },
})

export const daemonAtLogin = defineCommand({
  name: 'daemon at-login',
  operands: '[on|off]',
  arity: [0, 1],
  summary: 'Start the daemon at login, with the volumes to mount then; without a word, say whether it is so.',
  description: `
A unit of your systemd where one looks after the session, else an entry of the desktop's autostart folder. To have it
before anybody logs in: loginctl enable-linger.`,
  options: {},
  examples: ['pomelo daemon at-login on', 'pomelo daemon at-login'],
  async run({ operands: [word], out, signal }) {
    if (word !== undefined && word !== 'on' && word !== 'off') throw new UsageError('say on or off')
    const api = await findOrStartDaemon(signal)
    try {
      if (word !== undefined) await api.trpc.system.changeSettings.mutate({ startAtLogin: word === 'on' })
      const { startsAtLogin } = await api.trpc.system.about.query()
      out.data({ startsAtLogin }, () => out.print(AT_LOGIN[startsAtLogin]))
      return 0
    } finally {
      await api.close()
    }
  },
})

const AT_LOGIN = {
  systemd: 'the daemon starts at login: unit pomelo.service of your systemd',
  autostart: 'the daemon starts at login: entry in the autostart folder of your desktop',
  no: 'the daemon does not start at login',
} as const

async function stop({ out, signal }: Call): Promise<number> {
  const api = await connectDaemon()
  if (api === undefined) {
    out.note('the daemon does not run')
    return 0
  }
  const { daemonPid } = await api.trpc.system.about.query()
  await api.trpc.system.stop.mutate().catch(() => {})
  await api.close()
  const { isAlive } = await import('#core/volume/dead-mount.ts')
  const { systemClock } = await import('#core/base/clock.ts')
  for (let tries = 0; tries < 200 && (await isAlive(daemonPid)); tries++) await systemClock.sleep(50, signal)
  out.note('the daemon ended; mounted volumes stay mounted')
  return 0
}
