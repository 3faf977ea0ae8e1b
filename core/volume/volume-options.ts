/**
 * How this client opens a volume: plain data, so that it travels to a volume process as JSON. Absent means
 * the default. Source of names and defaults: shared/spec/vfs-and-fuse.md §9, data-path.md §15.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'

export interface VolumeOptions {
  /** Nodes, and names, of the metadata kept in memory (engines with a server); 0: none. Some 0.6 KiB for two. */
  readonly metaCacheRecords?: number
  /** No change to the volume and no session record. */
  readonly readOnly?: boolean
  /** Absolute path of the directory to show as the root; made when missing and not `readOnly`. */
  readonly subdir?: string
  /** No session record: a tool that works for a moment (statistics are written all the same). */
  readonly unrecorded?: boolean
  /** Stands in the session record. */
  readonly mountPoint?: string

  readonly heartbeatSec?: number
  readonly noBackgroundJobs?: boolean
  /** Seconds between two metadata backups in the bucket; absent or 0: this client makes none. */
  readonly backupMetaSec?: number
  readonly backupSkipTrash?: boolean
  /** 0: never delete objects. */
  readonly maxDeletes?: number
  readonly atimeMode?: 'noatime' | 'relatime' | 'strictatime'
  readonly skipDirMtimeMs?: number
  readonly maxCachedNodes?: number

  readonly attrCacheSec?: number
  readonly entryCacheSec?: number
  readonly dirEntryCacheSec?: number
  readonly negativeEntryCacheSec?: number
  readonly readdirCache?: boolean

  readonly rootSquash?: Identity
  readonly allSquash?: Identity
  readonly umask?: number
  readonly enableXattr?: boolean
  readonly enableCap?: boolean
  readonly enableSelinux?: boolean
  readonly enableIoctl?: boolean
  readonly prefixInternal?: boolean
  readonly listInternal?: boolean
  readonly compaction?: 'auto' | 'eager' | 'off'
  readonly nonDefaultPermission?: boolean
  /** The kernel gathers writes (`-o writeback_cache`). */
  readonly writebackCache?: boolean

  /** Local overrides of the setting. */
  readonly storage?: string
  readonly bucket?: string
  readonly accessKey?: string
  readonly secretKey?: string
  readonly sessionToken?: string
  readonly storageClass?: string
  readonly tag?: string
  /** Of the key in the setting. */
  readonly passphrase?: string

  readonly getTimeoutMs?: number
  readonly putTimeoutMs?: number
  readonly ioRetries?: number
  readonly maxUploads?: number
  readonly maxDownloads?: number
  /** Mbit/s. */
  readonly uploadLimit?: number
  readonly downloadLimit?: number
  readonly checkStorage?: boolean

  readonly bufferSize?: number
  readonly maxReadahead?: number
  readonly prefetch?: number
  readonly writeback?: boolean
  /** Only smaller blocks are staged; 0: all. */
  readonly writebackThreshold?: number
  /** Blocks staged at a time; 0: any number. */
  readonly maxStageWrites?: number
  readonly uploadDelaySec?: number
  /** Local hours, 0 to 23: from the first up to the second. */
  readonly uploadHours?: readonly [number, number]
  readonly cacheExpireSec?: number
  readonly cacheDirs?: readonly string[]
  readonly cacheSize?: number
  readonly cacheItems?: number
  readonly cacheMode?: number
  readonly freeSpaceRatio?: number
  readonly cachePartialOnly?: boolean
  readonly cacheLargeWrite?: boolean
  readonly verifyCacheChecksum?: 'none' | 'full' | 'shrink' | 'extend'
  readonly cacheEviction?: '2-random' | 'lru' | 'none'
  readonly cacheScanIntervalSec?: number

  /** Where the inspector keeps its index; without, in the first cache directory or, if there is none, the user's own. */
  readonly indexDir?: string
}

export interface Identity {
  readonly uid: number
  readonly gid: number
}

/** The disk cache of this user: `/var/cache/pomelo` for root, else below XDG's cache folder. */
export function defaultCacheDir(env: Readonly<Record<string, string | undefined>> = process.env): string {
  if (process.getuid?.() === 0) return '/var/cache/pomelo'
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pomelo', 'blocks')
}

/** The inspector's indexes of this user. */
export function defaultIndexDir(env: Readonly<Record<string, string | undefined>> = process.env): string {
  if (process.getuid?.() === 0) return '/var/cache/pomelo-index'
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pomelo', 'index')
}
