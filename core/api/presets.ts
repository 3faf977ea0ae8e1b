/** Object stores people use, with what each needs: the wizard fills its fields from these. Runs anywhere. */
import type { StoreKind } from './volumes.ts'

export interface StorePreset {
  readonly key: string
  readonly label: string
  readonly storage: StoreKind
  /** `{…}` are fields to fill in. Empty for a folder. */
  readonly bucketPattern: string
  readonly fields: readonly {
    readonly name: string
    readonly label: string
    readonly example: string
    readonly choices?: readonly string[]
  }[]
  readonly needsKeys: boolean
  /** What it is called there. */
  readonly keyWords: { readonly access: string; readonly secret: string }
  readonly note?: string
}

const S3_WORDS = { access: 'Access key ID', secret: 'Secret access key' }
const bucket = { name: 'bucket', label: 'Bucket', example: 'team-media' }

export const STORE_PRESETS: readonly StorePreset[] = [
  {
    key: 'aws',
    label: 'AWS S3',
    storage: 's3',
    bucketPattern: 'https://{bucket}.s3.{region}.amazonaws.com',
    fields: [bucket, { name: 'region', label: 'Region', example: 'eu-central-1' }],
    needsKeys: true,
    keyWords: S3_WORDS,
  },
  {
    key: 'r2',
    label: 'Cloudflare R2',
    storage: 's3',
    bucketPattern: 'https://{account}.r2.cloudflarestorage.com/{bucket}',
    fields: [bucket, { name: 'account', label: 'Account ID', example: '32 hexadecimal digits' }],
    needsKeys: true,
    keyWords: S3_WORDS,
    note: 'Make an API token with Object Read & Write for this bucket.',
  },
  {
    key: 'b2',
    label: 'Backblaze B2',
    storage: 's3',
    bucketPattern: 'https://s3.{region}.backblazeb2.com/{bucket}',
    fields: [bucket, { name: 'region', label: 'Region', example: 'us-west-004' }],
    needsKeys: true,
    keyWords: { access: 'keyID', secret: 'applicationKey' },
    note: 'Keep only the last version of files, or removed data go on taking space.',
  },
  {
    key: 'wasabi',
    label: 'Wasabi',
    storage: 's3',
    bucketPattern: 'https://{bucket}.s3.{region}.wasabisys.com',
    fields: [bucket, { name: 'region', label: 'Region', example: 'eu-central-1' }],
    needsKeys: true,
    keyWords: S3_WORDS,
    note: 'Wasabi bills at least 90 days for every object: a volume rewrites many.',
  },
  {
    key: 'minio',
    label: 'MinIO',
    storage: 'minio',
    bucketPattern: '{endpoint}/{bucket}',
    fields: [{ name: 'endpoint', label: 'Address', example: 'http://nas.local:9000' }, bucket],
    needsKeys: true,
    keyWords: { access: 'User or access key', secret: 'Password or secret key' },
  },
  {
    key: 'folder',
    label: 'Local folder',
    storage: 'file',
    bucketPattern: '{folder}',
    fields: [{ name: 'folder', label: 'Folder', example: '/home/me/volume-data' }],
    needsKeys: false,
    keyWords: S3_WORDS,
    note: 'Only this computer can use the volume.',
  },
  {
    key: 'custom',
    label: 'Other, with the S3 API',
    storage: 's3',
    bucketPattern: '{endpoint}/{bucket}',
    fields: [{ name: 'endpoint', label: 'Address', example: 'https://s3.example.com' }, bucket],
    needsKeys: true,
    keyWords: S3_WORDS,
  },
]

/** The bucket address of a preset, or undefined while a field is empty. */
export function bucketOf(preset: StorePreset, values: Readonly<Record<string, string>>): string | undefined {
  let missing = false
  const address = preset.bucketPattern.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = (values[name] ?? '').trim().replace(/\/+$/, '')
    missing ||= value === ''
    return value
  })
  return missing ? undefined : address
}
