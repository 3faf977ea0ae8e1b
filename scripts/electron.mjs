/**
 * Which Electron runs the desktop shell from a checkout. The npm package `electron` holds no binary: it fetches
 * one at first use from outside the registry, which not every machine can reach. Plain JavaScript for Node 20.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { root } from './runtime.mjs'

const PACKAGE = join(root, 'node_modules', 'electron')
const DOWNLOAD_MS = 120_000
/** Loading its libraries, on a busy machine. */
const START_MS = 20_000

/** Where the e2e suite keeps the Electron it runs on (`e2e/harness/electron.ts`). */
export const benchFolder = join(
  process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
  'pomelo-test-tools',
  'electron-22.3.25',
)

/**
 * The path of an Electron on this machine: the folder in ELECTRON_OVERRIDE_DIST_PATH (Electron's own variable),
 * the binary of the npm package, or that of the e2e suite. Undefined when there is none.
 */
export function findElectron() {
  const override = process.env.ELECTRON_OVERRIDE_DIST_PATH
  const candidates = [
    override && join(override, nameInPackage() ?? 'electron'),
    nameInPackage() && join(PACKAGE, 'dist', nameInPackage()),
    join(benchFolder, 'electron'),
  ]
  return candidates.find((path) => path && existsSync(path))
}

/** The path of an Electron that starts here: found, or fetched. Undefined when there is none. */
export async function usableElectron() {
  const path = findElectron() ?? (await fetchElectron())
  if (path === undefined) return undefined
  const { status } = spawnSync(path, [...electronFlags(), '--version'], {
    stdio: 'ignore',
    timeout: START_MS,
  })
  return status === 0 ? path : undefined
}

/** Have the npm package fetch its binary; returns the path, or undefined when it cannot be had. */
export async function fetchElectron({ timeoutMs = DOWNLOAD_MS } = {}) {
  const script = join(PACKAGE, 'install.js')
  if (!existsSync(script)) return undefined
  const child = spawn(process.execPath, [script], { stdio: 'ignore', timeout: timeoutMs })
  await new Promise((resolve) => child.on('error', resolve).on('exit', resolve))
  return findElectron()
}

/** What Electron needs on its command line here: Chromium refuses to start as root inside its sandbox. */
export function electronFlags() {
  return process.platform === 'linux' && process.getuid?.() === 0 ? ['--no-sandbox'] : []
}

/** Why no window can be shown here; undefined when one can. */
export function displayObstacle() {
  if (process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY) return undefined
  return 'there is no display (DISPLAY and WAYLAND_DISPLAY are not set)'
}

function nameInPackage() {
  const file = join(PACKAGE, 'path.txt')
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
}
