/**
 * What every entry of a checkout needs before TypeScript can run: the npm packages, the Node that comes
 * with them, and the native add-ons. Plain JavaScript for Node 20 or later, and nothing but Node's own
 * modules: it runs before anything is installed.
 *
 * The right Node is always called by its path: PATH, `npm exec` and a shell's memory may name another.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** A message for people, and the exit code that goes with it. */
export class SetupError extends Error {}

/** The Node 24 that package.json depends on; undefined before it is installed. */
export function nodeBinary() {
  const path = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  return existsSync(path) ? path : undefined
}

/**
 * Install the npm packages if they are missing or older than the lock file. Only one install script is wanted, that
 * of `node`, which brings the binary; better-sqlite3 comes with prebuilt binaries and must not be compiled.
 */
export function ensurePackages() {
  const stamp = join(root, 'node_modules', '.package-lock.json')
  const lock = join(root, 'package-lock.json')
  if (existsSync(stamp) && nodeBinary() !== undefined && statSync(stamp).mtimeMs >= statSync(lock).mtimeMs)
    return
  console.error('Installing npm packages …')
  withLock('npm', () => {
    npm('ci', '--ignore-scripts', '--no-audit', '--no-fund')
    npm('rebuild', 'node')
  })
  if (nodeBinary() === undefined)
    throw new SetupError(
      'The npm package `node` brought no binary for this machine. See what `npm rebuild node --foreground-scripts` says.',
    )
}

function npm(...args) {
  const result = spawnSync('npm', [...args, '--loglevel=error'], {
    cwd: root,
    env: { ...process.env, npm_config_update_notifier: 'false' },
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 10 * 60_000,
  })
  if (result.error !== undefined)
    throw new SetupError(`npm did not run: ${result.error.message}. Install Node.js with npm.`)
  if (result.status !== 0) throw new SetupError(`\`npm ${args.join(' ')}\` failed; its own message is above.`)
}

/** Build the native add-ons if their sources have changed. */
export function ensureNative() {
  const build = spawnSync(nodeBinary(), [join(root, 'scripts', 'build-native.mjs')], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 120_000,
  })
  if (build.status !== 0) throw new SetupError('The native add-ons were not built; the reason is above.')
}

/** Keep two setups of one checkout apart; a lock left behind by a dead process is taken over. */
export function withLock(name, work) {
  const path = join(root, `.${name}.lock`)
  const deadline = Date.now() + 10 * 60_000
  for (;;) {
    try {
      mkdirSync(path)
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
      const owner = readOwner(path)
      if (owner !== undefined && !isAlive(owner)) rmSync(path, { recursive: true, force: true })
      else if (Date.now() > deadline)
        throw new SetupError(`Another setup holds ${path}; remove it if none runs.`)
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    }
  }
  try {
    writeFileSync(join(path, 'pid'), String(process.pid))
    return work()
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

function readOwner(path) {
  try {
    return Number(readFileSync(join(path, 'pid'), 'utf8'))
  } catch {
    return undefined
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** Run `main` and end with its exit code; a SetupError is printed without a stack. */
export async function entry(main) {
  try {
    process.exitCode = await main()
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}
