#!/usr/bin/env node
/**
 * `npm start`: the interface, open on a demo volume that is mounted, from a fresh checkout. In Electron where there is
 * one and a display, else in the browser, else as an address to open; it says which. Everything goes on when this
 * ends. Plain JavaScript for Node 20 or later.
 *
 *   --no-open         only print the address (as JSON with --json)
 *   POMELO_DEMO_DIR   where the demo lives (default: $XDG_DATA_HOME/pomelo/demo)
 *   POMELO_MOUNT      where it is mounted (default: ~/Pomelo)
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { displayObstacle, electronFlags, usableElectron } from './electron.mjs'
import { buildWhenOld } from './interface.mjs'
import { ensureNative, ensurePackages, entry, root, SetupError } from './runtime.mjs'
import { installCommand, installPackages, mountObstacle, which } from './system.mjs'

const demo =
  process.env.POMELO_DEMO_DIR ??
  join(process.env.XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'pomelo', 'demo')
const mountPoint = process.env.POMELO_MOUNT ?? join(homedir(), 'Pomelo')
const meta = `sqlite3://${join(demo, 'demo.db')}`
const opens = !process.argv.includes('--no-open')
const json = process.argv.includes('--json')
const say = (text) => console.error(text)

/** Run a command of ours; its standard output. */
function pomelo(...args) {
  const ran = spawnSync(process.execPath, [join(root, 'scripts', 'pomelo.mjs'), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 180_000,
  })
  if (ran.status !== 0) throw new SetupError(`\`pomelo ${args.join(' ')}\` failed; the reason is above.`)
  return ran.stdout
}

function prepare() {
  ensurePackages()
  ensureNative()
  if (which('fusermount3') === undefined && process.platform === 'linux') {
    say('Installing fuse3 …')
    if (!installPackages(['fuse3']))
      say(`fuse3 is missing and could not be installed from here: ${installCommand(['fuse3'])}`)
  }
}

function demoVolume() {
  mkdirSync(demo, { recursive: true, mode: 0o700 })
  if (!existsSync(join(demo, 'demo.db'))) {
    pomelo('format', '--quiet', meta, 'demo', '--storage', 'file', '--bucket', join(demo, 'bucket'))
    pomelo(
      'cp',
      '--quiet',
      '-r',
      join(root, 'README.md'),
      join(root, 'docs'),
      join(root, 'core'),
      `${meta}:/`,
    )
  }
  const obstacle = mountObstacle()
  const options = obstacle === undefined ? [] : ['--no-mount']
  if (obstacle !== undefined)
    say(`This machine cannot mount: ${obstacle}.\nThe demo volume can be looked at all the same.`)
  return JSON.parse(pomelo('volumes', 'add', '--json', '--name', 'Demo', ...options, meta, mountPoint))
}

/** Where the interface was opened, as it is told. */
async function show() {
  const display = displayObstacle()
  const electron = opens && display === undefined ? await usableElectron() : undefined
  if (electron !== undefined) {
    buildWhenOld('interface', say)
    buildWhenOld('desktop shell', say)
    openElectron(electron)
    return { opened: 'electron', with: electron }
  }
  buildWhenOld('interface', say)
  const { url, opened } = JSON.parse(pomelo('ui', '--json', ...(opens ? [] : ['--no-open'])))
  return opened ? { opened: 'browser' } : { opened: 'nothing', url, why: display ?? 'no browser was found' }
}

function openElectron(path) {
  const shell = spawn(path, [...electronFlags(), join(root, 'electron', 'dist')], {
    cwd: root,
    detached: true,
    stdio: 'ignore',
  })
  shell.on('error', (error) => say(`Electron could not be started: ${error.message}`))
  shell.unref()
}

function tell(volume, shown) {
  const mounted = volume.status.state !== 'unmounted'
  console.log(`
${mounted ? `Your demo volume is mounted at ${volume.mountPoint}` : 'Your demo volume is there'}
  metadata  ${join(demo, 'demo.db')} (SQLite)
  data      ${join(demo, 'bucket')} (4 MiB objects)
`)
  if (shown.opened === 'electron') console.log(`The interface is open in Electron (${shown.with}).`)
  if (shown.opened === 'browser')
    console.log('The interface is open in your browser (no Electron was found).')
  if (shown.opened === 'nothing') {
    console.log(`The interface: ${shown.url}`)
    console.log(
      opens
        ? `  (not opened: ${shown.why}; the address works once, within a minute)`
        : '  (works once, within a minute)',
    )
  }
  console.log(`
Try, in a terminal:
  cp -r /usr/share/doc ${mounted ? volume.mountPoint : `${meta}:/`}
  npx pomelo volumes
  npx pomelo ui                       opens the interface again
  npx pomelo volumes unmount Demo
  npx pomelo daemon stop              volumes stay mounted`)
}

await entry(async () => {
  prepare()
  const volume = demoVolume()
  const shown = await show()
  if (json) console.log(JSON.stringify({ volume, ...shown }))
  else tell(volume, shown)
  return 0
})
