/** Refused requests in the event log: the first of a kind, then one line a minute with their number. */
import type { Log } from '#core/base/log.ts'
import type { EventLog } from './event-log.ts'

const EVERY_MS = 60_000

export class RefusalLog {
  readonly #events: EventLog
  readonly #log: Log
  readonly #seen = new Map<string, { saidMs: number; since: number }>()

  constructor(events: EventLog, log: Log) {
    this.#events = events
    this.#log = log
  }

  /** `reason` is one of few fixed sentences: it holds nothing of the request. */
  add(reason: string): void {
    const seen = this.#seen.get(reason) ?? { saidMs: 0, since: 0 }
    this.#seen.set(reason, seen)
    seen.since++
    if (Date.now() - seen.saidMs < EVERY_MS) return
    const times = seen.since === 1 ? '' : ` (${seen.since} times)`
    this.#log.warn(`refused: ${reason}${times}`)
    this.#events.add({
      kind: 'security',
      level: 'warning',
      sentence: `A request to Pomelo was refused${times}: ${reason}.`,
      next: 'If you did not cause it, a web page or program tried to reach Pomelo; it got nothing.',
    })
    seen.saidMs = Date.now()
    seen.since = 0
  }
}
