/** Is a store fit for a volume? Source: shared/spec/volume-and-objects.md §3.5. */
import { type Clock, systemClock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import { type Log, silentLog } from '#core/base/log.ts'
import { below, secureBytes, systemRandom } from '#core/base/random.ts'
import type { ObjectStore, RequestOptions } from './store.ts'

export interface ProbeOptions {
  readonly clock?: Clock
  readonly log?: Log
}

/** Milliseconds before the second and third round. */
const PAUSES = [1000, 4000]
const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyz'
/** A round fails at the first failure: the probe is to say quickly what is wrong. */
const ONCE: RequestOptions = { attempts: 1 }

/**
 * Can objects be written, read back and removed here? Makes the bucket if need be. Up to three rounds; what will not
 * change (`denied`, a key that is wrong) is said at once. Errors: BackendError of the last round.
 */
export async function probeStore(store: ObjectStore, options: ProbeOptions = {}): Promise<void> {
  const { clock = systemClock, log = silentLog } = options
  for (let round = 0; ; round++) {
    try {
      await probeOnce(store, log)
      await store.delete('testing/', ONCE).catch(() => {})
      return
    } catch (error) {
      const pauseMs = PAUSES[round]
      if (pauseMs === undefined || isFinal(error)) throw error
      log.warn('storage probe failed, trying again', { store: store.address, error })
      await clock.sleep(pauseMs)
    }
  }
}

async function probeOnce(store: ObjectStore, log: Log): Promise<void> {
  const key = `testing/${Array.from({ length: 10 }, () => LETTERS[below(systemRandom, LETTERS.length)]).join('')}`
  const bytes = secureBytes(100)
  try {
    await store.put(key, [bytes], ONCE)
  } catch (error) {
    // No answer at all says nothing about the bucket.
    if (isKind(error, 'denied') || isKind(error, 'unavailable')) throw error
    await store.create()
    await store.put(key, [bytes], ONCE)
  }
  const back = await store.get(key, undefined, ONCE)
  if (!bytes.equals(back)) {
    throw new BackendError('corrupt', `${store.address}: an object came back with other bytes than were put`)
  }
  await store.delete(key, ONCE).catch((error: unknown) => {
    log.warn('storage probe could not remove its object', { key, error })
  })
}

function isFinal(error: unknown): boolean {
  return isKind(error, 'denied') || isKind(error, 'no-space')
}

function isKind(error: unknown, kind: BackendError['kind']): boolean {
  return error instanceof BackendError && error.kind === kind
}

/** True when no object of non-zero size but `testing…` lies under the volume's prefix. */
export async function isEmptyVolumePrefix(store: ObjectStore): Promise<boolean> {
  for await (const { key, size } of store.list('')) {
    if (size > 0 && key !== 'testing' && !key.startsWith('testing/')) return false
  }
  return true
}
