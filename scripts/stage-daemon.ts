/**
 * Gathers what runs beside the packed app, outside of its archive: the sources of core, the native add-ons, the built
 * interface, a Node binary, and the packages that core imports with all that those need. Packages of the interface
 * are bundled into it and stay out.
 */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative, sep } from 'node:path'
import { root } from './runtime.mjs'

const IMPORT =
  /^(?:import|export)\s(?!type\s)[^'"]*?from\s*'([^']+)'|import\(\s*'([^']+)'\s*\)|\)\(\s*'([\w@][^']*)'\)/gm
const BUILT_IN = new Set(builtinModules)
/** Loaded by name only where the machine has it; never packed (libfuse 2, an unmaintained binary). */
const LEFT_OUT = new Set(['fuse-native', 'node'])

/** Parts of packages that no program loads. */
const UNNEEDED =
  /(^|\/)(test|tests|__tests__|example|examples|docs?|benchmarks?|\.github)(\/|$)|\.(md|markdown|map|ts|mts|cts|flow)$/
/** The sources that better-sqlite3 would be compiled from; its binaries are in prebuilds. */
const SOURCES = /^node_modules\/better-sqlite3\/(deps|src)(\/|$)/
/** Binaries for other systems. */
const FOREIGN = new RegExp(`(^|/)prebuilds/(?!${process.platform}-${process.arch}(/|$|\\.))[^/]+-[^/]+(/|$)`)

/** Fill `target` (emptied first); returns the names of the packages. Errors: one that is imported and not there. */
export function stageDaemon(target: string): readonly string[] {
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  const core = join(root, 'core')
  cpSync(core, join(target, 'core'), {
    recursive: true,
    filter: (path) =>
      !/\.(test|suite)\.ts$|\.c$|(^|\/)fixtures(\/|$)/.test(relative(core, path).split(sep).join('/')),
  })
  copyFolder('build', target, (path) => path === 'build' || path.endsWith('.node'))
  copyFolder(join('renderer', 'dist'), target, () => true)
  const packages = closure(importedPackages(core))
  for (const folder of packages) copyFolder(folder, target, (path) => isNeeded(folder, path))
  writePackage(target)
  copyNode(join(target, 'node'))
  copyFileSync(join(root, 'LICENSE'), join(target, 'LICENSE'))
  return packages
}

function isNeeded(folder: string, path: string): boolean {
  const inside = path.slice(folder.length + 1)
  if (inside === 'node_modules' || inside.startsWith('node_modules/')) return false
  return !UNNEEDED.test(inside) && !SOURCES.test(path) && !FOREIGN.test(inside)
}

/** Copy a folder of the checkout to the same place in `target`; `path` in the filter is relative and has slashes. */
function copyFolder(folder: string, target: string, filter: (path: string) => boolean): void {
  const from = join(root, folder)
  if (!existsSync(from)) throw new Error(`${folder} is missing: build it first`)
  cpSync(from, join(target, folder), {
    recursive: true,
    filter: (path) => filter(relative(root, path).split(sep).join('/')),
  })
}

/** Names of packages that the sources import. */
function importedPackages(folder: string): Set<string> {
  const names = new Set<string>()
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || /\.(test|suite)\.ts$|test-[\w-]+\.ts$/.test(file)) continue
    for (const [, a, b, c] of readFileSync(join(folder, file), 'utf8').matchAll(IMPORT)) {
      const name = packageName(a ?? b ?? c ?? '')
      if (/^[.#]/.test(name)) continue
      if (!BUILT_IN.has(name) && !name.startsWith('node:') && !LEFT_OUT.has(name)) names.add(name)
    }
  }
  return names
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** Folders (`node_modules/x`) of the packages and of all they depend on, as npm laid them out. */
function closure(names: ReadonlySet<string>): string[] {
  const folders = new Set<string>()
  const add = (name: string, from: string, isOptional: boolean): void => {
    const folder = locate(name, from)
    if (folder === undefined) {
      if (isOptional) return
      throw new Error(`the package ${name} is not installed`)
    }
    if (folders.has(folder)) return
    folders.add(folder)
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
      readFileSync(join(root, folder, 'package.json'), 'utf8'),
    ) as Manifest
    for (const dependency of Object.keys(dependencies))
      add(dependency, folder, dependency in optionalDependencies)
    for (const dependency of Object.keys(optionalDependencies)) add(dependency, folder, true)
  }
  for (const name of names) add(name, '', false)
  return [...folders].sort()
}

/** Node's search: the nearest node_modules, going up. */
function locate(name: string, from: string): string | undefined {
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at === '.' ? '' : at, 'node_modules', name)
    if (existsSync(join(root, folder, 'package.json'))) return folder
    if (at === '' || at === '.') return undefined
  }
}

function writePackage(target: string): void {
  const { name, version, license, type, imports } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  ) as Record<string, unknown>
  writeFileSync(
    join(target, 'package.json'),
    `${JSON.stringify({ name, version, license, private: true, type, imports }, null, 2)}\n`,
  )
}

function copyNode(target: string): void {
  const node = realpathSync(join(root, 'node_modules', 'node', 'bin', 'node'))
  if (statSync(node).size < 1_000_000) throw new Error(`${node} is no Node binary`)
  copyFileSync(node, target)
  chmodSync(target, 0o755)
}
