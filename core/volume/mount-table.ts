/**
 * What is mounted where, from /proc/self/mountinfo: read without touching any of the mounts.
 * Source: proc_pid_mountinfo(5).
 */
import { readFile } from 'node:fs/promises'

export interface MountEntry {
  readonly id: number
  readonly parentId: number
  /** `major:minor`; for FUSE the minor names /sys/fs/fuse/connections/N. */
  readonly device: string
  readonly path: string
  readonly options: readonly string[]
  readonly type: string
  readonly source: string
}

export async function readMounts(): Promise<readonly MountEntry[]> {
  return parseMounts(await readFile('/proc/self/mountinfo', 'utf8'))
}

export function parseMounts(text: string): readonly MountEntry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const fields = line.split(' ')
      const dash = fields.indexOf('-', 6)
      return {
        id: Number(fields[0]),
        parentId: Number(fields[1]),
        device: fields[2]!,
        path: unescapePath(fields[4]!),
        options: [...fields[5]!.split(','), ...(fields[dash + 3] ?? '').split(',')],
        type: fields[dash + 1]!,
        source: unescapePath(fields[dash + 2]!),
      }
    })
}

/** Blanks, tabs, newlines and backslashes are written in octal. */
function unescapePath(text: string): string {
  if (!text.includes('\\')) return text
  const bytes = Buffer.from(text, 'utf8').toString('latin1')
  const plain = bytes.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  )
  return Buffer.from(plain, 'latin1').toString('utf8')
}

/** The top mount whose root is exactly `path`. */
export function mountAt(mounts: readonly MountEntry[], path: string): MountEntry | undefined {
  return mounts.findLast((mount) => mount.path === path)
}

/** The mount that `path` lies in: the longest mount point above it, the top one of several. */
export function mountOf(mounts: readonly MountEntry[], path: string): MountEntry | undefined {
  let best: MountEntry | undefined
  for (const mount of mounts) {
    if (isInside(path, mount.path) && mount.path.length >= (best?.path.length ?? 0)) best = mount
  }
  return best
}

/** True when the absolute `path` is `folder` or lies below it. */
export function isInside(path: string, folder: string): boolean {
  return path === folder || folder === '/' || path.startsWith(`${folder}/`)
}

/** A FUSE mount of a volume, ours or the reference's. Source: vfs-and-fuse.md §1. */
export function isVolumeMount(mount: MountEntry): boolean {
  return mount.type === 'fuse.juicefs'
}

/** Number of a FUSE mount in /sys/fs/fuse/connections. */
export function connectionOf(mount: MountEntry): number {
  return Number(mount.device.split(':')[1])
}
