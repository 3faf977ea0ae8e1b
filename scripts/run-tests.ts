/**
 * Runs the static checks, then the test files beside the sources, then those under e2e/, and ends with one
 * line of counts. Each file is a process of its own with a time limit; a file that fails to end is killed and
 * counts as failed. Says how long each file and each part of the run took.
 *
 *   --quick        static checks and unit tests only
 *   --only TEXT    only test files whose path contains TEXT (repeatable); no static checks
 *   --long         every suite whole, on every metadata engine: hours
 *   --engine NAME  suites on mounts only over this metadata engine: sqlite3, redis, postgres, tikv
 *                  or etcd (repeatable)
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from 'node:test'
import { parseArgs } from 'node:util'
import { root } from './runtime.mjs'
import { installPackages, mountObstacle, which } from './system.mjs'

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    only: { type: 'string', multiple: true },
    long: { type: 'boolean' },
    engine: { type: 'string', multiple: true },
  },
})
if (options.long) process.env.POMELO_TEST_LONG = '1'
if (options.engine !== undefined) process.env.POMELO_TEST_ENGINES = options.engine.join(',')

/** Suites that measure how long something takes. */
const ALONE = ['store/s3', 'crash/stop', 'ui/fluid']
/**
 * Suites that take about a minute or more begin first: nothing waits for one of them at the end. The first three run side
 * by side; fsx keeps processors busy, and the other two have nobody waiting.
 */
const LONGEST = [
  'mount/fsx',
  'interop/exchange',
  'memory/backup',
  'electron/packed',
  'electron/checkout',
  'interop/both',
  'crash/store-faults',
  'daemon/supervision',
  'crash/clocks',
  'memory/memory',
]
/** Clients, servers and pauses take turns in each. */
const SUITES_AT_ONCE = 3
/** Most are pure computation; those of engines wait for servers. */
const UNITS_AT_ONCE = 2

interface Limits {
  /** Of a test that has none of its own. */
  readonly testMs: number
  /** Of a file: what has not ended by then is killed. */
  readonly fileMs: number
}

const UNIT_LIMITS: Limits = {
  testMs: options.long ? 600_000 : 60_000,
  fileMs: options.long ? 1_800_000 : 240_000,
}
const suiteMs = options.long ? 3 * 3_600_000 : 1_500_000
const SUITE_LIMITS: Limits = { testMs: suiteMs, fileMs: suiteMs }

/** Files that failed are run again this often, one by one; with more of them than that something is simply broken. */
const MORE_TRIES = 2
const MOST_AGAIN = 20

/** What the tests of one file came to, or a static check. */
interface Outcome {
  passed: number
  readonly failures: string[]
  readonly skips: string[]
}

const outcomes = new Map<string, Outcome>()
/** What failed beside others and passed by itself. */
const unsteady: string[] = []

function outcomeOf(key: string): Outcome {
  let outcome = outcomes.get(key)
  if (outcome === undefined) outcomes.set(key, (outcome = { passed: 0, failures: [], skips: [] }))
  return outcome
}

async function staticCheck(name: string, program: string, args: readonly string[]): Promise<void> {
  const started = performance.now()
  const { code, said } = await tool(program, args, 300_000)
  const ms = performance.now() - started
  if (code === 0) {
    if (said !== '' && program === 'node') console.log(said)
    passed(name, name, ms)
  } else failed(name, name, ms, said)
}

/** What a program of a package says, and its exit code: null when it took longer. */
async function tool(
  program: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<{ readonly code: number | null; readonly said: string }> {
  const child = spawn(join(root, 'node_modules', '.bin', program), args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => (said = (said + data.toString()).slice(0, 8000)))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, said: said.trim() }
}

/**
 * Get what suites run against: on a machine that never ran them minutes, and hundreds of megabytes. What goes wrong is
 * no failure: the suites ask for it again.
 */
async function gather(): Promise<void> {
  const started = performance.now()
  const { said } = await tool('node', ['e2e/harness/gather.ts'], 900_000)
  console.log(`     programs that suites run: ${secondsSince(started)} s ${said}`)
}

function passed(key: string, name: string, ms: number): void {
  outcomeOf(key).passed++
  console.log(`ok   ${name} (${(ms / 1000).toFixed(1)} s)`)
}

function failed(key: string, name: string, ms: number, why: string): void {
  outcomeOf(key).failures.push(`${name}\n${why}`.slice(0, 6000))
  console.log(`FAIL ${name} (${(ms / 1000).toFixed(1)} s)`)
}

function testFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => join(root, folder, path))
    .filter((path) => options.only === undefined || options.only.some((text) => path.includes(text)))
    .sort()
}

function longestFirst(files: readonly string[]): readonly string[] {
  const rank = (path: string): number => {
    const at = LONGEST.findIndex((text) => path.includes(text))
    return at < 0 ? LONGEST.length : at
  }
  return files.toSorted((a, b) => rank(a) - rank(b))
}

/** Run files in their order, `atOnce` at a time, and say how long that took and what it used of the processors. */
async function runFiles(
  what: string,
  files: readonly string[],
  atOnce: number,
  limits: Limits,
): Promise<void> {
  if (files.length === 0) return
  const started = performance.now()
  const before = processorTime()
  const waiting = [...files]
  const lane = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) await runFile(file, limits)
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  const after = processorTime()
  const busy = (after.busy - before.busy) / (after.all - before.all)
  console.log(`     ${what}: ${secondsSince(started)} s, processors ${(busy * 100).toFixed(0)} % busy`)
}

async function runFile(file: string, { testMs, fileMs }: Limits): Promise<void> {
  const started = performance.now()
  const path = file.replace(`${root}/`, '')
  // The runner's own `timeout` is one for each test, and lets a file that does not end go on for ever.
  const limit = AbortSignal.timeout(fileMs)
  let said = ''
  const stream = run({ files: [file], execArgv: [`--test-timeout=${testMs}`], signal: limit })
  for await (const event of stream) {
    if (event.type === 'test:pass' || event.type === 'test:fail') {
      const { name, details, skip } = event.data
      const shown = `${path}: ${name}`
      // The runner wraps each file in a test of its own; it counts only when the file itself broke.
      const isFile = name === file
      if (event.type === 'test:fail') {
        const error = details.error as (Error & { cause?: unknown }) | undefined
        if (isFile && /subtests? failed/.test(error?.message ?? '')) continue
        const cause =
          error?.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : error?.cause
        const late = limit.aborted ? `it did not end within ${fileMs / 1000} s` : 'it broke'
        const why = isFile ? `${late}\n${said}` : String(cause ?? error?.message)
        failed(file, shown, details.duration_ms, why)
      } else if (isFile || details.type === 'suite') {
      } else if (skip !== undefined && skip !== false) outcomeOf(file).skips.push(`${shown}: ${skip}`)
      else passed(file, shown, details.duration_ms)
    } else if (event.type === 'test:diagnostic' && event.data.file !== undefined) {
      console.log(`     ${event.data.message}`)
    } else if (event.type === 'test:stderr') {
      said = (said + event.data.message).slice(-3000)
      if (process.env.POMELO_TEST_VERBOSE) process.stderr.write(event.data.message)
    }
  }
  console.log(`     ${path}: ${secondsSince(started)} s`)
}

function secondsSince(startedMs: number): string {
  return ((performance.now() - startedMs) / 1000).toFixed(1)
}

/** Of all processors since the machine started, in milliseconds. */
function processorTime(): { readonly busy: number; readonly all: number } {
  const times = cpus().map(({ times: { user, nice, sys, irq, idle } }) => ({
    busy: user + nice + sys + irq,
    idle,
  }))
  const busy = times.reduce((sum, each) => sum + each.busy, 0)
  return { busy, all: times.reduce((sum, each) => sum + each.idle, busy) }
}

/**
 * Run files that failed again, one at a time with nothing beside them. What passes then is told apart and counts as
 * passed: suites keep both cores of a small machine busy, and some waits are too short for that.
 */
async function runAgain(): Promise<void> {
  for (let tries = 0; tries < MORE_TRIES; tries++) {
    const files = [...outcomes].filter(([key, { failures }]) => key.startsWith(root) && failures.length > 0)
    if (files.length > MOST_AGAIN) return
    for (const [file, { failures }] of files) {
      unmountLeft()
      console.log(`\nagain, by itself: ${file.replace(`${root}/`, '')}`)
      outcomes.delete(file)
      await runFile(file, file.startsWith(join(root, 'e2e')) ? SUITE_LIMITS : UNIT_LIMITS)
      if (outcomeOf(file).failures.length === 0) unsteady.push(...failures)
    }
  }
}

/** What was skipped, what failed and why, and the line of counts. */
function tell(): { readonly passed: number; readonly failed: number } {
  const all = [...outcomes.values()]
  const skips = all.flatMap((outcome) => outcome.skips)
  const failures = all.flatMap((outcome) => outcome.failures)
  const count = all.reduce((sum, outcome) => sum + outcome.passed, 0)
  if (skips.length > 0) console.log(`\nSkipped:\n  ${skips.join('\n  ')}`)
  if (unsteady.length > 0) console.log(`\nFailed beside others, passed alone:\n\n${unsteady.join('\n\n')}`)
  if (failures.length > 0) console.log(`\nFailures:\n\n${failures.join('\n\n')}`)
  console.log(`\n${count} passed, ${failures.length} failed, ${skips.length} skipped`)
  return { passed: count, failed: failures.length }
}

/** A run that is cut off tells what it knows. */
function cutOff(signal: NodeJS.Signals): void {
  failed('run', `the run was ended by ${signal}`, performance.now(), '')
  tell()
  process.exit(1)
}

function prepareSystem(): void {
  const wanted: Record<string, string> = {
    fusermount3: 'fuse3',
    setfacl: 'acl',
    getfattr: 'attr',
    fio: 'fio',
    git: 'git',
    prove: 'perl',
    'redis-server': 'redis-server',
    pg_ctlcluster: 'postgresql',
    pgbouncer: 'pgbouncer',
    etcd: 'etcd-server',
    ...(existsSync(join(root, '../shared/tikvmock')) && { go: 'golang-go' }),
  }
  const missing = Object.entries(wanted).flatMap(([program, name]) =>
    which(program) === undefined ? [name] : [],
  )
  // One that the distribution does not have must not keep out the others.
  if (missing.length > 0 && !installPackages(missing)) for (const name of missing) installPackages([name])
  const obstacle = mountObstacle()
  if (obstacle !== undefined) console.log(`Mount tests will be skipped: ${obstacle}`)
}

function fuseMounts(): string[] {
  try {
    return readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .filter((line) => /^\S+ \S+ fuse\./.test(line))
      .map((line) => line.split(' ')[1]!)
  } catch {
    return []
  }
}

/** Unmounts what a suite forgot; returns where that was. */
function unmountLeft(): readonly string[] {
  const left = fuseMounts().filter((path) => path.startsWith(temporary))
  for (const mount of left) spawnSync('umount', ['-l', mount])
  return left
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, cutOff)
/** Whatever the suites make lies in here; what is still mounted in it afterwards one of them forgot. */
const temporary = mkdtempSync(join(tmpdir(), 'pt-'))
chmodSync(temporary, 0o755)
process.env.TMPDIR = temporary
// A test run starts some thousand processes of ours: most of the time of each would go into stripping types.
process.env.NODE_COMPILE_CACHE = join(temporary, 'node')
const checks =
  options.only === undefined
    ? [
        staticCheck('types (tsc)', 'tsc', ['--noEmit']),
        staticCheck('types of renderer (tsc)', 'tsc', ['--noEmit', '-p', 'renderer']),
        staticCheck('types of electron (tsc)', 'tsc', ['--noEmit', '-p', 'electron']),
        staticCheck('format and lint (biome)', 'biome', ['check', '--max-diagnostics=40']),
        staticCheck('layers', 'node', ['scripts/check-layers.ts']),
      ]
    : []
// Downloads, most of it.
if (!options.quick) prepareSystem()
await Promise.all([...checks, staticCheck('stand-in for TiKV', 'node', ['e2e/harness/build-tikv.ts'])])
const gathering = options.quick || options.only !== undefined ? undefined : gather()
const units = [...testFiles('core'), ...testFiles('electron'), ...testFiles('renderer')]
await runFiles('unit tests', units, UNITS_AT_ONCE, UNIT_LIMITS)
if (!options.quick) {
  await gathering
  const suites = longestFirst(testFiles('e2e'))
  const alone = suites.filter((path) => ALONE.some((text) => path.includes(text)))
  const others = suites.filter((path) => !alone.includes(path))
  await runFiles('suites alone', alone, 1, SUITE_LIMITS)
  await runFiles('suites side by side', others, SUITES_AT_ONCE, SUITE_LIMITS)
  await runAgain()
  for (const mount of unmountLeft()) failed('mounts', `left mounted: ${mount}`, 0, 'by one of the suites')
}
rmSync(temporary, { recursive: true, force: true })
const counts = tell()
process.exit(counts.failed > 0 || counts.passed === 0 ? 1 : 0)
