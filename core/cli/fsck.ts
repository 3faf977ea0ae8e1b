import { describeProblem } from '#core/admin/check-tree.ts'
import { fsck as check, type FsckReport } from '#core/admin/fsck.ts'
import { inoText } from '#core/base/ino.ts'
import { nameToText } from '#core/base/name.ts'
import { formatCount, formatSize } from '#core/base/units.ts'
import { defineCommand } from './command.ts'
import { volumeLocation } from './operands.ts'
import type { Output } from './output.ts'
import { TOOL_OPTIONS, withVolumes } from './volumes.ts'

const OPTIONS = {
  path: { kind: 'text', value: 'PATH', help: 'only this, and with -r what is below it' },
  recursive: { kind: 'flag', short: 'r', help: 'with a path: everything below it' },
  repair: { kind: 'flag', help: 'put right what can be' },
  'repair-dir-mode': { kind: 'octal', default: '0755', help: 'mode of directories made again' },
  'sync-dir-stat': { kind: 'flag', help: 'compare the statistics of every directory' },
  ...TOOL_OPTIONS,
} as const

const RANGES_SHOWN = 5

export const fsck = defineCommand({
  name: 'fsck',
  operands: 'META-URL[:/PATH]',
  arity: [1, 1],
  summary: 'Check that every block of every file is there, and that the metadata agree with each other.',
  description: `
Reads only, unless --repair is given; objects are never changed, and nodes that no directory names go to the trash. Exit code 1 when something is lost, wrong and
not repaired, or the object store did not say.`,
  options: OPTIONS,
  examples: [
    'pomelo fsck sqlite3:///team.db',
    'pomelo fsck -r sqlite3:///team.db:/photos',
    'pomelo fsck --repair --sync-dir-stat sqlite3:///team.db',
  ],
  run: (call) =>
    withVolumes(call, { readOnly: !call.options.repair }, async (volumes) => {
      const { options, out, signal, operands } = call
      const { metaUrl, path } = volumeLocation(operands[0]!)
      const volume = await volumes.open(metaUrl)
      const progress = out.progress(`fsck ${volume.setting.Name}`)
      const report = await check(
        volume,
        {
          path: options.path ?? (path === '/' ? undefined : path),
          recursive: options.recursive,
          syncDirStat: options['sync-dir-stat'],
          repair: options.repair
            ? {
                dirMode: options['repair-dir-mode'],
                uid: process.getuid?.() ?? 0,
                gid: process.getgid?.() ?? 0,
              }
            : undefined,
        },
        { signal, onProgress: ({ step, count }) => progress.update(`${step}, ${formatCount(count)}`) },
      )
      out.endProgress()
      out.data(jsonReport(report), () => show(out, report, options.repair))
      const wrong = report.problems.some(({ outcome }) => outcome !== 'repaired' && outcome !== 'vanished')
      return wrong || report.data.lostBlocks > 0 || report.data.unknownBlocks > 0 ? 1 : 0
    }),
})

const OUTCOMES = {
  repaired: 'repaired',
  vanished: 'gone by itself',
  young: 'left alone, as it is younger than an hour',
  cannot: 'cannot be repaired',
} as const

function show(out: Output, { data, problems, paths }: FsckReport, repair: boolean): void {
  out.print(`${formatCount(data.slices)} slices, ${formatCount(data.blocks)} blocks`)
  if (data.unknownBlocks > 0)
    out.warn(`the object store gave no answer about ${formatCount(data.unknownBlocks)} blocks`)
  if (data.lostBlocks > 0) {
    out.print(
      `${formatCount(data.lostBlocks)} blocks are lost (${formatSize(data.lostBytes)}), ${formatCount(data.broken.length)} files are broken:`,
    )
    for (const { ino, ranges } of data.broken) {
      const shown = ranges.slice(0, RANGES_SHOWN).map(({ start, end }) => `${start}-${end - 1}`)
      const more = ranges.length > RANGES_SHOWN ? ` and ${ranges.length - RANGES_SHOWN} more places` : ''
      for (const path of paths.get(ino)!.length > 0 ? paths.get(ino)! : ['(no path)']) {
        out.print(`  ${inoText(ino)}: ${path}  bytes ${shown.join(', ')}${more}`)
      }
    }
    if (data.hiddenLosses > 0)
      out.print(`  ${formatCount(data.hiddenLosses)} lost slices show in no file any more`)
  }
  for (const problem of problems) {
    const end = problem.outcome === undefined ? '' : `: ${OUTCOMES[problem.outcome]}`
    out.print(describeProblem(problem) + end)
  }
  if (problems.length > 0 && !repair) out.note('  → add --repair to put right what can be')
  if (problems.length === 0 && data.lostBlocks === 0 && data.unknownBlocks === 0)
    out.print('everything is there')
}

function jsonReport({ data, problems, paths }: FsckReport) {
  return {
    ...data,
    broken: data.broken.map(({ ino, ranges }) => ({ inode: inoText(ino), paths: paths.get(ino), ranges })),
    problems: problems.map((problem) => ({
      ...problem,
      ...('ino' in problem && { ino: inoText(problem.ino) }),
      ...('parent' in problem && { parent: inoText(problem.parent), name: nameToText(problem.name) }),
    })),
  }
}
