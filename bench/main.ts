/**
 * `npm run bench`: Pomelo beside the reference client, in one run on one machine: the same metadata server (or SQLite),
 * `file` storage, each client with its defaults, rows interleaved. Prints a table of ratios (above 1: Pomelo is faster).
 *
 *   --engine NAME  sqlite3 (default), redis, postgres; repeatable
 *   --threads N    of the driving program (default 1); metadata rows only
 *   --rows TEXT    only rows whose name contains TEXT (repeatable)
 *   --count N      operations per row (default 1000)
 *   --rounds N    the median of N rounds (default 3)
 *   --json        machine-readable
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type EngineServer, engines, type TestEngine } from '../e2e/harness/engines.ts'
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

const PROGRAMS = ['untar', 'git clone', 'rm -rf'] as const

interface Figure {
  readonly us?: number
  readonly mbps?: number
}

const { values: options } = parseArgs({
  options: {
    engine: { type: 'string', multiple: true, default: ['sqlite3'] },
    threads: { type: 'string', default: '1' },
    rows: { type: 'string', multiple: true },
    count: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
})

async function measure(mountPoint: string, row: string, round: number): Promise<Figure> {
  const folder = join(mountPoint, `${row.replaceAll(/\W+/g, '-')}-${round}`)
  const program = join(root, 'bench', 'drive.py')
  const out = await must('python3', [program, row, folder, options.count, options.threads], {
    timeoutMs: 240_000,
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
  const all = options.threads === '1' ? [...METADATA, ...DATA, ...PROGRAMS] : METADATA
  const rows = all.filter((row) => options.rows?.some((text) => row.includes(text)) ?? true)
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
      kind: isProgram(row) ? 'program' : (METADATA as readonly string[]).includes(row) ? 'metadata' : 'data',
      ours: a,
      reference: b,
      ratio: a / b,
    })
    if (!options.json) console.log(format(row, a, b))
  }
  return out
}

function isProgram(row: string): boolean {
  return (PROGRAMS as readonly string[]).includes(row)
}

function format(row: string, ours: number, reference: number): string {
  const show = (value: number): string =>
    isProgram(row)
      ? `${(1 / value).toFixed(2)} s`
      : row.includes('256 MiB')
        ? `${value.toFixed(0)} MB/s`
        : `${(1e6 / value).toFixed(1)} µs`
  return `| ${row.padEnd(26)} | ${show(ours).padStart(10)} | ${show(reference).padStart(10)} | ${(ours / reference).toFixed(2).padStart(5)} |`
}

/** Both clients mounted on volumes of their own, on one server. */
async function benchOn(engine: TestEngine, server: EngineServer, tool: string): Promise<unknown> {
  await using ours = await makeVolume([], {}, server.newMeta)
  await using theirs = await makeVolume()
  await ours.mount()
  const meta =
    engine.name === 'sqlite3'
      ? `sqlite3://${join(theirs.folder, 'reference.db')}`
      : await server.newMeta(theirs.folder)
  const bucket = join(theirs.folder, 'reference-bucket/')
  await mkdir(bucket)
  await must(tool, ['format', '--storage', 'file', '--bucket', bucket, meta, 'bench'])
  const places = ['--cache-dir', join(theirs.folder, 'jfs-cache'), '--log', join(theirs.folder, 'log')]
  const flags = ['--no-usage-report', '--backup-meta', '0', '--enable-xattr', ...places]
  await must(tool, ['mount', '-d', ...flags, meta, theirs.mountPoint])
  try {
    if (!options.json)
      console.log(
        `\n${engine.name}, ${options.threads} thread(s)\n\n| row                        |     Pomelo |  reference | ratio |\n|---|---|---|---|`,
      )
    return await bench(ours, theirs)
  } finally {
    await must(tool, ['umount', theirs.mountPoint], { timeoutMs: 60_000 })
  }
}

if (noMount !== false) throw new Error(noMount)
const tool = await juicefs()
if (tool.path === undefined) throw new Error(tool.missing)
const results: Record<string, unknown> = {}
for (const name of options.engine) {
  const engine = engines.find((engine) => engine.name === name)
  if (engine === undefined) throw new Error(`no engine called ${name}`)
  const missing = engine.missing()
  if (missing !== undefined) throw new Error(missing)
  const server = await engine.start()
  try {
    results[name] = await benchOn(engine, server, tool.path)
  } finally {
    await server.stop()
  }
}
if (options.json) console.log(JSON.stringify(results, undefined, 2))
else
  console.log(
    `\nratio = Pomelo's speed over the reference's; median of ${options.rounds} rounds of ${options.count}`,
  )
