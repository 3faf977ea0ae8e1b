#!/usr/bin/env node
/**
 * `pomelo …`: run the command line on the Node 24 that npm installed here, called by its path. Plain
 * JavaScript for Node 20 or later. `--script FILE` runs another TypeScript file the same way.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { ensureNative, nodeBinary, root } from './runtime.mjs'

/** Blocks are read and written by libuv's pool too; its usual 4 threads would be the limit. */
const POOL_THREADS = '16'

function node24() {
  const own = nodeBinary()
  if (own !== undefined && existsSync(join(root, 'node_modules', '.package-lock.json'))) return own
  if (Number.parseInt(process.versions.node, 10) >= 24 && existsSync(join(root, 'node_modules')))
    return process.execPath
  console.error(
    `pomelo: not installed yet: node_modules is missing or incomplete\n  → cd ${root} && npm install`,
  )
  process.exit(1)
}

function target(args) {
  if (args[0] !== '--script') return [join(root, 'core', 'cli', 'main.ts'), ...args]
  if (args[1] === undefined) {
    console.error('pomelo: --script needs a file')
    process.exit(2)
  }
  return [resolve(args[1]), ...args.slice(2)]
}

function environment() {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  return {
    ...process.env,
    UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE || POOL_THREADS,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE || join(cache, 'pomelo', 'node'),
  }
}

const node = node24()
const args = process.argv.slice(2)
// Only a mount needs the add-on; the build script does nothing when it is up to date.
if (args[0] === 'mount' || args[0] === '--script' || args[0]?.includes('://')) {
  try {
    ensureNative()
  } catch (error) {
    console.error(`pomelo: ${error.message}`)
    process.exit(1)
  }
}
const argv = target(args)
if (typeof process.execve === 'function') process.execve(node, [node, ...argv], environment())

const child = spawn(node, argv, { stdio: 'inherit', env: environment() })
// A terminal sends SIGINT to the whole group: the child has it already, we only must not die of it.
process.on('SIGINT', () => {})
for (const signal of ['SIGTERM', 'SIGHUP', 'SIGQUIT']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => {
  console.error(`pomelo: cannot run ${node}: ${error.message}`)
  process.exit(1)
})
child.on('exit', (code, signal) => {
  if (signal === null) process.exit(code)
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
})
