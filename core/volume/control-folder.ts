/**
 * Where the control sockets of volume processes are: one per mount point, in a folder that only its user can
 * enter. Named by a hash of the mount point, so that a tool finds the process of a mount without asking it.
 */
import { createHash } from 'node:crypto'
import { lstat, mkdir, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Refusal } from '#core/base/refusal.ts'

const uid = process.getuid?.() ?? 0

/** The folder of this user; `make` creates it and refuses one that somebody else could have put there. */
export async function controlFolder(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const folder = ownFolder(env)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const stat = await lstat(folder)
  if (!stat.isDirectory() || stat.uid !== uid || (stat.mode & 0o077) !== 0) {
    throw new Refusal(`${folder} is not a private folder of yours`, `remove it, or: chmod 700 ${folder}`)
  }
  return folder
}

function ownFolder(env: NodeJS.ProcessEnv): string {
  return env.XDG_RUNTIME_DIR ? join(env.XDG_RUNTIME_DIR, 'pomelo') : join(tmpdir(), `pomelo-${uid}`)
}

export function socketName(mountPoint: string): string {
  return `${createHash('sha256').update(mountPoint).digest('hex').slice(0, 16)}.sock`
}

/** Folders that may hold sockets this user can reach; root looks into those of every user. */
export async function controlFolders(env: NodeJS.ProcessEnv = process.env): Promise<readonly string[]> {
  const folders = new Set([
    ownFolder(env),
    join('/run/user', String(uid), 'pomelo'),
    join('/tmp', `pomelo-${uid}`),
  ])
  if (uid === 0) {
    for (const user of await readdir('/run/user').catch(() => []))
      folders.add(join('/run/user', user, 'pomelo'))
    for (const name of await readdir('/tmp').catch(() => [])) {
      if (/^pomelo-\d+$/.test(name)) folders.add(join('/tmp', name))
    }
  }
  return [...folders]
}

/** Sockets of all volume processes this user can reach, dead ones among them. */
export async function controlSockets(): Promise<readonly string[]> {
  const sockets: string[] = []
  for (const folder of await controlFolders()) {
    for (const name of await readdir(folder).catch(() => [])) {
      if (name.endsWith('.sock')) sockets.push(join(folder, name))
    }
  }
  return sockets
}
