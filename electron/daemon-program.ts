/**
 * Which program is the daemon: a plain Node and Pomelo's command line, beside the packed app or in the checkout. It
 * never runs inside Electron (see docs/security.md): its mounts outlive the window, and Electron has its own V8.
 */
import { join } from 'node:path'

export interface DaemonPlaces {
  readonly isPackaged: boolean
  /** Electron's `process.resourcesPath`. */
  readonly resourcesPath: string
  /** Electron's `app.getAppPath()`: `electron/dist` in a checkout. */
  readonly appPath: string
}

export interface DaemonProgram {
  readonly node: string
  /** core/cli/main.ts. */
  readonly script: string
  /** Where both are. */
  readonly root: string
}

export function daemonProgram({ isPackaged, resourcesPath, appPath }: DaemonPlaces): DaemonProgram {
  const root = isPackaged ? join(resourcesPath, 'pomelo') : join(appPath, '..', '..')
  const node = isPackaged ? join(root, 'node') : join(root, 'node_modules', 'node', 'bin', 'node')
  return { node, script: join(root, 'core', 'cli', 'main.ts'), root }
}

/** Variables that would turn a plain Node into something else, or reach it from Electron's own environment. */
const NOT_PASSED = /^(ELECTRON_|CHROME_|NODE_OPTIONS$|NODE_EXTRA|GDK_BACKEND$|ORIGINAL_XDG)/

/** The daemon's environment: the user's, without what is Electron's. */
export function daemonEnvironment(env: Readonly<NodeJS.ProcessEnv>): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([name]) => !NOT_PASSED.test(name))
  return { ...Object.fromEntries(kept), UV_THREADPOOL_SIZE: env.UV_THREADPOOL_SIZE ?? '16' }
}
