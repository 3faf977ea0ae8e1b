/** Where a mount and the places it depends on may be: nothing it reads or writes may lie inside itself. */
import { realpath } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { Refusal } from '#core/base/refusal.ts'
import { sqliteFile } from './meta-url.ts'
import { isInside } from './mount-table.ts'
import type { MountRequest } from './serve-volume.ts'

/** Returns the absolute mount point. Throws Refusal. Looks only at the folders above the mount point. */
export async function checkPlaces({ mountPoint, metaUrl, volume, logFile }: MountRequest): Promise<string> {
  const at = await realParent(resolve(mountPoint))
  if (at === '/') throw new Refusal('a volume cannot be mounted on /', 'name a directory, such as ~/team')
  const places: (readonly [string, string | undefined])[] = [
    ['the metadata file', sqliteFile(metaUrl)],
    ['the log file', logFile],
    ...(volume.cacheDirs ?? []).filter((dir) => dir !== 'memory').map((dir) => ['the cache', dir] as const),
  ]
  for (const [what, place] of places) if (place !== undefined) await refuseInside(at, what, place)
  return at
}

/** Throws when `place`, a local path, lies in the mount point: serving it would wait for itself. */
export async function refuseInside(mountPoint: string, what: string, place: string): Promise<void> {
  if (!isInside(await realParent(resolve(place), mountPoint), mountPoint)) return
  throw new Refusal(
    `${what} ${place} would lie inside the mount point ${mountPoint}: the volume would wait for itself`,
    'choose a place outside of it',
  )
}

/** The path with symlinks above its last part resolved, as far as it exists; never looks below `stop`. */
async function realParent(path: string, stop?: string): Promise<string> {
  if (path === '/' || path === stop) return path
  const parent = dirname(path)
  if (stop !== undefined && isInside(parent, stop)) return path
  const real = await realpath(parent).catch(() => undefined)
  const above = real ?? (await realParent(parent, stop))
  return join(above, path.slice(parent === '/' ? 1 : parent.length + 1))
}
