/**
 * The folder a volume is mounted on, while it is not: empty and not writable, so that a program that goes on saving
 * after an unmount gets an error, and no file lands where nobody looks for it (users-and-peers.md B2).
 */
import { chmod, lstat, mkdir, readdir } from 'node:fs/promises'
import { mountAt, readMounts } from './mount-table.ts'

const CLOSED = 0o555
const OPEN = 0o755

/** Make the folder if need be, and writable: fusermount3 wants that of whoever mounts. Never looks into a mount. */
export async function prepareMountFolder(path: string): Promise<void> {
  if (await isMounted(path)) return
  await mkdir(path, { recursive: true, mode: OPEN })
  await openMountFolder(path)
}

/** Make a folder writable that `closeMountFolder` has closed; any other stays as it is. */
export async function openMountFolder(path: string): Promise<void> {
  if (await isMounted(path)) return
  const isClosed = await isOwnEmptyFolder(path, CLOSED).catch(() => false)
  if (isClosed) await chmod(path, OPEN)
}

/** Close the folder after an unmount, if it is ours and empty. Never fails: it is a precaution. */
export async function closeMountFolder(path: string): Promise<void> {
  try {
    if (!(await isMounted(path)) && (await isOwnEmptyFolder(path))) await chmod(path, CLOSED)
  } catch {}
}

async function isMounted(path: string): Promise<boolean> {
  return mountAt(await readMounts(), path) !== undefined
}

async function isOwnEmptyFolder(path: string, mode?: number): Promise<boolean> {
  const stat = await lstat(path)
  if (!stat.isDirectory() || stat.uid !== process.getuid?.()) return false
  if (mode !== undefined && (stat.mode & 0o777) !== mode) return false
  return (await readdir(path)).length === 0
}
