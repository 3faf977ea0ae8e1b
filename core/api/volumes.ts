/** Volumes as the interface lists them, and what it may ask for them. Runs anywhere. */
import { z } from 'zod'
import type { VolumeStatus } from './states.ts'

export const ENGINE_KINDS = ['sqlite', 'redis', 'postgres', 'tikv', 'etcd'] as const
export type EngineKind = (typeof ENGINE_KINDS)[number]
export const STORE_KINDS = ['file', 's3', 'minio'] as const
export type StoreKind = (typeof STORE_KINDS)[number]

export interface PendingUploads {
  /** Blocks staged on this disk or in memory on their way. */
  readonly blocks: number
  readonly bytes: number
  /** Age of the oldest staged block; null when none is. */
  readonly oldestMs: number | null
}

/** A few live numbers for the list; the rest is in `metrics`. */
export interface VolumeRates {
  readonly readBps: number
  readonly writeBps: number
  readonly opsPerSec: number
  /** 0 to 1, of the last minute; null when nothing was read. */
  readonly hitRate: number | null
  /** Round trip to the metadata server; null while nothing has measured it. */
  readonly metaMs: number | null
}

export interface VolumeUsage {
  readonly usedBytes: number
  /** Null: no limit. */
  readonly capacityBytes: number | null
  readonly inodes: number
  readonly inodesLimit: number | null
  readonly asOfMs: number
}

export interface Volume {
  /** Of the profile; `mount-…` for a mount nobody saved. */
  readonly id: string
  /** As shown: the profile's own name. */
  readonly name: string
  /** The name in the format, once known. */
  readonly volumeName: string | null
  readonly uuid: string | null
  /** `found`: mounted by the command line and not saved here. */
  readonly origin: 'profile' | 'found'
  readonly status: VolumeStatus
  /** What the user wants; a restart never goes against it. */
  readonly desired: 'mounted' | 'unmounted'
  readonly mountAtLogin: boolean
  readonly mountPoint: string
  readonly engine: { readonly kind: EngineKind; readonly address: string }
  /** Null until the volume was seen. */
  readonly store: { readonly kind: string; readonly address: string } | null
  readonly readOnly: boolean
  readonly usage: VolumeUsage | null
  readonly rates: VolumeRates | null
  readonly pending: PendingUploads
  /** Nothing written is only here: the computer may be switched off. */
  readonly safeToShutDown: boolean
  /** The volume process. */
  readonly pid: number | null
  readonly startedMs: number | null
}

/** First `all`, then what changed; at most one a second. */
export type VolumesChange =
  | { readonly kind: 'all'; readonly volumes: readonly Volume[] }
  | { readonly kind: 'change'; readonly volumes: readonly Volume[]; readonly removed: readonly string[] }

const text = (max: number) => z.string().trim().min(1).max(max)
export const volumeId = z.string().min(1).max(100)
export const volumeRef = z.object({ id: volumeId })

/** How this computer opens and mounts a volume. Absent: the default. Sizes in bytes. */
export const mountSettings = z.object({
  readOnly: z.boolean().optional(),
  subdir: z.string().startsWith('/').max(4096).optional(),
  writeback: z.boolean().optional(),
  cacheDir: z.string().startsWith('/').max(4096).optional(),
  cacheBytes: z.number().int().min(0).optional(),
  freeSpaceRatio: z.number().min(0).max(0.99).optional(),
  bufferBytes: z
    .number()
    .int()
    .min(32 * 2 ** 20)
    .optional(),
  prefetch: z.number().int().min(0).max(100).optional(),
  maxUploads: z.number().int().min(1).max(1000).optional(),
  maxDownloads: z.number().int().min(1).max(1000).optional(),
  /** Mbit/s; 0: no limit. */
  uploadMbps: z.number().min(0).optional(),
  downloadMbps: z.number().min(0).optional(),
  attrCacheSec: z.number().min(0).max(86_400).optional(),
  entryCacheSec: z.number().min(0).max(86_400).optional(),
  allowOther: z.boolean().optional(),
  xattr: z.boolean().optional(),
  noBackgroundJobs: z.boolean().optional(),
  /** Time between two backups of the metadata in the bucket; 0: none by this computer. Default: an hour. */
  backupMetaSec: z.union([z.literal(0), z.number().int().min(300)]).optional(),
})
export type MountSettings = z.infer<typeof mountSettings>

/** Secrets go in and never come out. Empty text takes one away, absent leaves it. */
export const volumeSecrets = z.object({
  metaPassword: z.string().max(4096).optional(),
  accessKey: z.string().max(4096).optional(),
  secretKey: z.string().max(4096).optional(),
  sessionToken: z.string().max(16_384).optional(),
  passphrase: z.string().max(4096).optional(),
})
export type VolumeSecrets = z.infer<typeof volumeSecrets>
export type SecretName = keyof VolumeSecrets

/** What is kept of a volume, without secrets. */
export interface Profile {
  readonly id: string
  readonly name: string
  /** Without its password. */
  readonly metaUrl: string
  readonly mountPoint: string
  readonly mountAtLogin: boolean
  readonly settings: MountSettings
  /** Bucket or endpoint used here instead of the volume's own. */
  readonly bucket: string | null
  /** Which secrets are kept for it. */
  readonly secrets: readonly SecretName[]
  readonly createdMs: number
}

/** Connect to a volume that exists. */
export const connectInput = z.object({
  /** Shown name; default: the volume's. */
  name: text(255).optional(),
  metaUrl: text(4096),
  mountPoint: text(4096).optional(),
  mountAtLogin: z.boolean().default(false),
  settings: mountSettings.default({}),
  bucket: z.string().max(4096).optional(),
  secrets: volumeSecrets.default({}),
  mountNow: z.boolean().default(true),
})
export type ConnectInput = z.input<typeof connectInput>

/** Everything `pomelo format` can be told. Sizes in bytes. */
export const formatSpec = z.object({
  metaUrl: text(4096),
  /** In the format: 3 to 63 lower-case letters, digits and hyphens. */
  volumeName: z.string().regex(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/, {
    error: 'use 3 to 63 lower-case letters, digits and hyphens, with no hyphen at either end',
  }),
  storage: z.enum(STORE_KINDS),
  bucket: text(4096),
  storageClass: z.string().max(100).optional(),
  blockBytes: z
    .number()
    .int()
    .min(64 * 1024)
    .max(16 * 2 ** 20)
    .default(4 * 2 ** 20),
  compression: z.enum(['none', 'lz4', 'zstd']).default('none'),
  /** The private key made in the wizard or pasted, PEM. */
  encryptionKeyPem: z.string().max(32_768).optional(),
  encryptionAlgorithm: z.enum(['aes256gcm-rsa', 'chacha20-rsa']).default('aes256gcm-rsa'),
  hashPrefix: z.boolean().default(false),
  shards: z.number().int().min(0).max(256).default(0),
  capacityBytes: z.number().int().min(0).default(0),
  inodes: z.number().int().min(0).default(0),
  trashDays: z.number().int().min(0).max(3650).default(1),
  acl: z.boolean().default(false),
})
export type FormatSpec = z.input<typeof formatSpec>

export const createInput = connectInput.omit({ metaUrl: true, bucket: true }).extend({ format: formatSpec })
export type CreateInput = z.input<typeof createInput>

export const updateInput = volumeRef.extend({
  name: text(255).optional(),
  metaUrl: text(4096).optional(),
  mountPoint: text(4096).optional(),
  mountAtLogin: z.boolean().optional(),
  settings: mountSettings.optional(),
  bucket: z.string().max(4096).nullable().optional(),
  secrets: volumeSecrets.optional(),
})
export type UpdateInput = z.input<typeof updateInput>

/** `confirm` is the volume's shown name, typed. `data` also destroys the volume itself; a task does that. */
export const removeInput = volumeRef.extend({
  confirm: z.string().max(255),
  data: z.boolean().default(false),
})

export const mountInput = volumeRef.extend({
  /** Answer when it is mounted or has failed, at most after so long; absent: at once. */
  waitMs: z.number().int().min(0).max(120_000).optional(),
})

/**
 * `ask` flushes, waits for uploads, and while somebody uses the mount names them and tries again every second;
 * `skip-uploads` the same, but staged blocks stay on this disk for the next mount; `force` flushes for a moment and
 * cuts the connection; `abort` cuts it at once and ends the process.
 */
export const unmountInput = volumeRef.extend({
  how: z.enum(['ask', 'skip-uploads', 'force', 'abort']).default('ask'),
  waitMs: z.number().int().min(0).max(120_000).optional(),
})
export type UnmountHow = z.infer<typeof unmountInput>['how']

/** A profile as a team passes it on: no secrets, no places of one computer. */
export const teamProfile = z.object({
  pomeloProfile: z.literal(1),
  name: text(255),
  metaUrl: text(4096),
  bucket: z.string().max(4096).nullable().default(null),
  settings: mountSettings.omit({ cacheDir: true }).default({}),
  /** What whoever imports it has to bring. */
  needs: z
    .array(z.enum(['metaPassword', 'accessKey', 'secretKey', 'sessionToken', 'passphrase']))
    .default([]),
  note: z.string().max(2000).optional(),
})
export type TeamProfile = z.infer<typeof teamProfile>

/** The setting stored with the volume, for all its clients; no secrets. */
export interface VolumeFormat {
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
  readonly capacityBytes: number
  readonly inodes: number
  readonly trashDays: number
  readonly acl: boolean
  readonly dirStats: boolean
  readonly minClientVersion: string | null
  readonly maxClientVersion: string | null
  readonly uploadMbps: number
  readonly downloadMbps: number
}

/** Changes to it. Absent: stays. */
export const formatChange = volumeRef.extend({
  capacityBytes: z.number().int().min(0).optional(),
  inodes: z.number().int().min(0).optional(),
  trashDays: z.number().int().min(0).max(3650).optional(),
  acl: z.literal(true).optional(),
  uploadMbps: z.number().min(0).optional(),
  downloadMbps: z.number().min(0).optional(),
  bucket: z.string().max(4096).optional(),
  accessKey: z.string().max(4096).optional(),
  secretKey: z.string().max(4096).optional(),
})
export type FormatChange = z.input<typeof formatChange>

/** Where the space is (users-and-peers A14). Bytes; null: not counted yet (a `gc` task counts leaked ones). */
export interface VolumeSpace {
  readonly asOfMs: number
  readonly liveBytes: number
  readonly trashBytes: number
  readonly pendingDeleteBytes: number
  readonly supersededBytes: number
  readonly leakedBytes: number | null
}

/** A mounted client of the volume, on any computer. */
export interface ClientSession {
  readonly sid: string
  readonly host: string
  readonly addresses: readonly string[]
  readonly mountPoint: string
  readonly version: string
  readonly pid: number
  readonly sinceMs: number | null
  readonly expiresMs: number
  /** Has not shown a sign of life in time. */
  readonly stale: boolean
  readonly isThisComputer: boolean
  readonly isThisMount: boolean
}
