/**
 * What is worth an event while a volume is mounted: the turns of its state, each told once when it comes and once when
 * it has passed. Asked every second; everything here is what was found out already.
 */
import type { VolumeStatus } from '#core/api/states.ts'
import type { PendingUploads } from '#core/api/volumes.ts'
import type { MetaReport } from '#core/volume/live-report.ts'
import type { NewEvent } from './event-log.ts'

/** A server that is away for less is not worth a notification. */
const META_MS = 10_000
/** The bucket may be slow for a while before somebody is told that uploads wait. */
const STUCK_MS = 60_000
/** The end of uploads is news only after a wait; else every saved file would be. */
const LONG_MS = 30_000

export interface Seen {
  readonly id: string
  readonly name: string
  readonly status: VolumeStatus
  readonly pending: PendingUploads
  readonly meta: MetaReport | undefined
  /** Why its last metadata backup failed. */
  readonly backupError?: string
}

type Trouble = 'unresponsive' | 'metadata-warning' | 'uploads-stuck'

interface Told {
  /** Troubles that last and were told. */
  readonly troubles: Set<Trouble>
  backupFailed: boolean
  pendingSinceMs: number | null
}

const PASSED: Readonly<Record<Trouble, string>> = {
  unresponsive: 'It responds again.',
  'metadata-warning': 'The metadata server answers and takes writes again.',
  'uploads-stuck': 'The bucket answers again.',
}

export class Turns {
  readonly #told = new Map<string, Told>()

  /** It is not mounted any more. */
  forget(id: string): void {
    this.#told.delete(id)
  }

  /** The events that are due. */
  look(seen: Seen, nowMs: number): readonly NewEvent[] {
    const { id, name, status, pending } = seen
    let told = this.#told.get(id)
    if (told === undefined)
      this.#told.set(id, (told = { troubles: new Set(), backupFailed: false, pendingSinceMs: null }))
    const volume = { id, name }
    const events: NewEvent[] = []
    const trouble = troubleOf(seen, nowMs)
    for (const each of told.troubles) {
      if (each === trouble || !hasPassed(each, seen)) continue
      told.troubles.delete(each)
      events.push({ kind: 'recovered', volume, sentence: PASSED[each] })
    }
    if (trouble !== undefined && !told.troubles.has(trouble)) {
      told.troubles.add(trouble)
      const { line, detail, next } = status
      const level = trouble === 'unresponsive' ? 'error' : 'warning'
      events.push({ kind: trouble, level, volume, sentence: line, detail, next })
    }
    return [...events, ...backupFailed(told, seen, volume), ...uploadsDone(told, pending, volume, nowMs)]
  }
}

function troubleOf({ status, pending, meta }: Seen, nowMs: number): Trouble | undefined {
  if (status.state === 'unresponsive') return 'unresponsive'
  if (meta?.refusal !== undefined) return 'metadata-warning'
  if (meta !== undefined && meta.failingSinceMs > 0)
    return nowMs - meta.failingSinceMs >= META_MS ? 'metadata-warning' : undefined
  const waits = status.state === 'waiting' && pending.bytes > 0
  return waits && nowMs - status.sinceMs >= STUCK_MS ? 'uploads-stuck' : undefined
}

/** Another trouble hides one: nothing is said of it until it can be seen again. */
function hasPassed(trouble: Trouble, { status, meta }: Seen): boolean {
  if (status.state === 'unresponsive') return false
  if (trouble === 'metadata-warning') return meta?.refusal === undefined && meta?.failingSinceMs === 0
  return trouble === 'unresponsive' || (status.state !== 'waiting' && meta?.refusal === undefined)
}

function backupFailed(told: Told, { backupError }: Seen, volume: NewEvent['volume']): readonly NewEvent[] {
  const isNews = backupError !== undefined && !told.backupFailed
  told.backupFailed = backupError !== undefined
  if (!isNews) return []
  const next = 'Mend the cause; it is tried again by itself, and `pomelo backup now` does it at once.'
  const sentence = `The metadata could not be backed up: ${backupError}`
  return [{ kind: 'metadata-warning', level: 'warning', volume, sentence, next }]
}

function uploadsDone(
  told: Told,
  { bytes, blocks }: PendingUploads,
  volume: NewEvent['volume'],
  nowMs: number,
): readonly NewEvent[] {
  if (bytes > 0 || blocks > 0) {
    told.pendingSinceMs ??= nowMs
    return []
  }
  const sinceMs = told.pendingSinceMs
  told.pendingSinceMs = null
  if (sinceMs === null || nowMs - sinceMs < LONG_MS) return []
  return [{ kind: 'uploads-done', volume, sentence: 'Everything is uploaded.' }]
}
