/**
 * Runs the static checks, then the test files beside the sources, then those under e2e/, and ends with one
 * line of counts. Each file is a process of its own with a time limit; a file that fails to end is killed and
 * counts as failed.
 *
 *   --quick        static checks and unit tests only
 *   --only TEXT    only test files whose path contains TEXT (repeatable); no static checks
 *   --long         every suite whole, on every metadata engine: hours
 *   --engine NAME  suites on mounts only over this metadata engine: sqlite3, redis or postgres (repeatable)
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
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

/** Suites that measure how long something takes, keep both cores busy, or build anew what others show. */
const ALONE = ['mount/fsx', 'store/s3', 'crash/stop', 'ui/fluid', 'electron/packed']
/** Of the other suites: clients, servers and pauses take turns in each. */
const SUITES_AT_ONCE = 3
const suiteLimitMs = options.long ? 3 * 3_600_000 : 1_500_000

const total = { passed: 0, failed: 0, skipped: 0 }
const failures: string[] = []
const skips: string[] = []

async function staticCheck(name: string, program: string, args: readonly string[]): Promise<void> {
  const started = performance.now()
  const child = spawn(join(root, 'node_modules', '.bin', program), args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 300_000,
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => (said = (said + data.toString()).slice(0, 8000)))
  const [code] = (await once(child, 'close')) as [number | null]
  report(code === 0, name, performance.now() - started)
  if (code !== 0) failures.push(`${name}\n${said}`)
}

function report(ok: boolean, name: string, ms: number): void {
  if (ok) total.passed++
  else total.failed++
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name} (${(ms / 1000).toFixed(1)} s)`)
}

function testFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => join(root, folder, path))
    .filter((path) => options.only === undefined || options.only.some((text) => path.includes(text)))
    .sort()
}

/** Run files, `concurrency` at a time, none longer than `timeoutMs`. */
async function runFiles(files: readonly string[], concurrency: number, timeoutMs: number): Promise<void> {
  if (files.length === 0) return
  const stream = run({ files: [...files], concurrency, timeout: timeoutMs })
  for await (const event of stream) {
    if (event.type === 'test:pass' || event.type === 'test:fail') {
      const { name, details, skip, file } = event.data
      const place = (file ?? '').replace(`${root}/`, '')
      // The runner wraps each file in a test of its own; it counts only when the file itself broke.
      const isFile = name === file || files.includes(name)
      if (event.type === 'test:fail') {
        const error = details.error as (Error & { cause?: unknown }) | undefined
        if (isFile && /subtests? failed/.test(error?.message ?? '')) continue
        report(false, `${place}: ${name}`, details.duration_ms)
        const cause =
          error?.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : error?.cause
        failures.push(`${place}: ${name}\n${String(cause ?? error?.message)}`.slice(0, 6000))
      } else if (isFile || details.type === 'suite') {
      } else if (skip !== undefined && skip !== false) {
        total.skipped++
        skips.push(`${place}: ${name}: ${skip}`)
      } else report(true, `${place}: ${name}`, details.duration_ms)
    } else if (event.type === 'test:diagnostic' && event.data.file !== undefined) {
      console.log(`     ${event.data.message}`)
    } else if (event.type === 'test:stderr' && process.env.POMELO_TEST_VERBOSE)
      process.stderr.write(event.data.message)
  }
}

/** What was skipped, what failed and why, and the line of counts. */
function tell(): void {
  if (skips.length > 0) console.log(`\nSkipped:\n  ${skips.join('\n  ')}`)
  if (failures.length > 0) console.log(`\nFailures:\n\n${failures.join('\n\n')}`)
  console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
}

/** A run that is cut off tells what it knows. */
function cutOff(signal: NodeJS.Signals): void {
  report(false, `the run was ended by ${signal}`, performance.now())
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
  }
  const missing = Object.entries(wanted).filter(([program]) => which(program) === undefined)
  if (missing.length > 0) installPackages(missing.map(([, name]) => name))
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

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, cutOff)
/** Whatever the suites make lies in here; what is still mounted in it afterwards one of them forgot. */
const temporary = mkdtempSync(join(tmpdir(), 'pt-'))
chmodSync(temporary, 0o755)
process.env.TMPDIR = temporary
// A test run starts some thousand processes of ours: most of the time of each would go into stripping types.
process.env.NODE_COMPILE_CACHE = join(temporary, 'node')
if (options.only === undefined) {
  await Promise.all([
    staticCheck('types (tsc)', 'tsc', ['--noEmit']),
    staticCheck('types of renderer (tsc)', 'tsc', ['--noEmit', '-p', 'renderer']),
    staticCheck('types of electron (tsc)', 'tsc', ['--noEmit', '-p', 'electron']),
    staticCheck('format and lint (biome)', 'biome', ['check', '--max-diagnostics=40']),
    staticCheck('layers', 'node', ['scripts/check-layers.ts']),
  ])
}
if (!options.quick) prepareSystem()
await runFiles([...testFiles('core'), ...testFiles('electron'), ...testFiles('renderer')], 2, 240_000)
if (!options.quick) {
  const suites = testFiles('e2e')
  const alone = suites.filter((path) => ALONE.some((text) => path.includes(text)))
  await runFiles(alone, 1, suiteLimitMs)
  await runFiles(
    suites.filter((path) => !alone.includes(path)),
    SUITES_AT_ONCE,
    suiteLimitMs,
  )
  for (const mount of fuseMounts().filter((path) => path.startsWith(temporary))) {
    spawnSync('umount', ['-l', mount])
    report(false, `left mounted: ${mount}`, 0)
  }
}
rmSync(temporary, { recursive: true, force: true })
tell()
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0)
