import type { EventsPage, LogEvent } from '#core/api/events.ts'
import type { EventsService } from '#core/api/services.ts'
import type { Daemon } from '../daemon.ts'

/** The event log. */
export class Events implements EventsService {
  readonly #daemon: Daemon

  constructor(daemon: Daemon) {
    this.#daemon = daemon
  }

  list(input: Parameters<EventsService['list']>[0]): EventsPage {
    return this.#daemon.events.list(input)
  }

  watch(signal: AbortSignal): AsyncIterable<LogEvent> {
    return this.#daemon.events.added.listen(signal)
  }
}
