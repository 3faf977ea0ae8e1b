import { resolveParent, resolvePath } from '#core/admin/paths.ts'
import { rootContext } from '#core/base/context.ts'
import { Refusal } from '#core/base/refusal.ts'
import { formatCount } from '#core/base/units.ts'
import { TYPE_DIRECTORY } from '#core/meta/records.ts'
import { defineCommand } from './command.ts'
import { refuseRoot, volumeLocations } from './operands.ts'
import { TOOL_OPTIONS, withVolumes } from './volumes.ts'

const OPTIONS = {
  recursive: { kind: 'flag', short: 'r', help: 'directories with everything in them' },
  force: { kind: 'flag', short: 'f', help: 'what does not exist is no error' },
  'skip-trash': { kind: 'flag', help: 'remove for good instead of into the trash' },
  ...TOOL_OPTIONS,
} as const

export const rm = defineCommand({
  name: 'rm',
  operands: 'META-URL:/PATH…',
  arity: [1, Number.POSITIVE_INFINITY],
  summary: 'Remove files, empty directories, or with -r trees of a volume.',
  options: OPTIONS,
  examples: ['pomelo rm sqlite3:///team.db:/notes.txt', 'pomelo rm -r sqlite3:///team.db:/old --skip-trash'],
  run: (call) =>
    withVolumes(call, {}, async (volumes) => {
      const { options, out, signal } = call
      const ctx = rootContext(signal)
      const skipTrash = options['skip-trash']
      let removed = 0
      for (const location of volumeLocations(call.operands)) {
        refuseRoot(location, 'removed')
        const { path } = location
        const { vfs, meta } = await volumes.open(location.metaUrl)
        const { parent, name } = await resolveParent(meta, ctx, path)
        const found = await meta.lookup(ctx, parent, name)
        if (found === undefined) {
          if (options.force) continue
          await resolvePath(meta, ctx, path)
        }
        if (found?.node.type !== TYPE_DIRECTORY) await vfs.unlink(ctx, parent, name, { skipTrash })
        else if (options.recursive) {
          const progress = out.progress(`Removing ${path}`)
          const onProgress = (n: number) => progress.update(`${formatCount(n)} entries`)
          removed += await meta.removeTree(ctx, parent, name, { skipTrash, signal, onProgress })
          continue
        } else await removeEmpty(() => vfs.rmdir(ctx, parent, name, { skipTrash }), path)
        removed++
      }
      out.endProgress()
      out.data({ removed }, () => {})
      return 0
    }),
})

async function removeEmpty(rmdir: () => Promise<unknown>, path: string): Promise<void> {
  try {
    await rmdir()
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOTEMPTY') throw error
    throw new Refusal(
      `${path} is a directory that is not empty`,
      'add -r to remove it with everything in it',
      { cause: error },
    )
  }
}
