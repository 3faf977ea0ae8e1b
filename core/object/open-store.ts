/**
 * Opens the objects of a volume: the base store of its setting with every wrapper a volume needs.
 *
 *   limit -> retry -> hedge -> encryption -> prefix -> metrics -> shards -> base
 *
 * Source for what lies under retry: shared/spec/volume-and-objects.md §2. Encryption is under retry so that a body
 * damaged on its way is fetched again; a place of the limit is kept while retrying, or an outage would pile up work.
 */
import { type Clock, systemClock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import { type Log, silentLog } from '#core/base/log.ts'
import type { Metrics } from '#core/base/metrics.ts'
import { type Random, systemRandom } from '#core/base/random.ts'
import { FileObjectStore } from './file.ts'
import type { ObjectStore } from './store.ts'
import type { EncryptOptions } from './volume-key.ts'
import { withEncryption } from './with-encryption.ts'
import { withHedge } from './with-hedge.ts'
import { withLimit } from './with-limit.ts'
import { withMetrics } from './with-metrics.ts'
import { withPrefix } from './with-prefix.ts'
import { retryOptions, withRetry } from './with-retry.ts'
import { shardBuckets, withShards } from './with-shards.ts'

export { isEmptyVolumePrefix, probeStore } from './probe.ts'
export type { EncryptOptions } from './volume-key.ts'

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
  /** Attempts of an operation besides the first: 10. Files on this machine are asked once. */
  readonly ioRetries?: number
  /** Of one attempt, request and body: 60 s. */
  readonly getTimeoutMs?: number
  readonly putTimeoutMs?: number

  readonly log?: Log
  readonly metrics?: Metrics
  readonly clock?: Clock
  readonly random?: Random
}

export const STORAGE_KINDS = ['file', 's3', 'minio'] as const
export type StorageKind = (typeof STORAGE_KINDS)[number]

/**
 * Errors: BackendError `invalid` for an unknown kind, an unreadable bucket or key; `denied` for a wrong or missing
 * passphrase. Nothing is asked of the store yet (but the region of a bare AWS bucket name): see `probeStore`.
 */
export async function openObjectStore(options: StoreOptions): Promise<ObjectStore> {
  const { clock = systemClock, log = silentLog, random = systemRandom } = options
  const kind = storageKind(options.storage)
  let store = await openShards(kind, options)
  try {
    if (options.metrics !== undefined) store = withMetrics(store, options.metrics, clock)
    store = withPrefix(store, `${options.name}/`)
    if (options.encrypt !== undefined) store = withEncryption(store, options.encrypt)
  } catch (error) {
    store.close()
    throw error
  }
  if (kind !== 'file') {
    const { ioRetries = 10, getTimeoutMs = 60_000, putTimeoutMs = 60_000 } = options
    store = withRetry(
      withHedge(store, clock, options.metrics),
      retryOptions({ attempts: ioRetries + 1, getTimeoutMs, putTimeoutMs, clock, random, log }),
    )
  }
  return withLimit(store, { ...options, clock })
}

function storageKind(name: string): StorageKind {
  const kind = STORAGE_KINDS.find((known) => known === name.toLowerCase())
  if (kind !== undefined) return kind
  throw new BackendError(
    'invalid',
    `storage "${name}" is not supported (supported: ${STORAGE_KINDS.join(', ')})`,
  )
}

async function openShards(kind: StorageKind, options: StoreOptions): Promise<ObjectStore> {
  const count = options.shards ?? 0
  const buckets = count > 1 ? shardBuckets(options.bucket, count) : [options.bucket]
  return withShards(await Promise.all(buckets.map((bucket) => openBase(kind, bucket, options))))
}

async function openBase(kind: StorageKind, bucket: string, options: StoreOptions): Promise<ObjectStore> {
  if (kind === 'file') return new FileObjectStore(bucket)
  // Loaded when needed: the SDK takes 0.1 s and 20 MB.
  const { openS3Store } = await import('./s3/store.ts')
  const { accessKey, secretKey, sessionToken, tiers, log } = options
  return openS3Store({ kind, bucket, accessKey, secretKey, sessionToken, tiers, log })
}
