import { readFile } from 'node:fs/promises'
import type { WarmupResult } from '#core/admin/warmup.ts'
import { formatCount, formatSize } from '#core/base/units.ts'
import { defineCommand } from './command.ts'
import { UsageError } from './options.ts'
import { byVolume, mustHaveCache, withPlaces } from './places.ts'
import { TOOL_OPTIONS } from './volumes.ts'

const OPTIONS = {
  file: { kind: 'text', short: 'f', value: 'FILE', help: 'take paths from this file, one a line' },
  evict: { kind: 'flag', help: 'drop cached data instead' },
  check: { kind: 'flag', help: 'only show how much is cached, and where' },
  threads: { kind: 'number', short: 'p', min: 1, max: 1000, default: '50', help: 'files at a time' },
  background: { kind: 'flag', short: 'b', hidden: true, help: 'accepted for compatibility' },
  ...TOOL_OPTIONS,
} as const

export const warmup = defineCommand({
  name: 'warmup',
  operands: '[PATH…]',
  arity: [0, Number.POSITIVE_INFINITY],
  summary: 'Bring the data of files into the disk cache; or drop them, or show what is cached.',
  description: 'Paths are in a mounted volume. META-URL:/path works on the cache that --cache-dir names.',
  options: OPTIONS,
  examples: [
    'pomelo warmup ~/team/project',
    'pomelo warmup --check ~/team',
    'pomelo warmup --evict ~/team/video.mp4',
  ],
  async run(call) {
    const { options, out } = call
    if (options.evict && options.check) throw new UsageError('--evict and --check exclude each other')
    const operands = [...call.operands, ...(await listed(options.file))]
    if (operands.length === 0) throw new UsageError('name at least one path')
    const action = options.evict ? 'evict' : options.check ? 'check' : 'warmup'
    return withPlaces(call, operands, { readOnly: true }, async (places) => {
      const results: WarmupResult[] = []
      for (const group of byVolume(places)) {
        mustHaveCache(call, group[0]!)
        const progress = out.progress(
          action === 'evict' ? 'Dropping' : action === 'check' ? 'Checking' : 'Fetching',
        )
        const onProgress = (value: unknown) => {
          const { files, bytes } = value as WarmupResult
          progress.update(`${formatCount(files)} files, ${formatSize(bytes)}`)
        }
        const paths = group.map(({ path }) => path)
        results.push(
          (await group[0]!.run(
            'warmup',
            { paths, action, threads: options.threads },
            onProgress,
          )) as WarmupResult,
        )
        out.endProgress()
      }
      out.data(results, () => {
        for (const { files, bytes, fetched, places } of results) {
          const tail = action === 'warmup' ? `, ${formatSize(fetched)} fetched` : ''
          out.print(`${formatCount(files)} files, ${formatSize(bytes)}${tail}`)
          for (const [place, size] of Object.entries(places)) {
            out.print(
              `  ${place.padEnd(8)} ${formatSize(size).padStart(10)}  ${((size / Math.max(1, bytes)) * 100).toFixed(1)} %`,
            )
          }
        }
      })
      const failures = results.flatMap((result) => result.failures)
      for (const failure of failures) out.warn(failure)
      const kept = results.reduce((sum, result) => sum + result.kept, 0)
      if (kept > 0) out.note(`${formatSize(kept)} are pinned and stay: see \`pomelo pin --list\``)
      return failures.length > 0 ? 1 : 0
    })
  },
})

async function listed(file: string | undefined): Promise<readonly string[]> {
  if (file === undefined) return []
  return (await readFile(file, 'utf8')).split('\n').filter((line) => line.trim() !== '')
}
