import { ACTION_LABELS, STATE_WORDS } from '#core/api/states.ts'
import type { Volume } from '#core/api/volumes.ts'
import { Refusal } from '#core/base/refusal.ts'
import { formatSize } from '#core/base/units.ts'
import { type connectDaemon, findOrStartDaemon } from '#core/daemon/connect.ts'
import { splitPassword } from '#core/volume/meta-url.ts'
import { type Call, defineCommand } from './command.ts'

const WAIT_MS = 60_000

export const volumesList = defineCommand({
  name: 'volumes',
  operands: '',
  arity: [0, 0],
  summary: 'List the volumes of this computer with their state.',
  options: {},
  examples: ['pomelo volumes', 'pomelo volumes --json'],
  async run({ out }) {
    const api = await findOrStartDaemon()
    try {
      const volumes = await api.trpc.volumes.list.query()
      out.data(volumes, () =>
        out.table(
          ['name', 'state', '', 'mount point', 'used'],
          volumes.map(({ name, status, mountPoint, usage }) => [
            name,
            STATE_WORDS[status.state],
            status.line,
            mountPoint,
            usage === null ? '' : formatSize(usage.usedBytes),
          ]),
          [4],
        ),
      )
      return 0
    } finally {
      await api.close()
    }
  },
})

const ADD = {
  name: { kind: 'text', value: 'NAME', help: 'how it is shown; default: the name of the volume' },
  'no-mount': { kind: 'flag', help: 'only keep it' },
  'at-login': { kind: 'flag', help: 'mount it at login' },
} as const

export const volumesAdd = defineCommand({
  name: 'volumes add',
  operands: 'META-URL [MOUNT-POINT]',
  arity: [1, 2],
  summary: 'Keep a volume on this computer, and mount it.',
  description:
    'A volume that is kept already is only mounted. The password of the metadata server may be in META_PASSWORD.',
  options: ADD,
  examples: [
    'pomelo volumes add redis://server:6379/1 ~/team',
    'pomelo volumes add sqlite3:///srv/team.db --name Team',
  ],
  async run({ operands, options, env, out, signal }) {
    const [metaUrl, mountPoint] = operands as [string, string | undefined]
    const api = await findOrStartDaemon(signal)
    try {
      const known = (await api.trpc.volumes.list.query()).find(
        ({ engine, origin }) => origin === 'profile' && engine.address === splitPassword(metaUrl).url,
      )
      const added =
        known ??
        (await api.trpc.volumes.connect.mutate({
          metaUrl,
          mountPoint,
          name: options.name,
          mountAtLogin: options['at-login'],
          mountNow: false,
          secrets: { metaPassword: env.META_PASSWORD || undefined },
        }))
      const volume = options['no-mount']
        ? added
        : await api.trpc.volumes.mount.mutate({ id: added.id, waitMs: WAIT_MS })
      return show(volume, out)
    } finally {
      await api.close()
    }
  },
})

export const volumesMount = defineCommand({
  name: 'volumes mount',
  operands: 'NAME',
  arity: [1, 1],
  summary: 'Mount a volume of this computer, by its name.',
  options: {},
  examples: ['pomelo volumes mount Team'],
  run: (call) => withVolume(call, (api, { id }) => api.trpc.volumes.mount.mutate({ id, waitMs: WAIT_MS })),
})

const UNMOUNT = {
  force: { kind: 'flag', short: 'f', help: 'flush for a moment, then cut the connection' },
} as const

export const volumesUnmount = defineCommand({
  name: 'volumes unmount',
  operands: 'NAME',
  arity: [1, 1],
  summary: 'Wait for uploads and unmount; says who holds it.',
  options: UNMOUNT,
  examples: ['pomelo volumes unmount Team', 'pomelo volumes unmount --force Team'],
  run: (call) =>
    withVolume(call, async (api, { id, name }) => {
      const how = call.options.force ? 'force' : 'ask'
      const volume = await api.trpc.volumes.unmount.mutate({ id, how, waitMs: WAIT_MS })
      if (volume.status.state === 'unmounted') return volume
      await api.trpc.volumes.cancel.mutate({ id })
      throw new Refusal(volume.status.line, `end what holds it, or: pomelo volumes unmount --force ${name}`)
    }),
})

type Api = NonNullable<Awaited<ReturnType<typeof connectDaemon>>>

async function withVolume(call: Call, work: (api: Api, volume: Volume) => Promise<Volume>): Promise<number> {
  const [name] = call.operands
  const api = await findOrStartDaemon(call.signal)
  try {
    const volumes = await api.trpc.volumes.list.query()
    const found = volumes.filter((volume) => volume.name === name || volume.id === name)
    if (found.length === 0)
      throw new Refusal(`there is no volume ${JSON.stringify(name)} here`, 'pomelo volumes lists them')
    if (found.length > 1) {
      const ids = found.map(({ id, mountPoint }) => `\n    ${id}  ${mountPoint}`)
      throw new Refusal(
        `several volumes are called ${JSON.stringify(name)}:${ids.join('')}`,
        'name one by its id',
      )
    }
    return show(await work(api, found[0]!), call.out)
  } finally {
    await api.close()
  }
}

function show(volume: Volume, out: Call['out']): number {
  const { name, status, mountPoint } = volume
  if (status.state === 'failed')
    throw new Refusal(
      `${name}: ${status.detail ?? status.line}`,
      status.next ?? (status.action === null ? undefined : ACTION_LABELS[status.action]),
    )
  const where = status.state === 'unmounted' ? '' : ` at ${mountPoint}`
  out.data(volume, () =>
    out.print(`${name}: ${STATE_WORDS[status.state].toLowerCase()}${where}. ${status.line}`),
  )
  return 0
}
