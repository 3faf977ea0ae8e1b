import type { CompactResult } from '#core/admin/compact.ts'
import { formatCount } from '#core/base/units.ts'
import { defineCommand } from './command.ts'
import { byVolume, withPlaces } from './places.ts'
import { TOOL_OPTIONS } from './volumes.ts'

const OPTIONS = {
  threads: { kind: 'number', short: 'p', min: 1, max: 1000, default: '10', help: 'chunks at a time' },
  ...TOOL_OPTIONS,
} as const

export const compact = defineCommand({
  name: 'compact',
  operands: 'META-URL:/PATH | PATH…',
  arity: [1, Number.POSITIVE_INFINITY],
  summary: 'Rewrite chunks that are in many pieces as one.',
  options: OPTIONS,
  examples: ['pomelo compact ~/team/database', 'pomelo compact sqlite3:///team.db:/logs'],
  run: (call) =>
    withPlaces(call, call.operands, {}, async (places) => {
      const { out, options } = call
      const results: CompactResult[] = []
      for (const group of byVolume(places)) {
        const progress = out.progress('Compacting')
        const onProgress = (value: unknown) => {
          const { chunks, compacted } = value as CompactResult
          progress.update(`${formatCount(chunks)} chunks, ${formatCount(compacted)} rewritten`)
        }
        const paths = group.map(({ path }) => path)
        results.push(
          (await group[0]!.run('compact', { paths, threads: options.threads }, onProgress)) as CompactResult,
        )
        out.endProgress()
      }
      out.data(results, () => {
        for (const { chunks, compacted } of results) {
          out.print(`${formatCount(chunks)} chunks in several pieces, ${formatCount(compacted)} rewritten`)
        }
      })
      const failures = results.flatMap((result) => result.failures)
      for (const failure of failures) out.warn(failure)
      return failures.length > 0 ? 1 : 0
    }),
})
