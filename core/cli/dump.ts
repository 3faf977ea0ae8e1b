import { stat } from 'node:fs/promises'
import { dumpVolume } from '#core/admin/dump/dump.ts'
import { DumpFile } from '#core/admin/dump/dump-file.ts'
import type { DumpReport } from '#core/admin/dump/report.ts'
import type { Sink } from '#core/admin/dump/sink.ts'
import { directoryAt } from '#core/admin/dump/subdir.ts'
import { formatCount, formatSize } from '#core/base/units.ts'
import { openEngine } from '#core/meta/open-meta.ts'
import { completeMetaUrl } from '#core/volume/meta-url.ts'
import { type Call, defineCommand } from './command.ts'
import { volumeLocation } from './operands.ts'
import { UsageError } from './options.ts'
import { keepMemorySteady } from './steady-memory.ts'
import { toolLog } from './volumes.ts'

const OPTIONS = {
  binary: { kind: 'flag', help: 'the binary form: smaller, faster, always the whole volume' },
  subdir: { kind: 'text', value: 'PATH', help: 'only this directory, as a volume of its own' },
  'skip-trash': { kind: 'flag', help: 'leave out what was removed' },
  'keep-secret-key': { kind: 'flag', help: 'write the secrets of the setting, too: keep the dump safe' },
  threads: { kind: 'number', min: 1, max: 1000, default: '10', help: 'requests at a time' },
  fast: { kind: 'flag', hidden: true, help: 'accepted for scripts of the reference client' },
} as const

type DumpCall = Call<typeof OPTIONS>

const MOST_WARNINGS = 20

export const dump = defineCommand({
  name: 'dump',
  operands: 'META-URL[:/PATH] [FILE]',
  arity: [1, 2],
  summary: 'Write the metadata of a volume to a file, to keep, to look at, or to load elsewhere.',
  description: `
A name that ends in .gz, .zstd or .zst is compressed; without FILE it goes to standard output. The file is there only
once it is complete. Loading it: \`pomelo load\`. Data stay in their bucket, and a dump does not hold them.
What others change meanwhile may be in it or not.`,
  options: OPTIONS,
  examples: [
    'pomelo dump redis://host/1 team.json.gz',
    'pomelo dump --binary sqlite3:///team.db team.bin',
    'pomelo dump sqlite3:///team.db:/photos | less',
  ],
  async run(call) {
    keepMemorySteady()
    const { operands, options, env } = call
    const location = volumeLocation(operands[0]!)
    const path = options.subdir ?? location.path
    if (options.binary && path !== '/')
      throw new UsageError('--binary always writes the whole volume: leave out the path or --binary')
    const engine = await openEngine(completeMetaUrl(location.metaUrl, env.META_PASSWORD), {
      readOnly: true,
      log: toolLog(call),
    })
    try {
      const root = await directoryAt(engine, path)
      await writeTo(call, operands[1], (sink) => {
        const progress = call.out.progress('Dumping')
        const warn = warnings(call)
        return dumpVolume(
          engine,
          {
            format: options.binary ? 'binary' : 'json',
            root,
            skipTrash: options['skip-trash'],
            keepSecrets: options['keep-secret-key'],
            threads: options.threads,
          },
          sink,
          {
            signal: call.signal,
            onProgress: ({ entries, total }) => progress.update(progressText(entries, total)),
            onWarning: warn,
          },
        )
      })
      return 0
    } finally {
      await engine.close()
    }
  },
})

/** `12,345 of about 50,000 (24 %)`. */
export function progressText(entries: number, total: number): string {
  if (total === 0) return formatCount(entries)
  const percent = Math.min(100, Math.floor((100 * entries) / total))
  return `${formatCount(entries)} of about ${formatCount(total)} (${percent} %)`
}

/** The first few: a volume with one such thing has many. */
export function warnings({ out }: Pick<Call, 'out'>): (warning: string) => void {
  let count = 0
  return (warning) => {
    if (count++ < MOST_WARNINGS) out.warn(warning)
    else if (count === MOST_WARNINGS + 1) out.warn('and more like that')
  }
}

async function writeTo(
  { out }: DumpCall,
  path: string | undefined,
  work: (sink: Sink) => Promise<DumpReport>,
): Promise<void> {
  if (path === undefined || path === '-') {
    await work({ write: (bytes) => out.write(bytes) })
    return
  }
  const file = new DumpFile(path)
  let report: DumpReport
  try {
    report = await work(file)
    await file.finish()
  } catch (error) {
    await file.abandon()
    throw error
  }
  out.endProgress()
  const { size } = await stat(path)
  out.data({ file: path, ...report, size }, () =>
    out.print(`${path}: ${formatCount(report.entries)} entries, ${formatSize(size)}`),
  )
}
