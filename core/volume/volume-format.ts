/** A setting as interfaces show it: plain names, no secrets. */
import type { VolumeSetting } from '#core/meta/setting.ts'

export interface ShownFormat {
  readonly volumeName: string
  readonly uuid: string
  readonly storage: string
  readonly bucket: string
  readonly blockBytes: number
  readonly compression: string
  readonly encrypted: boolean
  readonly encryptionAlgorithm: string | null
  readonly hashPrefix: boolean
  readonly shards: number
  /** 0: no limit. */
  readonly capacityBytes: number
  readonly inodes: number
  readonly trashDays: number
  readonly acl: boolean
  readonly dirStats: boolean
  readonly minClientVersion: string | null
  readonly maxClientVersion: string | null
  /** Mbit/s; 0: no limit. */
  readonly uploadMbps: number
  readonly downloadMbps: number
}

export function formatOf(setting: VolumeSetting): ShownFormat {
  return {
    volumeName: setting.Name,
    uuid: setting.UUID,
    storage: setting.Storage,
    bucket: setting.Bucket,
    blockBytes: setting.BlockSize * 1024,
    compression: setting.Compression || 'none',
    encrypted: Boolean(setting.EncryptKey),
    encryptionAlgorithm: setting.EncryptKey ? setting.EncryptAlgo || 'aes256gcm-rsa' : null,
    hashPrefix: setting.HashPrefix === true,
    shards: setting.Shards ?? 0,
    capacityBytes: setting.Capacity ?? 0,
    inodes: setting.Inodes ?? 0,
    trashDays: setting.TrashDays,
    acl: setting.EnableACL === true,
    dirStats: setting.DirStats === true,
    minClientVersion: setting.MinClientVersion || null,
    maxClientVersion: setting.MaxClientVersion || null,
    uploadMbps: setting.UploadLimit ?? 0,
    downloadMbps: setting.DownloadLimit ?? 0,
  }
}
