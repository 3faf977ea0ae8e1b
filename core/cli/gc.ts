import { type Amount, collectGarbage, type GcReport } from '#core/admin/gc.ts'
import { formatCount, formatSize, parseDuration } from '#core/base/units.ts'
import { type Call, defineCommand } from './command.ts'
import { volumeLocation } from './operands.ts'
import { TOOL_OPTIONS, withVolumes } from './volumes.ts'

const OPTIONS = {
  delete: {
    kind: 'flag',
    help: 'remove what was found, and what is due: old trash, deleted files, unused slices',
  },
  compact: { kind: 'flag', help: 'first rewrite chunks that are in many pieces' },
  threads: { kind: 'number', short: 'p', min: 1, max: 1000, default: '10', help: 'objects at a time' },
  ...TOOL_OPTIONS,
} as const

const MIN_AGE_SEC = 3600

const MEANINGS: readonly (readonly [keyof GcReport, string])[] = [
  ['valid', 'part of a file'],
  ['pending', 'removal under way: no file uses it any more'],
  ['compacted', 'replaced by compaction; kept as long as the trash'],
  ['leaked', 'nothing knows it'],
  ['skipped', 'too new to judge'],
  ['removed', 'removed now'],
]

export const gc = defineCommand({
  name: 'gc',
  operands: 'META-URL',
  arity: [1, 1],
  summary: 'Find data that nobody needs, and say why they are there.',
  description:
    'Without --delete nothing is changed. Objects of the last hour are not judged: they may belong to a write under way.',
  options: OPTIONS,
  examples: ['pomelo gc sqlite3:///team.db', 'pomelo gc --delete --compact redis://host/1'],
  run: (call) =>
    withVolumes(call, { readOnly: !call.options.delete && !call.options.compact }, async (volumes) => {
      const { options, out, signal, operands } = call
      const volume = await volumes.open(volumeLocation(operands[0]!).metaUrl)
      const progress = out.progress(`gc ${volume.setting.Name}`)
      const compactChunk = (ino: number, index: number) => volume.vfs.compactChunk(ino, index, signal)
      const report = await collectGarbage(
        volume,
        {
          delete: options.delete,
          compact: options.compact ? { compactChunk, threads: options.threads } : undefined,
          threads: options.threads,
          minAgeSec: minAge(call),
        },
        {
          signal,
          onProgress: ({ step, report }) =>
            progress.update(`${step}, ${formatCount(report.scanned.count)} objects`),
        },
      )
      out.endProgress()
      out.data(report, () => show(call, report))
      return 0
    }),
})

function minAge({ env }: Call<typeof OPTIONS>): number {
  return env.JFS_GC_SKIPPEDTIME ? parseDuration(env.JFS_GC_SKIPPEDTIME) : MIN_AGE_SEC
}

function show({ out, options }: Call<typeof OPTIONS>, report: GcReport): void {
  out.table(
    ['objects', 'count', 'size', 'meaning'],
    [
      ...MEANINGS.map(([name, meaning]) => amountRow(name, report[name] as Amount, meaning)),
      amountRow('scanned', report.scanned, ''),
    ],
    [1, 2],
  )
  if (options.compact) out.print(`${formatCount(report.rewritten)} chunks rewritten`)
  const { deletedFiles, delayedSlices } = report
  if (deletedFiles.count > 0)
    out.print(
      `${formatCount(deletedFiles.count)} deleted files still had data (${formatSize(deletedFiles.bytes)})`,
    )
  if (delayedSlices.count > 0)
    out.print(
      `${formatCount(delayedSlices.count)} replaced slices are kept (${formatSize(delayedSlices.bytes)})`,
    )
  if (report.leaked.count > 0 && !options.delete)
    out.note('  → pomelo gc --delete META-URL removes what leaked')
}

function amountRow(name: string, { count, bytes }: Amount, meaning: string): readonly string[] {
  return [name, formatCount(count), formatSize(bytes), meaning]
}
