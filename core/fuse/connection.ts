/**
 * FUSE connections as the kernel lists them under /sys/fs/fuse/connections, by the minor device number of their
 * mount. For whoever watches over a volume process: works when that process does not answer any more. Only root, or
 * the user who mounted, may; without the fusectl file system mounted there is nothing to see.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { type MountEntry, readMounts } from './mountinfo.ts'

function file(mount: MountEntry, name: 'waiting' | 'abort'): string {
  return `/sys/fs/fuse/connections/${mount.device.split(':')[1]}/${name}`
}

/** The FUSE mount seen at `mountpoint`, which must be a real path. */
export function findFuseMount(mountpoint: string): MountEntry | undefined {
  const mount = readMounts().findLast((entry) => entry.mountpoint === mountpoint)
  return mount?.type.startsWith('fuse') ? mount : undefined
}

/** Requests that the kernel has waiting or being served; undefined when it cannot be known. */
export function waitingRequests(mount: MountEntry): number | undefined {
  try {
    return Number(readFileSync(file(mount, 'waiting'), 'latin1'))
  } catch {
    return undefined
  }
}

/** Cut a connection: every waiting system call fails with ECONNABORTED. False when we cannot. */
export function abortConnection(mount: MountEntry): boolean {
  try {
    writeFileSync(file(mount, 'abort'), '1')
    return true
  } catch {
    return false
  }
}
