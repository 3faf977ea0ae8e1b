/**
 * The volume's setting: one JSON document that says what the volume is, read from any layout and written as
 * the reference's encoder writes it. Source: shared/spec/volume-and-objects.md §1.1, 1.2.
 */
import { Refusal } from '#core/base/refusal.ts'

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

type FieldName = Exclude<keyof VolumeSetting, 'unknown'>
type FieldType = 'string' | 'number' | 'boolean' | 'tiers'

interface Field {
  readonly name: FieldName
  readonly type: FieldType
  /** Left out when it has the zero value. */
  readonly omit: boolean
}

/** In the order they are written. */
const FIELDS: readonly Field[] = (
  [
    ['Name', 'string', false],
    ['UUID', 'string', false],
    ['Storage', 'string', false],
    ['StorageClass', 'string', true],
    ['Tiers', 'tiers', false],
    ['Bucket', 'string', false],
    ['AccessKey', 'string', true],
    ['SecretKey', 'string', true],
    ['SessionToken', 'string', true],
    ['BlockSize', 'number', false],
    ['Compression', 'string', true],
    ['Shards', 'number', true],
    ['HashPrefix', 'boolean', true],
    ['Capacity', 'number', true],
    ['Inodes', 'number', true],
    ['EncryptKey', 'string', true],
    ['EncryptAlgo', 'string', true],
    ['KeyEncrypted', 'boolean', true],
    ['UploadLimit', 'number', true],
    ['DownloadLimit', 'number', true],
    ['TrashDays', 'number', false],
    ['MetaVersion', 'number', true],
    ['MinClientVersion', 'string', true],
    ['MaxClientVersion', 'string', true],
    ['DirStats', 'boolean', true],
    ['UserGroupQuota', 'boolean', true],
    ['EnableACL', 'boolean', false],
    ['RangerRestUrl', 'string', true],
    ['RangerService', 'string', true],
    ['ChangeLog', 'boolean', true],
    ['ChangeLogMaxAge', 'number', true],
    ['ChangeLogMaxLines', 'number', true],
    ['KerbConf', 'string', true],
  ] as const
).map(([name, type, omit]) => ({ name, type, omit }))

const BY_LOWER_CASE: ReadonlyMap<string, Field> = new Map(
  FIELDS.map((field) => [field.name.toLowerCase(), field]),
)

const ZERO = { string: '', number: 0, boolean: false, tiers: null } as const

/**
 * From the stored text: any JSON layout, names in any case, unknown members kept in `unknown`. Throws Refusal
 * when it is no setting; the message never quotes a value, which may be a secret.
 */
export function parseSetting(text: string): VolumeSetting {
  const known: Partial<Record<FieldName, unknown>> = {}
  const unknown: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(parseObject(text))) {
    const field = BY_LOWER_CASE.get(key.toLowerCase())
    if (field === undefined) unknown[key] = value
    else if (value !== null) known[field.name] = checkField(field, value)
  }
  for (const { name, type, omit } of FIELDS) if (!omit) known[name] ??= ZERO[type]
  if (known.Name === '' || known.UUID === '') {
    throw new Refusal('the volume setting has no Name or UUID', 'restore the metadata from a backup')
  }
  const setting = known as unknown as VolumeSetting
  return Object.keys(unknown).length === 0 ? setting : { ...setting, unknown }
}

/** The stored text: one member per line, known ones in the format's order, then the unknown ones. */
export function serializeSetting(setting: VolumeSetting): string {
  const members = FIELDS.filter(
    ({ name, type, omit }) => !omit || (setting[name] ?? ZERO[type]) !== ZERO[type],
  )
    .map(({ name, type }): [string, unknown] => [name, setting[name] ?? ZERO[type]])
    .concat(Object.entries(setting.unknown ?? {}))
  return goObject(members)
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text, exactNumbers)
  } catch (cause) {
    throw new Refusal('the volume setting is not valid JSON', 'restore the metadata from a backup', { cause })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw new Refusal('the volume setting is not a JSON object', 'restore the metadata from a backup')
}

/** Numbers that a JS number would not write back the same stay as their text. */
function exactNumbers(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source
  if (typeof value !== 'number' || source === undefined || String(value) === source) return value
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(source)
}

function checkField({ name, type }: Field, value: unknown): unknown {
  if (type === 'tiers') return parseTiers(value)
  if (typeof value === type) return value
  const count = type === 'number' ? Number(rawText(value)) : Number.NaN
  if (!Number.isNaN(count)) return count
  throw new Refusal(`the volume setting's ${name} is not a ${type}`, 'restore the metadata from a backup')
}

function rawText(value: unknown): string {
  return typeof value === 'object' && value !== null && 'rawJSON' in value
    ? String(value.rawJSON)
    : 'no number'
}

function parseTiers(value: unknown): Record<string, TierSetting> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Refusal("the volume setting's Tiers is not an object", 'restore the metadata from a backup')
  }
  const tiers: Record<string, TierSetting> = {}
  for (const [id, tier] of Object.entries(value)) {
    const lower = new Map(Object.entries((tier ?? {}) as object).map(([key, v]) => [key.toLowerCase(), v]))
    tiers[id] = {
      ID: Number(lower.get('id') ?? 0),
      StorageClass: String(lower.get('storageclass') ?? ''),
      Tag: String(lower.get('tag') ?? ''),
    }
  }
  return tiers
}

/** Go's encoding/json with an empty indent. */
function goObject(members: readonly (readonly [string, unknown])[]): string {
  if (members.length === 0) return '{}'
  return `{\n${members.map(([key, value]) => `${goText(key)}: ${goValue(value)}`).join(',\n')}\n}`
}

function goValue(value: unknown): string {
  if (typeof value === 'string') return goText(value)
  if (typeof value !== 'object' || value === null || 'rawJSON' in value) return JSON.stringify(value)
  if (!Array.isArray(value)) return goObject(Object.entries(value))
  return value.length === 0 ? '[]' : `[\n${value.map(goValue).join(',\n')}\n]`
}

function goText(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
