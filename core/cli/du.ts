import { resolvePath } from '#core/admin/paths.ts'
import { entriesOf } from '#core/admin/walk.ts'
import { rootContext } from '#core/base/context.ts'
import { nameToText } from '#core/base/name.ts'
import { formatCount, formatSize } from '#core/base/units.ts'
import type { TreeSummary } from '#core/meta/api.ts'
import { TYPE_DIRECTORY } from '#core/meta/records.ts'
import { defineCommand } from './command.ts'
import { volumeLocations } from './operands.ts'
import { TOOL_OPTIONS, withVolumes } from './volumes.ts'

const OPTIONS = {
  children: { kind: 'flag', short: 'c', help: 'a line for every entry of the directory, largest first' },
  strict: { kind: 'flag', help: 'go over all entries instead of the stored statistics' },
  bytes: { kind: 'flag', short: 'b', help: 'plain numbers' },
  ...TOOL_OPTIONS,
} as const

interface Line extends TreeSummary {
  readonly path: string
}

export const du = defineCommand({
  name: 'du',
  operands: 'META-URL[:/PATH]…',
  arity: [1, Number.POSITIVE_INFINITY],
  summary: 'Sum up trees of a volume: space taken, bytes, files and directories.',
  options: OPTIONS,
  examples: ['pomelo du sqlite3:///team.db', 'pomelo du -c redis://host/1:/projects'],
  run: (call) =>
    withVolumes(call, { readOnly: true }, async (volumes) => {
      const { options, out, signal } = call
      const ctx = rootContext(signal)
      const lines: Line[] = []
      for (const { metaUrl, path } of volumeLocations(call.operands)) {
        const { meta } = await volumes.open(metaUrl)
        const summarize = (ino: number) => meta.summary(ctx, ino, { recursive: true, strict: options.strict })
        const place = await resolvePath(meta, ctx, path)
        if (options.children && place.node.type === TYPE_DIRECTORY) {
          const progress = out.progress('Adding up')
          const children: Line[] = []
          for await (const { name, ino, node } of entriesOf(meta, ctx, place.ino, signal)) {
            if (node === null) continue
            const at = `${path === '/' ? '' : path}/${nameToText(name)}`
            progress.update(at)
            children.push({ path: at, ...(await summarize(ino)) })
          }
          out.endProgress()
          lines.push(...children.sort((a, b) => b.space - a.space))
        }
        lines.push({ path, ...(await summarize(place.ino)) })
      }
      const size = (bytes: number) => (options.bytes ? String(bytes) : formatSize(bytes))
      out.data(lines, () =>
        out.table(
          ['space', 'length', 'files', 'dirs', 'path'],
          lines.map(({ path, space, length, files, dirs }) => [
            size(space),
            size(length),
            formatCount(files),
            formatCount(dirs),
            path,
          ]),
          [0, 1, 2, 3],
        ),
      )
      return 0
    }),
})
