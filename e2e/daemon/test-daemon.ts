/** A daemon of its own for a test: a real process on private folders, with everything it started ended at the end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Api } from '#core/api/client.ts'
import type { Task } from '#core/api/tasks.ts'
import type { MountSettings, Volume } from '#core/api/volumes.ts'
import { connectDaemon, DAEMON_FLAGS } from '#core/daemon/connect.ts'
import { abortMount, detachMount } from '#core/volume/dead-mount.ts'
import { readMounts } from '#core/volume/mount-table.ts'
import { nodeBinary, root } from '../../scripts/runtime.mjs'
import { type RunResult, run } from '../harness/volume.ts'

export const MAIN = join(root, 'core', 'cli', 'main.ts')

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export class TestDaemon implements AsyncDisposable {
  readonly folder: string
  /** The program: this checkout's, or a copy of it. */
  readonly #main: string
  readonly env: Readonly<Record<string, string>>
  port = 0
  #child: ChildProcess | undefined
  #api: Api | undefined

  private constructor(folder: string, main: string) {
    this.folder = folder
    this.#main = main
    this.env = {
      XDG_STATE_HOME: join(folder, 'state'),
      XDG_RUNTIME_DIR: join(folder, 'run'),
      XDG_CACHE_HOME: join(folder, 'cache'),
      XDG_DATA_HOME: join(folder, 'data'),
      XDG_CONFIG_HOME: join(folder, 'config'),
    }
  }

  static async start(main = MAIN): Promise<TestDaemon> {
    const daemon = new TestDaemon(await mkdtemp(join(tmpdir(), 'pd-')), main)
    for (const name of ['state', 'run', 'cache', 'data']) await mkdir(daemon.path(name), { mode: 0o700 })
    await daemon.begin()
    await daemon.trpc.system.changeSettings.mutate({
      cacheDir: daemon.path('cache', 'blocks'),
      mountFolder: daemon.path('mounts'),
    })
    return daemon
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts)
  }

  get pid(): number {
    return this.#child!.pid!
  }

  /** Over the unix socket. */
  get trpc(): Api['trpc'] {
    return this.#api!.trpc
  }

  get socket(): string {
    return this.path('run', 'pomelo', 'daemon.socket')
  }

  /** Start the process, again after `kill` or `end`. */
  async begin(): Promise<void> {
    const child = spawn(nodeBinary()!, [...DAEMON_FLAGS, this.#main, 'daemon', 'run', '--json'], {
      cwd: this.folder,
      env: { ...process.env, ...this.env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    const line = await new Promise<string>((resolve, reject) => {
      let text = ''
      child.stdout.setEncoding('utf8').on('data', (more: string) => {
        text += more
        if (text.trimEnd().endsWith('}')) resolve(text)
      })
      child.on('exit', (code) => reject(new Error(`the daemon ended with ${code}`)))
    })
    this.port = (JSON.parse(line) as { port: number }).port
    this.#api = await connectDaemon({ socket: this.socket })
    if (this.#api === undefined) throw new Error('the daemon does not answer')
  }

  /** As a crash would. */
  async kill(): Promise<void> {
    await this.#leave('SIGKILL')
  }

  async end(): Promise<void> {
    await this.#leave('SIGTERM')
  }

  async #leave(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child!
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    await this.#api?.close().catch(() => {})
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await ended
  }

  /** The command line, with this daemon as its own. */
  pomelo(...args: string[]): Promise<RunResult> {
    return run(nodeBinary()!, [this.#main, ...args], { env: this.env })
  }

  /** A new volume with its data in the test's folder. */
  async create(
    name: string,
    {
      metaUrl = `sqlite3://${this.path(`${name}.db`)}`,
      ...more
    }: { readonly mountNow?: boolean; readonly metaUrl?: string; readonly settings?: MountSettings } = {},
  ): Promise<Volume> {
    const task = await this.trpc.volumes.create.mutate({
      name,
      mountPoint: this.path('mounts', name),
      format: {
        metaUrl,
        volumeName: name,
        storage: 'file',
        bucket: this.path('bucket'),
      },
      ...more,
    })
    const { result } = await this.done(task)
    return this.trpc.volumes.get.query({ id: result!.volumeId! })
  }

  /** The task once it has ended well. */
  async done({ taskId }: Task): Promise<Task> {
    const task = await this.until(async () => {
      const found = (await this.trpc.tasks.list.query({})).find((each) => each.taskId === taskId)!
      return found.state === 'running' ? undefined : found
    })
    if (task.state !== 'done')
      throw new Error(`the task ${task.title} ended ${task.state}: ${task.error?.message}`)
    return task
  }

  /** The volume once it is in this state. */
  state(id: string, state: Volume['status']['state'], ms = 20_000): Promise<Volume> {
    return this.until(async () => {
      const volume = await this.trpc.volumes.get.query({ id })
      return volume.status.state === state ? volume : undefined
    }, ms)
  }

  async until<T>(look: () => Promise<T | undefined>, ms = 20_000): Promise<T> {
    const deadline = Date.now() + ms
    for (;;) {
      const found = await look()
      if (found !== undefined) return found
      if (Date.now() > deadline) throw new Error(`not so within ${ms} ms: ${look}`)
      await sleep(50)
    }
  }

  /** A signed-in window's token; `lasting`: as the interface asks for it, for after a restart too. */
  async token(lasting = false): Promise<string> {
    const { code } = await this.code()
    const { body } = await this.http('POST', '/api/sign-in', { body: JSON.stringify({ code, lasting }) })
    return (JSON.parse(body) as { token: string }).token
  }

  async code(): Promise<{ readonly url: string; readonly code: string }> {
    const { url } = await this.trpc.system.address.mutate()
    return { url, code: url.split('#code=')[1]! }
  }

  /** A request to the loopback door. */
  http(
    method: string,
    path: string,
    {
      headers = {},
      body,
    }: { readonly headers?: Readonly<Record<string, string>>; readonly body?: string | Buffer } = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port: this.port, method, path, headers }, (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (more: string) => {
          text += more
        })
        answer.on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, body: text }))
      })
      asked.setTimeout(20_000, () => asked.destroy(new Error('no answer')))
      asked.on('error', reject)
      asked.end(body)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leave('SIGTERM')
    const own = (await readMounts()).filter(({ path }) => path.startsWith(this.folder))
    for (const mount of own) {
      await this.pomelo('umount', '--force', mount.path)
      if (!(await readMounts()).some(({ id }) => id === mount.id)) continue
      await abortMount(mount)
      await detachMount(mount).catch(() => {})
    }
    for (const pid of await this.#left()) process.kill(pid, 'SIGKILL')
    await rm(this.folder, { recursive: true, force: true })
  }

  /** Processes of ours that run with the test's folders. */
  async #left(): Promise<readonly number[]> {
    const { readFile } = await import('node:fs/promises')
    const pids: number[] = []
    for (const name of await readdir('/proc')) {
      const pid = Number(name)
      if (!Number.isInteger(pid) || pid === process.pid) continue
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
      if (environment.includes(`XDG_RUNTIME_DIR=${this.path('run')}\0`)) pids.push(pid)
    }
    return pids
  }
}
