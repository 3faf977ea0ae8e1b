/** Which events of the daemon become a notification, and what it says. No Electron in here. */
import { EVENT_KINDS, type LogEvent } from '#core/api/events.ts'
import { type AppSettings, NOTIFIED_BY_DEFAULT } from '#core/api/settings.ts'

export interface Notice {
  readonly title: string
  readonly body: string
  readonly isUrgent: boolean
  /** Where a click goes. */
  readonly route: string
}

/** The same kind about the same volume is said again after this. */
const QUIET_MS = 60_000
/** Remembered kinds and volumes. */
const MOST_REMEMBERED = 500

export class Notices {
  readonly #lastMs = new Map<string, number>()

  /** Undefined: switched off, said a moment ago, or the user sees it happen in the focused window. */
  of(event: LogEvent, switches: AppSettings['notifications'], isFocused: boolean): Notice | undefined {
    const isOn = switches[event.kind] ?? NOTIFIED_BY_DEFAULT.includes(event.kind)
    if (!isOn || isFocused) return undefined
    const key = `${event.kind} ${event.volumeId ?? ''}`
    const last = this.#lastMs.get(key)
    if (last !== undefined && event.atMs - last < QUIET_MS) return undefined
    this.#remember(key, event.atMs)
    return {
      title:
        event.volumeName === null
          ? EVENT_KINDS[event.kind]
          : `${event.volumeName}: ${EVENT_KINDS[event.kind]}`,
      body: event.next === undefined ? event.sentence : `${event.sentence}\n${event.next}`,
      isUrgent: event.level === 'error',
      route: event.volumeId === null ? '#/activity' : `#/v/${encodeURIComponent(event.volumeId)}/overview`,
    }
  }

  #remember(key: string, atMs: number): void {
    this.#lastMs.delete(key)
    this.#lastMs.set(key, atMs)
    if (this.#lastMs.size <= MOST_REMEMBERED) return
    for (const oldest of this.#lastMs.keys()) {
      this.#lastMs.delete(oldest)
      return
    }
  }
}
