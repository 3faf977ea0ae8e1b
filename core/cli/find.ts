import { matchesGlob } from 'node:path'
import { resolvePath } from '#core/admin/paths.ts'
import { type Walked, walk } from '#core/admin/walk.ts'
import { rootContext } from '#core/base/context.ts'
import { inoText } from '#core/base/ino.ts'
import { nameToText } from '#core/base/name.ts'
import { type NodeType, TYPE_DIRECTORY, TYPE_FILE, TYPE_SYMLINK } from '#core/meta/records.ts'
import { type Call, defineCommand } from './command.ts'
import { TYPE_NAMES } from './file-text.ts'
import { volumeLocations } from './operands.ts'
import { TOOL_OPTIONS, withVolumes } from './volumes.ts'

const OPTIONS = {
  name: { kind: 'text', value: 'PATTERN', help: 'only names that match, such as "*.jpg"' },
  type: {
    kind: 'text',
    value: 'f|d|l',
    choices: ['f', 'd', 'l'],
    help: 'only files, directories or symlinks',
  },
  'max-depth': { kind: 'number', help: 'levels below the start' },
  'min-size': { kind: 'size', unit: 'B', help: 'only files of at least this size' },
  print0: { kind: 'flag', help: 'end names with a NUL byte' },
  ...TOOL_OPTIONS,
} as const

const TYPES: Readonly<Record<string, number>> = { f: TYPE_FILE, d: TYPE_DIRECTORY, l: TYPE_SYMLINK }

export const find = defineCommand({
  name: 'find',
  operands: 'META-URL[:/PATH]…',
  arity: [1, Number.POSITIVE_INFINITY],
  summary: 'List trees of a volume, without mounting it.',
  options: OPTIONS,
  examples: ['pomelo find sqlite3:///team.db:/photos --name "*.jpg" --min-size 10M'],
  run: (call) =>
    withVolumes(call, { readOnly: true }, async (volumes) => {
      for (const { metaUrl, path } of volumeLocations(call.operands)) {
        const { meta } = await volumes.open(metaUrl)
        const ctx = rootContext(call.signal)
        const place = await resolvePath(meta, ctx, path)
        const maxDepth = call.options['max-depth']
        const start: Walked = {
          path,
          depth: 0,
          parent: place.parent ?? place.ino,
          name: place.name ?? '',
          ...place,
          type: place.node.type,
        }
        await show(call, start)
        if (place.node.type !== TYPE_DIRECTORY) continue
        for await (const at of walk(meta, ctx, place.ino, path, { signal: call.signal, maxDepth }))
          await show(call, at)
      }
      return 0
    }),
})

async function show({ options, out }: Call<typeof OPTIONS>, at: Walked): Promise<void> {
  if (options.type !== undefined && at.type !== TYPES[options.type]) return
  if (options.name !== undefined && !matchesGlob(nameToText(at.name), options.name)) return
  if (
    options['min-size'] !== undefined &&
    !(at.node?.type === TYPE_FILE && at.node.length >= options['min-size'])
  )
    return
  if (out.json) {
    out.print(
      JSON.stringify({
        path: at.path,
        inode: inoText(at.ino),
        type: TYPE_NAMES[at.type as NodeType],
        size: at.node?.length,
      }),
    )
  } else await out.write(Buffer.from(at.path + (options.print0 ? '\0' : '\n')))
}
