/** electron-updater behind the state of update-state.ts. Loaded only where updates are on. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { app } from 'electron'
import type { UpdateState } from '#core/api/bridge.ts'
import type { AppSettings } from '#core/api/settings.ts'
import { nextUpdateState, UPDATE_IDLE, type UpdateEvent, updatesOff } from './update-state.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const FIRST_MS = 60_000

type Updater = typeof import('electron-updater')['autoUpdater']

export class Updates {
  readonly #onChange: (state: UpdateState) => void
  #state: UpdateState = UPDATE_IDLE
  #channel: AppSettings['updateChannel'] = 'none'
  #updater: Promise<Updater> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(onChange: (state: UpdateState) => void) {
    this.#onChange = onChange
  }

  get state(): UpdateState {
    return this.#off() ?? this.#state
  }

  setChannel(channel: AppSettings['updateChannel']): void {
    if (channel === this.#channel) return
    this.#channel = channel
    clearTimeout(this.#timer)
    this.#onChange(this.state)
    if (this.#off() === undefined) this.#timer = setTimeout(() => this.#daily(), FIRST_MS)
  }

  async check(): Promise<UpdateState> {
    if (this.#off() !== undefined || this.#state.step === 'ready') return this.state
    const updater = await (this.#updater ??= this.#load())
    updater.channel = this.#channel === 'beta' ? 'beta' : 'latest'
    await updater.checkForUpdates().catch(() => undefined) // the event `error` says it
    return this.state
  }

  async install(): Promise<void> {
    if (this.#state.step !== 'ready') throw new Error('There is no update that is downloaded.')
    const updater = await this.#updater
    updater?.quitAndInstall(false, true)
  }

  #daily(): void {
    this.check().catch(() => undefined)
    this.#timer = setTimeout(() => this.#daily(), DAY_MS)
  }

  #off(): UpdateState | undefined {
    const hasFeed = existsSync(join(process.resourcesPath, 'app-update.yml'))
    return updatesOff({ isPackaged: app.isPackaged, hasFeed, channel: this.#channel })
  }

  async #load(): Promise<Updater> {
    const { autoUpdater } = await import('electron-updater')
    const tell = (event: UpdateEvent): void => {
      this.#state = nextUpdateState(this.#state, event)
      this.#onChange(this.state)
    }
    autoUpdater.autoDownload = true
    autoUpdater.autoInstallOnAppQuit = true
    autoUpdater.on('checking-for-update', () => tell({ kind: 'checking' }))
    autoUpdater.on('update-not-available', () => tell({ kind: 'none', atMs: Date.now() }))
    autoUpdater.on('update-available', ({ version }) => tell({ kind: 'available', version }))
    autoUpdater.on('download-progress', ({ percent }) => tell({ kind: 'progress', percent }))
    autoUpdater.on('update-downloaded', ({ version }) => tell({ kind: 'downloaded', version }))
    autoUpdater.on('error', ({ message }) => tell({ kind: 'error', message, atMs: Date.now() }))
    return autoUpdater
  }
}
