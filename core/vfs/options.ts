/** What a Vfs is made of and how it behaves. Defaults are for a mount; tools may pass fewer parts. */
import type { Clock } from '#core/base/clock.ts'
import type { Log } from '#core/base/log.ts'
import type { Metrics } from '#core/base/metrics.ts'
import type { TaskSet } from '#core/base/tasks.ts'
import type { BlockStore } from '#core/chunk/api.ts'
import type { Meta } from '#core/meta/api.ts'
import type { ControlCommand } from './control.ts'

export interface VfsParts {
  readonly meta: Meta
  readonly blocks: BlockStore
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  /** Owner of background work; one of its own when absent. `Vfs.close` drains it. */
  readonly tasks?: TaskSet
  /** What `.control` can do, by number (vfs-and-fuse.md §6.2). */
  readonly commands?: ReadonlyMap<number, ControlCommand>
  readonly options?: Partial<VfsOptions>
}

export interface VfsOptions {
  /** Serve xattr operations. Always on when the volume keeps ACLs. */
  readonly xattr: boolean
  /** Allow `security.capability` and `security.selinux` (fs-semantics.md §5.17). */
  readonly capabilities: boolean
  readonly selinux: boolean
  /** Serve ioctl: inode flags. */
  readonly ioctl: boolean
  /** Show `.accesslog`, `.stats`, `.config` and `.trash` when the root is listed. By name they are always there. */
  readonly listVirtual: boolean
  /** Name the virtual files `.jfs.stats` and so on. */
  readonly prefixInternal: boolean
  /** Owner of the virtual files. */
  readonly uid: number
  readonly gid: number
  /** The kernel caches writes (`-o writeback_cache`), so it may read through write-only handles. */
  readonly writebackCache: boolean
  /** Bytes fetched ahead of a sequential reader; 0 is none. Default: 8 blocks. */
  readonly maxReadahead: number
  /** `eager`: after every second record, for tests. */
  readonly compaction: 'auto' | 'eager' | 'off'
  /** Compactions at a time. */
  readonly maxCompactions: number
  /** What `.config` shows, secrets taken out. */
  readonly config: () => unknown
}

export function vfsOptions(given: Partial<VfsOptions> | undefined, blockSize: number): VfsOptions {
  return {
    xattr: true,
    capabilities: false,
    selinux: false,
    ioctl: true,
    listVirtual: false,
    prefixInternal: false,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    writebackCache: false,
    maxReadahead: 8 * blockSize,
    compaction: 'auto',
    maxCompactions: 4,
    config: () => ({}),
    ...given,
  }
}
