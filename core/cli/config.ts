import { changeSetting, type SettingChanges } from '#core/admin/change-setting.ts'
import { pages } from '#core/admin/pages.ts'
import { storeOwnerUsage } from '#core/admin/quota.ts'
import { type SessionStatus, sessionStatus } from '#core/admin/status.ts'
import { Refusal } from '#core/base/refusal.ts'
import { formatCount, formatSize } from '#core/base/units.ts'
import { CLIENT_VERSION, compareVersions, parseVersion } from '#core/base/version.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import { loadSetting, openEngine, updateSetting } from '#core/meta/open-meta.ts'
import type { VolumeSetting } from '#core/meta/setting.ts'
import { publicSetting, unwrapSecrets, wrapSecrets } from '#core/meta/setting-secrets.ts'
import { probeStore } from '#core/object/open-store.ts'
import { completeMetaUrl } from '#core/volume/meta-url.ts'
import { openStoreOf } from '#core/volume/open-stored.ts'
import { type Call, defineCommand } from './command.ts'
import { UsageError } from './options.ts'
import { secretFromFile } from './secrets.ts'
import { toolLog } from './volumes.ts'

const OPTIONS = {
  storage: { kind: 'text', value: 'KIND', help: 'file, s3 or minio' },
  bucket: { kind: 'text', value: 'URL', help: 'where the data are' },
  'access-key': { kind: 'text', value: 'KEY', help: 'access key of the object store' },
  keys: { kind: 'flag', help: 'take ACCESS_KEY, SECRET_KEY and SESSION_TOKEN from the environment' },
  'secret-key': { kind: 'text', value: 'KEY', help: 'secret key; better with --keys or in a file' },
  'secret-key-file': { kind: 'text', value: 'FILE', help: 'read the secret key from this file' },
  'session-token': { kind: 'text', value: 'TOKEN', help: 'session token' },
  'storage-class': { kind: 'text', value: 'CLASS', help: 'storage class of new objects' },
  tag: { kind: 'text', value: 'K=V', help: 'tag of new objects' },
  capacity: { kind: 'size', unit: 'G', help: 'most space; 0: no limit' },
  inodes: { kind: 'number', help: 'most files and directories; 0: no limit' },
  'upload-limit': { kind: 'rate', help: 'Mbit/s of each client; 0: no limit' },
  'download-limit': { kind: 'rate', help: 'Mbit/s of each client; 0: no limit' },
  'trash-days': { kind: 'number', help: 'days that removed files can be restored; 0: none' },
  'dir-stats': { kind: 'flag', help: 'keep statistics of directories' },
  'user-group-quota': { kind: 'flag', help: 'keep the usage of users and groups' },
  'enable-acl': { kind: 'flag', help: 'POSIX ACLs; cannot be switched off again' },
  'encrypt-secret': { kind: 'flag', help: 'wrap secrets that are stored plainly' },
  'min-client-version': { kind: 'text', value: 'VERSION', help: 'oldest client that may mount' },
  'max-client-version': { kind: 'text', value: 'VERSION', help: 'newest client that may mount' },
  changelog: {
    kind: 'flag',
    help: 'keep a log of all changes (this client cannot write it: mounts become read-only)',
  },
  'changelog-max-age': { kind: 'duration', help: 'age of the oldest entry kept' },
  'changelog-max-lines': { kind: 'number', help: 'most entries kept' },
  yes: { kind: 'flag', short: 'y', help: 'do not ask' },
  force: { kind: 'flag', help: 'do not check, either' },
} as const

type ConfigCall = Call<typeof OPTIONS>

export const config = defineCommand({
  name: 'config',
  operands: 'META-URL',
  arity: [1, 1],
  summary: 'Show the setting of a volume, or change it. Mounted clients follow within seconds.',
  options: OPTIONS,
  examples: [
    'pomelo config sqlite3:///team.db',
    'pomelo config sqlite3:///team.db --trash-days 7 --capacity 2T',
    'ACCESS_KEY=… SECRET_KEY=… pomelo config --keys redis://host/1',
  ],
  async run(call) {
    const url = completeMetaUrl(call.operands[0]!, call.env.META_PASSWORD)
    const engine = await openEngine(url, { log: toolLog(call) })
    try {
      const stored = await loadSetting(engine)
      const changes = await changesOf(call)
      if (Object.keys(changes).length === 0 && !call.options['encrypt-secret'])
        call.out.printJson(publicSetting(stored))
      else await change(call, engine, stored, changes)
      return 0
    } finally {
      await engine.close()
    }
  },
})

async function changesOf({ options, given, env }: ConfigCall): Promise<SettingChanges> {
  const secretKey = await secretFromFile(options['secret-key-file'])
  const pairs: readonly (readonly [keyof SettingChanges, string, unknown])[] = [
    ['Storage', 'storage', options.storage],
    ['Bucket', 'bucket', options.bucket],
    ['AccessKey', 'access-key', options['access-key']],
    ['SecretKey', 'secret-key', options['secret-key']],
    ['SecretKey', 'secret-key-file', secretKey],
    ['SessionToken', 'session-token', options['session-token']],
    ['StorageClass', 'storage-class', options['storage-class']],
    ['Tag', 'tag', options.tag],
    ['Capacity', 'capacity', options.capacity],
    ['Inodes', 'inodes', options.inodes],
    ['UploadLimit', 'upload-limit', options['upload-limit']],
    ['DownloadLimit', 'download-limit', options['download-limit']],
    ['TrashDays', 'trash-days', options['trash-days']],
    ['DirStats', 'dir-stats', options['dir-stats']],
    ['UserGroupQuota', 'user-group-quota', options['user-group-quota']],
    ['EnableACL', 'enable-acl', options['enable-acl']],
    ['MinClientVersion', 'min-client-version', options['min-client-version']],
    ['MaxClientVersion', 'max-client-version', options['max-client-version']],
    ['ChangeLog', 'changelog', options.changelog],
    ['ChangeLogMaxAge', 'changelog-max-age', options['changelog-max-age']],
    ['ChangeLogMaxLines', 'changelog-max-lines', options['changelog-max-lines']],
  ]
  const written = pairs.filter(([, option]) => given.has(option)).map(([name, , value]) => [name, value])
  return { ...(options.keys && keysOf(env)), ...Object.fromEntries(written) }
}

function keysOf(env: ConfigCall['env']): SettingChanges {
  const { ACCESS_KEY, SECRET_KEY, SESSION_TOKEN } = env
  if (!ACCESS_KEY && !SECRET_KEY) throw new UsageError('--keys: neither ACCESS_KEY nor SECRET_KEY is set')
  return {
    ...(ACCESS_KEY && { AccessKey: ACCESS_KEY }),
    ...(SECRET_KEY && { SecretKey: SECRET_KEY }),
    ...(SESSION_TOKEN && { SessionToken: SESSION_TOKEN }),
  }
}

async function change(
  call: ConfigCall,
  engine: MetaEngine,
  stored: VolumeSetting,
  changes: SettingChanges,
): Promise<void> {
  const { out, options, env, signal } = call
  const plain = readable(stored, changes)
  const { setting, lines, storageChanged } = changeSetting(plain, changes)
  const wraps = options['encrypt-secret'] && stored.KeyEncrypted !== true
  if (lines.length === 0 && !wraps) {
    out.note('Nothing changed.')
    return
  }
  if (!options.force) await confirmAll(call, engine, stored, setting)
  if (storageChanged && !options.force) {
    const store = await openStoreOf(setting, { passphrase: env.JFS_RSA_PASSPHRASE }, { log: toolLog(call) })
    await probeStore(store).finally(() => store.close())
  }
  const wrap =
    stored.KeyEncrypted === true ||
    wraps ||
    changes.SecretKey !== undefined ||
    changes.SessionToken !== undefined
  await updateSetting(engine, wrap ? wrapSecrets(setting) : setting, { force: options.force })
  if (setting.UserGroupQuota === true && stored.UserGroupQuota !== true) {
    const progress = out.progress('Counting what users and groups use')
    await storeOwnerUsage(engine, {
      signal,
      onProgress: ({ inodes }) => progress.update(formatCount(inodes)),
    })
    out.endProgress()
  }
  out.data(publicSetting(setting), () => {
    for (const line of lines) out.print(line)
    if (wraps) out.print('encrypt-secret: done')
  })
}

/** Plain secrets; one that was removed by a dump does not stand in the way of being set again. */
function readable(stored: VolumeSetting, changes: SettingChanges): VolumeSetting {
  const lost = (['SecretKey', 'SessionToken'] as const).filter(
    (name) => stored[name] === 'removed' && changes[name] !== undefined,
  )
  const without = Object.fromEntries(lost.map((name) => [name, '']))
  return unwrapSecrets({ ...stored, ...without })
}

/** The changes that somebody would regret. */
async function confirmAll(
  call: ConfigCall,
  engine: MetaEngine,
  before: VolumeSetting,
  after: VolumeSetting,
): Promise<void> {
  const [usedSpace, usedInodes] = await engine.read([
    { kind: 'counter', name: 'usedSpace' },
    { kind: 'counter', name: 'totalInodes' },
  ])
  if (before.DirStats && after.DirStats === false) await refuseWithQuotas(engine)
  const { Capacity = 0, Inodes = 0 } = after
  if (Capacity !== before.Capacity && Capacity > 0 && Capacity < (usedSpace ?? 0)) {
    await agree(
      call,
      `The capacity ${formatSize(Capacity)} is less than what is used, ${formatSize(usedSpace ?? 0)}: no more can be written.`,
    )
  }
  if (Inodes !== before.Inodes && Inodes > 0 && Inodes < (usedInodes ?? 0)) {
    await agree(
      call,
      `The limit of ${formatCount(Inodes)} inodes is less than what is used, ${formatCount(usedInodes ?? 0)}.`,
    )
  }
  if (after.TrashDays === 0 && before.TrashDays > 0)
    await agree(call, 'Without trash, what is in it will be removed for good at the next clean-up.')
  const shutOut = await clientsShutOut(engine, before, after)
  if (shutOut.length > 0) {
    await agree(
      call,
      `Clients that could not mount any more:\n${shutOut.map((client) => `  ${client}`).join('\n')}`,
    )
  }
}

async function refuseWithQuotas(engine: MetaEngine): Promise<void> {
  const { items } = await engine.list({ kind: 'quotas', of: 'dir' }, { limit: 1 })
  if (items.length > 0)
    throw new Refusal(
      'there are quotas on directories, which need their statistics',
      'delete those quotas first',
    )
}

async function agree({ out, options }: ConfigCall, text: string): Promise<void> {
  out.warn(text)
  if (!options.yes && !(await out.confirm('Proceed anyway?'))) throw new Refusal('nothing was changed')
}

async function clientsShutOut(
  engine: MetaEngine,
  before: VolumeSetting,
  after: VolumeSetting,
): Promise<readonly string[]> {
  if (
    after.MinClientVersion === before.MinClientVersion &&
    after.MaxClientVersion === before.MaxClientVersion
  )
    return []
  const sessions: SessionStatus[] = []
  for await (const record of pages(engine, { kind: 'sessions' })) sessions.push(sessionStatus(record))
  const clients = [
    { Version: CLIENT_VERSION, text: 'this client' },
    ...sessions.map(({ Version, HostName, ProcessID }) => ({
      Version,
      text: `${HostName} (process ${ProcessID}, version ${Version})`,
    })),
  ]
  return clients.filter(({ Version }) => isOutside(Version, after)).map(({ text }) => text)
}

function isOutside(version: string, { MinClientVersion, MaxClientVersion }: VolumeSetting): boolean {
  const [own, min, max] = [
    parseVersion(version),
    parseVersion(MinClientVersion ?? ''),
    parseVersion(MaxClientVersion ?? ''),
  ]
  if (own === undefined) return false
  return (
    (min !== undefined && compareVersions(own, min) < 0) ||
    (max !== undefined && compareVersions(own, max) > 0)
  )
}
