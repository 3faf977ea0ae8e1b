/**
 * `npm run bench`: Pomelo beside the reference client, in one run on one machine: SQLite metadata, `file` storage,
 * each client with its defaults, rows interleaved. Prints a table of ratios (above 1: Pomelo is faster).
 *
 *   --rows TEXT   only rows whose name contains TEXT (repeatable)
 *   --count N     operations per row (default 1000)
 *   --rounds N    the median of N rounds (default 3)
 *   --json        machine-readable
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { juicefs } from '../e2e/harness/tools.ts'
import { makeVolume, must, noMount, type TestVolume } from '../e2e/harness/volume.ts'
import { root } from '../scripts/runtime.mjs'

const METADATA = [
  'create',
  'mkdir',
  'lookup',
  'lookup missing',
  'open + close',
  'list + stat',
  'chmod',
  'utimes',
  'truncate',
  'rename',
  'rename over',
  'link',
  'symlink',
  'unlink',
  'rmdir',
  'setxattr',
  'getxattr',
] as const
const DATA = [
  'write 4 KiB file',
  'write 4 KiB file + fsync',
  'read 4 KiB file',
  'write 256 MiB',
  'read 256 MiB',
  'random read 4 KiB',
  'random write 4 KiB',
] as const

interface Figure {
  readonly us?: number
  readonly mbps?: number
}

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', multiple: true },
    count: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
})

async function measure(mountPoint: string, row: string, round: number): Promise<Figure> {
  const folder = join(mountPoint, `${row.replaceAll(/\W+/g, '-')}-${round}`)
  const out = await must('python3', [join(root, 'bench', 'drive.py'), row, folder, options.count], {
    timeoutMs: 120_000,
  })
  return JSON.parse(out) as Figure
}

/** Speed: operations a second, or MB/s. */
function speed(figure: Figure): number {
  return figure.mbps ?? 1e6 / (figure.us ?? Number.NaN)
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

async function bench(
  ours: TestVolume,
  theirs: TestVolume,
): Promise<{ row: string; kind: string; ours: number; reference: number; ratio: number }[]> {
  const rows = [...METADATA, ...DATA].filter(
    (row) => options.rows?.some((text) => row.includes(text)) ?? true,
  )
  const out = []
  for (const row of rows) {
    const speeds: { ours: number[]; reference: number[] } = { ours: [], reference: [] }
    for (let round = 0; round < Number(options.rounds); round++) {
      speeds.ours.push(speed(await measure(ours.mountPoint, row, round)))
      speeds.reference.push(speed(await measure(theirs.mountPoint, row, round)))
    }
    const [a, b] = [median(speeds.ours), median(speeds.reference)]
    out.push({
      row,
      kind: (METADATA as readonly string[]).includes(row) ? 'metadata' : 'data',
      ours: a,
      reference: b,
      ratio: a / b,
    })
    if (!options.json) console.log(format(row, a, b))
  }
  return out
}

function format(row: string, ours: number, reference: number): string {
  const show = (value: number): string =>
    row.includes('256 MiB') ? `${value.toFixed(0)} MB/s` : `${(1e6 / value).toFixed(1)} µs`
  return `| ${row.padEnd(26)} | ${show(ours).padStart(10)} | ${show(reference).padStart(10)} | ${(ours / reference).toFixed(2).padStart(5)} |`
}

if (noMount !== false) throw new Error(noMount)
const tool = await juicefs()
if (tool.path === undefined) throw new Error(tool.missing)
await using ours = await makeVolume()
await using theirs = await makeVolume()
await ours.mount()
const referenceMeta = `sqlite3://${join(theirs.folder, 'reference.db')}`
await mkdir(join(theirs.folder, 'reference-bucket'))
await must(tool.path, [
  'format',
  '--storage',
  'file',
  '--bucket',
  join(theirs.folder, 'reference-bucket/'),
  referenceMeta,
  'bench',
])
const flags = [
  '--no-usage-report',
  '--backup-meta',
  '0',
  '--enable-xattr',
  '--cache-dir',
  join(theirs.folder, 'jfs-cache'),
  '--log',
  join(theirs.folder, 'log'),
]
await must(tool.path, ['mount', '-d', ...flags, referenceMeta, theirs.mountPoint])
try {
  if (!options.json)
    console.log(`| row                        |     Pomelo |  reference | ratio |\n|---|---|---|---|`)
  const rows = await bench(ours, theirs)
  if (options.json) console.log(JSON.stringify(rows, undefined, 2))
  else
    console.log(
      `\nratio = Pomelo's speed over the reference's; median of ${options.rounds} rounds of ${options.count}`,
    )
} finally {
  await must(tool.path, ['umount', theirs.mountPoint], { timeoutMs: 60_000 })
}
