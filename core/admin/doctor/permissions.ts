/** What may be done in a bucket: each kind of request a volume makes, tried once on objects of our own. */
import type { Finding } from '#core/base/finding.ts'
import { secureBytes } from '#core/base/random.ts'
import type { StoreExaminer } from '#core/object/examine-store.ts'
import type { ObjectStore } from '#core/object/store.ts'
import type { TrialObjects } from './trial-objects.ts'
import { trouble } from './trouble.ts'

const SIZE = 4096
const RANGE = { offset: 1000, length: 100 }
/** More objects than this under the trial's prefix are not ours. */
const MOST_LISTED = 1000

const REFUSED = 'ask for this right on the bucket, or on the volume’s prefix in it'
const ADVICE = { denied: REFUSED, invalid: 'check the bucket’s URL and that it exists' }

export interface Permissions {
  readonly findings: readonly Finding[]
  readonly canPut: boolean
  readonly canGet: boolean
}

/** Try everything that can be tried; one thing refused does not keep the others from being told. */
export async function tryPermissions(
  store: ObjectStore,
  examiner: StoreExaminer | undefined,
  trial: TrialObjects,
): Promise<Permissions> {
  const findings: Finding[] = []
  const attempt = async (code: string, harm: string, work: () => Promise<void>): Promise<boolean> => {
    try {
      await work()
      return true
    } catch (error) {
      findings.push(trouble(code, error, ADVICE, `${harm}: `))
      return false
    }
  }
  const bytes = secureBytes(SIZE)
  const key = trial.key('small')
  const canPut = await attempt('bucket-put', 'Nothing can be written', () =>
    store.put(key, [bytes], trial.once),
  )
  let canGet = canPut
  if (canPut) {
    canGet = await attempt('bucket-get', 'What is written cannot be read', async () =>
      expectBytes(bytes, await store.get(key, undefined, trial.once)),
    )
    await attempt('bucket-range', 'Parts of objects cannot be read', async () =>
      expectBytes(
        bytes.subarray(RANGE.offset, RANGE.offset + RANGE.length),
        await store.get(key, RANGE, trial.once),
      ),
    )
  }
  await attempt('bucket-list', 'Objects cannot be listed, which gc and fsck need', async () => {
    const listed = await keysUnder(store, trial)
    if (canPut && !listed.includes(key)) throw new Error('the listing does not show an object just written')
  })
  if (canPut)
    await attempt('bucket-delete', 'Removed files keep taking space: objects cannot be deleted', async () => {
      await store.delete(key, trial.once)
      if ((await store.head(key, trial.once)) !== undefined)
        throw new Error('a deleted object is still there')
    })
  if (canPut && examiner !== undefined)
    await attempt('bucket-multipart', 'Large objects, such as backups, cannot be uploaded in parts', () =>
      examiner.multipart(trial.key('parts'), bytes),
    )
  if (findings.length === 0) findings.push(allWell(examiner !== undefined))
  return { findings: findings.map(lesser), canPut, canGet }
}

function allWell(parts: boolean): Finding {
  const verbs = parts ? 'listed, deleted and uploaded in parts' : 'listed and deleted'
  return {
    level: 'ok',
    code: 'bucket-permissions',
    sentence: `Objects can be written, read whole and in part, ${verbs}.`,
  }
}

/** Backups have another way to go: no volume depends on parts. */
function lesser(finding: Finding): Finding {
  return finding.code === 'bucket-multipart' ? { ...finding, level: 'warning' } : finding
}

function expectBytes(expected: Buffer, found: Uint8Array): void {
  if (!expected.equals(found)) throw new Error('an object came back with other bytes than were written')
}

async function keysUnder(store: ObjectStore, { prefix, once }: TrialObjects): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix, once)) {
    keys.push(key)
    if (keys.length === MOST_LISTED) break
  }
  return keys
}
