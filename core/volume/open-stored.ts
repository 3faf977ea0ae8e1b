/** The two halves of a volume, opened and checked: its metadata engine with the setting, and its bucket. */
import type { Clock } from '#core/base/clock.ts'
import type { Log } from '#core/base/log.ts'
import type { Metrics } from '#core/base/metrics.ts'
import { Geometry } from '#core/chunk/geometry.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import { loadSetting, openEngine } from '#core/meta/open-meta.ts'
import type { VolumeSetting } from '#core/meta/setting.ts'
import { checkSetting } from '#core/meta/setting-gates.ts'
import { unwrapSecrets } from '#core/meta/setting-secrets.ts'
import { openObjectStore } from '#core/object/open-store.ts'
import type { ObjectStore } from '#core/object/store.ts'
import type { VolumeOptions } from './volume-options.ts'

export interface Around {
  readonly log: Log
  readonly metrics?: Metrics
  readonly clock?: Clock
}

export interface Stored {
  readonly engine: MetaEngine
  /** Secrets plain. */
  readonly setting: VolumeSetting
  readonly store: ObjectStore
  readonly geometry: Geometry
  close(): Promise<void>
}

/**
 * Open the engine, read the setting, check that this client understands it, open the store. Refusals and
 * BackendErrors say what is wrong and what to do; nothing stays open then.
 */
export async function openStored(metaUrl: string, options: VolumeOptions, around: Around): Promise<Stored> {
  const engine = await openEngine(metaUrl, {
    readOnly: options.readOnly,
    log: around.log,
    clock: around.clock,
    metrics: around.metrics,
  })
  try {
    const setting = unwrapSecrets(await loadSetting(engine))
    for (const warning of checkSetting(setting, {
      readOnly: options.readOnly === true,
      storage: options.storage,
    })) {
      around.log.warn(warning)
    }
    if (options.readOnly !== true) await engine.upgrade()
    const store = await openStoreOf(setting, options, around)
    const geometry = new Geometry(setting.BlockSize * 1024, setting.HashPrefix === true)
    return {
      engine,
      setting,
      store,
      geometry,
      async close() {
        store.close()
        await engine.close()
      },
    }
  } catch (error) {
    await engine.close()
    throw error
  }
}

/** The store of a setting with plain secrets, as this client's options bend it. */
export function openStoreOf(
  setting: VolumeSetting,
  options: VolumeOptions,
  { log, metrics, clock }: Around,
): Promise<ObjectStore> {
  return openObjectStore({
    storage: options.storage ?? setting.Storage,
    bucket: options.bucket ?? setting.Bucket,
    name: setting.Name,
    accessKey: options.accessKey ?? setting.AccessKey,
    secretKey: options.secretKey ?? setting.SecretKey,
    sessionToken: options.sessionToken ?? setting.SessionToken,
    shards: setting.Shards,
    encrypt: setting.EncryptKey
      ? { keyPem: setting.EncryptKey, passphrase: options.passphrase, algorithm: setting.EncryptAlgo }
      : undefined,
    tiers: tiersOf(setting, options),
    maxUploads: options.maxUploads,
    maxDownloads: options.maxDownloads,
    uploadLimit: options.uploadLimit ?? setting.UploadLimit,
    downloadLimit: options.downloadLimit ?? setting.DownloadLimit,
    ioRetries: options.ioRetries,
    getTimeoutMs: options.getTimeoutMs,
    putTimeoutMs: options.putTimeoutMs,
    log,
    metrics,
    clock,
  })
}

/** Tier 0 may be bent for this client; older settings keep its class in StorageClass. */
function tiersOf(setting: VolumeSetting, options: VolumeOptions): VolumeSetting['Tiers'] {
  const stored = setting.Tiers ?? { '0': { ID: 0, StorageClass: setting.StorageClass ?? '', Tag: '' } }
  if (options.storageClass === undefined && options.tag === undefined) return stored
  const first = stored['0'] ?? { ID: 0, StorageClass: '', Tag: '' }
  const bent = {
    ...first,
    StorageClass: options.storageClass ?? first.StorageClass,
    Tag: options.tag ?? first.Tag,
  }
  return { ...stored, '0': bent }
}
