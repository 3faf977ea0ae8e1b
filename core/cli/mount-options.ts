/** The options of `mount`, and what they mean for opening and mounting a volume. Source: vfs-and-fuse.md §9. */
import { globSync } from 'node:fs'
import { resolve } from 'node:path'
import { defaultCacheDir, type Identity, type VolumeOptions } from '#core/volume/volume-options.ts'
import { type Environment, type OptionSpecs, type OptionValues, UsageError } from './options.ts'

const accepted = 'accepted for scripts of the reference client; has no effect here'

/** How the metadata and the objects are reached and cached: also for tools that open a volume without mounting. */
export const STORAGE_OPTIONS = {
  storage: { kind: 'text', value: 'KIND', help: 'use this kind of storage instead of the setting’s' },
  bucket: { kind: 'text', value: 'URL', help: 'use this bucket or directory instead of the setting’s' },
  'access-key': { kind: 'text', value: 'KEY', hidden: true, help: 'instead of the setting’s' },
  'secret-key': {
    kind: 'text',
    value: 'KEY',
    hidden: true,
    help: 'instead of the setting’s; better in a file',
  },
  'secret-key-file': { kind: 'text', value: 'FILE', help: 'read the secret key from this file' },
  'session-token': { kind: 'text', value: 'TOKEN', hidden: true, help: 'instead of the setting’s' },
  'storage-class': { kind: 'text', value: 'CLASS', help: 'storage class of new objects' },
  tag: { kind: 'text', value: 'K=V', hidden: true, help: 'tag of new objects' },
  'get-timeout': { kind: 'duration', default: '60s', help: 'longest download of one block' },
  'put-timeout': { kind: 'duration', default: '60s', help: 'longest upload of one block' },
  'io-retries': { kind: 'number', default: '10', help: 'tries after a failed transfer' },
  'max-uploads': { kind: 'number', min: 1, default: '20', help: 'parallel uploads' },
  'max-downloads': { kind: 'number', min: 1, default: '200', help: 'parallel downloads' },
  'max-deletes': { kind: 'number', default: '10', help: 'parallel deletions of objects; 0: delete none' },
  'upload-limit': { kind: 'rate', help: 'Mbit/s; default: the setting’s' },
  'download-limit': { kind: 'rate', help: 'Mbit/s; default: the setting’s' },
  'buffer-size': { kind: 'size', unit: 'M', default: '300M', help: 'most memory for data on their way' },
  'cache-dir': {
    kind: 'text',
    value: 'DIR',
    help: 'disk cache; several with `:`, wildcards allowed, or `memory`',
  },
  'cache-size': {
    kind: 'size',
    unit: 'M',
    default: '100G',
    help: 'most the cache may take; 0: no disk cache',
  },
} as const satisfies OptionSpecs

export const MOUNT_OPTIONS = {
  background: { kind: 'flag', short: 'd', help: 'return once the volume is mounted' },
  foreground: { kind: 'flag', short: 'f', hidden: true, help: 'the default' },
  options: { kind: 'list', short: 'o', value: 'A,B=C', help: 'options in the style of mount(8)' },
  log: {
    kind: 'text',
    value: 'FILE',
    help: 'log file with -d (default /var/log/pomelo.log or your XDG state folder)',
  },
  'read-only': { kind: 'flag', alias: ['ro'], help: 'no changes' },
  subdir: { kind: 'text', value: 'PATH', help: 'mount this directory of the volume' },
  'enable-xattr': { kind: 'flag', default: 'true', help: 'extended attributes (always with ACLs)' },
  'enable-cap': { kind: 'flag', hidden: true, help: 'allow security.capability' },
  'enable-selinux': { kind: 'flag', hidden: true, help: 'allow security.selinux' },
  'enable-ioctl': { kind: 'flag', default: 'true', help: 'chattr +i and +a' },
  'root-squash': { kind: 'text', value: 'UID[:GID]', help: 'what root is here' },
  'all-squash': { kind: 'text', value: 'UID[:GID]', help: 'what everybody is here' },
  umask: { kind: 'octal', help: 'instead of the caller’s when something is made' },
  'max-fuse-io': { kind: 'size', unit: 'B', default: '1M', help: 'largest request of the kernel' },
  driver: {
    kind: 'text',
    hidden: true,
    value: 'NAME',
    choices: ['pump', 'fuse-native'],
    help: 'fuse-native: libfuse 2, where the pump cannot mount (docs/macos.md)',
  },
  'prefix-internal': { kind: 'flag', hidden: true, help: 'name virtual files .jfs.*' },
  'list-internal': { kind: 'flag', help: 'list .stats, .config and .trash; by name they are always there' },
  'hide-internal': { kind: 'flag', hidden: true, help: 'the default' },
  compaction: {
    kind: 'text',
    value: 'MODE',
    choices: ['auto', 'eager', 'off'],
    default: 'auto',
    hidden: true,
    help: 'eager: after every second write, for tests',
  },
  'non-default-permission': { kind: 'flag', hidden: true, help: 'check permissions here, not in the kernel' },
  heartbeat: { kind: 'duration', default: '12s', help: 'time between two signs of life' },
  'no-bgjob': { kind: 'flag', help: 'leave clean-up to other clients' },
  'backup-meta': {
    kind: 'duration',
    default: '1h',
    help: 'time between backups of the metadata in the bucket, at least 5m; 0: none',
  },
  'backup-skip-trash': { kind: 'flag', help: 'leave what was removed out of them' },
  'atime-mode': { kind: 'text', value: 'MODE', default: 'noatime', help: 'noatime, relatime or strictatime' },
  'skip-dir-mtime': { kind: 'duration', default: '0', help: 'leave out directory times closer than this' },
  'attr-cache': { kind: 'duration', default: '1s', help: 'how long the kernel may keep attributes' },
  'entry-cache': { kind: 'duration', default: '1s', help: 'the same for names of files' },
  'dir-entry-cache': { kind: 'duration', default: '1s', help: 'the same for names of directories' },
  'negative-entry-cache': { kind: 'duration', default: '0', help: 'the same for names that do not exist' },
  'readdir-cache': { kind: 'flag', help: 'the kernel may keep listings' },
  'check-storage': { kind: 'flag', help: 'write, read and delete a test object first' },
  'max-readahead': { kind: 'size', unit: 'M', help: 'most to read ahead in one stream' },
  prefetch: { kind: 'number', default: '1', help: 'whole blocks fetched after small reads of them' },
  writeback: { kind: 'flag', help: 'acknowledge writes once they are safe on the local disk' },
  'writeback-threshold-size': {
    kind: 'size',
    unit: 'B',
    default: '0',
    hidden: true,
    help: 'with --writeback: blocks of this size and above go up at once; 0: none do',
  },
  'max-stage-write': {
    kind: 'number',
    default: '1000',
    hidden: true,
    help: 'with --writeback: most blocks written to the local disk at a time; 0: any number',
  },
  'upload-delay': {
    kind: 'duration',
    default: '0',
    help: 'with --writeback: how long blocks stay on the local disk before they go up',
  },
  'upload-hours': {
    kind: 'text',
    value: 'A-B',
    help: 'with --writeback: local hours in which blocks go up, like 22-6',
  },
  'cache-items': { kind: 'number', default: '0', help: 'most blocks in the disk cache' },
  'cache-mode': { kind: 'octal', default: '0600', help: 'mode of cached files' },
  'free-space-ratio': {
    kind: 'number',
    min: 0,
    max: 0.99,
    default: '0.1',
    help: 'part of the cache’s disk to leave free',
  },
  'cache-partial-only': { kind: 'flag', help: 'cache only blocks that are not full' },
  'cache-large-write': { kind: 'flag', help: 'cache full blocks when they are written, too' },
  'verify-cache-checksum': {
    kind: 'text',
    value: 'HOW',
    default: 'extend',
    choices: ['none', 'full', 'shrink', 'extend'],
    help: 'check cached data',
  },
  'cache-eviction': {
    kind: 'text',
    value: 'HOW',
    default: '2-random',
    choices: ['2-random', 'lru', 'none'],
    help: 'what goes first',
  },
  'cache-expire': {
    kind: 'duration',
    default: '0',
    help: 'drop cached blocks not used for so long; 0: never',
  },
  'cache-scan-interval': { kind: 'duration', default: '1h', help: 'look for files others put in the cache' },
  ...STORAGE_OPTIONS,
  // Known to the reference: taken, so that its command lines work.
  'skip-dir-nlink': { kind: 'number', hidden: true, help: accepted },
  'sort-dir': { kind: 'flag', hidden: true, help: accepted },
  'fast-statfs': { kind: 'flag', hidden: true, help: accepted },
  'network-interfaces': { kind: 'text', value: 'LIST', hidden: true, help: accepted },
  'open-cache': { kind: 'duration', hidden: true, help: accepted },
  'open-cache-limit': { kind: 'number', hidden: true, help: accepted },
  metrics: { kind: 'text', value: 'ADDR', hidden: true, help: accepted },
  'custom-labels': { kind: 'text', value: 'LABELS', hidden: true, help: accepted },
  consul: { kind: 'text', value: 'ADDR', hidden: true, help: accepted },
  'no-usage-report': { kind: 'flag', hidden: true, help: 'nothing is ever reported' },
  'no-syslog': { kind: 'flag', hidden: true, help: accepted },
  force: { kind: 'flag', hidden: true, help: accepted },
  'update-fstab': { kind: 'flag', hidden: true, help: accepted },
  'disable-transparent-hugepage': { kind: 'flag', hidden: true, help: accepted },
} as const satisfies OptionSpecs

type StorageValues = OptionValues<typeof STORAGE_OPTIONS>
type MountValues = OptionValues<typeof MOUNT_OPTIONS>

/** What the storage options say; secrets come from the environment or a file. */
export function storageOptions(
  values: StorageValues,
  env: Environment,
  secretFromFile: string | undefined,
): VolumeOptions {
  return {
    storage: values.storage,
    bucket: values.bucket,
    accessKey: values['access-key'],
    secretKey: secretFromFile ?? values['secret-key'],
    sessionToken: values['session-token'],
    storageClass: values['storage-class'],
    tag: values.tag,
    passphrase: env.JFS_RSA_PASSPHRASE,
    getTimeoutMs: values['get-timeout'] * 1000,
    putTimeoutMs: values['put-timeout'] * 1000,
    ioRetries: values['io-retries'],
    maxUploads: values['max-uploads'],
    maxDownloads: values['max-downloads'],
    maxDeletes: values['max-deletes'],
    uploadLimit: values['upload-limit'],
    downloadLimit: values['download-limit'],
    bufferSize: values['buffer-size'],
    cacheDirs: cacheDirs(values['cache-dir'], env),
    cacheSize: values['cache-size'],
  }
}

export function mountVolumeOptions(
  values: MountValues,
  env: Environment,
  secretFromFile: string | undefined,
): VolumeOptions {
  return {
    ...storageOptions(values, env, secretFromFile),
    readOnly: values['read-only'],
    subdir: values.subdir,
    heartbeatSec: values.heartbeat,
    noBackgroundJobs: values['no-bgjob'],
    backupMetaSec: backupInterval(values['backup-meta']),
    backupSkipTrash: values['backup-skip-trash'],
    atimeMode: atimeMode(values['atime-mode']),
    skipDirMtimeMs: values['skip-dir-mtime'] * 1000,
    attrCacheSec: values['attr-cache'],
    entryCacheSec: values['entry-cache'],
    dirEntryCacheSec: values['dir-entry-cache'],
    negativeEntryCacheSec: values['negative-entry-cache'],
    readdirCache: values['readdir-cache'],
    rootSquash: parseIdentity('--root-squash', values['root-squash']),
    allSquash: parseIdentity('--all-squash', values['all-squash']),
    umask: values.umask,
    enableXattr: values['enable-xattr'],
    enableCap: values['enable-cap'],
    enableSelinux: values['enable-selinux'],
    enableIoctl: values['enable-ioctl'],
    prefixInternal: values['prefix-internal'],
    listInternal: values['list-internal'],
    compaction: values.compaction as 'auto' | 'eager' | 'off',
    nonDefaultPermission: values['non-default-permission'],
    checkStorage: values['check-storage'],
    maxReadahead: values['max-readahead'],
    prefetch: values.prefetch,
    writeback: values.writeback,
    writebackThreshold: values['writeback-threshold-size'],
    maxStageWrites: values['max-stage-write'],
    uploadDelaySec: values['upload-delay'],
    uploadHours: hourRange(values['upload-hours']),
    cacheExpireSec: values['cache-expire'],
    cacheItems: values['cache-items'],
    cacheMode: values['cache-mode'],
    freeSpaceRatio: values['free-space-ratio'],
    cachePartialOnly: values['cache-partial-only'],
    cacheLargeWrite: values['cache-large-write'],
    verifyCacheChecksum: values['verify-cache-checksum'] as VolumeOptions['verifyCacheChecksum'],
    cacheEviction: values['cache-eviction'] as VolumeOptions['cacheEviction'],
    cacheScanIntervalSec: values['cache-scan-interval'],
  }
}

/** Taken for scripts of the reference client, and of some effect there. */
const WITHOUT_EFFECT = [
  'skip-dir-nlink',
  'sort-dir',
  'fast-statfs',
  'network-interfaces',
  'open-cache',
  'open-cache-limit',
  'metrics',
  'custom-labels',
  'consul',
  'force',
  'update-fstab',
] as const

const ONLY_WRITEBACK = [
  'writeback-threshold-size',
  'max-stage-write',
  'upload-delay',
  'upload-hours',
] as const

/** A line for each option that was given and does nothing in this mount. */
export function optionWarnings(given: ReadonlySet<string>, { writeback }: MountValues): readonly string[] {
  return [
    ...WITHOUT_EFFECT.filter((name) => given.has(name)).map(
      (name) => `--${name} has no effect in this client`,
    ),
    ...ONLY_WRITEBACK.filter((name) => given.has(name) && !writeback).map(
      (name) => `--${name} has no effect without --writeback`,
    ),
  ]
}

/** `a-b` or `a,b`, hours of the day. */
function hourRange(text: string | undefined): VolumeOptions['uploadHours'] {
  if (text === undefined) return undefined
  const match = /^(\d{1,2})[-,](\d{1,2})$/.exec(text)
  const hours = [Number(match?.[1]), Number(match?.[2])] as const
  if (match !== null && hours.every((hour) => hour <= 23)) return hours
  throw new UsageError(`--upload-hours is two hours of the day like 22-6, not ${JSON.stringify(text)}`)
}

const LEAST_BACKUP_SEC = 300

function backupInterval(sec: number): number {
  if (sec > 0 && sec < LEAST_BACKUP_SEC)
    throw new UsageError('--backup-meta is at least 5m, or 0 for no backups')
  return sec
}

/** `a:b` with wildcards; a pattern that matches nothing is kept out. */
function cacheDirs(text: string | undefined, env: Environment): readonly string[] {
  if (text === undefined) return [defaultCacheDir(env)]
  if (text === 'memory') return ['memory']
  return text
    .split(':')
    .filter((dir) => dir !== '')
    .flatMap((dir) => (/[*?[]/.test(dir) ? globSync(resolve(dir)) : [resolve(dir)]))
}

function atimeMode(text: string): VolumeOptions['atimeMode'] {
  return text === 'relatime' || text === 'strictatime' ? text : 'noatime'
}

/** `uid[:gid]`; a gid left out is the uid. */
function parseIdentity(name: string, text: string | undefined): Identity | undefined {
  if (text === undefined) return undefined
  const match = /^(\d+)(?::(\d+))?$/.exec(text)
  if (match === null) throw new UsageError(`${name} is UID or UID:GID, not ${JSON.stringify(text)}`)
  return { uid: Number(match[1]), gid: Number(match[2] ?? match[1]) }
}
