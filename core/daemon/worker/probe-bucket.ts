/** Can objects be kept in this bucket, and how does it feel? Takes its trial objects out again, makes no bucket. */
import { access, constants, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { z } from 'zod'
import { formatMs, timeEach } from '#core/admin/doctor/timings.ts'
import { TrialObjects } from '#core/admin/doctor/trial-objects.ts'
import { trouble } from '#core/admin/doctor/trouble.ts'
import { absoluteBucket } from '#core/admin/format.ts'
import type { BucketAnswer, bucketProbe } from '#core/api/probes.ts'
import { systemClock } from '#core/base/clock.ts'
import { BackendError, type BackendErrorKind } from '#core/base/errno.ts'
import type { Finding } from '#core/base/finding.ts'
import { secureBytes } from '#core/base/random.ts'
import { formatSize } from '#core/base/units.ts'
import { abandonable } from '#core/object/interrupt.ts'
import { isEmptyVolumePrefix, openObjectStore } from '#core/object/open-store.ts'
import type { ObjectStore } from '#core/object/store.ts'

type Wanted = z.output<typeof bucketProbe>

const ROUNDS = 5
const LIMIT_MS = 4000
const TIMEOUT_MS = 8000
/** Of a person who has typed an address. */
const PATIENCE_MS = 12_000
const ADVICE = {
  unavailable: 'check the address of the bucket, and that this computer reaches it',
  denied: 'check the access key and the secret key, and their rights in this bucket',
  invalid: 'check the address of the bucket and that the bucket exists',
  'not-found': 'make the bucket first, or check its name',
} as const
/** What it comes to, in the words of the wizard; the store's own words are the finding's. */
const HEADLINES: Readonly<Partial<Record<BackendErrorKind, string>>> = {
  unavailable: 'The bucket does not answer.',
  denied: 'The bucket refuses these keys.',
  'not-found': 'There is no such bucket.',
}
const NOTHING = { putMs: null, getMs: null, deleteMs: null, isFree: null }

export async function probeBucket(wanted: Wanted, signal: AbortSignal): Promise<BucketAnswer> {
  if (wanted.storage === 'file') return probeFolder(wanted)
  let store: ObjectStore
  try {
    store = await openObjectStore({
      storage: wanted.storage,
      bucket: wanted.bucket,
      name: wanted.volumeName ?? 'pomelo-test',
      accessKey: wanted.secrets.accessKey,
      secretKey: wanted.secrets.secretKey,
      sessionToken: wanted.secrets.sessionToken,
      ioRetries: 0,
      getTimeoutMs: TIMEOUT_MS,
      putTimeoutMs: TIMEOUT_MS,
    })
  } catch (error) {
    return failed(wanted.bucket, error)
  }
  try {
    const late = AbortSignal.timeout(PATIENCE_MS)
    return await abandonable(AbortSignal.any([signal, late]), () => measure(store, wanted, signal))
  } catch (error) {
    signal.throwIfAborted()
    return failed(store.address, new BackendError('unavailable', silentFor(store), { cause: error }))
  } finally {
    store.close()
  }
}

function silentFor({ address }: ObjectStore): string {
  return `${address} gives no answer within ${PATIENCE_MS / 1000} s`
}

async function measure(
  store: ObjectStore,
  { volumeName }: Wanted,
  signal: AbortSignal,
): Promise<BucketAnswer> {
  const trial = new TrialObjects(store, signal)
  try {
    const bytes = secureBytes(1024)
    const key = trial.key('wizard')
    const put = await timeEach(systemClock, ROUNDS, LIMIT_MS, () => store.put(key, [bytes], trial.once))
    const get = await timeEach(systemClock, ROUNDS, LIMIT_MS, () => store.get(key, undefined, trial.once))
    const remove = await timeEach(systemClock, 1, LIMIT_MS, () => store.delete(key, trial.once))
    const isFree = volumeName === undefined ? null : await isEmptyVolumePrefix(store)
    const findings: Finding[] = isFree === false ? [takenFinding(volumeName!)] : []
    return {
      ok: isFree !== false,
      sentence:
        isFree === false
          ? findings[0]!.sentence
          : `Writes a small object in ${formatMs(put.medianMs)}, reads it in ${formatMs(get.medianMs)}.`,
      address: store.address,
      putMs: put.medianMs,
      getMs: get.medianMs,
      deleteMs: remove.medianMs,
      isFree,
      findings,
    }
  } catch (error) {
    signal.throwIfAborted()
    return failed(store.address, error)
  } finally {
    await trial.remove().catch(() => {})
  }
}

/** A folder is only looked at: it is made with the volume. */
async function probeFolder({ bucket, volumeName }: Wanted): Promise<BucketAnswer> {
  const address = absoluteBucket('file', bucket)
  try {
    const parent = await existing(address)
    await access(parent, constants.W_OK | constants.X_OK)
    const { bavail, bsize } = await statfs(parent)
    const store =
      volumeName === undefined
        ? undefined
        : await openObjectStore({ storage: 'file', bucket, name: volumeName })
    const isFree = store === undefined ? null : await isEmptyVolumePrefix(store)
    store?.close()
    if (isFree === false) {
      const taken = takenFinding(volumeName!)
      return { ...NOTHING, ok: false, sentence: taken.sentence, address, isFree, findings: [taken] }
    }
    const made = parent === address.replace(/\/$/, '') ? '' : ' The folder will be made.'
    return {
      ...NOTHING,
      ok: true,
      sentence: `${formatSize(bavail * bsize)} are free on its disk.${made}`,
      address,
      isFree,
      findings: [],
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EACCES' && code !== 'EROFS') return failed(address, error)
    return failed(address, new Error(`You may not write to ${address}.`))
  }
}

async function existing(path: string): Promise<string> {
  const plain = path.length > 1 ? path.replace(/\/$/, '') : path
  const isThere = await access(plain).then(
    () => true,
    () => false,
  )
  return isThere || plain === '/' ? plain : existing(dirname(plain))
}

function failed(address: string, error: unknown): BucketAnswer {
  const finding = trouble('bucket-unavailable', error, ADVICE)
  const headline = error instanceof BackendError ? HEADLINES[error.kind] : undefined
  return { ...NOTHING, ok: false, sentence: headline ?? finding.sentence, address, findings: [finding] }
}

function takenFinding(name: string): Finding {
  return {
    level: 'problem',
    code: 'bucket-taken',
    sentence: `Another volume called “${name}” has its data in this bucket.`,
    next: 'choose another name or another bucket',
  }
}
