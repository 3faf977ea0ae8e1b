/** Take a mount out of the tree whose process is gone or hangs: cut the connection, then detach. */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { isDeadAt } from '#core/fuse/mount-check.ts'
import { connectionOf, isVolumeMount, type MountEntry, mountAt, readMounts } from './mount-table.ts'

const ENDS_IN_MS = 10_000

/** Every request that waits on the mount fails with ENOTCONN. Nothing happens when it is gone already. */
export async function abortMount(mount: MountEntry): Promise<void> {
  await writeFile(`/sys/fs/fuse/connections/${connectionOf(mount)}/abort`, '1').catch(() => {})
}

/** Errors: those of umount or fusermount3. */
export async function detachMount(mount: MountEntry): Promise<void> {
  const [program, args] =
    process.getuid?.() === 0 ? ['umount', ['-l', mount.path]] : ['fusermount3', ['-uz', mount.path]]
  await promisify(execFile)(program as string, args as string[], { timeout: ENDS_IN_MS })
}

/**
 * A mount of a volume at exactly `mountPoint` whose process is gone: undefined when there is none, or when it answers (it
 * may be another program's, and is not ours to take away).
 */
export async function deadMountAt(mountPoint: string): Promise<MountEntry | undefined> {
  const mount = mountAt(await readMounts(), mountPoint)
  if (mount === undefined || !isVolumeMount(mount)) return undefined
  return (await isDeadAt(mountPoint)) ? mount : undefined
}

/** Requests that the kernel waits for; null when it cannot be told. */
export async function waitingRequests(mount: MountEntry): Promise<number | null> {
  const text = await readFile(`/sys/fs/fuse/connections/${connectionOf(mount)}/waiting`, 'utf8').catch(
    () => '',
  )
  return /^\d+\s*$/.test(text) ? Number(text) : null
}

/** True while the process runs; a zombie has ended. */
export async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  return stat !== undefined && !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
}
