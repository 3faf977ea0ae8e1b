/**
 * The shell's own line to the daemon: volumes for the tray, events for notifications, settings, and the calls that
 * tray and menus make. A line that breaks is mended: the daemon is started again when it is gone. (Its mounts are
 * processes of their own and go on meanwhile.)
 */
import { WebSocket as NodeWebSocket } from 'ws'
import { type Api, apiUrl, type ConnectionState, createApi, type Trpc } from '#core/api/client.ts'
import type { LogEvent } from '#core/api/events.ts'
import type { AppSettings } from '#core/api/settings.ts'
import type { Volume } from '#core/api/volumes.ts'
import { type Address, knock, restartDaemon, signIn } from './daemon-door.ts'
import type { DaemonProgram } from './daemon-program.ts'

export interface LinkOptions {
  /** The daemon to start where none runs. */
  readonly program: () => Promise<DaemonProgram>
  /** Of this app: a daemon of another one is replaced. */
  readonly version: string
}

export interface LinkListeners {
  /** Undefined: the daemon does not answer. */
  onVolumes(volumes: readonly Volume[] | undefined): void
  onEvent(event: LogEvent): void
  onSettings(settings: AppSettings): void
  /** There is a line, the first or another. */
  onOpened(trpc: Trpc): void
  /** The line was mended: the page may have to sign in again, at another address. */
  onMended(): void
}

/** A broken line is given this long to come back by itself. */
const PATIENCE_MS = 5000
const LONGEST_PAUSE_MS = 60_000
/** Answers that need no work come within this, on a busy machine too. */
const ANSWER_MS = 30_000

export class DaemonLink {
  readonly #options: LinkOptions
  readonly #listeners: LinkListeners
  readonly #volumes = new Map<string, Volume>()
  #api: Api | undefined
  /** Of the line in use: what an older one says is not heard. */
  #turn = 0
  #origin: string | undefined
  #isKnown = false
  /** The daemon's version was compared with ours. */
  #isChecked = false
  #mending: NodeJS.Timeout | undefined
  #failures = 0
  #isClosed = false

  constructor(options: LinkOptions, listeners: LinkListeners) {
    this.#options = options
    this.#listeners = listeners
  }

  /** Of the page; undefined before the first `open`. */
  get origin(): string | undefined {
    return this.#origin
  }

  /** Undefined: not known now. */
  get volumes(): readonly Volume[] | undefined {
    return this.#isKnown ? [...this.#volumes.values()] : undefined
  }

  /** Errors: thrown when there is no line yet; show them. */
  get trpc(): Trpc {
    if (this.#api === undefined) throw new Error('Pomelo’s background service does not answer.')
    return this.#api.trpc
  }

  /** Find or start the daemon and listen to it. Errors: DoorError. */
  async open(): Promise<void> {
    const program = await this.#options.program()
    const address = await knock(program)
    const token = await signIn(address)
    await this.#api?.close().catch(() => undefined)
    this.#origin = address.origin
    const turn = ++this.#turn
    const api = createApi({
      url: apiUrl(new URL(address.origin)),
      token,
      WebSocket: NodeWebSocket as unknown as typeof WebSocket,
      onState: (state) => {
        if (turn === this.#turn) this.#follow(state)
      },
    })
    this.#api = api
    if (await this.#isOld(api)) {
      this.#turn++ // that line ends now
      await api.close().catch(() => undefined)
      await restartDaemon(program)
      return this.open()
    }
    this.#listen(api)
    this.#listeners.onOpened(api.trpc)
    await this.refreshSettings()
  }

  /** A fresh address for the page, with a code of its own. Errors: DoorError. */
  pageAddress(): Promise<Address> {
    return this.#options.program().then(knock)
  }

  async refreshSettings(): Promise<void> {
    const settings = await this.#api?.trpc.system.settings.query(undefined, soon())
    if (settings !== undefined) this.#listeners.onSettings(settings)
  }

  /** The computer is going to sleep, or is awake again. */
  async power(state: 'suspend' | 'resume'): Promise<void> {
    await this.#api?.trpc.system.power.mutate({ state }, soon())
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#mending)
    await this.#api?.close().catch(() => undefined)
  }

  /** A daemon from before an update, that does nothing now which a restart would end. Asked once. */
  async #isOld({ trpc }: Api): Promise<boolean> {
    if (this.#isChecked) return false
    const { version } = await trpc.system.about.query(undefined, soon())
    this.#isChecked = true
    if (version === this.#options.version) return false
    return (await trpc.tasks.list.query({ running: true }, soon())).length === 0
  }

  #listen({ trpc }: Api): void {
    trpc.volumes.watch.subscribe(undefined, {
      onData: (change) => {
        if (change.kind === 'all') this.#volumes.clear()
        else for (const id of change.removed) this.#volumes.delete(id)
        for (const volume of change.volumes) this.#volumes.set(volume.id, volume)
        this.#isKnown = true
        this.#listeners.onVolumes(this.volumes)
      },
      onError: () => undefined, // the state of the connection tells it
    })
    trpc.events.watch.subscribe(undefined, {
      onData: (event) => this.#listeners.onEvent(event),
      onError: () => undefined,
    })
  }

  #follow(state: ConnectionState): void {
    if (state === 'open') this.#isBack()
    else if (state === 'lost') this.#lost(PATIENCE_MS)
    else if (state === 'denied') this.#lost(0)
  }

  #isBack(): void {
    clearTimeout(this.#mending)
    this.#mending = undefined
    this.#failures = 0
  }

  #lost(afterMs: number): void {
    if (this.#isClosed) return
    if (this.#isKnown) {
      this.#isKnown = false
      this.#listeners.onVolumes(undefined)
    }
    if (this.#mending === undefined) this.#mending = setTimeout(() => this.#mend(), afterMs)
  }

  #mend(): void {
    this.open().then(
      () => {
        this.#mending = undefined
        this.#listeners.onMended()
      },
      () => {
        this.#mending = undefined
        this.#failures++
        this.#lost(Math.min(PATIENCE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS))
      },
    )
  }
}

function soon(): { readonly signal: AbortSignal } {
  return { signal: AbortSignal.timeout(ANSWER_MS) }
}
