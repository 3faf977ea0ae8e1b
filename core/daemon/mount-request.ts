/** What a volume process is told: a profile, its secrets and the settings of this computer, as one request. */
import type { AppSettings } from '#core/api/settings.ts'
import type { VolumeSecrets } from '#core/api/volumes.ts'
import { completeMetaUrl } from '#core/volume/meta-url.ts'
import type { MountRequest } from '#core/volume/serve-volume.ts'
import { defaultCacheDir, type VolumeOptions } from '#core/volume/volume-options.ts'
import type { StoredProfile } from './profiles.ts'

/** As `pomelo mount` does. */
const BACKUP_SEC = 3600

export function mountRequest(
  profile: StoredProfile,
  secrets: VolumeSecrets,
  app: AppSettings,
  logFile: string,
): MountRequest {
  return {
    metaUrl: completeMetaUrl(profile.metaUrl, secrets.metaPassword),
    mountPoint: profile.mountPoint,
    volume: volumeOptions(profile, secrets, app),
    kernelOptions: profile.settings.allowOther ? ['allow_other'] : [],
    logFile,
  }
}

export function volumeOptions(
  { settings, bucket }: Pick<StoredProfile, 'settings' | 'bucket'>,
  secrets: VolumeSecrets,
  app: AppSettings,
): VolumeOptions {
  return {
    bucket: bucket ?? undefined,
    accessKey: secrets.accessKey,
    secretKey: secrets.secretKey,
    sessionToken: secrets.sessionToken,
    passphrase: secrets.passphrase,
    readOnly: settings.readOnly ?? false,
    subdir: settings.subdir,
    writeback: settings.writeback ?? false,
    cacheDirs: [settings.cacheDir ?? app.cacheDir ?? defaultCacheDir()],
    cacheSize: settings.cacheBytes ?? app.cacheBytes,
    freeSpaceRatio: settings.freeSpaceRatio ?? app.freeSpaceRatio,
    bufferSize: settings.bufferBytes,
    prefetch: settings.prefetch ?? 1,
    maxUploads: settings.maxUploads ?? 20,
    maxDownloads: settings.maxDownloads ?? 200,
    ...limits(settings, app),
    attrCacheSec: settings.attrCacheSec,
    entryCacheSec: settings.entryCacheSec,
    dirEntryCacheSec: settings.entryCacheSec,
    enableXattr: settings.xattr ?? true,
    enableIoctl: true,
    noBackgroundJobs: settings.noBackgroundJobs,
    backupMetaSec: settings.backupMetaSec ?? BACKUP_SEC,
  }
}

/** Mbit/s; undefined leaves the volume's own limit. */
export function limits(
  settings: StoredProfile['settings'],
  app: AppSettings,
): Pick<VolumeOptions, 'uploadLimit' | 'downloadLimit'> {
  const lower = (own: number | undefined, all: number) => {
    const set = [own, all].filter((each): each is number => each !== undefined && each > 0)
    return set.length === 0 ? undefined : Math.min(...set)
  }
  return {
    uploadLimit: lower(settings.uploadMbps, app.uploadMbps),
    downloadLimit: lower(settings.downloadMbps, app.downloadMbps),
  }
}
