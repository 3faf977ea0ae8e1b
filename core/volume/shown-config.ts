/** What `.config` shows of a mount: the keys other tools read. Source: shared/spec/vfs-and-fuse.md §5.3. */
import { CLIENT_VERSION } from '#core/base/version.ts'
import type { VolumeSetting } from '#core/meta/setting.ts'
import type { VolumeOptions } from './volume-options.ts'

const NS = 1e9

/** `setting` without its secrets. */
export function shownConfig(setting: VolumeSetting, options: VolumeOptions, sid: number): unknown {
  const cacheDirs = (options.cacheDirs ?? []).map((dir) =>
    dir === 'memory' ? dir : `${dir}/${setting.UUID}`,
  )
  return {
    Meta: {
      ReadOnly: options.readOnly ?? false,
      NoBGJob: options.noBackgroundJobs ?? false,
      MaxDeletes: options.maxDeletes,
      Heartbeat: (options.heartbeatSec ?? 12) * NS,
      MountPoint: options.mountPoint ?? '',
      Subdir: options.subdir ?? '',
      AtimeMode: options.atimeMode ?? 'noatime',
      SkipDirMtime: (options.skipDirMtimeMs ?? 0) * 1e6,
      Sid: sid,
    },
    Format: setting,
    Chunk: {
      CacheDir: cacheDirs.join(':'),
      CacheMode: options.cacheMode ?? 0o600,
      CacheSize: options.cacheSize,
      CacheItems: options.cacheItems ?? 0,
      CacheChecksum: options.verifyCacheChecksum ?? 'extend',
      CacheEviction: options.cacheEviction ?? '2-random',
      FreeSpace: options.freeSpaceRatio ?? 0.1,
      Compress: setting.Compression ?? '',
      MaxUpload: options.maxUploads,
      MaxDownload: options.maxDownloads,
      Writeback: options.writeback ?? false,
      HashPrefix: setting.HashPrefix ?? false,
      BlockSize: setting.BlockSize * 1024,
      BufferSize: options.bufferSize,
      Readahead: options.maxReadahead,
      Prefetch: options.prefetch,
    },
    Port: {},
    Version: CLIENT_VERSION,
    AttrTimeout: (options.attrCacheSec ?? 1) * NS,
    EntryTimeout: (options.entryCacheSec ?? 1) * NS,
    DirEntryTimeout: (options.dirEntryCacheSec ?? 1) * NS,
    NegEntryTimeout: (options.negativeEntryCacheSec ?? 0) * NS,
    PrefixInternal: options.prefixInternal ?? false,
    HideInternal: options.listInternal !== true,
    Pid: process.pid,
    PPid: process.ppid,
    Mountpoint: options.mountPoint ?? '',
  }
}
