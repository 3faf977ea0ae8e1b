import { formatCount } from '#core/base/units.ts'
import { defineCommand } from './command.ts'
import { withPlaces } from './places.ts'
import { TOOL_OPTIONS } from './volumes.ts'

const OPTIONS = {
  'skip-trash': { kind: 'flag', help: 'remove for good instead of into the trash' },
  threads: { kind: 'number', min: 1, max: 255, hidden: true, help: 'accepted for compatibility' },
  ...TOOL_OPTIONS,
} as const

export const rmr = defineCommand({
  name: 'rmr',
  operands: 'META-URL:/PATH | PATH…',
  arity: [1, Number.POSITIVE_INFINITY],
  summary: 'Remove directories with everything in them, without reading them through a mount.',
  options: OPTIONS,
  examples: ['pomelo rmr ~/team/old', 'pomelo rmr --skip-trash sqlite3:///team.db:/tmp'],
  run: (call) =>
    withPlaces(call, call.operands, {}, async (places) => {
      const { out, options } = call
      const results: unknown[] = []
      for (const place of places) {
        const progress = out.progress(`Removing ${place.path}`)
        const onProgress = (value: unknown) =>
          progress.update(`${formatCount((value as { done: number }).done)} entries`)
        const { removed } = (await place.run(
          'rmr',
          { path: place.path, skipTrash: options['skip-trash'] },
          onProgress,
        )) as { removed: number }
        out.endProgress()
        results.push({ path: place.path, removed })
        if (!out.json) out.note(`removed ${place.path}: ${formatCount(removed)} entries`)
      }
      if (out.json) out.printJson(results)
      return 0
    }),
})
