/** What a command is: one file each exports one, made by `defineCommand`. */

import type { Environment, OptionSpecs, OptionValues } from './options.ts'
import type { Output } from './output.ts'

/** One invocation of a command. */
export interface Call<S extends OptionSpecs = OptionSpecs> {
  readonly options: OptionValues<S>
  readonly operands: readonly string[]
  /** Options that were written down (or came from their environment variable), not defaulted. */
  readonly given: ReadonlySet<string>
  readonly out: Output
  readonly env: Environment
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal
}

export interface CommandSpec<S extends OptionSpecs> {
  /** As typed, with sub-command: `quota set`. */
  readonly name: string
  /** Operands as usage shows them: `META-URL NAME`, `[META-URL]`, `PATH…`. */
  readonly operands: string
  /** Fewest and most operands. */
  readonly arity: readonly [number, number]
  /** One line, then more if there is more to say. */
  readonly summary: string
  readonly description?: string
  readonly options: S
  readonly examples: readonly string[]
  /** Returns the exit code; nothing is 0. */
  run(call: Call<S>): Promise<number | undefined>
}

/** A command with the type of its options forgotten, as `main.ts` runs it. */
export type Command = CommandSpec<OptionSpecs>

export function defineCommand<const S extends OptionSpecs>(spec: CommandSpec<S>): Command {
  return spec as unknown as Command
}

/** Options that every command takes. */
export const COMMON_OPTIONS = {
  help: { kind: 'flag', short: 'h', help: 'show this help' },
  json: { kind: 'flag', help: 'print data as JSON' },
  verbose: {
    kind: 'flag',
    short: 'v',
    alias: ['debug', 'trace'],
    help: 'say more; errors with their causes',
  },
  quiet: { kind: 'flag', short: 'q', help: 'no progress, warnings and errors only' },
  'no-color': { kind: 'flag', hidden: true, help: 'plain text' },
  'no-agent': { kind: 'flag', hidden: true, help: 'accepted for compatibility' },
  'log-level': { kind: 'text', value: 'LEVEL', hidden: true, help: 'accepted for compatibility' },
} as const satisfies OptionSpecs
