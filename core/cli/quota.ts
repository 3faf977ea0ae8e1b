/** `quota set|get|list|delete|check`. Done in the process of a mount when the place is in one, so that it counts at once. */
import type { QuotaDifference, QuotaRow, QuotaTarget } from '#core/admin/quota.ts'
import { formatCount, formatSize } from '#core/base/units.ts'
import { type Call, defineCommand } from './command.ts'
import { UsageError } from './options.ts'
import type { Output } from './output.ts'
import { type OperationPlace, withPlaces } from './places.ts'
import { TOOL_OPTIONS } from './volumes.ts'

const TARGET = {
  path: {
    kind: 'text',
    value: 'PATH',
    help: 'a directory of the volume, when it is not part of META-URL:/path',
  },
  uid: { kind: 'number', min: 1, help: 'a user' },
  gid: { kind: 'number', help: 'a group' },
} as const

const SET = {
  ...TARGET,
  capacity: { kind: 'size', unit: 'G', help: 'most space' },
  inodes: { kind: 'number', help: 'most files and directories' },
  create: { kind: 'flag', help: 'make the directory when it is missing' },
  strict: { kind: 'flag', help: 'count what is used entry by entry' },
  ...TOOL_OPTIONS,
} as const

const ONE = { ...TARGET, ...TOOL_OPTIONS } as const

const CHECK = {
  ...TARGET,
  repair: { kind: 'flag', help: 'put differing usage right' },
  ...TOOL_OPTIONS,
} as const

const PLACE = 'META-URL[:/PATH] | PATH'

interface Targeted {
  readonly path: string | undefined
  readonly uid: number | undefined
  readonly gid: number | undefined
}

/** Undefined when nothing in particular was named. */
function targetOf({ path, uid, gid }: Targeted, place: OperationPlace): QuotaTarget | undefined {
  const named = path ?? (place.path === '/' ? undefined : place.path)
  if ([named, uid, gid].filter((each) => each !== undefined).length > 1) {
    throw new UsageError('a directory, --uid and --gid exclude each other')
  }
  if (uid !== undefined) return { kind: 'user', id: uid }
  if (gid !== undefined) return { kind: 'group', id: gid }
  return named === undefined ? undefined : { kind: 'dir', path: named }
}

function theTarget(options: Targeted, place: OperationPlace): QuotaTarget {
  const target = targetOf(options, place)
  if (target === undefined) throw new UsageError('name a directory (META-URL:/path), --uid or --gid')
  return target
}

export const quotaSet = defineCommand({
  name: 'quota set',
  operands: PLACE,
  arity: [1, 1],
  summary: 'Limit the space or the number of files of a directory, a user or a group.',
  options: SET,
  examples: [
    'pomelo quota set sqlite3:///team.db:/photos --capacity 100G',
    'pomelo quota set redis://host/1 --uid 1000 --inodes 50000',
  ],
  run: (call) =>
    withPlaces(call, call.operands, {}, async ([place]) => {
      const { options, out } = call
      const progress = out.progress('Counting')
      const args = {
        target: theTarget(options, place!),
        maxSpace: options.capacity,
        maxInodes: options.inodes,
        create: options.create,
        strict: options.strict,
      }
      const row = await place!.run('quotaSet', args, (value) => progress.update(usageText(value)))
      out.endProgress()
      showRows(out, [row as QuotaRow])
      return 0
    }),
})

export const quotaGet = defineCommand({
  name: 'quota get',
  operands: PLACE,
  arity: [1, 1],
  summary: 'Show the limit of one directory, user or group, and what is used of it.',
  options: ONE,
  examples: ['pomelo quota get ~/team/photos'],
  run: (call) =>
    withPlaces(call, call.operands, { readOnly: true }, async ([place]) => {
      showRows(call.out, [
        (await place!.run('quotaGet', { target: theTarget(call.options, place!) })) as QuotaRow,
      ])
      return 0
    }),
})

export const quotaList = defineCommand({
  name: 'quota list',
  operands: PLACE,
  arity: [1, 1],
  summary: 'Show all limits of a volume.',
  options: ONE,
  examples: ['pomelo quota list sqlite3:///team.db'],
  run: (call) =>
    withPlaces(call, call.operands, { readOnly: true }, async ([place]) => {
      const rows = (await place!.run('quotaList', {})) as readonly QuotaRow[]
      const target = targetOf(call.options, place!)
      showRows(
        call.out,
        target?.kind === 'dir'
          ? rows.filter(({ kind, name }) => kind === 'dir' && name === target.path)
          : rows,
      )
      return 0
    }),
})

export const quotaDelete = defineCommand({
  name: 'quota delete',
  operands: PLACE,
  arity: [1, 1],
  summary: 'Lift the limit of a directory, user or group.',
  options: ONE,
  examples: ['pomelo quota delete sqlite3:///team.db:/photos'],
  run: (call) =>
    withPlaces(call, call.operands, {}, async ([place]) => {
      await place!.run('quotaDelete', { target: theTarget(call.options, place!) })
      return 0
    }),
})

export const quotaCheck = defineCommand({
  name: 'quota check',
  operands: PLACE,
  arity: [1, 1],
  summary: 'Compare the usage stored with limits with what is really there.',
  description: 'Exit code 1 when something differs and was not repaired.',
  options: CHECK,
  examples: ['pomelo quota check sqlite3:///team.db', 'pomelo quota check --repair ~/team/photos'],
  run: (call) =>
    withPlaces(call, call.operands, { readOnly: !call.options.repair }, async ([place]) => {
      const { options, out } = call
      const progress = out.progress('Counting')
      const target = targetOf(options, place!)
      const differences = (await place!.run('quotaCheck', { target, repair: options.repair }, (value) =>
        progress.update(usageText(value)),
      )) as readonly QuotaDifference[]
      out.endProgress()
      out.data(differences, () => showDifferences(call, differences))
      return differences.length > 0 && !options.repair ? 1 : 0
    }),
})

function showDifferences(
  { out, options }: Call<typeof CHECK>,
  differences: readonly QuotaDifference[],
): void {
  if (differences.length === 0) {
    out.print('all usage is right')
    return
  }
  out.table(
    ['quota', 'stored', 'real', 'stored inodes', 'real inodes'],
    differences.map(({ name, usedSpace, realSpace, usedInodes, realInodes }) => [
      name,
      formatSize(usedSpace),
      formatSize(realSpace),
      formatCount(usedInodes),
      formatCount(realInodes),
    ]),
    [1, 2, 3, 4],
  )
  out.note(options.repair ? 'repaired' : '  → add --repair to put it right')
}

function showRows(out: Output, rows: readonly QuotaRow[]): void {
  out.data(rows, () => {
    if (rows.length === 0) return out.note('no quotas')
    out.table(
      ['quota', 'size', 'used', 'use%', 'inodes', 'iused', 'iuse%'],
      rows.map(rowText),
      [1, 2, 3, 4, 5, 6],
    )
  })
}

function rowText({ name, maxSpace, maxInodes, usedSpace, usedInodes }: QuotaRow): string[] {
  const percent = (used: number, max: number) => (max > 0 ? `${Math.floor((used / max) * 100)}%` : '')
  return [
    name,
    maxSpace > 0 ? formatSize(maxSpace) : 'unlimited',
    formatSize(Math.max(0, usedSpace)),
    percent(usedSpace, maxSpace),
    maxInodes > 0 ? formatCount(maxInodes) : 'unlimited',
    formatCount(Math.max(0, usedInodes)),
    percent(usedInodes, maxInodes),
  ]
}

function usageText(value: unknown): string {
  const { space, inodes } = value as { space: number; inodes: number }
  return `${formatCount(inodes)} inodes, ${formatSize(space)}`
}
