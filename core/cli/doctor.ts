import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { examineBucket } from '#core/admin/doctor/bucket.ts'
import { AREAS, type Diagnosis, diagnosisOf } from '#core/admin/doctor/doctor.ts'
import { machineFindings, readMachine } from '#core/admin/doctor/machine.ts'
import { examineMetadata, METADATA_ADVICE } from '#core/admin/doctor/metadata.ts'
import { trouble } from '#core/admin/doctor/trouble.ts'
import { absoluteBucket } from '#core/admin/format.ts'
import type { Finding } from '#core/base/finding.ts'
import { redactUrl } from '#core/base/redact.ts'
import type { MetaEngine } from '#core/meta/engine.ts'
import { loadSetting, openEngine } from '#core/meta/open-meta.ts'
import type { VolumeSetting } from '#core/meta/setting.ts'
import { checkSetting } from '#core/meta/setting-gates.ts'
import { unwrapSecrets } from '#core/meta/setting-secrets.ts'
import { openExaminer } from '#core/object/examine-store.ts'
import { openObjectStore, type StoreOptions } from '#core/object/open-store.ts'
import { driverFindings } from '#core/volume/driver-findings.ts'
import { completeMetaUrl, sqliteFile } from '#core/volume/meta-url.ts'
import { defaultCacheDir } from '#core/volume/volume-options.ts'
import { type Call, defineCommand } from './command.ts'
import { MOUNT_OPTIONS, STORAGE_OPTIONS } from './mount-options.ts'
import type { Output } from './output.ts'
import { secretFromFile } from './secrets.ts'

const OPTIONS = {
  storage: { ...STORAGE_OPTIONS.storage, help: 'what the bucket is: file, s3 or minio' },
  'secret-key-file': STORAGE_OPTIONS['secret-key-file'],
  'cache-dir': { ...STORAGE_OPTIONS['cache-dir'], help: 'where the disk cache would be' },
  driver: { ...MOUNT_OPTIONS.driver, help: 'fuse-native: list what a mount through it cannot do' },
} as const

type DoctorCall = Call<typeof OPTIONS>

/** No request of a doctor is waited for longer. */
const TIMEOUT_MS = 20_000
/** Where there is no volume yet, trial objects lie below this and blocks have the usual size. */
const NO_VOLUME = 'pomelo-doctor'
const BLOCK_SIZE = 4 * 2 ** 20

export const doctor = defineCommand({
  name: 'doctor',
  operands: 'META-URL [BUCKET]',
  arity: [1, 2],
  summary: 'Measure the metadata server, the bucket and this machine, and say what users will feel.',
  description: `
Looks at how long requests take, how much comes through, what may be done in the bucket (write, read, read in part,
list, delete, upload in parts), whose clock is wrong, and whether this machine can mount. BUCKET is looked at instead
of the volume's own, and is needed where there is no volume yet. Trial objects are removed again; metadata are not
changed. Keys come from the volume's setting, or from ACCESS_KEY, SECRET_KEY and SESSION_TOKEN; the password of the
metadata server from META_PASSWORD. Exit code 1 when something will not work.`,
  options: OPTIONS,
  examples: [
    'pomelo doctor redis://server/1',
    'ACCESS_KEY=… SECRET_KEY=… pomelo doctor redis://server/1 https://team.s3.eu-west-1.amazonaws.com',
  ],
  async run(call) {
    const { out, env, operands, options } = call
    const url = completeMetaUrl(operands[0]!, env.META_PASSWORD)
    const progress = out.progress('doctor')
    progress.update('metadata')
    const { setting, findings: metadata, figures } = await lookAtMetadata(url)
    progress.update('bucket')
    const bucket = await lookAtBucket(call, setting)
    progress.update('machine')
    const machine = machineFindings(
      await readMachine({
        cacheDir: cacheFolder(options['cache-dir'], env),
        metaFile: sqliteFile(url),
        path: env.PATH ?? '',
      }),
    ).concat(driverFindings(options.driver === 'fuse-native' ? 'fuse-native' : 'pump'))
    out.endProgress()
    const diagnosis = diagnosisOf(
      { metadata, bucket: bucket?.findings ?? [], machine },
      { ...(figures && { metadata: figures }), ...(bucket?.figures && { bucket: bucket.figures }) },
    )
    out.data(diagnosis, () => show(out, diagnosis, redactUrl(operands[0]!)))
    return diagnosis.level === 'problem' ? 1 : 0
  },
})

/** The first of several; undefined for a cache in memory. */
function cacheFolder(option: string | undefined, env: DoctorCall['env']): string | undefined {
  const first = option?.split(':')[0]
  return first === 'memory' ? undefined : first === undefined ? defaultCacheDir(env) : resolve(first)
}

/** `setting`: of the volume there, secrets plain; undefined when there is none that can be used. */
async function lookAtMetadata(url: string) {
  let engine: MetaEngine
  try {
    engine = await openEngine(url, { readOnly: true })
  } catch (error) {
    return { findings: [trouble('metadata-unavailable', error, METADATA_ADVICE)] }
  }
  try {
    const { findings, figures } = await examineMetadata(engine)
    if (figures === undefined) return { findings }
    const volume = await lookAtSetting(engine)
    return { findings: [...findings, ...volume.findings], figures, setting: volume.setting }
  } finally {
    await engine.close()
  }
}

async function lookAtSetting(
  engine: MetaEngine,
): Promise<{ readonly setting?: VolumeSetting; readonly findings: readonly Finding[] }> {
  const [stored] = await engine.read([{ kind: 'setting' }])
  if (stored === null) {
    const sentence = 'There is no volume in this metadata yet.'
    return { findings: [{ level: 'note', code: 'no-volume', sentence, next: 'make one: pomelo format' }] }
  }
  try {
    const setting = unwrapSecrets(await loadSetting(engine))
    const warnings = checkSetting(setting, { readOnly: false })
    return {
      setting,
      findings: warnings.map((text) => ({ level: 'note', code: 'setting', sentence: `${text}.` })),
    }
  } catch (error) {
    return { findings: [trouble('setting', error)] }
  }
}

async function lookAtBucket(call: DoctorCall, setting: VolumeSetting | undefined) {
  const options = await storeOptions(call, setting)
  if (options === undefined) return undefined
  const missing = await missingFolder(options)
  if (missing !== undefined) return { findings: [missing] }
  const before = [
    ...aboutLocalData(call.operands[0]!, options),
    ...(setting === undefined ? [] : await lookAtKey(options, setting, call.env.JFS_RSA_PASSPHRASE)),
  ]
  try {
    const store = await openObjectStore(options)
    const examiner = await openExaminer(options)
    try {
      const blockSize = setting === undefined ? BLOCK_SIZE : setting.BlockSize * 1024
      const report = await examineBucket({
        store,
        examiner,
        blockSize,
        uuid: setting?.UUID,
        signal: call.signal,
      })
      return { ...report, findings: [...before, ...report.findings] }
    } finally {
      examiner?.close()
      store.close()
    }
  } catch (error) {
    call.signal.throwIfAborted()
    return { findings: [...before, trouble('bucket', error)] }
  }
}

/** Keys of the environment count where the volume has none of its own, or another bucket is asked about. */
async function storeOptions(
  { operands, options, env }: DoctorCall,
  setting: VolumeSetting | undefined,
): Promise<StoreOptions | undefined> {
  const named = operands[1]
  const bucket = named ?? setting?.Bucket
  if (bucket === undefined) return undefined
  const storage = options.storage ?? storageOf(named, setting)
  const secretFile = await secretFromFile(options['secret-key-file'])
  const own = named !== undefined || !setting?.AccessKey
  return {
    storage,
    bucket: absoluteBucket(storage, bucket),
    name: setting?.Name ?? NO_VOLUME,
    accessKey: (own ? env.ACCESS_KEY : undefined) || setting?.AccessKey,
    secretKey: secretFile ?? ((own ? env.SECRET_KEY : undefined) || setting?.SecretKey),
    sessionToken: (own ? env.SESSION_TOKEN : undefined) || setting?.SessionToken,
    shards: setting?.Shards,
    uploadLimit: setting?.UploadLimit,
    downloadLimit: setting?.DownloadLimit,
    ioRetries: 0,
    getTimeoutMs: TIMEOUT_MS,
    putTimeoutMs: TIMEOUT_MS,
  }
}

function storageOf(named: string | undefined, setting: VolumeSetting | undefined): string {
  if (named === undefined) return setting!.Storage
  const isUrl = /^https?:/i.test(named)
  if (setting !== undefined && isUrl === (setting.Storage !== 'file')) return setting.Storage
  return isUrl ? 's3' : 'file'
}

/** A directory is not made by looking at it. */
async function missingFolder({ storage, bucket }: StoreOptions): Promise<Finding | undefined> {
  if (storage !== 'file') return undefined
  const found = await stat(bucket).catch(() => undefined)
  if (found?.isDirectory()) return undefined
  const sentence = `The data should be in ${resolve(bucket)}, and there is no such directory.`
  const next = 'mount the disk it is on, or name another directory'
  return { level: 'problem', code: 'bucket-missing', sentence, next }
}

function aboutLocalData(metaUrl: string, { storage, bucket }: StoreOptions): readonly Finding[] {
  if (storage !== 'file' || /^sqlite3:/i.test(metaUrl)) return []
  return [
    {
      level: 'note',
      code: 'bucket-local',
      sentence: `The metadata can be shared by many machines, the data are in ${bucket} of this one: others read them only where the same directory is mounted.`,
      next: 'for a team, keep the data in a bucket',
    },
  ]
}

async function lookAtKey(
  options: StoreOptions,
  { EncryptKey, EncryptAlgo }: VolumeSetting,
  passphrase: string | undefined,
): Promise<readonly Finding[]> {
  if (!EncryptKey) return []
  const code = 'bucket-key'
  try {
    const encrypt = { keyPem: EncryptKey, passphrase, algorithm: EncryptAlgo }
    const store = await openObjectStore({ ...options, encrypt })
    store.close()
    return [{ level: 'ok', code, sentence: 'The key that the data are encrypted under is unlocked.' }]
  } catch (error) {
    return [trouble(code, error, { denied: 'put the passphrase into JFS_RSA_PASSPHRASE' })]
  }
}

const MARKS = { ok: 'ok', note: 'note', warning: 'warning', problem: 'PROBLEM' } as const
const TITLES = { metadata: 'Metadata', bucket: 'Bucket', machine: 'This machine' } as const

function show(out: Output, { findings, level }: Diagnosis, url: string): void {
  for (const area of AREAS) {
    const own = findings.filter((finding) => finding.area === area)
    if (own.length === 0) continue
    out.print(area === 'metadata' ? `${TITLES[area]}, ${url}` : TITLES[area])
    for (const finding of own) {
      out.print(`  ${MARKS[finding.level].padEnd(8)} ${finding.sentence}`)
      if (finding.next !== undefined) out.print(`           → ${finding.next}`)
    }
  }
  out.print(CONCLUSIONS[level])
}

const CONCLUSIONS = {
  ok: 'All is well.',
  note: 'All is well; see the notes.',
  warning: 'It works; the warnings will be felt.',
  problem: 'It does not work as it is: see the problems.',
} as const
