/** The disks of caches: one that is nearly full is told once, before write-back and the cache have to stop. */
import { existsSync, type StatsFs } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { formatSize } from '#core/base/units.ts'
import type { NewEvent } from './event-log.ts'

/** Below this part of what is to be left free blocks are not staged any more (data-path.md §9). */
const SHORT = 0.5

export interface CachePlace {
  readonly dir: string
  /** Part of the disk that is to be left free. */
  readonly freeSpaceRatio: number
}

/** As statfs(2) has it. */
type DiskSpace = Pick<StatsFs, 'bavail' | 'blocks' | 'bsize'>

export class DiskWatch {
  readonly #short = new Set<string>()
  readonly #ask: (path: string) => Promise<DiskSpace>

  constructor(ask: (path: string) => Promise<DiskSpace> = statfs) {
    this.#ask = ask
  }

  /** The events that are due. */
  async look(places: readonly CachePlace[]): Promise<readonly NewEvent[]> {
    const byDir = new Map(places.map((place) => [place.dir, place]))
    return (await Promise.all([...byDir.values()].map((place) => this.#lookAt(place)))).flat()
  }

  async #lookAt({ dir, freeSpaceRatio }: CachePlace): Promise<readonly NewEvent[]> {
    const disk = await this.#ask(nearestFolder(dir)).catch(() => undefined)
    if (disk === undefined) return []
    const [free, size] = [disk.bavail * disk.bsize, disk.blocks * disk.bsize]
    if (free >= freeSpaceRatio * size) this.#short.delete(dir)
    if (free >= freeSpaceRatio * size * SHORT || this.#short.has(dir)) return []
    this.#short.add(dir)
    return [
      {
        kind: 'disk-low',
        level: 'warning',
        sentence: `The disk of the cache is nearly full: ${formatSize(free)} of ${formatSize(size)} are free at ${dir}.`,
        detail: 'The cache gives up its room, and writes go to the bucket directly instead of waiting here.',
        next: 'Free space on this disk, or choose another cache folder in the settings.',
      },
    ]
  }
}

/** The folder itself, or the first above it that exists. */
export function nearestFolder(path: string): string {
  return existsSync(path) || path === '/' ? path : nearestFolder(dirname(path))
}
