import { Refusal } from '#core/base/refusal.ts'
import { formatCount } from '#core/base/units.ts'
import { defineCommand } from './command.ts'
import { withPlaces } from './places.ts'
import { TOOL_OPTIONS } from './volumes.ts'

const OPTIONS = {
  preserve: { kind: 'flag', short: 'p', help: 'keep owner, mode and times' },
  threads: { kind: 'number', min: 1, max: 255, hidden: true, help: 'accepted for compatibility' },
  ...TOOL_OPTIONS,
} as const

export const clone = defineCommand({
  name: 'clone',
  operands: 'SOURCE TARGET',
  arity: [2, 2],
  summary: 'Copy a file or tree inside a volume without copying its data.',
  description:
    'Both are META-URL:/path, or paths in one mounted volume. A target that ends in / is a directory to copy into.',
  options: OPTIONS,
  examples: [
    'pomelo clone ~/team/data ~/team/data-before',
    'pomelo clone -p sqlite3:///team.db:/data sqlite3:///team.db:/copies/',
  ],
  run: (call) =>
    withPlaces(call, call.operands, {}, async ([source, target]) => {
      const { out, options } = call
      if (source!.volume !== target!.volume)
        throw new Refusal('source and target are not in the same volume', 'copy with pomelo cp')
      const progress = out.progress(`Cloning ${source!.path}`)
      const onProgress = (value: unknown) =>
        progress.update(`${formatCount((value as { done: number }).done)} entries`)
      const made = await source!.run(
        'clone',
        { path: source!.path, to: target!.path, preserve: options.preserve },
        onProgress,
      )
      out.endProgress()
      out.data(made, () => out.note(`cloned to ${(made as { path: string }).path}`))
      return 0
    }),
})
