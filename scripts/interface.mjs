/**
 * What people see, built where a source is newer than it: the interface for the product, the same with invented data
 * for tests, and the desktop shell. One build at a time in a checkout. Plain JavaScript for Node 20 or later.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { nodeBinary, root, SetupError, withLock } from './runtime.mjs'

const VITE = [join('node_modules', 'vite', 'bin', 'vite.js'), 'build', 'renderer', '--logLevel', 'error']
const SOURCES = ['renderer', 'core/api', 'package-lock.json']

const BUILDS = {
  interface: { product: 'renderer/dist/index.html', sources: SOURCES, args: VITE },
  'invented interface': {
    product: 'e2e-artifacts/renderer-fake/index.html',
    sources: SOURCES,
    args: [...VITE, '--mode', 'fake'],
  },
  'desktop shell': {
    product: 'electron/dist/main.cjs',
    sources: ['electron', 'core/api', 'scripts/build-electron.ts', 'package-lock.json'],
    args: [join('scripts', 'build-electron.ts')],
  },
}

/** Build one of them if it is missing or old; `say` hears of it then. Throws SetupError. */
export function buildWhenOld(what, say = () => {}) {
  withLock('build', () => {
    const { product, sources, args } = BUILDS[what]
    if (!isOlder(join(root, product), sources)) return
    say(`Building the ${what} …`)
    const built = spawnSync(nodeBinary(), args, {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: 300_000,
    })
    if (built.status !== 0) throw new SetupError(`The ${what} could not be built; the reason is above.`)
  })
}

/** Missing, or older than any source. */
function isOlder(product, sources) {
  if (!existsSync(product)) return true
  const made = statSync(product).mtimeMs
  return sources.some((source) => newest(join(root, source)) > made)
}

function newest(path) {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  return readdirSync(path, { withFileTypes: true })
    .filter(({ name }) => name !== 'dist' && !/\.test\.tsx?$/.test(name))
    .reduce((latest, { name }) => Math.max(latest, newest(join(path, name))), 0)
}
