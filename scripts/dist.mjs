#!/usr/bin/env node
/**
 * `npm run dist`: the packages of the desktop app in release/, by electron-builder. Its options go after `--`:
 *
 *   npm run dist -- --dir                       an unpacked folder only
 *   npm run dist -- --linux deb AppImage        some targets
 *
 * Where the Electron binary cannot be downloaded, name one: `--dir -c.electronDist=FOLDER -c.electronVersion=22.3.25`.
 * Plain JavaScript for Node 20 or later.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { buildWhenOld } from './interface.mjs'
import { ensureNative, ensurePackages, entry, nodeBinary, root, SetupError } from './runtime.mjs'

function step(what, args) {
  console.error(`${what} …`)
  const result = spawnSync(nodeBinary(), args, { cwd: root, stdio: 'inherit' })
  if (result.status !== 0) throw new SetupError(`${what}: failed; the reason is above.`)
}

await entry(() => {
  ensurePackages()
  ensureNative()
  for (const what of ['interface', 'desktop shell']) buildWhenOld(what, console.error)
  step('Gathering the daemon', [
    '--input-type=module',
    '-e',
    `import { stageDaemon } from './scripts/stage-daemon.ts'; stageDaemon('release/stage/pomelo')`,
  ])
  step('Packing', [join('node_modules', 'electron-builder', 'cli.js'), ...process.argv.slice(2)])
  return 0
})
