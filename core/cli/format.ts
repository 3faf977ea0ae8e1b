import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { changeSetting } from '#core/admin/change-setting.ts'
import { checkVolumeName, claimBucket, type FormatWishes, newSetting } from '#core/admin/format.ts'
import { redactUrl } from '#core/base/redact.ts'
import { Refusal } from '#core/base/refusal.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import { formatVolume, loadSetting, openEngine, updateSetting } from '#core/meta/open-meta.ts'
import type { VolumeSetting } from '#core/meta/setting.ts'
import { publicSetting, unwrapSecrets, wrapSecrets } from '#core/meta/setting-secrets.ts'
import { probeStore } from '#core/object/open-store.ts'
import { completeMetaUrl } from '#core/volume/meta-url.ts'
import { openStoreOf } from '#core/volume/open-stored.ts'
import { type Call, defineCommand } from './command.ts'
import { secretFromFile } from './secrets.ts'
import { toolLog } from './volumes.ts'

const OPTIONS = {
  storage: { kind: 'text', value: 'KIND', default: 'file', help: 'file, s3 or minio' },
  bucket: {
    kind: 'text',
    value: 'URL',
    help: 'bucket URL or directory for the data (default with file: /var/pomelo, or your XDG data folder)',
  },
  'access-key': { kind: 'text', value: 'KEY', env: 'ACCESS_KEY', help: 'access key of the object store' },
  'secret-key': {
    kind: 'text',
    value: 'KEY',
    env: 'SECRET_KEY',
    help: 'secret key; better in the environment or a file',
  },
  'secret-key-file': { kind: 'text', value: 'FILE', help: 'read the secret key from this file' },
  'session-token': {
    kind: 'text',
    value: 'TOKEN',
    env: 'SESSION_TOKEN',
    help: 'session token, where keys are temporary',
  },
  'storage-class': { kind: 'text', value: 'CLASS', help: 'storage class of the objects' },
  tag: { kind: 'text', value: 'K=V', help: 'tag of the objects' },
  'block-size': {
    kind: 'size',
    unit: 'K',
    default: '4M',
    help: 'size of an object, a power of two from 64K to 16M',
  },
  compress: {
    kind: 'text',
    value: 'HOW',
    default: 'none',
    choices: ['none', 'lz4', 'zstd'],
    help: 'compress the data',
  },
  shards: { kind: 'number', max: 256, default: '0', help: 'spread over so many buckets (%d in the URL)' },
  'hash-prefix': { kind: 'flag', help: 'object names that begin with a hash' },
  'encrypt-rsa-key': {
    kind: 'text',
    value: 'FILE',
    help: 'encrypt the data under this RSA key (PEM; passphrase in JFS_RSA_PASSPHRASE)',
  },
  'encrypt-algo': {
    kind: 'text',
    value: 'HOW',
    default: 'aes256gcm-rsa',
    choices: ['aes256gcm-rsa', 'chacha20-rsa'],
    help: 'how',
  },
  capacity: { kind: 'size', unit: 'G', default: '0', help: 'most space; 0: no limit' },
  inodes: { kind: 'number', default: '0', help: 'most files and directories; 0: no limit' },
  'trash-days': { kind: 'number', default: '1', help: 'days that removed files can be restored; 0: none' },
  'enable-acl': { kind: 'flag', help: 'POSIX ACLs; cannot be switched off again' },
  force: { kind: 'flag', help: 'change what fixes the layout of an existing volume, too' },
  'no-update': { kind: 'flag', help: 'leave an existing volume as it is' },
} as const

type FormatCall = Call<typeof OPTIONS>

export const format = defineCommand({
  name: 'format',
  operands: 'META-URL NAME',
  arity: [2, 2],
  summary: 'Make a new volume: its metadata at META-URL, its data in a bucket or directory.',
  description: `
An existing volume keeps everything; options written down change its setting, as \`pomelo config\` does.`,
  options: OPTIONS,
  examples: [
    'pomelo format sqlite3:///home/me/team.db team --bucket /data/team',
    'ACCESS_KEY=… SECRET_KEY=… pomelo format redis://server/1 team --storage s3 --bucket https://team.s3.eu-west-1.amazonaws.com',
  ],
  async run(call) {
    checkVolumeName(call.operands[1]!)
    const url = completeMetaUrl(call.operands[0]!, call.env.META_PASSWORD)
    const engine = await openEngine(url, { create: true, log: toolLog(call) })
    try {
      const existing = await storedSetting(engine)
      return existing === undefined ? await make(call, engine) : await change(call, engine, existing)
    } finally {
      await engine.close()
    }
  },
})

async function storedSetting(engine: MetaEngine): Promise<VolumeSetting | undefined> {
  const [text] = await engine.read([{ kind: 'setting' }])
  return text === null ? undefined : loadSetting(engine)
}

async function make(call: FormatCall, engine: MetaEngine): Promise<number> {
  const { out, env, operands } = call
  const setting = newSetting(await wishesOf(call))
  const stored = wrapSecrets(setting)
  const store = await openStoreOf(setting, { passphrase: env.JFS_RSA_PASSPHRASE }, { log: toolLog(call) })
  try {
    const undo = await claimBucket(store, setting, env.JFS_NO_CHECK_OBJECT_STORAGE === undefined)
    try {
      await formatVolume(engine, stored)
    } catch (error) {
      await undo()
      throw error
    }
    out.data(publicSetting(stored), () => {
      out.print(`volume ${setting.Name} is ready: metadata in ${engine.address}, data in ${store.address}`)
      out.note(`  → pomelo mount -d ${redactUrl(operands[0]!)} MOUNT-POINT`)
    })
    return 0
  } finally {
    store.close()
  }
}

async function wishesOf({ options, operands, env }: FormatCall): Promise<FormatWishes> {
  const keyFile = options['encrypt-rsa-key']
  if (
    keyFile !== undefined &&
    !env.JFS_RSA_PASSPHRASE &&
    (await readFile(keyFile, 'utf8')).includes('ENCRYPTED')
  ) {
    throw new Refusal(`the key ${keyFile} has a passphrase`, 'put it into JFS_RSA_PASSPHRASE')
  }
  return {
    name: operands[1]!,
    storage: options.storage,
    bucket: options.bucket ?? defaultBucket(options.storage, env),
    accessKey: options['access-key'],
    secretKey: (await secretFromFile(options['secret-key-file'])) ?? options['secret-key'],
    sessionToken: options['session-token'],
    storageClass: options['storage-class'],
    tag: options.tag,
    blockSize: options['block-size'],
    compression: options.compress,
    shards: options.shards,
    hashPrefix: options['hash-prefix'],
    capacity: options.capacity,
    inodes: options.inodes,
    trashDays: options['trash-days'],
    enableAcl: options['enable-acl'],
    keyPem: keyFile === undefined ? undefined : await readFile(keyFile, 'utf8'),
    encryptAlgo: options['encrypt-algo'],
  }
}

function defaultBucket(storage: string, env: FormatCall['env']): string {
  if (storage !== 'file') throw new Refusal(`storage ${storage} needs its bucket`, 'add --bucket URL')
  if (process.getuid?.() === 0) return '/var/pomelo'
  return join(env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'pomelo', 'data')
}

/** The volume is there already: apply what was written down, as `config` would. */
async function change(call: FormatCall, engine: MetaEngine, existing: VolumeSetting): Promise<number> {
  const { options, operands, out, given, env } = call
  if (options['no-update']) {
    out.note(`volume ${existing.Name} exists already; left as it is`)
    return 0
  }
  if (existing.Name !== operands[1]) {
    throw new Refusal(
      `${engine.address} holds volume ${JSON.stringify(existing.Name)} already`,
      `use other metadata for ${JSON.stringify(operands[1])}, or remove the old volume with pomelo destroy`,
    )
  }
  if (given.has('encrypt-rsa-key') || given.has('encrypt-algo'))
    out.warn('encryption of an existing volume cannot change; ignored')
  const wishes = await wishesOf({
    ...call,
    options: { ...options, 'encrypt-rsa-key': undefined, bucket: options.bucket ?? existing.Bucket },
  })
  const plain = unwrapSecrets(existing)
  const fixed = {
    ...(given.has('block-size') && {
      BlockSize: newSetting({ ...wishes, storage: existing.Storage }).BlockSize,
    }),
    ...(given.has('compress') && { Compression: wishes.compression }),
    ...(given.has('shards') && { Shards: wishes.shards }),
    ...(given.has('hash-prefix') && { HashPrefix: wishes.hashPrefix }),
  }
  const { setting, lines, storageChanged } = changeSetting(plain, {
    ...(given.has('storage') && { Storage: wishes.storage }),
    ...(given.has('bucket') && { Bucket: wishes.bucket }),
    ...(given.has('access-key') && { AccessKey: wishes.accessKey }),
    ...((given.has('secret-key') || given.has('secret-key-file')) && { SecretKey: wishes.secretKey }),
    ...(given.has('session-token') && { SessionToken: wishes.sessionToken }),
    ...(given.has('capacity') && { Capacity: wishes.capacity }),
    ...(given.has('inodes') && { Inodes: wishes.inodes }),
    ...(given.has('trash-days') && { TrashDays: wishes.trashDays }),
    ...(given.has('enable-acl') && { EnableACL: wishes.enableAcl }),
    StorageClass: wishes.storageClass,
    Tag: wishes.tag,
  })
  if (storageChanged && env.JFS_NO_CHECK_OBJECT_STORAGE === undefined) {
    const store = await openStoreOf(setting, { passphrase: env.JFS_RSA_PASSPHRASE }, { log: toolLog(call) })
    await probeStore(store).finally(() => store.close())
  }
  await updateSetting(engine, wrapSecrets({ ...setting, ...fixed }), { force: options.force })
  out.note(lines.length === 0 ? `volume ${existing.Name} exists already; nothing changed` : lines.join('\n'))
  return 0
}
