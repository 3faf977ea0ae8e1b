/** Whether a volume may be mounted at a path, found out without touching it from this process. */
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { errnoName } from '#core/base/errno.ts'
import { runChild } from './child.ts'
import { fusermountUnmount } from './fusermount.ts'
import type { Look } from './look.ts'
import { MountError } from './mount-error.ts'
import { isFuse, type MountEntry, readMounts, topMount } from './mountinfo.ts'
import { MNT_DETACH, umountNow } from './pump/pump.ts'

const LOOK_TIMEOUT_MS = 5_000
/** Dead mounts stacked on one place that are cleared at most. */
const MAX_DEAD = 16
/** What a file system says whose server is gone. */
const DEAD: ReadonlySet<string | undefined> = new Set(['ENOTCONN', 'ECONNABORTED', 'ESHUTDOWN'])

export interface MountPlace {
  readonly mountpoint: string
  readonly fsname: string
  readonly subtype: string
  readonly nonempty: boolean
}

/** Look at `path` from another process. Undefined when it did not answer in time. */
export async function lookAt(path: string, timeoutMs = LOOK_TIMEOUT_MS): Promise<Look | undefined> {
  const program = fileURLToPath(new URL('./look.ts', import.meta.url))
  const result = await runChild(process.execPath, [program, path], { timeoutMs })
  if (result.timedOut) return undefined
  if (result.code !== 0) throw new MountError('no-access', `Cannot look at ${path}: ${result.stderr.trim()}`)
  return JSON.parse(result.stdout) as Look
}

/** The file system at `path` says that its server is gone. False while it may answer yet. */
export async function isDeadAt(path: string): Promise<boolean> {
  return DEAD.has((await lookAt(path))?.code)
}

/** The real path to mount at. Clears dead mounts of ours on it. Errors: MountError. */
export async function checkMountpoint(place: MountPlace): Promise<string> {
  const path = resolve(place.mountpoint)
  for (let cleared = 0; ; cleared++) {
    const look = await lookAt(path)
    if (look === undefined) throw hung(path)
    const mounts = readMounts()
    const top = topMount(mounts, look.real)
    if (!DEAD.has(look.code)) {
      checkLiving(place, look, top, mounts)
      return look.real
    }
    if (top === undefined || !isOurs(top, place) || cleared === MAX_DEAD) throw dead(look.real, top)
    await clearDead(look.real)
  }
}

function checkLiving(
  place: MountPlace,
  look: Look,
  top: MountEntry | undefined,
  mounts: readonly MountEntry[],
): void {
  const { real } = look
  if (look.code === 'ENOENT')
    throw new MountError('missing', `The mount point ${real} does not exist`, `mkdir -p ${quote(real)}`)
  if (look.code === 'ENOTDIR' || look.directory === false)
    throw new MountError(
      'not-a-directory',
      `The mount point ${real} is not a directory`,
      'Choose an empty directory.',
    )
  if (look.code !== undefined)
    throw new MountError(
      'no-access',
      `The mount point ${real} cannot be looked at: ${look.code}`,
      'Choose another directory.',
    )
  if (real === '/')
    throw new MountError(
      'refused',
      'The root directory cannot be a mount point',
      'Choose an empty directory.',
    )
  if (top !== undefined && isOurs(top, place))
    throw new MountError(
      'already-mounted',
      `${top.source} is already mounted at ${real}`,
      `Unmount it first: pomelo umount ${quote(real)}`,
    )
  const around = mounts.find(
    (mount) => isOurs(mount, place) && mount.source === place.fsname && isInside(real, mount.mountpoint),
  )
  if (around !== undefined)
    throw new MountError(
      'inside-itself',
      `${real} lies inside the same volume, mounted at ${around.mountpoint}`,
      'Choose a directory outside of it.',
    )
  if (look.entry !== undefined && !place.nonempty)
    throw new MountError(
      'not-empty',
      `The mount point ${real} is not empty (it has "${look.entry}")`,
      'Choose an empty directory, or mount over it with -o nonempty.',
    )
}

/** A mount that we, or the reference client, made: its type is fuse.juicefs. */
function isOurs(mount: MountEntry, place: MountPlace): boolean {
  return mount.type === `fuse.${place.subtype}` || (isFuse(mount) && mount.source === place.fsname)
}

async function clearDead(path: string): Promise<void> {
  const result = umountNow(path, MNT_DETACH)
  if (result === 0) return
  try {
    await fusermountUnmount(path, true)
  } catch (cause) {
    throw new MountError(
      'dead-mount',
      `The dead mount at ${path} could not be cleared: ${errnoName(-result)}; ${(cause as Error).message}`,
      `As root: umount -l ${quote(path)}`,
      { cause },
    )
  }
}

function dead(path: string, top: MountEntry | undefined): MountError {
  const what =
    top === undefined
      ? `${path} lies in a mount whose program is gone`
      : `${top.source} at ${path} is dead: its program is gone`
  const place = top?.mountpoint ?? nearestMount(path)
  return new MountError('dead-mount', what, `Clear it: fusermount3 -uz ${quote(place)}`)
}

function hung(path: string): MountError {
  return new MountError(
    'hung',
    `${path} does not answer: a mount there or above it hangs`,
    `Clear it: fusermount3 -uz ${quote(nearestMount(path))}`,
  )
}

/** The mount that a path lies in. */
function nearestMount(path: string): string {
  const mounts = readMounts()
  for (let at = path; at !== '/'; at = dirname(at)) if (topMount(mounts, at) !== undefined) return at
  return '/'
}

function isInside(path: string, folder: string): boolean {
  return path.startsWith(folder === '/' ? '/' : `${folder}/`)
}

function quote(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
