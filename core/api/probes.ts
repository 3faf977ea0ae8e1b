/** Tests of addresses and keys, before anything is stored. Runs anywhere. */
import { z } from 'zod'
import type { Finding } from './findings.ts'
import { type EngineKind, STORE_KINDS, type VolumeFormat, volumeSecrets } from './volumes.ts'

export const metadataProbe = z.object({
  metaUrl: z.string().trim().min(1).max(4096),
  password: z.string().max(4096).optional(),
})

/** A volume found at a metadata address. */
export interface FoundVolume extends VolumeFormat {
  readonly usedBytes: number
  readonly usedInodes: number
  readonly sessions: number
  /** The encryption key has a passphrase that must be given to mount. */
  readonly needsPassphrase: boolean
  /** The setting holds keys to the bucket. */
  readonly hasKeys: boolean
  /** A profile of this computer that is the same volume. */
  readonly knownAs: string | null
}

export interface MetadataAnswer {
  readonly ok: boolean
  /** "Answers in 0.4 ms, keeps data on disk, 212 MB of 2 GB used." or what is wrong. */
  readonly sentence: string
  readonly engine: EngineKind | null
  readonly address: string
  /** Median of several. */
  readonly roundTripMs: number | null
  readonly findings: readonly Finding[]
  /** Null: there is none yet, or it cannot be told. */
  readonly volume: FoundVolume | null
}

export const bucketProbe = z.object({
  storage: z.enum(STORE_KINDS),
  bucket: z.string().trim().min(1).max(4096),
  /** The prefix looked at: is it free for a volume of this name? */
  volumeName: z.string().max(63).optional(),
  secrets: volumeSecrets.default({}),
})

export interface BucketAnswer {
  readonly ok: boolean
  readonly sentence: string
  readonly address: string
  /** Of a small object, medians. */
  readonly putMs: number | null
  readonly getMs: number | null
  readonly deleteMs: number | null
  /** False when another volume of that name has objects there; null when not asked. */
  readonly isFree: boolean | null
  readonly findings: readonly Finding[]
}

/** A key for encryption, made here and shown once; nothing of it is kept until a volume is made with it. */
export interface GeneratedKey {
  /** The private key, PEM, protected with the recovery key: for `formatSpec.encryptionKeyPem`. */
  readonly keyPem: string
  /**
   * The passphrase of `keyPem`: 8 groups of 5 letters and digits with hyphens between, 200 bits. Whoever has it and
   * the metadata can read the volume, and nobody can without. Goes into `secrets.passphrase` as it is.
   */
  readonly recoveryKey: string
  /** Of the public key, to compare: first 16 hex digits of its SHA-256. */
  readonly fingerprint: string
}

export const mountPointProbe = z.object({ path: z.string().min(1).max(4096) })
export interface MountPointAnswer {
  readonly ok: boolean
  readonly path: string
  readonly sentence: string
  readonly findings: readonly Finding[]
}
