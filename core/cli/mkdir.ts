import { resolveParent, tryResolve } from '#core/admin/paths.ts'
import { rootContext } from '#core/base/context.ts'
import { nameFromText } from '#core/base/name.ts'
import { TYPE_DIRECTORY } from '#core/meta/records.ts'
import { defineCommand } from './command.ts'
import { volumeLocations } from './operands.ts'
import { TOOL_OPTIONS, withVolumes } from './volumes.ts'

const OPTIONS = {
  parents: { kind: 'flag', short: 'p', help: 'missing ones above, too; an existing one is no error' },
  mode: { kind: 'octal', short: 'm', default: '0755', help: 'mode of the new directories' },
  ...TOOL_OPTIONS,
} as const

export const mkdir = defineCommand({
  name: 'mkdir',
  operands: 'META-URL:/PATH…',
  arity: [1, Number.POSITIVE_INFINITY],
  summary: 'Make directories in a volume.',
  options: OPTIONS,
  examples: ['pomelo mkdir -p sqlite3:///team.db:/projects/2026'],
  run: (call) =>
    withVolumes(call, {}, async (volumes) => {
      const { options, signal } = call
      const ctx = rootContext(signal)
      for (const { metaUrl, path } of volumeLocations(call.operands)) {
        const { vfs, meta } = await volumes.open(metaUrl)
        const parts = path.split('/').filter((part) => part !== '')
        const steps = options.parents ? parts.map((_, k) => `/${parts.slice(0, k + 1).join('/')}`) : [path]
        for (const step of steps) {
          const there = options.parents ? await tryResolve(meta, ctx, nameFromText(step)) : undefined
          if (there?.node.type === TYPE_DIRECTORY) continue
          const { parent, name } = await resolveParent(meta, ctx, step)
          await vfs.mknod(ctx, parent, name, { type: TYPE_DIRECTORY, mode: options.mode & 0o7777 })
        }
      }
      return 0
    }),
})
