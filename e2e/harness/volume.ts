/**
 * A volume in a temporary folder, made, mounted, killed and checked by child processes: the test process
 * itself never serves a mount and never waits without an end.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeBinary, root } from '../../scripts/runtime.mjs'
import { mountObstacle } from '../../scripts/system.mjs'

// Otherwise most of a short command's time goes into stripping types.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'pomelo-test-node')

/** For `test(name, { skip }, …)`: why this machine cannot mount, or false. */
export const noMount: string | false = mountObstacle() ?? false

export interface RunResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string | Uint8Array
  readonly timeoutMs?: number
  readonly uid?: number
  readonly gid?: number
}

/** Run a program to its end, at most `timeoutMs` (60 s); killed then, with code null. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      uid: options.uid,
      gid: options.gid,
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
    })
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (data: Buffer) => out.push(data))
    child.stderr.on('data', (data: Buffer) => err.push(data))
    child.stdin.on('error', () => {})
    child.stdin.end(options.input)
    child.on('error', reject)
    child.on('close', (code) =>
      resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    )
  })
}

/** Run and demand exit code 0; returns stdout. */
export async function must(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const result = await run(program, args, options)
  if (result.code !== 0)
    throw new Error(
      `${program} ${args.join(' ')}: ${result.code === null ? 'killed after its time limit' : `exit ${result.code}`}\n${result.stdout.slice(-4000)}\n${result.stderr.slice(-4000)}`,
    )
  return result.stdout
}

/** Run a shell script with `set -e` in `cwd`; returns stdout. */
export function sh(script: string, options: RunOptions = {}): Promise<string> {
  return must('bash', ['-ec', script], options)
}

const MAIN = join(root, 'core', 'cli', 'main.ts')
const ENV = { UV_THREADPOOL_SIZE: '16', POMELO_NO_COLOR: '1' }

/** Run `pomelo …`. */
export function pomelo(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return run(nodeBinary()!, [MAIN, ...args], { ...options, env: { ...ENV, ...options.env } })
}

export function mustPomelo(args: readonly string[], options: RunOptions = {}): Promise<string> {
  return must(nodeBinary()!, [MAIN, ...args], { ...options, env: { ...ENV, ...options.env } })
}

export class TestVolume {
  readonly folder: string
  readonly meta: string
  readonly bucket: string
  readonly mountPoint: string
  /** Where it caches and stages blocks. */
  readonly cache: string
  /** Whether the folder goes with it. */
  readonly #isFirst: boolean
  #server: ChildProcess | undefined
  #log = ''

  /** `mark` tells further mounts of the volume from the first. */
  constructor(folder: string, meta?: string, mark = '') {
    this.folder = folder
    this.meta = meta ?? `sqlite3://${join(folder, 'meta.db')}`
    this.bucket = join(folder, 'bucket/')
    this.mountPoint = join(folder, `mnt${mark}`)
    this.cache = join(folder, `cache${mark}`)
    this.#isFirst = mark === ''
  }

  /** One more mount of the volume, with a process, a mount point and a cache of its own. Not mounted yet. */
  async another(mark: string): Promise<TestVolume> {
    const other = new TestVolume(this.folder, this.meta, mark)
    await mkdir(other.mountPoint)
    return other
  }

  /** What the serving process has printed so far (the last 64 KiB). */
  get log(): string {
    return this.#log
  }

  get pid(): number | undefined {
    return this.#server?.pid
  }

  /** Mount in a child process and wait until it is ready. */
  async mount(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<void> {
    const server = spawn(
      nodeBinary()!,
      [MAIN, 'mount', '--cache-dir', this.cache, ...args, this.meta, this.mountPoint],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...ENV, ...env } },
    )
    this.#server = server
    const keep = (data: Buffer): void => {
      this.#log = (this.#log + data.toString()).slice(-65536)
    }
    server.stderr.on('data', keep)
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`mount was not ready in 30 s\n${this.#log}`)), 30_000)
      server.stdout.on('data', (data: Buffer) => {
        keep(data)
        clearTimeout(timer)
        resolve()
      })
      server.on('exit', (code, signal) => {
        clearTimeout(timer)
        reject(new Error(`mount ended with ${code ?? signal}\n${this.#log}`))
      })
    })
  }

  /** Ask the server to drain and end; fails when that takes longer than 60 s or ends badly. */
  async unmount(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    server.kill('SIGTERM')
    const code = await ended(server, 60_000)
    if (code !== 0) {
      await lazyUnmount(this.mountPoint)
      throw new Error(`the server ended with ${code}\n${this.#log}`)
    }
  }

  /** kill -9, and clear the dead mount as the next mount would. */
  async kill(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    server.kill('SIGKILL')
    await ended(server, 10_000)
    await lazyUnmount(this.mountPoint)
  }

  /** Unmount if mounted; the first mount also removes the folder. */
  async remove(): Promise<void> {
    try {
      await this.unmount()
    } finally {
      await lazyUnmount(this.mountPoint)
      if (this.#isFirst) await rm(this.folder, { recursive: true, force: true })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove()
  }
}

/** Gives an address for the metadata of a volume whose folder is `folder`. */
export type NewMeta = (folder: string) => Promise<string>

/** A fresh temporary folder with a mount point, and an address for metadata: what another program formats. */
export async function placeForVolume(newMeta?: NewMeta): Promise<TestVolume> {
  const folder = await mkdtemp(join(tmpdir(), 'e2e-'))
  const volume = new TestVolume(folder, await newMeta?.(folder))
  await chmod(volume.folder, 0o755) // suites act as other users in the mount
  await mkdir(volume.mountPoint)
  return volume
}

/**
 * Format a volume in a fresh temporary folder; `args` are options of `pomelo format`. `newMeta` gives an address for
 * its metadata; without, they are in a SQLite file of the folder.
 */
export async function makeVolume(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  newMeta?: NewMeta,
): Promise<TestVolume> {
  const volume = await placeForVolume(newMeta)
  const where = args.includes('--bucket') ? [] : ['--storage', 'file', '--bucket', volume.bucket]
  await mustPomelo(['format', ...where, ...args, volume.meta, 'e2e-volume'], { env })
  return volume
}

function ended(child: ChildProcess, timeoutMs: number): Promise<number | string> {
  if (child.exitCode !== null || child.signalCode !== null)
    return Promise.resolve(child.exitCode ?? child.signalCode ?? -1)
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      resolve('time limit')
    }, timeoutMs)
    child.on('exit', (code, signal) => {
      clearTimeout(timer)
      resolve(code ?? signal ?? -1)
    })
  })
}

async function lazyUnmount(path: string): Promise<void> {
  const mounts = await readFile('/proc/self/mounts', 'utf8').catch(() => '')
  if (!mounts.split('\n').some((line) => line.split(' ')[1] === path)) return
  const result = await run('umount', ['-l', path], { timeoutMs: 10_000 })
  if (result.code !== 0) await run('fusermount3', ['-uz', path], { timeoutMs: 10_000 })
}
