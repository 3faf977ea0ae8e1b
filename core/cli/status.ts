import { backupStatus } from '#core/admin/backup/status.ts'
import { moreStat, sessionHoldings, sessionStatus, volumeStatus } from '#core/admin/status.ts'
import { Refusal } from '#core/base/refusal.ts'
import { listProcesses } from '#core/volume/control-client.ts'
import type { Volume } from '#core/volume/open-volume.ts'
import { defineCommand } from './command.ts'
import { volumeLocation } from './operands.ts'
import { TOOL_OPTIONS, withVolumes } from './volumes.ts'

const OPTIONS = {
  session: { kind: 'number', short: 's', min: 1, help: 'show one session with its open files and locks' },
  more: { kind: 'flag', short: 'm', help: 'also what deleted and replaced data still take' },
  ...TOOL_OPTIONS,
} as const

export const status = defineCommand({
  name: 'status',
  operands: 'META-URL',
  arity: [1, 1],
  summary: 'Show the setting, usage and sessions of a volume, as JSON.',
  options: OPTIONS,
  examples: ['pomelo status sqlite3:///team.db', 'pomelo status --session 7 redis://host/1'],
  run: (call) =>
    withVolumes(call, { readOnly: true }, async (volumes) => {
      const { options, out, signal } = call
      const volume = await volumes.open(volumeLocation(call.operands[0]!).metaUrl)
      if (options.session !== undefined) {
        const [record] = await volume.engine.read([{ kind: 'session', sid: options.session }])
        if (record === null)
          throw new Refusal(`there is no session ${options.session}`, 'pomelo status META-URL lists them')
        out.printJson({
          ...sessionStatus(record),
          ...(await sessionHoldings(volume, options.session, signal)),
        })
        return 0
      }
      const shown = { ...(await volumeStatus(volume, signal)), Backup: await backups(volume, signal) }
      out.printJson(
        options.more ? { ...shown, Stat: { ...shown.Stat, ...(await moreStat(volume, signal)) } } : shown,
      )
      return 0
    }),
})

/** Backups in the bucket, and those that mounts of this machine could not make. */
async function backups(volume: Volume, signal: AbortSignal) {
  const failed = (await listProcesses()).flatMap(({ status: { uuid, mountPoint, backup } }) =>
    uuid === volume.setting.UUID && backup?.error !== undefined
      ? [{ MountPoint: mountPoint, At: new Date(backup.at * 1000).toISOString(), Error: backup.error }]
      : [],
  )
  return { ...(await backupStatus(volume, signal)), ...(failed.length > 0 && { Failed: failed }) }
}
