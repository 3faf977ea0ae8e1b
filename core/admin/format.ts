/**
 * Make a volume: check the wishes, try the bucket, claim its prefix, write the metadata.
 * Source: shared/spec/admin-tools.md §2, volume-and-objects.md §1, §3.5.
 */
import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import { Refusal } from '#core/base/refusal.ts'
import type { VolumeSetting } from '#core/meta/setting.ts'
import { isEmptyVolumePrefix, probeStore } from '#core/object/open-store.ts'
import type { ObjectStore } from '#core/object/store.ts'

export interface FormatWishes {
  readonly name: string
  readonly storage: string
  readonly bucket: string
  readonly accessKey?: string
  readonly secretKey?: string
  readonly sessionToken?: string
  readonly storageClass?: string
  readonly tag?: string
  /** Bytes. */
  readonly blockSize: number
  readonly compression: string
  readonly shards: number
  readonly hashPrefix: boolean
  readonly capacity: number
  readonly inodes: number
  readonly trashDays: number
  readonly enableAcl: boolean
  readonly keyPem?: string
  readonly encryptAlgo: string
}

const NAME = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/
const STORAGES = ['file', 's3', 'minio']

/** The setting of a new volume, secrets plain. Throws Refusal for a wish that cannot be. */
export function newSetting(wishes: FormatWishes): VolumeSetting {
  checkVolumeName(wishes.name)
  const storage = wishes.storage.toLowerCase()
  if (!STORAGES.includes(storage)) {
    throw new Refusal(
      `unknown storage ${JSON.stringify(wishes.storage)}`,
      `use one of ${STORAGES.join(', ')}`,
    )
  }
  if (wishes.shards > 1 && !wishes.bucket.includes('%d')) {
    throw new Refusal(`with ${wishes.shards} shards the bucket needs a %d for their numbers`)
  }
  const tier = { ID: 0, StorageClass: wishes.storageClass ?? '', Tag: checkTag(wishes.tag) }
  return {
    Name: wishes.name,
    UUID: randomUUID(),
    Storage: storage,
    StorageClass: wishes.storageClass,
    Tiers: { '0': tier },
    Bucket: absoluteBucket(storage, wishes.bucket),
    AccessKey: wishes.accessKey,
    SecretKey: wishes.secretKey,
    SessionToken: wishes.sessionToken,
    BlockSize: blockKiB(wishes.blockSize),
    Compression: wishes.compression,
    Shards: wishes.shards,
    HashPrefix: wishes.hashPrefix,
    Capacity: wishes.capacity,
    Inodes: wishes.inodes,
    EncryptKey: wishes.keyPem,
    EncryptAlgo: wishes.encryptAlgo,
    TrashDays: wishes.trashDays,
    MetaVersion: 1,
    MinClientVersion: wishes.enableAcl ? '1.2.0-A' : '1.1.0-A',
    DirStats: true,
    EnableACL: wishes.enableAcl,
  }
}

export function checkVolumeName(name: string): void {
  if (NAME.test(name)) return
  throw new Refusal(
    `${JSON.stringify(name)} cannot be a volume's name`,
    'use 3 to 63 lower-case letters, digits and hyphens, with no hyphen at either end',
  )
}

/** A local bucket as its absolute directory, with the slash at its end that keeps objects inside. */
export function absoluteBucket(storage: string, bucket: string): string {
  if (storage !== 'file') return bucket
  const plain = bucket.startsWith('file://') ? bucket.slice('file://'.length) : bucket
  return `${resolve(plain)}/`.replace(/\/+$/, '/')
}

/** A power of two from 64 KiB to 16 MiB, rounded down; in KiB. */
function blockKiB(bytes: number): number {
  const power = 2 ** Math.floor(Math.log2(Math.max(1, bytes)))
  return Math.min(Math.max(power, 64 * 1024), 16 * 2 ** 20) / 1024
}

function checkTag(tag: string | undefined): string {
  if (tag === undefined || tag === '') return ''
  if (!/^[^=]+=[^=]+$/.test(tag)) throw new Refusal(`a tag is KEY=VALUE, not ${JSON.stringify(tag)}`)
  return tag
}

/**
 * Make sure that the bucket works and holds nothing of a volume of that name, and sign it with the UUID.
 * Call the returned function if the volume comes to nothing after all.
 */
export async function claimBucket(
  store: ObjectStore,
  setting: VolumeSetting,
  probe: boolean,
): Promise<() => Promise<void>> {
  if (probe) await probeStore(store)
  if (!(await isEmptyVolumePrefix(store))) {
    throw new Refusal(
      `${store.address} is not empty: another volume ${JSON.stringify(setting.Name)} may have its data there`,
      'choose another name or another bucket, or remove those objects',
    )
  }
  await store.put('juicefs_uuid', [Buffer.from(setting.UUID)])
  return () => store.delete('juicefs_uuid').catch(() => {})
}
