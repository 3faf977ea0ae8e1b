/** The entry of `pomelo`: find the command, parse, run, end with its exit code. */
import { constants } from 'node:os'
import { COMMON_OPTIONS, type Command } from './command.ts'
import { COMMANDS, findCommand } from './commands.ts'
import { describeError, EXIT_OK, EXIT_USAGE } from './errors.ts'
import { nearest } from './nearest.ts'
import { type Environment, parseOptions, UsageError } from './options.ts'
import { Output, type Streams } from './output.ts'

/** Run one command line; returns the exit code. */
export async function main(
  argv: readonly string[],
  streams: Streams,
  env: Environment,
  signal: AbortSignal,
): Promise<number> {
  const [first] = argv
  if (first === undefined || first === 'help' || first === '-h' || first === '--help') {
    return showHelp(argv.slice(1), streams)
  }
  if (first === '--version' || first === '-V') return main(['version'], streams, env, signal)
  if (first.includes('://')) {
    const { fromHelper } = await import('./mount-helper.ts')
    return main(['mount', ...fromHelper(argv)], streams, env, signal)
  }
  const found = findCommand(argv)
  if (found === undefined) return unknownCommand(argv, streams)
  return runCommand(await found.load(), argv.slice(found.words), streams, env, signal)
}

async function runCommand(
  command: Command,
  args: readonly string[],
  streams: Streams,
  env: Environment,
  signal: AbortSignal,
): Promise<number> {
  let out = new Output(streams, { json: false, quiet: false, verbose: args.includes('--verbose') })
  try {
    const parsed = parseOptions({ ...COMMON_OPTIONS, ...command.options }, args, env)
    if (parsed.values.help) return await showCommandHelp(command, streams)
    out = new Output(streams, parsed.values)
    checkArity(command, parsed.operands.length)
    const call = { options: parsed.values, operands: parsed.operands, given: parsed.given, out, env, signal }
    return (await command.run(call)) ?? EXIT_OK
  } catch (error) {
    out.endProgress()
    const ending = describeError(signal.aborted ? signal.reason : error, command.name, out.verbose)
    for (const line of ending.lines) streams.stderr.write(`${line}\n`)
    return ending.code
  } finally {
    out.endProgress()
  }
}

function checkArity({ operands, arity: [least, most] }: Command, n: number): void {
  if (n < least) throw new UsageError(`something is missing: expected ${operands}`)
  if (n > most) throw new UsageError(`too many operands: expected ${operands === '' ? 'none' : operands}`)
}

async function showHelp(words: readonly string[], streams: Streams): Promise<number> {
  const found = words.length === 0 ? undefined : findCommand(words)
  if (found !== undefined) return showCommandHelp(await found.load(), streams)
  if (words.length > 0) return unknownCommand(words, streams)
  const { overview } = await import('./help.ts')
  streams.stdout.write(`${overview(COMMANDS)}\n`)
  return EXIT_OK
}

async function showCommandHelp(command: Command, streams: Streams): Promise<number> {
  const { commandHelp } = await import('./help.ts')
  streams.stdout.write(`${commandHelp(command)}\n`)
  return EXIT_OK
}

function unknownCommand(argv: readonly string[], streams: Streams): number {
  const names = COMMANDS.map(({ name }) => name)
  const word = argv[0]!
  const family = names.filter((name) => name.startsWith(`${word} `))
  if (family.length > 0) {
    streams.stderr.write(
      `pomelo: ${word}: say what to do: ${family.map((name) => name.split(' ')[1]).join(', ')}\n`,
    )
    streams.stderr.write(`  → pomelo ${family[0]} --help\n`)
    return EXIT_USAGE
  }
  const near = nearest(word, [...new Set(names.map((name) => name.split(' ')[0]!))])
  streams.stderr.write(`pomelo: unknown command ${JSON.stringify(word)}\n`)
  streams.stderr.write(near === undefined ? '  → pomelo --help\n' : `  → did you mean \`pomelo ${near}\`?\n`)
  return EXIT_USAGE
}

/** Abort on the first SIGINT or SIGTERM; the second ends the process at once. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(128 + constants.signals[name])
      controller.abort(new DOMException('interrupted', 'AbortError'))
    })
  }
  return controller.signal
}

if (import.meta.main) {
  // A reader that has enough (`pomelo ls … | head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  const code = await main(process.argv.slice(2), process, process.env, abortOnSignals())
  process.exit(code)
}
