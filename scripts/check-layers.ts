/**
 * Imports run downward only. Reads every source file, resolves its imports to layers, and fails on one that
 * the table does not allow, on a driver loaded outside its place, and when it saw suspiciously few files.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const FEWEST_FILES = 60

/** Layer (longest matching folder or file) and the layers it may import besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'core/base': [],
  'core/object': ['core/base'],
  'core/chunk': ['core/base', 'core/object'],
  // Speaks TiKV, knows nothing of volumes: usable by itself.
  'core/tikv': ['core/base'],
  'core/meta': ['core/base', 'core/tikv'],
  'core/vfs': ['core/base', 'core/meta', 'core/chunk'],
  'core/fuse': ['core/base'],
  'core/fuse/adapter': ['core/base', 'core/fuse', 'core/vfs', 'core/meta'],
  'core/admin': ['core/base', 'core/meta', 'core/chunk', 'core/object'],
  // Reads what admin reads, the same way; knows no mount.
  'core/inspect': [
    'core/base',
    'core/meta',
    'core/chunk',
    'core/object',
    'core/admin',
    'core/inspect/answers',
  ],
  'core/inspect/answers': ['core/base', 'core/chunk'],
  'core/volume': [
    'core/base',
    'core/object',
    'core/chunk',
    'core/meta',
    'core/vfs',
    'core/fuse',
    'core/fuse/adapter',
    'core/admin',
    'core/inspect',
    'core/inspect/answers',
  ],
  'core/cli': [
    'core/base',
    'core/object',
    'core/chunk',
    'core/meta',
    'core/vfs',
    'core/volume',
    'core/admin',
    'core/inspect',
    'core/inspect/answers',
    'core/api',
    'core/daemon',
  ],
  // Types, schemas and words that a browser can load: what the interface knows of core.
  'core/api': ['core/base', 'core/inspect/answers'],
  'core/daemon': [
    'core/base',
    'core/api',
    'core/volume',
    'core/admin',
    'core/meta',
    'core/object',
    'core/chunk',
  ],
  renderer: ['core/api'],
  electron: ['core/api'],
  bench: [
    'scripts',
    'core/base',
    'core/fuse',
    'core/meta',
    'core/chunk',
    'core/object',
    'core/vfs',
    'core/volume',
    'e2e',
  ],
  e2e: [
    'scripts',
    'core/base',
    // Disks that fail are mounts of ours.
    'core/fuse',
    'core/volume',
    'core/meta',
    'core/chunk',
    'core/object',
    'core/vfs',
    'core/inspect',
    'core/inspect/answers',
  ],
  scripts: ['core/base'],
}

/** Packages that only these places may load. */
const DRIVERS: Readonly<Record<string, string | readonly string[]>> = {
  // Metadata, and what is ours alone: the daemon's history, the inspector's indexes.
  'better-sqlite3': ['core/meta/engines/sqlite/', 'core/daemon/', 'core/inspect/'],
  '@aws-sdk/client-s3': 'core/object/s3/',
  '@smithy/node-http-handler': 'core/object/s3/',
  'lz4-napi': 'core/object/',
  ioredis: 'core/meta/engines/redis/',
  pg: 'core/meta/engines/postgres/',
  '@grpc/grpc-js': 'core/tikv/',
  'fuse-native': 'core/fuse/native-driver/',
  electron: 'electron/',
  'electron-updater': 'electron/',
  '@trpc/server': ['core/api/', 'core/daemon/api/'],
  '@trpc/client': ['core/api/', 'renderer/api/'],
  ws: ['core/daemon/', 'electron/'],
}

const IMPORT =
  /(?:^|[\s;])(?:import|export)\s[^'"]*?from\s*'([^']+)'|import\(\s*'([^']+)'\s*\)|^import\s*'([^']+)'/gm

function* sources(folder: string): Generator<string> {
  if (!existsSync(join(root, folder))) return
  for (const item of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${item.name}`
    if (item.isDirectory()) yield* sources(path)
    else if (/\.(ts|tsx)$/.test(item.name)) yield path
  }
}

function layerOf(path: string): string | undefined {
  const layers = Object.keys(MAY_IMPORT).filter(
    (layer) => path.startsWith(`${layer}/`) || path.startsWith(`${layer}.`),
  )
  return layers.sort((a, b) => b.length - a.length)[0]
}

function resolve(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('#core/')) return `core/${specifier.slice('#core/'.length)}`
  if (!specifier.startsWith('.')) return undefined
  return relative(root, normalize(join(root, dirname(from), specifier)))
    .split(sep)
    .join('/')
}

function* problemsOf(file: string): Generator<string> {
  const layer = layerOf(file)
  if (layer === undefined) return
  const isTest = /\.(test|suite)\.ts$|test-[\w-]+\.ts$/.test(file)
  for (const [, a, b, c] of readFileSync(join(root, file), 'utf8').matchAll(IMPORT)) {
    const specifier = a ?? b ?? c ?? ''
    const places = [DRIVERS[specifier] ?? []].flat()
    if (places.length > 0 && !places.some((place) => file.startsWith(place)) && !isTest)
      yield `${file}: ${specifier} is loaded only in ${places.join(' and ')}`
    const target = resolve(file, specifier)
    if (target === undefined) continue
    if (specifier.startsWith('../../') && target.startsWith('core/'))
      yield `${file}: ${specifier} climbs two folders; use #core/…`
    if (!/\.(tsx?|mjs|css|json|svg)$/.test(target)) yield `${file}: import ${specifier} does not end in .ts`
    const to = layerOf(target)
    if (to === undefined || to === layer || isTest) continue
    if (!MAY_IMPORT[layer]!.includes(to)) yield `${file}: ${layer} may not import ${to} (${specifier})`
  }
}

const files = ['core', 'renderer', 'electron', 'e2e', 'bench', 'scripts'].flatMap((folder) => [
  ...sources(folder),
])
const problems = files.flatMap((file) => [...problemsOf(file)])
if (files.length < FEWEST_FILES) problems.push(`saw only ${files.length} files: the check itself is broken`)
for (const problem of problems) console.error(problem)
console.log(`layers: ${files.length} files, ${problems.length} problems`)
process.exitCode = problems.length > 0 ? 1 : 0
