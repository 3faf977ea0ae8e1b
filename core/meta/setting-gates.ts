/**
 * Whether this client may open a volume with that setting. What it does not implement it refuses by name, or
 * opens for reading only. Source: shared/spec/volume-and-objects.md §1.4, 1.7.
 */
import { Refusal } from '#core/base/refusal.ts'
import { CLIENT_VERSION, compareVersions, parseVersion } from '#core/base/version.ts'
import type { VolumeSetting } from './setting.ts'

const MAX_META_VERSION = 1
const STORAGES = ['file', 's3', 'minio']
const COMPRESSIONS = ['', 'none', 'lz4', 'zstd']
const ENCRYPTIONS = ['', 'aes256gcm-rsa', 'chacha20-rsa']
const USE_REFERENCE = 'mount it with the reference client'

/**
 * Throws Refusal for a setting this client must not mount. Returns warnings to show: things the volume asks for
 * that are not enforced here.
 */
export function checkSetting(
  setting: VolumeSetting,
  mode: { readonly readOnly: boolean /** Overrides the setting's. */; readonly storage?: string },
): readonly string[] {
  const { Name, MetaVersion = 0, EncryptAlgo = '', Compression = '' } = setting
  const refuse = (field: string, value: unknown, why: string, next: string): never => {
    throw new Refusal(`volume ${Name} has ${field} ${JSON.stringify(value)}: ${why}`, next)
  }
  if (MetaVersion > MAX_META_VERSION)
    refuse('MetaVersion', MetaVersion, `this client knows ${MAX_META_VERSION} at most`, 'upgrade this client')
  checkVersions(setting)
  const storage = mode.storage ?? setting.Storage
  if (!STORAGES.includes(storage.toLowerCase()))
    refuse('Storage', storage, `this client knows ${STORAGES.join(', ')}`, USE_REFERENCE)
  if (!COMPRESSIONS.includes(Compression.toLowerCase()))
    refuse('Compression', Compression, 'this client knows none, lz4 and zstd', USE_REFERENCE)
  if ((setting.EncryptKey || setting.KeyEncrypted) && !ENCRYPTIONS.includes(EncryptAlgo))
    refuse('EncryptAlgo', EncryptAlgo, 'this client knows aes256gcm-rsa and chacha20-rsa', USE_REFERENCE)
  const { BlockSize } = setting
  if (!(BlockSize >= 1 && BlockSize <= 16384) || !Number.isInteger(BlockSize))
    refuse('BlockSize', BlockSize, 'a block has 1 to 16384 KiB', 'restore the metadata from a backup')
  if (setting.ChangeLog && !mode.readOnly)
    refuse('ChangeLog', true, 'this client does not write the change log', 'mount it read-only (--read-only)')
  return warnings(setting)
}

function checkVersions({ Name, MinClientVersion, MaxClientVersion }: VolumeSetting): void {
  const own = parseVersion(CLIENT_VERSION)!
  const level = CLIENT_VERSION.slice(0, CLIENT_VERSION.indexOf('+'))
  const bounds = [
    ['MinClientVersion', MinClientVersion, 1, 'upgrade this client'],
    [
      'MaxClientVersion',
      MaxClientVersion,
      -1,
      'use an older client, or raise the bound with the config command',
    ],
  ] as const
  for (const [field, bound, sign, next] of bounds) {
    if (!bound) continue
    const version = parseVersion(bound)
    if (version === undefined)
      throw new Refusal(
        `volume ${Name} has ${field} "${bound}", which is no version`,
        'correct it with the config command',
      )
    if (sign * compareVersions(version, own) > 0)
      throw new Refusal(
        `volume ${Name} has ${field} "${bound}"; this client has the features of ${level}`,
        next,
      )
  }
}

function warnings(setting: VolumeSetting): readonly string[] {
  return (['RangerRestUrl', 'RangerService', 'KerbConf'] as const)
    .filter((field) => setting[field])
    .map(
      (field) =>
        `volume ${setting.Name} has ${field} set; policies kept there are not enforced by this client`,
    )
}
