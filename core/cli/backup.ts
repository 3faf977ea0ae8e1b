/** `backup list|now|restore`: metadata backups in a volume's bucket, and a volume from one. */
import { readFile } from 'node:fs/promises'
import {
  type Backup,
  findBackup,
  listBackups,
  makeBackup,
  readBackup,
  rotateBackups,
} from '#core/admin/backup/backup.ts'
import { type Secrets, withSecrets } from '#core/admin/dump/secrets.ts'
import { absoluteBucket } from '#core/admin/format.ts'
import { formatCount, formatSize } from '#core/base/units.ts'
import type { VolumeSetting } from '#core/meta/setting.ts'
import { openObjectStore } from '#core/object/open-store.ts'
import type { ObjectStore } from '#core/object/store.ts'
import { parseLocation } from '#core/volume/meta-url.ts'
import { type Call, defineCommand } from './command.ts'
import { progressText, warnings } from './dump.ts'
import { loadInto, showLoaded } from './load.ts'
import { STORAGE_OPTIONS } from './mount-options.ts'
import { volumeLocation } from './operands.ts'
import { UsageError } from './options.ts'
import { secretFromFile } from './secrets.ts'
import { TOOL_OPTIONS, toolLog, withVolumes } from './volumes.ts'

const BUCKET_OPTIONS = {
  ...TOOL_OPTIONS,
  storage: { ...STORAGE_OPTIONS.storage, help: 'kind of storage: file, s3 or minio' },
  bucket: { ...STORAGE_OPTIONS.bucket, help: 'bucket URL or directory of the volume’s data' },
  'access-key': { ...STORAGE_OPTIONS['access-key'], env: 'ACCESS_KEY' },
  'secret-key': { ...STORAGE_OPTIONS['secret-key'], env: 'SECRET_KEY' },
  'session-token': { ...STORAGE_OPTIONS['session-token'], env: 'SESSION_TOKEN' },
  shards: { kind: 'number', max: 256, default: '0', help: 'buckets of the volume (%d in the URL)' },
  'encrypt-rsa-key': {
    kind: 'text',
    value: 'FILE',
    help: 'RSA key of an encrypted volume (passphrase in JFS_RSA_PASSPHRASE)',
  },
  'encrypt-algo': {
    kind: 'text',
    value: 'HOW',
    default: 'aes256gcm-rsa',
    choices: ['aes256gcm-rsa', 'chacha20-rsa'],
    help: 'how it is encrypted',
  },
} as const

/**
 * Data written after the backup are still in the bucket and in caches, under slice numbers that must not be given out
 * a second time: more than 60 a second for two years.
 */
const SKIPPED_SLICES = 2 ** 32

const NOW = {
  'skip-trash': { kind: 'flag', help: 'leave out what was removed' },
  ...TOOL_OPTIONS,
} as const

type BucketCall = Call<typeof BUCKET_OPTIONS>

export const backupList = defineCommand({
  name: 'backup list',
  operands: 'META-URL | NAME',
  arity: [1, 1],
  summary: 'Show the metadata backups in the bucket of a volume.',
  description:
    'When the metadata are lost, name the volume by the name it was formatted with, and its bucket by options.',
  options: BUCKET_OPTIONS,
  examples: [
    'pomelo backup list redis://host/1',
    'pomelo backup list team --storage s3 --bucket https://team.s3.eu-west-1.amazonaws.com',
  ],
  async run(call) {
    const [operand] = call.operands
    if (parseLocation(operand!) === undefined)
      await withBucket(call, operand!, (store) => showBackups(call, store))
    else
      await withVolumes(call, { readOnly: true }, async (volumes) => {
        const volume = await volumes.open(volumeLocation(operand!).metaUrl)
        await showBackups(call, volume.store)
      })
    return 0
  },
})

async function showBackups({ out, signal }: BucketCall, store: ObjectStore): Promise<void> {
  const backups = await listBackups(store, signal)
  out.data(
    backups.map((backup) => ({ ...backup, time: timeText(backup) })),
    () => {
      if (backups.length === 0) return out.note(`${store.address} holds no metadata backup`)
      out.table(
        ['backup', 'made (UTC)', 'size'],
        backups.map((backup) => [backup.name, timeText(backup), formatSize(backup.size)]),
        [2],
      )
    },
  )
}

function timeText({ sec }: Backup): string {
  return new Date(sec * 1000).toISOString().slice(0, 19).replace('T', ' ')
}

export const backupNow = defineCommand({
  name: 'backup now',
  operands: 'META-URL',
  arity: [1, 1],
  summary: 'Back up the metadata of a volume into its bucket, and remove backups whose time is over.',
  description: `
Mounts do this by themselves (\`pomelo mount --backup-meta\`). Kept are all backups of two days, one a day for two
weeks, one in seven days for 60 days, one in 30 days for two years. Secrets of the setting are left out.`,
  options: NOW,
  examples: ['pomelo backup now sqlite3:///team.db'],
  run: (call) =>
    withVolumes(call, {}, async (volumes) => {
      const { options, out, signal, operands } = call
      const volume = await volumes.open(volumeLocation(operands[0]!).metaUrl)
      const progress = out.progress('Backing up')
      const backup = await makeBackup(
        volume,
        { skipTrash: options['skip-trash'] },
        {
          signal,
          onProgress: ({ entries, total }) => progress.update(progressText(entries, total)),
          onWarning: warnings(call),
        },
      )
      const removed = await rotateBackups(volume, signal)
      out.endProgress()
      out.data({ ...backup, removed }, () => {
        out.print(`${backup.name}: ${formatSize(backup.size)} in ${volume.store.address}`)
        if (removed.length > 0) out.print(`${formatCount(removed.length)} old backups removed`)
      })
      return 0
    }),
})

export const backupRestore = defineCommand({
  name: 'backup restore',
  operands: 'META-URL NAME [BACKUP]',
  arity: [2, 3],
  summary: 'Make a volume of a backup in its bucket, when its metadata are lost.',
  description: `
META-URL is an empty place for the metadata, NAME the name the volume was formatted with; BACKUP is a name that
\`pomelo backup list\` shows, the newest when left out. The bucket and the keys you give go into the setting.
What was written after the backup is not in the volume; \`pomelo gc\` finds its data.
(What was removed lately is brought back by \`pomelo trash restore\`, not by this.)`,
  options: BUCKET_OPTIONS,
  examples: [
    'pomelo backup restore sqlite3:///home/me/team.db team --storage file --bucket /data/team',
    'ACCESS_KEY=… SECRET_KEY=… pomelo backup restore redis://host/1 team dump-2026-11-25-210000.json.gz --storage s3 --bucket https://s3.example.com/team',
  ],
  async run(call) {
    const [target, name, wanted = 'latest'] = call.operands
    const { metaUrl } = volumeLocation(target!)
    await withBucket(call, name!, async (store, given) => {
      const backup = await findBackup(store, wanted, call.signal)
      call.out.note(`${backup.name}, ${formatSize(backup.size)}`)
      const report = await loadInto(call, metaUrl, readBackup(store, backup, call.signal), {
        setting: (dumped) => asReached(call, dumped, given),
        skipSlices: SKIPPED_SLICES,
      })
      showLoaded(call, metaUrl, report)
    })
    return 0
  },
})

/** How the bucket was reached. */
type Given = Pick<VolumeSetting, 'Storage' | 'Bucket' | 'AccessKey'> & Secrets

/** The dumped setting with the place and the keys that are right now, whatever they were then. */
function asReached({ out }: BucketCall, dumped: VolumeSetting, given: Given): VolumeSetting {
  const { Storage, Bucket, AccessKey = dumped.AccessKey, ...secrets } = given
  if (Bucket !== dumped.Bucket) out.note(`bucket: ${dumped.Bucket} -> ${Bucket}`)
  return withSecrets({ ...dumped, Storage, Bucket, AccessKey }, secrets)
}

/** The objects of the volume `name`, reached by the options alone. */
async function withBucket(
  call: BucketCall,
  name: string,
  work: (store: ObjectStore, given: Given) => Promise<void>,
): Promise<void> {
  const { options, env } = call
  const storage = (options.storage ?? 'file').toLowerCase()
  if (options.bucket === undefined) throw new UsageError('--bucket is needed to find the volume’s data')
  const bucket = absoluteBucket(storage, options.bucket)
  const keyFile = options['encrypt-rsa-key']
  const keyPem = keyFile === undefined ? undefined : await readFile(keyFile, 'utf8')
  const secretKey = (await secretFromFile(options['secret-key-file'])) ?? options['secret-key']
  const store = await openObjectStore({
    storage,
    bucket,
    name,
    accessKey: options['access-key'],
    secretKey,
    sessionToken: options['session-token'],
    shards: options.shards,
    encrypt:
      keyPem === undefined
        ? undefined
        : { keyPem, passphrase: env.JFS_RSA_PASSPHRASE, algorithm: options['encrypt-algo'] },
    log: toolLog(call),
  })
  try {
    await work(store, {
      Storage: storage,
      Bucket: bucket,
      AccessKey: options['access-key'],
      SecretKey: secretKey,
      SessionToken: options['session-token'],
      EncryptKey: keyPem,
    })
  } finally {
    store.close()
  }
}
