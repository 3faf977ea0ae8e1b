/** Changes to the setting of an existing volume. Source: shared/spec/admin-tools.md §2.4, §3. */

import { Refusal } from '#core/base/refusal.ts'
import { compareVersions, parseVersion } from '#core/base/version.ts'
import type { TierSetting, VolumeSetting } from '#core/meta/setting.ts'
import { absoluteBucket } from './format.ts'

/** What may be set; secrets plain. */
export type SettingChanges = Partial<
  Pick<
    VolumeSetting,
    | 'Storage'
    | 'Bucket'
    | 'AccessKey'
    | 'SecretKey'
    | 'SessionToken'
    | 'Capacity'
    | 'Inodes'
    | 'UploadLimit'
    | 'DownloadLimit'
    | 'TrashDays'
    | 'MinClientVersion'
    | 'MaxClientVersion'
    | 'DirStats'
    | 'UserGroupQuota'
    | 'EnableACL'
    | 'ChangeLog'
    | 'ChangeLogMaxAge'
    | 'ChangeLogMaxLines'
  >
> & { readonly StorageClass?: string; readonly Tag?: string }

export interface ChangedSetting {
  readonly setting: VolumeSetting
  /** `capacity: 0 -> 1073741824`, secrets hidden. */
  readonly lines: readonly string[]
  /** The bucket or its keys changed: try them before storing. */
  readonly storageChanged: boolean
}

const SECRETS = new Set(['SecretKey', 'SessionToken'])
const OF_STORAGE = new Set(['Storage', 'Bucket', 'AccessKey', 'SecretKey', 'SessionToken'])
const CHANGELOG_AGE = 7200

/** Apply `changes` to `setting` (secrets plain). Throws Refusal for one that cannot be. */
export function changeSetting(setting: VolumeSetting, changes: SettingChanges): ChangedSetting {
  const lines: string[] = []
  let next: VolumeSetting = setting
  let storageChanged = false
  const { StorageClass, Tag, ...plain } = changes
  for (const [name, value] of Object.entries(prepared(setting, plain))) {
    const before = setting[name as keyof VolumeSetting]
    if (value === undefined || (value === (before ?? emptyLike(value)) && !SECRETS.has(name))) continue
    if (SECRETS.has(name) && value === before) continue
    lines.push(
      SECRETS.has(name)
        ? `${optionName(name)}: updated`
        : `${optionName(name)}: ${before ?? emptyLike(value)} -> ${value}`,
    )
    storageChanged ||= OF_STORAGE.has(name)
    next = { ...next, [name]: value }
  }
  if (StorageClass !== undefined || Tag !== undefined) {
    const tier: TierSetting = { ...(setting.Tiers?.['0'] ?? { ID: 0, StorageClass: '', Tag: '' }) }
    const changed = { ...tier, StorageClass: StorageClass ?? tier.StorageClass, Tag: Tag ?? tier.Tag }
    lines.push(`storage-class: ${tier.StorageClass} -> ${changed.StorageClass}`)
    next = { ...next, Tiers: { ...setting.Tiers, '0': changed }, StorageClass: changed.StorageClass }
    storageChanged = true
  }
  return { setting: next, lines, storageChanged }
}

function prepared(setting: VolumeSetting, changes: SettingChanges): Record<string, unknown> {
  const all: Record<string, unknown> = { ...changes }
  const storage = (changes.Storage ?? setting.Storage).toLowerCase()
  if (changes.Storage !== undefined) all.Storage = storage
  if (changes.Bucket !== undefined) all.Bucket = absoluteBucket(storage, changes.Bucket)
  if (changes.EnableACL === false && setting.EnableACL) throw new Refusal('ACLs cannot be switched off again')
  if (changes.EnableACL === true && !setting.EnableACL)
    all.MinClientVersion = atLeast(changes.MinClientVersion ?? setting.MinClientVersion, '1.2.0-A')
  if (changes.MinClientVersion !== undefined) {
    checkVersionText('min-client-version', changes.MinClientVersion)
    if (isLower(changes.MinClientVersion, setting.MinClientVersion)) {
      throw new Refusal(
        `min-client-version cannot be lowered from ${setting.MinClientVersion}: older clients would not understand the volume`,
      )
    }
  }
  if (changes.MaxClientVersion) checkVersionText('max-client-version', changes.MaxClientVersion)
  if (
    changes.ChangeLog === true &&
    !setting.ChangeLog &&
    changes.ChangeLogMaxAge === undefined &&
    !setting.ChangeLogMaxAge
  ) {
    all.ChangeLogMaxAge = CHANGELOG_AGE
  }
  return all
}

function checkVersionText(name: string, text: string): void {
  if (parseVersion(text) === undefined)
    throw new Refusal(`${name}: ${JSON.stringify(text)} is no version`, 'write it like 1.2.0')
}

function isLower(a: string, b: string | undefined): boolean {
  const [left, right] = [parseVersion(a), parseVersion(b ?? '')]
  return left !== undefined && right !== undefined && compareVersions(left, right) < 0
}

function atLeast(version: string | undefined, least: string): string {
  return version !== undefined && version !== '' && !isLower(version, least) ? version : least
}

/** What a member left out of the document means. */
function emptyLike(value: unknown): unknown {
  return typeof value === 'number' ? 0 : typeof value === 'boolean' ? false : ''
}

/** `MinClientVersion` → `min-client-version`. */
function optionName(name: string): string {
  return name
    .replace('EnableACL', 'EnableAcl')
    .replace(/(?<=.)([A-Z])/g, '-$1')
    .toLowerCase()
}
