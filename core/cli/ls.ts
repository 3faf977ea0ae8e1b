import { resolvePath } from '#core/admin/paths.ts'
import { entriesOf } from '#core/admin/walk.ts'
import { rootContext } from '#core/base/context.ts'
import { inoText } from '#core/base/ino.ts'
import { nameFromText, nameToText } from '#core/base/name.ts'
import { formatSize } from '#core/base/units.ts'
import type { DirItem } from '#core/meta/api.ts'
import { TYPE_DIRECTORY, TYPE_SYMLINK } from '#core/meta/records.ts'
import type { Location } from '#core/volume/meta-url.ts'
import type { Volume } from '#core/volume/open-volume.ts'
import { type Call, defineCommand } from './command.ts'
import { modeText, TYPE_NAMES, timeText } from './file-text.ts'
import { volumeLocations } from './operands.ts'
import { TOOL_OPTIONS, withVolumes } from './volumes.ts'

const OPTIONS = {
  long: { kind: 'flag', short: 'l', help: 'with mode, links, owner, size and time' },
  all: { kind: 'flag', short: 'a', help: 'names that begin with a dot, too' },
  'human-readable': { kind: 'flag', help: 'sizes like 1.5 MiB' },
  directory: { kind: 'flag', help: 'the directory itself, not what is in it' },
  ...TOOL_OPTIONS,
} as const

export const ls = defineCommand({
  name: 'ls',
  operands: 'META-URL[:/PATH]…',
  arity: [1, Number.POSITIVE_INFINITY],
  summary: 'List directories of a volume, without mounting it.',
  options: OPTIONS,
  examples: [
    'pomelo ls sqlite3:///team.db:/docs',
    'pomelo ls -l sqlite3:///team.db /docs /mail',
    'pomelo ls redis://host/1:/.trash',
  ],
  run: (call) =>
    withVolumes(call, { readOnly: true }, async (volumes) => {
      const locations = volumeLocations(call.operands)
      for (const [k, location] of locations.entries()) {
        if (locations.length > 1 && !call.out.json) call.out.print(`${k > 0 ? '\n' : ''}${location.path}:`)
        await listOne(call, await volumes.open(location.metaUrl), location)
      }
      return 0
    }),
})

async function listOne(call: Call<typeof OPTIONS>, volume: Volume, { path }: Location): Promise<void> {
  const { options, out, signal } = call
  const ctx = rootContext(signal)
  const place = await resolvePath(volume.meta, ctx, path, { follow: !options.directory })
  const items: DirItem[] = []
  if (place.node.type !== TYPE_DIRECTORY || options.directory) {
    items.push({ ...place, type: place.node.type, name: nameFromText(path) })
  } else {
    for await (const item of entriesOf(volume.meta, ctx, place.ino, signal)) {
      if (options.all || !item.name.startsWith('.')) items.push(item)
    }
  }
  if (out.json) return out.printJson(items.map(jsonItem))
  if (!options.long) {
    for (const { name } of items) out.print(nameToText(name))
    return
  }
  const rows = await Promise.all(items.map((item) => longRow(call, volume, item)))
  if (rows.length > 0)
    out.table(['mode', 'links', 'uid', 'gid', 'size', 'modified', 'name'], rows, [1, 2, 3, 4])
}

async function longRow(
  { options, signal }: Call<typeof OPTIONS>,
  { meta }: Volume,
  { ino, name, node, type }: DirItem,
): Promise<string[]> {
  const text = nameToText(name)
  if (node === null) return ['?', '?', '?', '?', '?', '?', `${text} (its inode ${inoText(ino)} is missing)`]
  const target =
    type === TYPE_SYMLINK
      ? ` -> ${Buffer.from(await meta.readlink(rootContext(signal), ino)).toString()}`
      : ''
  const size = options['human-readable'] ? formatSize(node.length) : String(node.length)
  return [
    modeText(node),
    String(node.nlink),
    String(node.uid),
    String(node.gid),
    size,
    timeText(node.mtime),
    text + target,
  ]
}

function jsonItem({ ino, name, node, type }: DirItem) {
  const head = { name: nameToText(name), inode: inoText(ino), type: TYPE_NAMES[type] }
  if (node === null) return { ...head, missing: true }
  const { mode, nlink, uid, gid, length, mtime, mtimeNsec, ctime, atime } = node
  return {
    ...head,
    mode: mode.toString(8).padStart(4, '0'),
    nlink,
    uid,
    gid,
    size: length,
    mtime: mtime + mtimeNsec / 1e9,
    ctime,
    atime,
  }
}
