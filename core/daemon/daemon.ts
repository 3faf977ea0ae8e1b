/** Everything the daemon is made of, joined here and nowhere else. */
import { fileURLToPath } from 'node:url'
import type { Services } from '#core/api/services.ts'
import type { Log } from '#core/base/log.ts'
import { type RunningServer, startServer } from './api/http-server.ts'
import { Sessions } from './api/sessions.ts'
import { Tickets } from './api/tickets.ts'
import { SettingsStore } from './app-settings.ts'
import { startAtLogin } from './at-login.ts'
import { daemonCommands } from './connect.ts'
import { type Db, openDatabase } from './database.ts'
import { EventLog } from './event-log.ts'
import { HealthBook } from './health.ts'
import { HistoryStore } from './history.ts'
import { limits } from './mount-request.ts'
import { Notes } from './notes.ts'
import { Operators } from './operators.ts'
import type { Places } from './places.ts'
import { Profiles } from './profiles.ts'
import { RefusalLog } from './refusal-log.ts'
import { FileSecretStore, type SecretStore } from './secrets.ts'
import { Events } from './services/events-service.ts'
import { Files } from './services/files-service.ts'
import { Inspections } from './services/inspect-service.ts'
import { MetricsView } from './services/metrics-service.ts'
import { Probes } from './services/probes-service.ts'
import { System } from './services/system-service.ts'
import { Tasks } from './services/tasks-service.ts'
import { receiveUpload } from './services/upload.ts'
import { Volumes } from './services/volumes-service.ts'
import { SessionStore } from './session-store.ts'
import { Supervisor } from './supervisor.ts'

export interface DaemonOptions {
  readonly places: Places
  readonly log: Log
  /** 0: that of the last run when it is free, else any. */
  readonly port: number
  /** Somebody asked the daemon to end. */
  readonly onStop: () => void
}

export class Daemon {
  readonly places: Places
  readonly log: Log
  readonly startedMs = Date.now()
  readonly profiles: Profiles
  readonly secrets: SecretStore
  readonly settings: SettingsStore
  readonly events: EventLog
  readonly history: HistoryStore
  readonly notes: Notes
  readonly supervisor: Supervisor
  readonly operators: Operators
  readonly health: HealthBook
  readonly sessions: Sessions
  readonly tickets = new Tickets()
  readonly services: Services & { readonly tasks: Tasks; readonly volumes: Volumes }
  readonly onStop: () => void
  readonly #db: Db
  readonly #options: DaemonOptions
  readonly #kept: SessionStore
  #server: RunningServer | undefined

  /** Errors: Refusal when another daemon runs. */
  constructor(options: DaemonOptions) {
    const { places, log } = options
    this.#options = options
    this.places = places
    this.log = log
    this.onStop = options.onStop
    this.#db = openDatabase(places.database)
    this.profiles = new Profiles(this.#db)
    this.secrets = new FileSecretStore(places.secrets)
    this.settings = new SettingsStore(this.#db)
    this.#kept = new SessionStore(this.#db)
    this.sessions = new Sessions(this.#kept)
    this.events = new EventLog(this.#db)
    this.history = new HistoryStore(this.#db)
    this.notes = new Notes(this.#db)
    this.supervisor = new Supervisor(this)
    this.operators = new Operators(this.supervisor)
    this.health = new HealthBook(this)
    this.services = {
      volumes: new Volumes(this),
      probes: new Probes(this),
      metrics: new MetricsView(this),
      events: new Events(this),
      tasks: new Tasks(this, this.#db),
      files: new Files(this),
      inspect: new Inspections(this),
      system: new System(this),
    }
  }

  /** Of the loopback door. */
  get port(): number {
    return this.#server?.port ?? 0
  }

  async start(): Promise<void> {
    await this.supervisor.start()
    await this.#keepAtLogin()
    const refusals = new RefusalLog(this.events, this.log)
    this.#server = await startServer(
      {
        services: this.services,
        sessions: this.sessions,
        tickets: this.tickets,
        pages: fileURLToPath(new URL('../../renderer/dist', import.meta.url)),
        log: this.log,
        onRefused: (reason) => refusals.add(reason),
        onUpload: (request, response, id, query) => receiveUpload(this, request, response, id, query),
      },
      this.places.socket,
      this.#options.port === 0 ? [this.#kept.port, 0] : [this.#options.port],
    )
    this.#keepPort()
    this.events.add({ kind: 'daemon', sentence: 'Pomelo’s background service started.' })
  }

  /** The program may be at another place since it was switched on. */
  async #keepAtLogin(): Promise<void> {
    if (!this.settings.now.startAtLogin) return
    await startAtLogin(true, daemonCommands()).catch((error: unknown) =>
      this.log.warn('the daemon will not start at login', { error }),
    )
  }

  /** At another port no window of before can come back: its page and its token belong to the old one. */
  #keepPort(): void {
    const before = this.#kept.port
    if (this.port === before) return
    if (before !== 0) this.log.warn('the interface has another address', { before, port: this.port })
    this.sessions.forgetKept()
    this.#kept.port = this.port
  }

  /** Volume processes go on. */
  async stop(): Promise<void> {
    await this.#server?.close()
    await this.services.tasks.close()
    await this.supervisor.stop()
    await this.operators.close()
    this.events.add({
      kind: 'daemon',
      sentence: 'Pomelo’s background service ended; mounted volumes stay mounted.',
    })
    this.history.close()
    this.#db.close()
  }

  /** Tell a mounted volume its bandwidth limits, which hold at once. */
  async applyLimits(id: string): Promise<void> {
    const profile = this.profiles.find(id)
    const { link } = this.supervisor.get(id)
    if (profile === undefined || link === undefined) return
    const { uploadLimit = 0, downloadLimit = 0 } = limits(profile.settings, this.settings.now)
    await link.client
      .call('setLimits', { uploadLimit, downloadLimit }, { silenceMs: 5000 })
      .catch((error: unknown) => this.log.warn('limits were not taken', { id, error }))
  }
}
