/** `inspect space|health`: where the bytes of a bucket are, and what is amiss. */
import { formatCount, formatDuration, formatSize } from '#core/base/units.ts'
import type {
  CachedView,
  HealthReport,
  SpaceClass,
  SpaceFolder,
  SpaceView,
  UnusedObjects,
} from '#core/inspect/answers.ts'
import { SPACE_CLASSES } from '#core/inspect/answers.ts'
import { defineCommand } from './command.ts'
import { askInspector, nameOf } from './inspect.ts'
import type { Output } from './output.ts'
import { TOOL_OPTIONS } from './volumes.ts'

const MEANINGS: Readonly<Record<SpaceClass, string>> = {
  live: 'shown by files',
  trash: 'shown by removed files, kept by the trash',
  pending: 'of deleted files and slices; removal is due',
  shadowed: 'hidden by newer writes; a compaction frees them',
  replaced: 'replaced by a compaction, kept as long as the trash',
  young: 'nothing knows them yet: too new to be judged',
  leaked: 'nothing knows them',
  other: 'backups, marks, and what is not understood',
}

export const inspectSpace = defineCommand({
  name: 'inspect space',
  operands: 'META-URL[:/PATH]|PATH',
  arity: [1, 1],
  summary: 'Say what the bytes of the bucket are for; with a folder, which entries take them.',
  description: 'Lists the bucket and goes over the metadata. --last shows again what was found before.',
  options: {
    last: { kind: 'flag', help: 'what was found before, if anything was' },
    limit: { kind: 'number', min: 1, max: 100_000, default: '20', help: 'entries shown' },
    ...TOOL_OPTIONS,
  },
  examples: ['pomelo inspect space ~/team', 'pomelo inspect space --last sqlite3:///team.db:/projects'],
  run: async (call) => {
    const { out, options } = call
    const space = await askInspector<SpaceView>(call, 'inspectSpace', { again: !options.last })
    const folder = await askInspector<SpaceFolder>(call, 'inspectFolder', ({ path }) => ({
      path,
      limit: options.limit,
    }))
    out.data({ ...space, folder }, () => {
      showSpace(out, space)
      showFolder(out, folder)
    })
    return 0
  },
})

function showSpace(out: Output, { objects, bytes, classes, missing, owners }: SpaceView): void {
  const share = (part: number) => `${bytes === 0 ? 0 : Math.round((part * 1000) / bytes) / 10} %`
  out.table(
    ['bytes', 'size', 'share', 'meaning'],
    [
      ...SPACE_CLASSES.map((name) => [name, formatSize(classes[name]), share(classes[name]), MEANINGS[name]]),
      ['all', formatSize(bytes), '', `${formatCount(objects)} objects`],
    ],
    [1, 2],
  )
  if (missing.count > 0)
    out.warn(
      `${formatCount(missing.count)} objects (${formatSize(missing.bytes)}) are missing: see \`pomelo inspect health\``,
    )
  if (owners.length > 1) {
    out.print('')
    out.table(
      ['user', 'files', 'size'],
      owners
        .slice(0, 10)
        .map(({ uid, files, bytes: size }) => [String(uid), formatCount(files), formatSize(size)]),
      [0, 1, 2],
    )
  }
}

function showFolder(out: Output, { path, entries, more }: SpaceFolder): void {
  if (entries.length === 0) return
  out.print(`\n${path}`)
  out.table(
    ['live', 'trash', 'shadowed', 'files', 'entry'],
    entries.map(({ name, directory, files, live, trash, shadowed }) => [
      formatSize(live),
      formatSize(trash),
      formatSize(shadowed),
      directory ? formatCount(files) : '',
      directory ? `${name}/` : name,
    ]),
    [0, 1, 2, 3],
  )
  if (more > 0) out.print(`… and ${formatCount(more)} more entries`)
}

export const inspectHealth = defineCommand({
  name: 'inspect health',
  operands: 'META-URL|MOUNT-POINT',
  arity: [1, 1],
  summary: 'Find missing and wrong objects, as files with ranges, and objects no file uses.',
  description: 'Reads only. Ends with 1 when files cannot be read in full.',
  options: TOOL_OPTIONS,
  examples: ['pomelo inspect health ~/team', 'pomelo inspect health --json redis://host/1'],
  run: async (call) => {
    const report = await askInspector<HealthReport>(call, 'inspectHealth', {})
    call.out.data(report, () => showHealth(call.out, report))
    return report.broken.length > 0 ? 1 : 0
  },
})

function showHealth(out: Output, report: HealthReport): void {
  const { blocks, broken, hiddenLosses, maybeStaged } = report
  out.print(`${formatCount(blocks)} blocks in the bucket`)
  for (const { file, ranges, lostBytes, missing, wrongSize } of broken) {
    const what = [missing > 0 && `${missing} missing`, wrongSize > 0 && `${wrongSize} of a wrong size`]
    out.print(
      `\n${nameOf(file)}: ${formatSize(lostBytes)} cannot be read (${what.filter(Boolean).join(', ')})`,
    )
    for (const { start, end } of ranges.slice(0, 10)) out.print(`  bytes ${start} to ${end - 1}`)
    if (ranges.length > 10) out.print(`  … and ${formatCount(ranges.length - 10)} more ranges`)
  }
  if (broken.length === 0) out.print('every file can be read in full')
  if (maybeStaged > 0)
    out.note(
      `${formatCount(maybeStaged)} of the missing may still be on the disk of another client that wrote them`,
    )
  if (hiddenLosses > 0) out.note(`${formatCount(hiddenLosses)} more are missing that no file shows`)
  const rows: readonly (readonly [string, UnusedObjects, string])[] = [
    ['leaked', report.leaked, 'nothing knows them: `pomelo gc --delete` removes them'],
    ['pending', report.pending, 'their removal is due, or comes with the end of the trash'],
    ['young', report.young, 'too new to be judged'],
    ['other', report.other, 'not understood: never removed'],
  ]
  const shown = rows.filter(([, { count }]) => count > 0)
  if (shown.length === 0) return
  out.print('\nobjects no file uses')
  out.table(
    ['class', 'count', 'size', 'meaning'],
    shown.map(([name, { count, bytes }, meaning]) => [name, formatCount(count), formatSize(bytes), meaning]),
    [1, 2],
  )
}

export const inspectCached = defineCommand({
  name: 'inspect cached',
  operands: 'META-URL|MOUNT-POINT',
  arity: [1, 1],
  summary: 'Show which files are in the cache: bytes, share and last use.',
  description:
    'Of a mount; or of the cache that --cache-dir names. `pomelo pin` keeps files there, `pomelo warmup` fetches and drops them.',
  options: {
    limit: { kind: 'number', min: 1, max: 100_000, default: '20', help: 'files and folders shown' },
    ...TOOL_OPTIONS,
  },
  examples: ['pomelo inspect cached ~/team'],
  run: async (call) => {
    const view = await askInspector<CachedView>(call, 'inspectCached', { limit: call.options.limit })
    call.out.data(view, () => showCached(call.out, view))
    return 0
  },
})

function showCached(out: Output, { blocks, bytes, unused, lastUse, files, more, folders }: CachedView): void {
  out.print(`${formatCount(blocks)} blocks, ${formatSize(bytes)}`)
  for (const { withinMs, count, bytes: size } of lastUse)
    if (count > 0)
      out.print(
        `  ${withinMs === null ? 'longer ago, or not since the mount' : `used within ${formatDuration(withinMs / 1000)}`}: ${formatSize(size)}`,
      )
  if (unused.count > 0)
    out.print(`${formatCount(unused.count)} of them (${formatSize(unused.bytes)}) are of no file any more`)
  if (files.length === 0) return
  out.print('')
  out.table(
    ['cached', 'share', 'used', 'file'],
    files.map(({ file, cachedBytes, share, stagedBytes, keptBytes, idleMs }) => [
      formatSize(cachedBytes),
      `${Math.floor(share * 100)} %`,
      idleMs === null ? '-' : `${formatDuration(idleMs / 1000)} ago`,
      nameOf(file) + (keptBytes > 0 ? ' (pinned)' : '') + (stagedBytes > 0 ? ' (to upload)' : ''),
    ]),
    [0, 1, 2],
  )
  if (more > 0) out.print(`… and ${formatCount(more)} more files`)
  out.print('')
  out.table(
    ['cached', 'files', 'folder'],
    folders.map(({ path, files: count, cachedBytes }) => [formatSize(cachedBytes), formatCount(count), path]),
    [0, 1],
  )
}
