/**
 * The desktop app for tests: a user of its own (home, state, runtime folders), the shell from the checkout or packed,
 * on a virtual screen, driven by Playwright. What it started is ended in `close`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { _electron, type ElectronApplication, type Page } from 'playwright'
import { buildWhenOld } from '../../scripts/interface.mjs'
import { nodeBinary, root } from '../../scripts/runtime.mjs'
import { bareElectron, type Display, electronVersion, TEST_FLAGS } from './electron.ts'
import { must, pomelo, type RunResult } from './volume.ts'

export type ShellKind = 'checkout' | 'packed'

/** An executable, and what it is to be called with before anything else. */
export interface ShellProgram {
  readonly executable: string
  readonly args: readonly string[]
}

const LAUNCH_MS = 60_000
const WINDOW_MS = 60_000
export const artifacts = join(root, 'e2e-artifacts')

/** What Electron runs from the checkout, built where a source is newer. */
export function buildShell(executable: string): ShellProgram {
  buildWhenOld('interface')
  buildWhenOld('desktop shell')
  return { executable, args: [join(root, 'electron', 'dist')] }
}

/** `npm run dist -- --dir` with the Electron that is there; only the fuse that shuts Playwright out stays on. */
export async function packShell(executable: string, folder: string): Promise<ShellProgram> {
  const bare = join(folder, 'electron')
  await bareElectron(executable, bare)
  const overrides = {
    electronDist: bare,
    electronVersion: await electronVersion(executable),
    'directories.output': join(folder, 'out'),
    'electronFuses.enableNodeCliInspectArguments': 'true',
  }
  const words = Object.entries(overrides).map(([name, value]) => `-c.${name}=${value}`)
  await must(nodeBinary()!, [join(root, 'scripts', 'dist.mjs'), '--linux', '--dir', ...words], {
    cwd: root,
    timeoutMs: 400_000,
  })
  return { executable: join(folder, 'out', 'linux-unpacked', 'pomelo-desktop'), args: [] }
}

export class Desktop {
  readonly folder: string
  env: Readonly<Record<string, string>>
  readonly #program: ShellProgram
  readonly #apps: ElectronApplication[] = []

  private constructor(folder: string, program: ShellProgram, display: Display) {
    this.folder = folder
    this.#program = program
    const home = join(folder, 'home')
    this.env = {
      HOME: home,
      XDG_CONFIG_HOME: join(home, '.config'),
      XDG_STATE_HOME: join(home, '.state'),
      XDG_CACHE_HOME: join(home, '.cache'),
      XDG_DATA_HOME: join(home, '.data'),
      XDG_RUNTIME_DIR: join(folder, 'run'),
      DISPLAY: display.name,
      DBUS_SESSION_BUS_ADDRESS: 'disabled:',
    }
  }

  static async make(program: ShellProgram, display: Display): Promise<Desktop> {
    const folder = await mkdtemp(join(tmpdir(), 'desk-'))
    const desktop = new Desktop(folder, program, display)
    for (const path of Object.values(desktop.env).filter((value) => value.startsWith(folder)))
      await mkdir(path, { recursive: true })
    await chmod(join(folder, 'run'), 0o700)
    return desktop
  }

  /** Start the app and wait for its window, loaded. */
  async launch(args: readonly string[] = []): Promise<{ app: ElectronApplication; page: Page }> {
    const app = await this.start(args)
    const page = await app.firstWindow({ timeout: WINDOW_MS })
    await page.waitForLoadState('load')
    return { app, page }
  }

  async start(args: readonly string[] = []): Promise<ElectronApplication> {
    const app = await _electron.launch({
      executablePath: this.#program.executable,
      args: [...TEST_FLAGS, ...this.#program.args, ...args],
      env: { ...(process.env as Record<string, string>), ...this.env },
      timeout: LAUNCH_MS,
    })
    this.#apps.push(app)
    return app
  }

  /** A start without Playwright, as a second click on the icon is. */
  again(args: readonly string[] = []): ChildProcess {
    const words = [...TEST_FLAGS, ...this.#program.args, ...args]
    return spawn(this.#program.executable, words, {
      env: { ...process.env, ...this.env },
      stdio: 'ignore',
      timeout: LAUNCH_MS,
      killSignal: 'SIGKILL',
    })
  }

  /** For what is started from now on. */
  addEnv(env: Readonly<Record<string, string>>): void {
    this.env = { ...this.env, ...env }
  }

  /** `pomelo …` as this user. */
  pomelo(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<RunResult> {
    return pomelo(args, { env: { ...this.env, ...env } })
  }

  /** End whatever runs of it: the shell, the daemon, and what is mounted below `folder`. */
  async close(mountPoints: readonly string[] = []): Promise<void> {
    for (const app of this.#apps) kill(app)
    for (const path of mountPoints) await this.pomelo(['umount', '--force', path])
    await this.pomelo(['daemon', 'stop'])
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}

/** SIGKILL, which asks nobody. */
export function kill(app: ElectronApplication): void {
  try {
    app.process().kill('SIGKILL')
  } catch {
    // Playwright forgets an app that has ended.
  }
}
