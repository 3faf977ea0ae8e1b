#!/usr/bin/env node
/**
 * Builds the native add-ons: every `core/**\/*.c` that includes node_api.h becomes `build/<name>.node`, by one
 * plain compiler call against the headers that come with the npm package `node`. Nothing is rebuilt while source,
 * headers and compiler call are the same. Plain JavaScript for Node 20 or later.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { root } from './runtime.mjs'

const out = join(root, 'build')
const COMPILERS = ['cc', 'gcc', 'clang']
const INSTALL = {
  linux:
    'Debian, Ubuntu: `apt-get install gcc libc6-dev`; Fedora: `dnf install gcc`; Alpine: `apk add gcc musl-dev`.',
  darwin: '`xcode-select --install` brings one.',
}
/** Add-ons that make sense on one system only. */
const ONLY_ON = { priority: 'linux', pump: 'linux' }

class BuildError extends Error {}

/** The folder with node_api.h: in the npm package `node`, or beside the running Node. */
function headers() {
  const packages = join(root, 'node_modules')
  const inside = join(packages, 'node', 'node_modules')
  const folders = [
    ...[inside, packages].flatMap((folder) =>
      list(folder)
        .filter((name) => name.startsWith('node-'))
        .map((name) => join(folder, name, 'include', 'node')),
    ),
    join(packages, 'node', 'include', 'node'),
    join(dirname(dirname(process.execPath)), 'include', 'node'),
  ]
  const found = folders.find(
    (folder) => existsSync(join(folder, 'node_api.h')) && existsSync(join(folder, 'uv.h')),
  )
  if (found === undefined)
    throw new BuildError('The C headers of Node were not found. Run `npm ci` (or `npm rebuild node`).')
  return found
}

function list(folder) {
  return existsSync(folder) ? readdirSync(folder).sort() : []
}

function addOns() {
  return readdirSync(join(root, 'core'), { recursive: true })
    .filter((path) => path.endsWith('.c') && !path.includes('node_modules'))
    .map((path) => join(root, 'core', path))
    .filter((path) => readFileSync(path, 'utf8').includes('node_api.h'))
    .map((source) => ({ source, name: basename(source, '.c') }))
    .filter(({ name }) => ONLY_ON[name] === undefined || ONLY_ON[name] === process.platform)
}

function compilerArguments(source, target, include) {
  const link = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []
  return ['-shared', '-fPIC', '-O2', '-std=gnu11', '-Wall', '-Wextra', '-pthread', '-DNAPI_VERSION=8'].concat(
    ['-isystem', include, '-o', target, source],
    link,
  )
}

/** What the result depends on. */
function fingerprint(source, include) {
  const hash = createHash('sha256')
  hash.update(readFileSync(source)).update(readFileSync(join(include, 'node_version.h')))
  hash.update(JSON.stringify([process.platform, process.arch, compilerArguments('', '', '')]))
  return hash.digest('hex')
}

function build({ source, name }, include) {
  const target = join(out, `${name}.node`)
  const stamp = join(out, `${name}.sha256`)
  const now = fingerprint(source, include)
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, 'utf8') === now) return false
  const partial = join(out, `${name}.${process.pid}.partial`)
  try {
    compile(source, partial, include)
    renameSync(partial, target)
  } finally {
    rmSync(partial, { force: true })
  }
  writeFileSync(`${stamp}.${process.pid}`, now)
  renameSync(`${stamp}.${process.pid}`, stamp)
  return true
}

function compile(source, target, include) {
  for (const compiler of process.env.CC ? [process.env.CC] : COMPILERS) {
    const result = spawnSync(compiler, compilerArguments(source, target, include), {
      encoding: 'utf8',
      timeout: 60_000,
    })
    if (result.error?.code === 'ENOENT') continue
    if (result.error !== undefined) throw new BuildError(`${compiler}: ${result.error.message}`)
    if (result.stderr !== '') process.stderr.write(result.stderr)
    if (result.status !== 0)
      throw new BuildError(`${compiler} failed on ${source}; its own message is above.`)
    return
  }
  throw new BuildError(`No C compiler was found. ${INSTALL[process.platform] ?? 'Install gcc or clang.'}`)
}

try {
  mkdirSync(out, { recursive: true })
  const include = headers()
  for (const addOn of addOns()) if (build(addOn, include)) console.log(`built build/${addOn.name}.node`)
} catch (error) {
  if (!(error instanceof BuildError)) throw error
  console.error(error.message)
  process.exitCode = 1
}
