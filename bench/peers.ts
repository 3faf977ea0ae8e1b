/** What the benchmark measures side by side: Pomelo, the reference client, and a plain folder of the host. */
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EngineServer } from '../e2e/harness/engines.ts'
import { makeVolume, must, type TestVolume } from '../e2e/harness/volume.ts'

export interface Peer {
  readonly name: 'pomelo' | 'reference' | 'host'
  readonly folder: string
  /** Processes that serve the folder. */
  readonly pids: readonly string[]
  end(): Promise<void>
}

/** `env`: for the process that serves the mount. */
export async function pomelo(server: EngineServer, env: Readonly<Record<string, string>>): Promise<Peer> {
  const volume = await makeVolume([], {}, server.newMeta)
  await volume.mount([], env)
  const pids = [String(volume.pid)]
  return { name: 'pomelo', folder: volume.mountPoint, pids, end: () => volume.remove() }
}

export async function reference(server: EngineServer, tool: string): Promise<Peer> {
  const volume = await makeVolume()
  const meta = await newMeta(server, volume)
  const bucket = join(volume.folder, 'reference-bucket/')
  await mkdir(bucket)
  await must(tool, ['format', '--storage', 'file', '--bucket', bucket, meta, 'bench'])
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

export async function host(): Promise<Peer> {
  const volume = await makeVolume()
  const folder = join(volume.folder, 'plain')
  await mkdir(folder)
  return { name: 'host', folder, pids: [], end: () => volume.remove() }
}

/** Another volume on the same server; SQLite's in a file of its own. */
async function newMeta(server: EngineServer, volume: TestVolume): Promise<string> {
  const meta = await server.newMeta(volume.folder)
  return meta === volume.meta ? `sqlite3://${join(volume.folder, 'reference.db')}` : meta
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
