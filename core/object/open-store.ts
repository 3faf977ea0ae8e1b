/** Opens the objects of a volume: the base store of its setting with every wrapper a volume needs. */
import type { Clock } from '#core/base/clock.ts'
import type { Log } from '#core/base/log.ts'
import type { Metrics } from '#core/base/metrics.ts'
import type { Random } from '#core/base/random.ts'
import type { ObjectStore } from './store.ts'

/** Storage class and `key=value` tag of a tier; empty is none. Source: volume-and-objects.md §7.7. */
export interface Tier {
  readonly StorageClass: string
  readonly Tag: string
}

export interface StoreOptions {
  /** Kind: `file`, `s3` or `minio`, in any case. */
  readonly storage: string
  /** Directory or URL; with a `%d` when `shards` > 1. */
  readonly bucket: string
  /** The volume's name: `name + '/'` stands before every key. */
  readonly name: string
  /** Secrets are plain here; empty means the kind's own default (for S3 the SDK's chain). */
  readonly accessKey?: string
  readonly secretKey?: string
  readonly sessionToken?: string
  readonly shards?: number
  /** Set when the volume's `EncryptKey` is. */
  readonly encrypt?: EncryptOptions
  /** By tier id in decimal, as in the setting. */
  readonly tiers?: Readonly<Record<string, Tier>> | null

  /** Requests at a time: no limit when unset. */
  readonly maxUploads?: number
  readonly maxDownloads?: number
  /** Mbit/s (10^6 bits); 0 or unset: no limit. */
  readonly uploadLimit?: number
  readonly downloadLimit?: number
  /** Attempts of an operation besides the first: 10. */
  readonly ioRetries?: number
  /** Of one attempt, request and body: 60 s. */
  readonly getTimeoutMs?: number
  readonly putTimeoutMs?: number

  readonly log?: Log
  readonly metrics?: Metrics
  readonly clock?: Clock
  readonly random?: Random
}

export interface EncryptOptions {
  /** Text of the private key's PEM. */
  readonly keyPem: string
  readonly passphrase?: string
  /** The setting's `EncryptAlgo`; empty is `aes256gcm-rsa`. */
  readonly algorithm?: string
}

/**
 * Errors: BackendError `invalid` for an unknown kind, an unreadable bucket or key; `denied` for a wrong or missing
 * passphrase. Nothing is asked of the store yet: see `probeStore`.
 */
export async function openObjectStore(options: StoreOptions): Promise<ObjectStore> {
  throw new Error(`not built yet: ${options.storage}`)
}

/** Can objects be written, read back and removed here? Makes the bucket if need be. Source: §3.5. */
export async function probeStore(store: ObjectStore): Promise<void> {
  throw new Error(`not built yet: ${store.address}`)
}

/** True when no object of non-zero size but `testing…` lies under the volume's prefix. Source: §3.5. */
export async function isEmptyVolumePrefix(store: ObjectStore): Promise<boolean> {
  throw new Error(`not built yet: ${store.address}`)
}
