/** Make a volume: the bucket is tried and claimed, then the metadata are written. */

import type { z } from 'zod'
import { claimBucket, newSetting } from '#core/admin/format.ts'
import type { formatSpec, VolumeSecrets } from '#core/api/volumes.ts'
import { silentLog } from '#core/base/log.ts'
import { Refusal } from '#core/base/refusal.ts'
import { formatVolume, openEngine } from '#core/meta/open-meta.ts'
import { wrapSecrets } from '#core/meta/setting-secrets.ts'
import { completeMetaUrl } from '#core/volume/meta-url.ts'
import { openStoreOf } from '#core/volume/open-stored.ts'

export interface Creation {
  readonly format: z.output<typeof formatSpec>
  readonly secrets: VolumeSecrets
}

/** Nothing is left of it when it rejects. Errors: Refusal, BackendError. */
export async function createVolume(
  { format, secrets }: Creation,
  onStep: (step: string) => void,
): Promise<void> {
  const setting = newSetting({
    name: format.volumeName,
    storage: format.storage,
    bucket: format.bucket,
    accessKey: secrets.accessKey,
    secretKey: secrets.secretKey,
    sessionToken: secrets.sessionToken,
    storageClass: format.storageClass,
    blockSize: format.blockBytes,
    compression: format.compression,
    shards: format.shards,
    hashPrefix: format.hashPrefix,
    capacity: format.capacityBytes,
    inodes: format.inodes,
    trashDays: format.trashDays,
    enableAcl: format.acl,
    keyPem: format.encryptionKeyPem,
    encryptAlgo: format.encryptionAlgorithm,
  })
  onStep('opening the metadata server')
  const engine = await openEngine(completeMetaUrl(format.metaUrl, secrets.metaPassword), { create: true })
  try {
    const [there] = await engine.read([{ kind: 'setting' }]).catch(() => [null])
    if (there !== null)
      throw new Refusal(`${engine.address} holds a volume already`, 'connect to it, or use other metadata')
    const store = await openStoreOf(setting, { passphrase: secrets.passphrase }, { log: silentLog })
    try {
      onStep('trying the bucket')
      const undo = await claimBucket(store, setting, true)
      onStep('writing the metadata')
      try {
        await formatVolume(engine, wrapSecrets(setting))
      } catch (error) {
        await undo()
        throw error
      }
    } finally {
      store.close()
    }
  } finally {
    await engine.close()
  }
}
