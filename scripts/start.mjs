#!/usr/bin/env node
/**
 * `npm start`: a demo volume on this machine, mounted, with a few real files in it. Ctrl-C unmounts.
 * Plain JavaScript for Node 20 or later.
 *
 *   POMELO_DEMO_DIR   where the demo lives (default: $XDG_DATA_HOME/pomelo/demo)
 *   POMELO_MOUNT      where it is mounted (default: ~/Pomelo)
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { ensureNative, ensurePackages, entry, nodeBinary, root, SetupError } from './runtime.mjs'
import { installCommand, installPackages, mountObstacle, which } from './system.mjs'

const demo =
  process.env.POMELO_DEMO_DIR ??
  join(process.env.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'pomelo', 'demo')
const mountPoint = process.env.POMELO_MOUNT ?? join(homedir(), 'Pomelo')
const meta = `sqlite3://${join(demo, 'demo.db')}`

const pomelo = (args, options) =>
  spawnSync(process.execPath, [join(root, 'scripts', 'pomelo.mjs'), ...args], {
    stdio: 'inherit',
    ...options,
  })

function prepare() {
  ensurePackages()
  ensureNative()
  if (which('fusermount3') === undefined && process.platform === 'linux') {
    console.error('Installing fuse3 …')
    if (!installPackages(['fuse3']))
      console.error(`fuse3 is missing and could not be installed from here: ${installCommand(['fuse3'])}`)
  }
}

function createVolume() {
  mkdirSync(demo, { recursive: true, mode: 0o700 })
  if (existsSync(join(demo, 'demo.db'))) return false
  const made = pomelo(['format', meta, 'demo', '--storage', 'file', '--bucket', join(demo, 'bucket')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (made.status !== 0) throw new SetupError('The demo volume could not be created; the reason is above.')
  return true
}

/** What can be shown where nothing can be mounted: the same volume through the command line. */
function withoutMount(obstacle) {
  const copied = pomelo(['cp', '-r', join(root, 'README.md'), join(root, 'docs'), `${meta}:/`])
  if (copied.status !== 0) throw new SetupError('Copying into the volume failed; the reason is above.')
  pomelo(['ls', '-l', meta, '/'])
  console.log(`
This machine cannot mount: ${obstacle}.
The demo volume is there all the same, and the commands above ran on it without a mount. Try:

  npx pomelo ls -l ${meta} /
  npx pomelo cat ${meta} /README.md
`)
  return 0
}

async function mountAndShow() {
  mkdirSync(mountPoint, { recursive: true })
  const server = spawn(nodeBinary(), [join(root, 'core', 'cli', 'main.ts'), 'mount', meta, mountPoint], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE ?? '16' },
    detached: true,
  })
  const ended = new Promise((resolve) =>
    server.on('exit', (code, signal) => resolve(code ?? (signal ? 1 : 0))),
  )
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => {
      console.log('\nUnmounting …')
      server.kill('SIGTERM')
    })
  const ready = await Promise.race([firstLine(server.stdout), ended.then(() => undefined)])
  if (ready === undefined) throw new SetupError('The volume could not be mounted; the reason is above.')
  await fill()
  console.log(`
Your demo volume is mounted at ${mountPoint}
  metadata  ${join(demo, 'demo.db')} (SQLite)
  data      ${join(demo, 'bucket')} (4 MiB objects)

Try, in another terminal:
  ls -l ${mountPoint}
  cp -r /usr/share/doc ${mountPoint}/
  git clone ${root} ${mountPoint}/pomelo
  npx pomelo status ${meta}
  npx pomelo info ${join(mountPoint, 'README.md')}

Ctrl-C unmounts; everything stays in the volume and is there at the next \`npm start\`.`)
  return ended
}

function firstLine(stream) {
  return new Promise((resolve) => {
    let text = ''
    stream.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
      if (text.includes('\n')) resolve(text)
    })
    stream.on('end', () => resolve(undefined))
  })
}

/** Copy a few files of this checkout in, through the mount like any program, from another process. */
async function fill() {
  const target = join(mountPoint, 'pomelo-source')
  const script = `
    const { cpSync, existsSync } = require('node:fs')
    if (!existsSync(${JSON.stringify(join(mountPoint, 'README.md'))})) {
      cpSync(${JSON.stringify(join(root, 'README.md'))}, ${JSON.stringify(join(mountPoint, 'README.md'))})
      cpSync(${JSON.stringify(join(root, 'core'))}, ${JSON.stringify(target)}, { recursive: true })
    }`
  const copy = spawn(nodeBinary(), ['-e', script], { stdio: ['ignore', 'ignore', 'inherit'] })
  const code = await new Promise((resolve) => copy.on('exit', resolve))
  if (code !== 0) console.error('Copying the sample files failed; the volume is mounted all the same.')
}

await entry(async () => {
  prepare()
  createVolume()
  const obstacle = mountObstacle()
  return obstacle === undefined ? mountAndShow() : withoutMount(obstacle)
})
