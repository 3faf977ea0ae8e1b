/** Help texts, made from the declarations of commands. */
import { COMMON_OPTIONS, type Command } from './command.ts'
import type { OptionSpec, OptionSpecs } from './options.ts'

export interface CommandSummary {
  readonly name: string
  readonly group: string
  readonly summary: string
}

export function overview(commands: readonly CommandSummary[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2
  const lines = [
    'Mount JuiceFS-format volumes, and look after them.',
    '',
    'usage: pomelo COMMAND [options] …',
  ]
  for (const group of new Set(commands.map((command) => command.group))) {
    lines.push('', `${group}:`)
    for (const { name, summary } of commands.filter((command) => command.group === group)) {
      lines.push(`  ${name.padEnd(width)}${summary}`)
    }
  }
  lines.push(
    '',
    'A META-URL names the volume: sqlite3:///home/me/team.db, redis://host:6379/1, postgres://user@host/db,',
    'tikv://pd:2379/team, etcd://host:2379/team.',
    'A place in it is written META-URL:/path. Passwords: META_PASSWORD, ACCESS_KEY, SECRET_KEY, JFS_RSA_PASSPHRASE.',
    '`pomelo COMMAND --help` explains one command.',
  )
  return lines.join('\n')
}

export function commandHelp(command: Command): string {
  const lines = [`usage: pomelo ${command.name} [options] ${command.operands}`.trimEnd(), '', command.summary]
  if (command.description !== undefined) lines.push('', ...command.description.trim().split('\n'))
  const own = optionLines(command.options)
  if (own.length > 0) lines.push('', 'options:', ...own)
  lines.push('', 'always:', ...optionLines(COMMON_OPTIONS))
  if (command.examples.length > 0) lines.push('', 'examples:', ...command.examples.map((line) => `  ${line}`))
  return lines.join('\n')
}

function optionLines(specs: OptionSpecs): string[] {
  const rows = Object.entries(specs)
    .filter(([, spec]) => spec.hidden !== true)
    .map(([name, spec]) => [optionHead(name, spec), optionText(spec)] as const)
  const width = Math.min(34, Math.max(0, ...rows.map(([head]) => head.length)) + 2)
  return rows.flatMap(([head, text]) =>
    head.length + 2 > width ? [head, ' '.repeat(width) + text] : [head.padEnd(width) + text],
  )
}

function optionHead(name: string, spec: OptionSpec): string {
  const value = spec.kind === 'flag' ? '' : ` ${valueName(spec)}`
  return `  ${spec.short === undefined ? '   ' : `-${spec.short},`} --${name}${value}`
}

function valueName(spec: Exclude<OptionSpec, { kind: 'flag' }>): string {
  switch (spec.kind) {
    case 'text':
    case 'list':
      return spec.value
    case 'number':
      return 'N'
    case 'octal':
      return 'OCTAL'
    case 'size':
      return 'SIZE'
    case 'duration':
      return 'TIME'
    case 'rate':
      return 'MBIT/S'
    default:
      return spec satisfies never
  }
}

function optionText(spec: OptionSpec): string {
  const notes: string[] = []
  if (spec.kind === 'text' && spec.choices !== undefined) notes.push(spec.choices.join(' | '))
  if (spec.kind === 'size' && spec.unit !== 'B') notes.push(`bare number: ${spec.unit}iB`)
  if (spec.default !== undefined) notes.push(`default ${spec.default}`)
  if (spec.env !== undefined) notes.push(`or $${spec.env}`)
  return notes.length === 0 ? spec.help : `${spec.help} (${notes.join('; ')})`
}
