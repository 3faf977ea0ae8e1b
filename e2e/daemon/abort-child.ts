/**
 * Run by abort.test.ts in a mount namespace of its own, where the kernel's list of FUSE connections is mounted:
 * mounts a volume, stops its process, lets a program wait for it, and cuts the connection. Says how that ended.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { abortMount, detachMount, isAlive, waitingRequests } from '#core/volume/dead-mount.ts'
import { mountAt, readMounts } from '#core/volume/mount-table.ts'
import { must } from '../harness/volume.ts'
import { MAIN } from './test-daemon.ts'

const folder = process.argv[2]!
const env = { ...process.env, XDG_RUNTIME_DIR: join(folder, 'run') }
const [mountPoint, meta] = [join(folder, 'mnt'), `sqlite3://${join(folder, 'meta.db')}`]
const pomelo = (...args: string[]) => must(process.execPath, [MAIN, ...args], { env, timeoutMs: 60_000 })

await mkdir(env.XDG_RUNTIME_DIR, { mode: 0o700 })
await mkdir(mountPoint)
await pomelo('format', '--storage', 'file', '--bucket', join(folder, 'bucket'), meta, 'stuck')
const options = ['--cache-dir', join(folder, 'cache'), '--log', join(folder, 'log'), '--json']
const { pid } = JSON.parse(await pomelo('mount', '-d', ...options, meta, mountPoint)) as { pid: number }
const mount = mountAt(await readMounts(), mountPoint)!
try {
  process.kill(pid, 'SIGSTOP')
  const reader = spawn('stat', [join(mountPoint, 'file')], { stdio: 'ignore' })
  const ended = new Promise<number | null>((resolve) => reader.on('exit', resolve))
  let waiting: number | null = 0
  for (let tries = 0; tries < 100 && !waiting; tries++) {
    await sleep(50)
    waiting = await waitingRequests(mount)
  }
  await abortMount(mount)
  const late = sleep(10_000).then(() => 'still waiting')
  const reading = await Promise.race([ended, late])
  const gone = !existsSync(`/proc/${pid}`) || !(await isAlive(pid))
  process.stdout.write(JSON.stringify({ waiting, reading, gone }))
} finally {
  process.kill(pid, 'SIGKILL')
  await detachMount(mount).catch(() => {})
}
process.exit()
