/** The kernel's list of mounts. Reading it asks no mount anything. Source: proc_pid_mountinfo(5). */
import { readFileSync } from 'node:fs'

export interface MountEntry {
  /** `major:minor` of the mounted file system; for FUSE the minor names the connection. */
  readonly device: string
  readonly mountpoint: string
  readonly type: string
  readonly source: string
}

/** In the order of mounting: of several at one place the last is the one seen. */
export function readMounts(): readonly MountEntry[] {
  return parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'))
}

export function parseMountinfo(text: string): readonly MountEntry[] {
  const mounts: MountEntry[] = []
  for (const line of text.split('\n')) {
    const [before, after] = line.split(' - ')
    const [, , device, , mountpoint] = before?.split(' ') ?? []
    const [type, source] = after?.split(' ') ?? []
    if (device === undefined || mountpoint === undefined || type === undefined || source === undefined)
      continue
    mounts.push({ device, mountpoint: unescapeField(mountpoint), type, source: unescapeField(source) })
  }
  return mounts
}

/** The mount seen at exactly this path. */
export function topMount(mounts: readonly MountEntry[], path: string): MountEntry | undefined {
  return mounts.findLast((mount) => mount.mountpoint === path)
}

export function isFuse(mount: MountEntry): boolean {
  return mount.type === 'fuse' || mount.type === 'fuseblk' || mount.type.startsWith('fuse.')
}

/** Blank, tab, newline and backslash are written as octal bytes; the rest is UTF-8 as it is. */
function unescapeField(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
