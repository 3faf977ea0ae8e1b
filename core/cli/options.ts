/**
 * Options of commands, declared once: parsed, checked, given a type, and printed by `--help`.
 *
 * Long options take `--name value` or `--name=value`, flags `--name` or `--name=false`; options and operands
 * may come in any order, and `--` ends the options. Values of sizes and durations: base/units.ts.
 */
import { parseArgs } from 'node:util'
import { parseDuration, parseRate, parseSize, type SizeUnit } from '#core/base/units.ts'
import { nearest } from './nearest.ts'

interface Common {
  readonly help: string
  readonly short?: string
  /** Other long names. */
  readonly alias?: readonly string[]
  /** Environment variable used when the option is not given. Not printed, as it may be a secret. */
  readonly env?: string
  /** Not in `--help`: accepted for scripts written for the reference client. */
  readonly hidden?: boolean
}

export type OptionSpec =
  | (Common & { readonly kind: 'flag'; readonly default?: string })
  | (Common & {
      readonly kind: 'text'
      readonly value: string
      readonly default?: string
      readonly choices?: readonly string[]
    })
  | (Common & { readonly kind: 'list'; readonly value: string; readonly default?: string })
  | (Common & {
      readonly kind: 'number'
      readonly min?: number
      readonly max?: number
      readonly default?: string
    })
  | (Common & { readonly kind: 'octal'; readonly default?: string })
  | (Common & { readonly kind: 'size'; readonly unit: SizeUnit; readonly default?: string })
  | (Common & { readonly kind: 'duration'; readonly default?: string })
  | (Common & { readonly kind: 'rate'; readonly default?: string })

export type OptionSpecs = Readonly<Record<string, OptionSpec>>

type ValueOf<S extends OptionSpec> = S['kind'] extends 'flag'
  ? boolean
  : S['kind'] extends 'list'
    ? readonly string[]
    : S['kind'] extends 'text'
      ? string
      : number

/** What parsing yields: always there with a default (a flag's is false), else possibly undefined. */
export type OptionValues<S extends OptionSpecs> = {
  readonly [K in keyof S]: S[K] extends { kind: 'flag' } | { kind: 'list' } | { default: string }
    ? ValueOf<S[K]>
    : ValueOf<S[K]> | undefined
}

export interface Parsed<S extends OptionSpecs> {
  readonly values: OptionValues<S>
  readonly operands: readonly string[]
  /** Names written on the command line or set by the environment: not defaulted. */
  readonly given: ReadonlySet<string>
}

/** A command line that makes no sense: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export type Environment = Readonly<Record<string, string | undefined>>

/** Parse `args` as `specs` say. Throws UsageError. */
export function parseOptions<const S extends OptionSpecs>(
  specs: S,
  args: readonly string[],
  env: Environment,
): Parsed<S> {
  const names = longNames(specs)
  const values: Record<string, unknown> = {}
  const given = new Set<string>()
  const operands: string[] = []
  const { tokens } = parseArgs({
    args: [...args],
    options: argsConfig(names, specs),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value)
    if (token.kind !== 'option') continue
    const name = names.get(token.name)
    if (name === undefined) throw unknownOption(token.rawName, names)
    const parsed = parseValue(token.rawName, specs[name]!, token.value)
    values[name] = Array.isArray(parsed) ? [...((values[name] as string[]) ?? []), ...parsed] : parsed
    given.add(name)
  }
  for (const [name, spec] of Object.entries(specs)) {
    if (given.has(name)) continue
    const fromEnv = spec.env === undefined ? undefined : env[spec.env]
    if (fromEnv !== undefined && fromEnv !== '') {
      values[name] = parseValue(spec.env!, spec, fromEnv)
      given.add(name)
    } else if (spec.default !== undefined) values[name] = parseValue(`--${name}`, spec, spec.default)
    else if (spec.kind === 'flag') values[name] = false
    else if (spec.kind === 'list') values[name] = []
  }
  return { values: values as OptionValues<S>, operands, given }
}

/** Every long name and alias, to the name the value is kept under. */
function longNames(specs: OptionSpecs): Map<string, string> {
  const names = new Map<string, string>()
  for (const [name, spec] of Object.entries(specs)) {
    for (const each of [name, ...(spec.alias ?? [])]) names.set(each, name)
  }
  return names
}

function argsConfig(names: ReadonlyMap<string, string>, specs: OptionSpecs) {
  const config: Record<string, { type: 'boolean' | 'string'; short?: string }> = {}
  for (const [each, name] of names) {
    const spec = specs[name]!
    const short = each === name && spec.short !== undefined ? { short: spec.short } : {}
    config[each] = { type: spec.kind === 'flag' ? 'boolean' : 'string', ...short }
  }
  return config
}

function unknownOption(rawName: string, names: ReadonlyMap<string, string>): UsageError {
  const near = nearest(rawName.replace(/^-+/, ''), [...names.keys()])
  return new UsageError(`unknown option ${rawName}${near === undefined ? '' : ` (did you mean --${near}?)`}`)
}

function parseValue(rawName: string, spec: OptionSpec, text: string | undefined): unknown {
  if (spec.kind === 'flag') return parseFlag(rawName, text)
  if (text === undefined) throw new UsageError(`${rawName} needs a value`)
  try {
    return parseText(spec, text)
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`${rawName}: ${error.message}`)
    throw error
  }
}

function parseFlag(rawName: string, text: string | undefined): boolean {
  if (text === undefined || /^(1|t|true|yes|on)$/i.test(text)) return true
  if (/^(0|f|false|no|off)$/i.test(text)) return false
  throw new UsageError(`${rawName} is on or off, not ${JSON.stringify(text)}`)
}

function parseText(spec: Exclude<OptionSpec, { kind: 'flag' }>, text: string): unknown {
  switch (spec.kind) {
    case 'text':
      if (spec.choices !== undefined && !spec.choices.includes(text)) {
        throw new RangeError(`must be one of ${spec.choices.join(', ')}, not ${JSON.stringify(text)}`)
      }
      return text
    case 'list':
      return text.split(',').filter((word) => word !== '')
    case 'number':
      return parseNumber(text, spec.min ?? 0, spec.max ?? Number.MAX_SAFE_INTEGER)
    case 'octal':
      if (!/^[0-7]{1,6}$/.test(text)) throw new RangeError(`not an octal number: ${JSON.stringify(text)}`)
      return Number.parseInt(text, 8)
    case 'size':
      return parseSize(text, spec.unit)
    case 'duration':
      return parseDuration(text)
    case 'rate':
      return parseRate(text)
    default:
      return spec satisfies never
  }
}

function parseNumber(text: string, min: number, max: number): number {
  const value = Number(text)
  if (!/^-?\d+(\.\d+)?$/.test(text)) throw new RangeError(`not a number: ${JSON.stringify(text)}`)
  if (value < min || value > max) {
    throw new RangeError(
      `must be ${max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `from ${min} to ${max}`}, not ${text}`,
    )
  }
  return value
}
