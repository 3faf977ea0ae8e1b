/**
 * The volume's setting: one JSON document that says what the volume is.
 * Source: shared/spec/volume-and-objects.md §1.
 */

export interface TierSetting {
  readonly ID: number
  readonly StorageClass: string
  readonly Tag: string
}

/** Field names as stored. Secrets are as stored too (wrapped when `KeyEncrypted`). */
export interface VolumeSetting {
  readonly Name: string
  readonly UUID: string
  readonly Storage: string
  readonly StorageClass?: string
  readonly Tiers?: Readonly<Record<string, TierSetting>> | null
  readonly Bucket: string
  readonly AccessKey?: string
  readonly SecretKey?: string
  readonly SessionToken?: string
  /** KiB. */
  readonly BlockSize: number
  readonly Compression?: string
  readonly Shards?: number
  readonly HashPrefix?: boolean
  /** Bytes; 0 = no limit. */
  readonly Capacity?: number
  readonly Inodes?: number
  readonly EncryptKey?: string
  readonly EncryptAlgo?: string
  readonly KeyEncrypted?: boolean
  /** Mbit/s. */
  readonly UploadLimit?: number
  readonly DownloadLimit?: number
  readonly TrashDays: number
  readonly MetaVersion?: number
  readonly MinClientVersion?: string
  readonly MaxClientVersion?: string
  readonly DirStats?: boolean
  readonly UserGroupQuota?: boolean
  readonly EnableACL: boolean
  readonly RangerRestUrl?: string
  readonly RangerService?: string
  readonly ChangeLog?: boolean
  readonly ChangeLogMaxAge?: number
  readonly ChangeLogMaxLines?: number
  readonly KerbConf?: string
  /** Members this client does not know, kept on rewrite in their place at the end. */
  readonly unknown?: Readonly<Record<string, unknown>>
}
