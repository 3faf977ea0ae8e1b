import { forEachParallel } from '#core/admin/pages.ts'
import { volumeStatus } from '#core/admin/status.ts'
import { Refusal } from '#core/base/refusal.ts'
import { formatCount, formatSize } from '#core/base/units.ts'
import { cleanStaleSessions } from '#core/meta/sessions.ts'
import type { ObjectStore } from '#core/object/store.ts'
import { type Call, defineCommand } from './command.ts'
import { volumeLocation } from './operands.ts'
import { TOOL_OPTIONS, withVolumes } from './volumes.ts'

const OPTIONS = {
  force: { kind: 'flag', help: 'do not ask, and do not mind clients that have it mounted' },
  yes: { kind: 'flag', short: 'y', help: 'do not ask' },
  ...TOOL_OPTIONS,
} as const

const DELETES_AT_A_TIME = 32

export const destroy = defineCommand({
  name: 'destroy',
  operands: 'META-URL UUID',
  arity: [2, 2],
  summary: 'Remove a volume for good: every object and all metadata.',
  description:
    'The UUID is that of `pomelo status`, so that no other volume is meant. Refused while a client has the volume mounted.',
  options: OPTIONS,
  examples: ['pomelo destroy sqlite3:///old.db 2329a698-5a5c-4404-b3a1-47140bcc1a67'],
  run: (call) =>
    withVolumes(call, {}, async (volumes) => {
      const { options, out, operands } = call
      const volume = await volumes.open(volumeLocation(operands[0]!).metaUrl)
      const { Name, UUID } = volume.setting
      if (operands[1] !== UUID) throw new Refusal(`volume ${Name} has the UUID ${UUID}, not ${operands[1]}`)
      if (!options.force) await cleanStaleSessions(volume.state)
      const { Sessions, Stat } = await volumeStatus(volume)
      if (Sessions.length > 0 && !options.force) {
        const who = Sessions.map(
          ({ Sid, HostName, MountPoint }) => `\n    session ${Sid}: ${HostName} at ${MountPoint}`,
        )
        throw new Refusal(
          `volume ${Name} is mounted by${who.join('')}`,
          'unmount it there first, or add --force',
        )
      }
      out.note(
        `volume ${Name} (${UUID}) in ${volume.store.address}: ${formatSize(Stat.UsedSpace)}, ${formatCount(Stat.UsedInodes)} inodes`,
      )
      if (
        !options.force &&
        !options.yes &&
        !(await out.confirm('All its data will be lost for good. Proceed?'))
      )
        return 1
      const failed = await removeObjects(call, volume.store)
      await volume.engine.destroy()
      if (failed > 0)
        out.warn(`${formatCount(failed)} objects could not be removed from ${volume.store.address}`)
      out.data({ destroyed: UUID, objectsLeft: failed }, () => out.print(`volume ${Name} is gone`))
      return failed > 0 ? 1 : 0
    }),
})

/** Returns how many could not be removed. */
async function removeObjects({ out, signal }: Call<typeof OPTIONS>, store: ObjectStore): Promise<number> {
  const progress = out.progress('Removing objects')
  let removed = 0
  let failed = 0
  await forEachParallel(store.list('', { signal }), DELETES_AT_A_TIME, async ({ key }) => {
    signal.throwIfAborted()
    try {
      await store.delete(key, { signal })
      progress.update(formatCount(++removed))
    } catch (error) {
      signal.throwIfAborted()
      if (failed++ === 0) out.warn(`${key}: ${(error as Error).message}`)
    }
  })
  out.endProgress()
  return failed
}
