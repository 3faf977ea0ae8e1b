/** `dedup`: what is stored twice, and storing it once. */
import { formatCount, formatSize } from '#core/base/units.ts'
import type { ContentProgress, DedupProgress, DuplicatesReport } from '#core/inspect/answers.ts'
import { type Call, defineCommand } from './command.ts'
import { type OperationPlace, withPlaces } from './places.ts'
import { TOOL_OPTIONS } from './volumes.ts'

const OPTIONS = {
  apply: { kind: 'flag', help: 'do it; without, only say what it would come to' },
  cached: { kind: 'flag', help: 'look only at what is in the cache: read nothing from the bucket' },
  'scan-limit': { kind: 'rate', help: 'read from the bucket at most so many Mbit/s' },
  groups: { kind: 'number', min: 0, max: 10_000, default: '20', help: 'groups of equal slices listed' },
  ...TOOL_OPTIONS,
} as const

export const dedup = defineCommand({
  name: 'dedup',
  operands: 'META-URL|MOUNT-POINT',
  arity: [1, 1],
  summary: 'Find what is stored more than once and store it once.',
  description:
    'Reads every slice whose content is not known yet, lists those with the same bytes, and with --apply lets their ' +
    'files share one of them, as copy_file_range does: other clients go on reading and deleting them as ever. Before ' +
    'two slices become one, their bytes are compared as they lie in the bucket. The space is free a minute later at ' +
    'the earliest, when `pomelo gc --delete` or the hourly clean-up of a mount removes what nobody uses; with a ' +
    'trash, when its days are over.',
  options: OPTIONS,
  examples: [
    'pomelo dedup ~/team',
    'pomelo dedup --cached ~/team',
    'pomelo dedup --apply --scan-limit 200 redis://host/1',
  ],
  run: (call) =>
    withPlaces(call, call.operands, { readOnly: !call.options.apply }, async ([place]) => {
      const { scanned, report } = await find(call, place!)
      const done = await share(call, place!)
      call.out.data({ scanned, report, applied: call.options.apply, done }, () =>
        show(call, scanned, report, done),
      )
      return scanned.failed > 0 ? 1 : 0
    }),
})

interface Found {
  readonly scanned: ContentProgress
  readonly report: DuplicatesReport
}

async function find({ out, options }: Call<typeof OPTIONS>, place: OperationPlace): Promise<Found> {
  const progress = out.progress('Reading')
  const args = {
    cachedOnly: options.cached,
    downloadLimit: options['scan-limit'] ?? 0,
    limit: options.groups,
  }
  const found = (await place.run('duplicates', args, (value) => {
    const { step, done, fetched } = value as { step: string; done: number; fetched?: number }
    const bytes = fetched === undefined ? '' : `, ${formatSize(fetched)} from the bucket`
    progress.update(`${step}, ${formatCount(done)}${bytes}`)
  })) as Found
  out.endProgress()
  return found
}

async function share({ out, options }: Call<typeof OPTIONS>, place: OperationPlace): Promise<DedupProgress> {
  const progress = out.progress(options.apply ? 'Sharing' : 'Counting')
  const done = (await place.run('dedup', { apply: options.apply }, (value) => {
    const { step, done, storedBytes } = value as { step: string; done: number; storedBytes?: number }
    progress.update(`${step}, ${formatCount(done)} groups, ${formatSize(storedBytes ?? 0)}`)
  })) as DedupProgress
  out.endProgress()
  return done
}

function show(
  { out, options }: Call<typeof OPTIONS>,
  scanned: ContentProgress,
  report: DuplicatesReport,
  done: DedupProgress,
): void {
  const { knownSlices, knownBytes, repeatedBytes, groups, more } = report
  out.print(
    `${formatCount(knownSlices)} of ${formatCount(report.slices)} slices are known, ${formatSize(knownBytes)}`,
  )
  for (const { size, slices, wastedBytes } of groups) {
    out.print(`\n${formatSize(wastedBytes)} twice: ${slices.length} slices of ${formatSize(size)}`)
    for (const { slice, files, moreFiles } of slices) {
      const names = files.map(({ paths, inode }) => paths[0] ?? `inode ${inode}`)
      out.print(`  slice ${slice}  ${names.join(', ')}${moreFiles > 0 ? ` and ${moreFiles} more` : ''}`)
    }
  }
  if (more > 0) out.print(`… and ${formatCount(more)} more groups`)
  out.print('')
  const hidden = repeatedBytes - report.sharableBytes
  if (hidden > 0) out.print(`${formatSize(hidden)} more are equal blocks of slices that differ elsewhere`)
  const what = `${formatCount(done.slices)} slices, ${formatSize(done.storedBytes)} in the bucket`
  out.print(options.apply ? `shared: ${what}` : `to be shared: ${what}`)
  if (done.left > 0) out.warn(`${formatCount(done.left)} slices were left: changed meanwhile, or not equal`)
  if (scanned.failed > 0) out.warn(`${formatCount(scanned.failed)} blocks cannot be read: see pomelo fsck`)
  if (!options.apply && done.slices > 0) out.note('  → add --apply to store them once')
}
