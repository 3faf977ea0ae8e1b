/**
 * `npm run bench`: Pomelo beside the reference client and a folder of the host, in one run on one machine: the same
 * metadata server (or SQLite), the same kind of storage, each client with its defaults, rows interleaved. Prints speeds and the
 * ratio of Pomelo's to the reference's (above 1: Pomelo is faster), medians, with the least and the greatest of all
 * rounds. The reference does not flush objects on `file` storage when it is asked for an fsync; Pomelo does.
 *
 *   --engine NAME  sqlite3 (default), redis, postgres, tikv, etcd; repeatable
 *   --storage KIND of the objects: file (default), or s3, a server of its own
 *   --threads N    of the driving program (default 1), each a process; metadata and small files only
 *   --rows TEXT    only the row of that name, or all whose name contains TEXT (repeatable)
 *   --count N      operations per row (default 1000)
 *   --rounds N     the median of N rounds (default 5)
 *   --rclone       its mount of the bucket beside: with `--storage s3`
 *   --weed         SeaweedFS's mount beside, on servers of its own
 *   --profile DIR  Pomelo alone, one round, mounted anew for each row, which leaves its CPU profile in DIR
 *   --inspect      what the inspector costs foreground reads, instead (bench/inspector.ts)
 *   --json         machine-readable
 */
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type EngineServer, engines } from '../e2e/harness/engines.ts'
import { juicefs } from '../e2e/harness/tools.ts'
import { must, noMount } from '../e2e/harness/volume.ts'
import { root } from '../scripts/runtime.mjs'
import { inspectorCosts } from './inspector.ts'
import type { LoopDelay } from './loop-delay.ts'
import { host, type Peer, pomelo, rclone, reference, weed } from './peers.ts'
import { DATA, kindOf, METADATA, PROGRAMS, type RowKind, SMALL_FILES, show } from './rows.ts'
import { openStorage, type Storage } from './storage.ts'

/** What drive.py measured; `cost` is what Pomelo's process spent on one operation, or one MiB. */
interface Figure {
  readonly us?: number
  readonly mbps?: number
  readonly cost?: { readonly cpuUs: number; readonly calls: number; readonly bytes: number }
}

/** Operations or MB a second; the spread is the ratio of the fastest round to the slowest. */
interface Speed {
  readonly median: number
  readonly spread: number
  readonly cost?: Figure['cost']
}

interface Result {
  readonly row: string
  readonly kind: RowKind
  readonly speeds: Readonly<Partial<Record<Peer['name'], Speed>>>
  readonly ratio: number
}

const { values: options } = parseArgs({
  options: {
    engine: { type: 'string', multiple: true, default: ['sqlite3'] },
    storage: { type: 'string', default: 'file' },
    threads: { type: 'string', default: '1' },
    rows: { type: 'string', multiple: true },
    count: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '5' },
    rclone: { type: 'boolean', default: false },
    weed: { type: 'boolean', default: false },
    profile: { type: 'string' },
    inspect: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})

/** Peers that were asked for. */
const beside = (['rclone', 'weed'] as const).filter((name) => options[name])

async function measure(peer: Peer, row: string, round: number): Promise<Figure> {
  const folder = join(peer.folder, `${row.replaceAll(/\W+/g, '-')}-${round}`)
  const program = join(root, 'bench', 'drive.py')
  const args = [program, row, folder, options.count, options.threads, peer.pids.join(',')]
  return JSON.parse(await must('python3', args, { timeoutMs: 240_000 })) as Figure
}

function speedOf(figures: readonly Figure[]): Speed {
  const speeds = figures.map(({ us, mbps }) => mbps ?? 1e6 / (us ?? Number.NaN)).sort((a, b) => a - b)
  const { cost } = figures[0]!
  return {
    median: speeds[speeds.length >> 1]!,
    spread: speeds.at(-1)! / speeds[0]!,
    ...(cost && { cost }),
  }
}

async function benchRow(peers: readonly Peer[], row: string, rounds: number): Promise<Result> {
  const figures = new Map<Peer, Figure[]>(peers.map((peer) => [peer, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [peer, own] of figures) own.push(await measure(peer, row, round))
  }
  const speeds: Result['speeds'] = Object.fromEntries(
    [...figures].map(([peer, own]) => [peer.name, speedOf(own)]),
  )
  const ratio = (speeds.pomelo?.median ?? Number.NaN) / (speeds.reference?.median ?? Number.NaN)
  return { row, kind: kindOf(row), speeds, ratio }
}

function line({ row, speeds, ratio }: Result): string {
  const cell = (name: Peer['name']): string => {
    const speed = speeds[name]
    return speed === undefined ? '' : `${show(row, speed.median)} ×${speed.spread.toFixed(1)}`
  }
  const { cost } = speeds.pomelo ?? {}
  const spent =
    cost && `${cost.cpuUs.toFixed(0)} µs, ${cost.calls.toFixed(1)}, ${(cost.bytes / 1024).toFixed(1)}`
  const own = [row, cell('pomelo'), cell('reference'), ratio.toFixed(2), cell('host')]
  const cells = [...own, ...beside.map(cell), spent ?? '']
  return `| ${cells.map((text, at) => (at === 0 ? text.padEnd(29) : text.padStart(at === 3 ? 5 : 15))).join(' | ')} |`
}

function say(text: string): void {
  if (!options.json) console.log(text)
}

/** Preload for the process of the mount, which then tells how late its loop was in `file`. */
function watched(file: string): Record<string, string> {
  return {
    NODE_OPTIONS: `--import=${join(root, 'bench', 'loop-delay.ts')}`,
    BENCH_LOOP_DELAY: file,
  }
}

function wanted(): readonly string[] {
  const any = [...METADATA, ...SMALL_FILES]
  const all: readonly string[] = options.threads === '1' ? [...any, ...DATA, ...PROGRAMS] : any
  const isMeant = (row: string, text: string): boolean =>
    all.includes(text) ? row === text : row.includes(text)
  return all.filter((row) => options.rows?.some((text) => isMeant(row, text)) ?? true)
}

/** Rows beside each other, all clients mounted at the same time on one server. */
async function compare(server: EngineServer, storage: Storage, tool: string, scratch: string) {
  const peers: Peer[] = []
  const rows: Result[] = []
  const file = join(scratch, 'loop-delay.json')
  try {
    peers.push(await pomelo(server, storage, watched(file)))
    peers.push(await reference(server, storage, tool))
    if (options.threads === '1') peers.push(await host())
    if (options.rclone && storage.server) peers.push(await rclone(storage.server))
    if (options.weed) peers.push(await weed())
    for (const row of wanted()) {
      rows.push(await benchRow(peers, row, Number(options.rounds)))
      say(line(rows.at(-1)!))
    }
  } finally {
    for (const peer of peers) await peer.end()
  }
  const loopDelay = JSON.parse(await readFile(file, 'utf8')) as LoopDelay
  const { p99Ms, p999Ms, maxMs } = loopDelay
  const ms = [p99Ms, p999Ms, maxMs].map((value) => value.toFixed(1)).join(', ')
  say(`\nPomelo's event loop was late by (p99, p99.9, most): ${ms} ms`)
  return { rows, loopDelay }
}

/** Pomelo alone, mounted anew for each row. */
async function profile(server: EngineServer, storage: Storage, directory: string, scratch: string) {
  const rows: Result[] = []
  for (const row of wanted()) {
    const name = `${row.replaceAll(/\W+/g, '-')}.cpuprofile`
    const flags = `--cpu-prof --cpu-prof-dir=${scratch} --cpu-prof-name=${name}`
    const peer = await pomelo(server, storage, { NODE_OPTIONS: flags })
    try {
      rows.push(await benchRow([peer], row, 1))
    } finally {
      await peer.end()
    }
    await rename(join(scratch, name), join(directory, name))
    say(line(rows.at(-1)!))
  }
  return { rows }
}

/** The inspector's cost, in a table of its own. */
async function inspect(server: EngineServer, storage: Storage) {
  const costs = await inspectorCosts(server, storage, Number(options.rounds))
  for (const { row, state, meanUs, p99Us, ratio, error } of costs)
    say(
      `| ${row} | ${state} | ${meanUs.toFixed(1)} µs | ${p99Us.toFixed(1)} µs | ${ratio.toFixed(3)} ± ${error.toFixed(3)} |`,
    )
  return costs
}

if (noMount !== false) throw new Error(noMount)
const tool = await juicefs()
if (tool.path === undefined && options.profile === undefined && !options.inspect)
  throw new Error(tool.missing)
const scratch = await mkdtemp(join(tmpdir(), 'bench-'))
const results: Record<string, unknown> = {}
for (const name of options.engine) {
  const engine = engines.find((engine) => engine.name === name)
  if (engine === undefined) throw new Error(`no engine called ${name}`)
  const missing = engine.missing()
  if (missing !== undefined) throw new Error(missing)
  const server = await engine.start()
  const storage = await openStorage(options.storage)
  try {
    const head = options.inspect
      ? ['reads', 'the inspector is', 'mean', 'p99', 'mean to off']
      : ['', 'Pomelo', 'reference', 'ratio', 'host', ...beside, 'CPU, r/w calls, KiB moved']
    say(
      `\n${name}, ${options.storage}, ${options.threads} thread(s)\n\n| ${head.join(' | ')} |\n|${'---|'.repeat(head.length)}`,
    )
    results[name] = options.inspect
      ? await inspect(server, storage)
      : options.profile === undefined
        ? await compare(server, storage, tool.path!, scratch)
        : await profile(server, storage, resolve(options.profile), scratch)
  } finally {
    await storage.stop()
    await server.stop()
  }
}
await rm(scratch, { recursive: true })
if (options.json) console.log(JSON.stringify(results, undefined, 2))
else if (!options.inspect)
  say(
    `\nratio: Pomelo's speed over the reference's; median of ${options.rounds} rounds of ${options.count}, × fastest over slowest round\nCPU …: of Pomelo's process, for each operation or MiB while the clock ran`,
  )
