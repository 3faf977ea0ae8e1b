/** `trash list|restore|empty`. */
import { matchesGlob } from 'node:path'
import { restoreTrash, trashEntries, trashHours } from '#core/admin/trash.ts'
import { inoFromBigInt, inoText } from '#core/base/ino.ts'
import { nameToText } from '#core/base/name.ts'
import { formatCount, formatSize } from '#core/base/units.ts'
import { expireTrash } from '#core/meta/trash.ts'
import type { Volume } from '#core/volume/open-volume.ts'
import { defineCommand } from './command.ts'
import { volumeLocation } from './operands.ts'
import { TOOL_OPTIONS, withVolumes } from './volumes.ts'

const LIST = {
  match: { kind: 'text', value: 'PATTERN', help: 'only names that match, such as "*.jpg"' },
  ...TOOL_OPTIONS,
} as const

const RESTORE = {
  match: { kind: 'text', value: 'PATTERN', help: 'only names that match' },
  'in-trash': { kind: 'flag', help: 'only rebuild removed trees inside the trash' },
  'put-back': { kind: 'flag', hidden: true, help: 'the default' },
  threads: { kind: 'number', min: 1, max: 255, default: '10', help: 'entries at a time' },
  ...TOOL_OPTIONS,
} as const

const EMPTY = {
  'older-than': { kind: 'duration', default: '0', help: 'only what was removed longer ago' },
  yes: { kind: 'flag', short: 'y', help: 'do not ask' },
  ...TOOL_OPTIONS,
} as const

const AN_HOUR_SEC = 3600

export const trashList = defineCommand({
  name: 'trash list',
  operands: 'META-URL [HOUR…]',
  arity: [1, Number.POSITIVE_INFINITY],
  summary: 'Show what was removed: by hour (UTC), with the directory it was in.',
  options: LIST,
  examples: ['pomelo trash list sqlite3:///team.db', 'pomelo trash list sqlite3:///team.db 2026-11-25-21'],
  run: (call) =>
    withVolumes(call, { readOnly: true }, async (volumes) => {
      const { options, out, signal, operands } = call
      const volume = await volumes.open(volumeLocation(operands[0]!).metaUrl)
      const folders = new Map<number, string>()
      const rows: {
        hour: string
        was: string
        name: string
        inode: string
        directory: boolean
        size: number
      }[] = []
      for (const hour of await trashHours(volume, signal)) {
        if (operands.length > 1 && !operands.slice(1).includes(nameToText(hour.name))) continue
        for await (const entry of trashEntries(volume, hour, signal)) {
          const name = nameToText(entry.name)
          if (options.match !== undefined && !matchesGlob(name, options.match)) continue
          const was = `${await folderOf(volume, folders, entry.parent)}/${name}`
          rows.push({
            hour: entry.hour,
            was,
            name,
            inode: inoText(entry.ino),
            directory: entry.directory,
            size: entry.length,
          })
        }
      }
      out.data(rows, () => {
        if (rows.length === 0) return out.note('the trash is empty')
        out.table(
          ['hour (UTC)', 'size', 'was'],
          rows.map(({ hour, was, directory, size }) => [
            hour,
            directory ? 'directory' : formatSize(size),
            was,
          ]),
          [1],
        )
      })
      return 0
    }),
})

/** The directory's path: now, or before it was removed itself; `inode:N` when it is gone for good. */
async function folderOf(volume: Volume, known: Map<number, string>, parent: number): Promise<string> {
  const before = known.get(parent)
  if (before !== undefined) return before
  if (known.size > 10_000) known.clear()
  const [path] = await volume.meta.paths(parent)
  const removed = path === undefined ? null : /^\/\.trash\/[^/]+\/(\d+)-\d+-(.+)$/s.exec(path)
  let was = path === '/' ? '' : (path ?? `inode:${inoText(parent)}`)
  if (removed !== null)
    was = `${await folderOf(volume, known, inoFromBigInt(BigInt(removed[1]!)))}/${removed[2]}`
  known.set(parent, was)
  return was
}

export const trashRestore = defineCommand({
  name: 'trash restore',
  operands: 'META-URL HOUR…',
  arity: [2, Number.POSITIVE_INFINITY],
  summary: 'Put back what was removed in these hours, each thing where it was.',
  description:
    'An hour is written as `pomelo trash list` shows it. What has a new namesake is left in the trash.',
  options: RESTORE,
  examples: [
    'pomelo trash restore sqlite3:///team.db 2026-11-25-21',
    'pomelo trash restore sqlite3:///team.db 2026-11-25-21 --match "*.docx"',
  ],
  run: (call) =>
    withVolumes(call, {}, async (volumes) => {
      const { options, out, signal, operands } = call
      const volume = await volumes.open(volumeLocation(operands[0]!).metaUrl)
      const progress = out.progress('Restoring')
      const { match } = options
      const result = await restoreTrash(
        volume,
        operands.slice(1),
        {
          inTrash: options['in-trash'],
          threads: options.threads,
          matches: match === undefined ? undefined : ({ name }) => matchesGlob(nameToText(name), match),
        },
        { signal, onProgress: ({ restored }) => progress.update(formatCount(restored)) },
      )
      out.endProgress()
      const { restored, left, conflicts, failures } = result
      out.data(result, () => {
        out.print(`${formatCount(restored)} restored${left > 0 ? `, ${left} left in the trash` : ''}`)
        if (conflicts > 0) out.warn(`${conflicts} not restored: something else has their name now`)
        for (const failure of failures) out.warn(`not restored: ${failure}`)
      })
      return conflicts + failures.length > 0 ? 1 : 0
    }),
})

export const trashEmpty = defineCommand({
  name: 'trash empty',
  operands: 'META-URL',
  arity: [1, 1],
  summary: 'Remove what is in the trash for good.',
  options: EMPTY,
  examples: ['pomelo trash empty --older-than 2d sqlite3:///team.db'],
  run: (call) =>
    withVolumes(call, {}, async (volumes) => {
      const { options, out, signal } = call
      const volume = await volumes.open(volumeLocation(call.operands[0]!).metaUrl)
      const what = options['older-than'] > 0 ? 'old things in the trash' : 'everything in the trash'
      if (!options.yes && !(await out.confirm(`Remove ${what} of volume ${volume.setting.Name} for good?`)))
        return 1
      const progress = out.progress('Removing')
      progress.update(volume.setting.Name)
      // An hour directory is as old as its hour's end.
      const before =
        volume.clock.nowSec() -
        options['older-than'] +
        (options['older-than'] > 0 ? -AN_HOUR_SEC : AN_HOUR_SEC)
      const removed = await expireTrash(volume.state, before, signal)
      out.endProgress()
      out.data({ removed }, () => out.print(`${formatCount(removed)} entries removed`))
      return 0
    }),
})
