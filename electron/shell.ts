/**
 * Puts the parts together: one window, tray and menu bar, notifications, the line to the daemon. Decisions are in the
 * files without Electron; here is who is told what.
 */
import { join } from 'node:path'
import { app, type BrowserWindow, Notification, nativeTheme, powerMonitor, session, shell } from 'electron'
import { shownError } from '#core/api/errors.ts'
import type { LogEvent } from '#core/api/events.ts'
import type { AppSettings } from '#core/api/settings.ts'
import type { Volume } from '#core/api/volumes.ts'
import { absolutePath, UPDATE_CHANNEL } from './bridge-calls.ts'
import { copiedProgram, copiesFolder } from './daemon-copy.ts'
import { DaemonLink } from './daemon-link.ts'
import { daemonProgram } from './daemon-program.ts'
import { askToQuit, askToRetry, chooseOpen, chooseSave, showFailure } from './dialogs.ts'
import { guardContents, guardSession } from './guards.ts'
import { answerCalls, type CallHandlers } from './ipc.ts'
import { keychainKey, readKeychain } from './keychain.ts'
import { openAtLogin } from './login.ts'
import { setMenuBar, TrayIcon } from './menus.ts'
import { Notices } from './notices.ts'
import { mayNavigate } from './origins.ts'
import { quitQuestion } from './quit.ts'
import { StateFile } from './state-file.ts'
import { type Intent, trayModel } from './tray-model.ts'
import { Updates } from './updates.ts'
import { createWindow, showWindow } from './window.ts'

/** Menus are built again at most so often. */
const MENU_MS = 1000
/** While "quit when uploaded" waits, how often is looked. */
const WAIT_MS = 1000

export class Shell {
  readonly #state = new StateFile(join(app.getPath('userData'), 'shell.json'))
  readonly #notices = new Notices()
  readonly #link: DaemonLink
  readonly #updates = new Updates((state) => this.#window?.webContents.send(UPDATE_CHANNEL, state))
  #tray: TrayIcon | undefined
  #window: BrowserWindow | undefined
  #settings: AppSettings | undefined
  #menuTimer: NodeJS.Timeout | undefined
  #waitTimer: NodeJS.Timeout | undefined
  /** How often the window was pointed at the daemon. */
  #loads = 0
  #isQuitting = false

  constructor() {
    const { isPackaged } = app
    const places = { isPackaged, resourcesPath: process.resourcesPath, appPath: app.getAppPath() }
    const program = daemonProgram(places)
    const version = app.getVersion()
    const isImage = isPackaged && process.env.APPIMAGE !== undefined
    const find = isImage
      ? () => copiedProgram(program, copiesFolder(process.env), version)
      : () => Promise.resolve(program)
    this.#link = new DaemonLink(
      { program: find, version },
      {
        onOpened: ({ system }) => this.#unlock((key) => system.protectSecrets.mutate({ key })),
        onVolumes: () => this.#menusSoon(),
        onEvent: (event) => this.#notify(event),
        onSettings: (settings) => this.#follow(settings),
        onMended: () => this.#signInAgain(),
      },
    )
  }

  /** The answer was given: nothing is asked again. */
  get isQuitting(): boolean {
    return this.#isQuitting
  }

  /** `route`: where the window opens; `isHidden`: started at login, without a window. */
  async start(route: string | undefined, isHidden: boolean): Promise<void> {
    const origin = (): string | undefined => this.#link.origin
    guardContents(origin)
    guardSession(session.defaultSession, origin)
    answerCalls(this.#handlers(), (address, contentsId) => this.#isPage(address, contentsId))
    const icons = join(app.getAppPath(), 'icons')
    this.#tray = new TrayIcon(icons, (intent) => this.#act(intent))
    this.#menus()
    powerMonitor.on('suspend', () => this.#power('suspend'))
    powerMonitor.on('resume', () => this.#power('resume'))
    // The system does not wait for an answer; staged blocks are safe on this disk.
    powerMonitor.on('shutdown', () => this.#end().catch((error: unknown) => this.#fail(error)))
    if (await this.#openLink()) {
      if (!isHidden) await this.show(route)
    } else app.quit()
  }

  /** The window, made when there is none, at a place of the interface if one is named. */
  async show(route?: string): Promise<void> {
    if (this.#window !== undefined) {
      showWindow(this.#window, route)
      return
    }
    const window = createWindow({
      preload: join(app.getAppPath(), 'preload.cjs'),
      icon: join(app.getAppPath(), 'icons', '256x256.png'),
      version: app.getVersion(),
      state: this.#state,
    })
    this.#window = window
    window.on('blur', () => this.#refreshSettings())
    window.on('closed', () => {
      this.#window = undefined
      if (!this.#isQuitting) this.#tellAboutTray()
    })
    try {
      await this.#load(window, route)
    } catch (error) {
      // Nothing to show: the next try makes another.
      window.destroy()
      throw error
    }
  }

  /** Ask when something is only on this computer; end when the answer is yes. Mounts go on in any case. */
  async quit(): Promise<void> {
    const question = quitQuestion(this.#link.volumes)
    const answer = question === undefined ? 'now' : await askToQuit(this.#window, question)
    if (answer === 'now') await this.#end()
    else if (answer === 'wait') this.#quitWhenUploaded()
  }

  async #end(): Promise<void> {
    if (this.#isQuitting) return
    this.#isQuitting = true
    clearTimeout(this.#menuTimer)
    clearTimeout(this.#waitTimer)
    await this.#link.close()
    this.#tray?.destroy()
    app.quit()
  }

  /** Until the daemon is there, or the user gives up. */
  async #openLink(): Promise<boolean> {
    for (;;)
      try {
        await this.#link.open()
        return true
      } catch (error) {
        if (!(await askToRetry((error as Error).message))) return false
      }
  }

  async #load(window: BrowserWindow, route?: string): Promise<void> {
    const { url } = await this.#link.pageAddress()
    if (window.isDestroyed()) return
    const page = new URL(url)
    // Another query makes it another document: with a new fragment alone the page would stay, the code unused.
    page.searchParams.set('load', String(++this.#loads))
    await window.loadURL(page.href)
    if (route !== undefined) showWindow(window, route)
  }

  #signInAgain(): void {
    const window = this.#window
    if (window === undefined) return
    const route = /#.+$/.exec(window.webContents.getURL())?.[0]
    this.#load(window, route).catch((error: unknown) => this.#fail(error))
  }

  #isPage(address: string, contentsId: number): boolean {
    return contentsId === this.#window?.webContents.id && mayNavigate(address, this.#link.origin ?? 'null')
  }

  #handlers(): CallHandlers {
    return {
      chooseFolder: (options) => chooseOpen(this.#window!, options, 'folder'),
      chooseFile: (options) => chooseOpen(this.#window!, options, 'file'),
      chooseSaveAs: (options) => chooseSave(this.#window!, options),
      reveal: (path) => shell.showItemInFolder(absolutePath('path', path)),
      keychain: () => readKeychain(),
      settingsChanged: () => this.#link.refreshSettings(),
      signIn: () => this.#signInAgain(),
      updateState: () => this.#updates.state,
      checkForUpdate: () => this.#updates.check(),
      installUpdate: () => this.#updates.install(),
    }
  }

  #act(intent: Intent): void {
    const done = this.#do(intent)
    done.catch((error: unknown) => this.#fail(error))
  }

  async #do(intent: Intent): Promise<unknown> {
    switch (intent.do) {
      case 'open':
        return this.show()
      case 'show':
        return this.show(intent.route)
      case 'quit':
        return this.quit()
      case 'mount':
        return this.#link.trpc.volumes.mount.mutate({ id: intent.id })
      case 'cancel':
        return this.#link.trpc.volumes.cancel.mutate({ id: intent.id })
      case 'open-folder':
        return this.#link.trpc.volumes.openFolder.mutate({ id: intent.id })
      case 'unmount':
        // The conversation about open files and uploads is the window's.
        await this.#link.trpc.volumes.unmount.mutate({ id: intent.id })
        return this.show(`#/v/${encodeURIComponent(intent.id)}/overview`)
      case 'restart':
        return this.#link.trpc.volumes.restart.mutate({ id: intent.id })
      default:
        return intent satisfies never
    }
  }

  #fail(error: unknown): void {
    const { message, next } = shownError(error)
    showFailure(message, next)
  }

  #notify(event: LogEvent): void {
    const notice = this.#notices.of(
      event,
      this.#settings?.notifications ?? {},
      this.#window?.isFocused() ?? false,
    )
    if (notice === undefined || !Notification.isSupported()) return
    const { title, body, isUrgent, route } = notice
    const shown = new Notification({ title, body, urgency: isUrgent ? 'critical' : 'normal' })
    shown.on('click', () => this.#act({ do: 'show', route }))
    shown.show()
  }

  #follow(settings: AppSettings): void {
    this.#settings = settings
    nativeTheme.themeSource = settings.theme
    this.#updates.setChannel(settings.updateChannel)
    try {
      openAtLogin(settings.startAtLogin)
    } catch (error) {
      this.#fail(new Error(`Pomelo cannot be set to open at login: ${(error as Error).message}`))
    }
  }

  /** Hand over the key of the daemon's secrets, where the keychain has it. */
  #unlock(protect: (key: string) => Promise<unknown>): void {
    try {
      const key = keychainKey(join(app.getPath('userData'), 'secrets.key'))
      if (key !== undefined) protect(key).catch((error: unknown) => this.#fail(error))
    } catch (error) {
      this.#fail(
        new Error(`The keychain does not give the key of your volumes’ keys: ${(error as Error).message}`),
      )
    }
  }

  #refreshSettings(): void {
    this.#link.refreshSettings().catch(() => undefined) // a lost line is shown by the tray
  }

  /** Said once, and only where there is a tray to find it in. */
  #tellAboutTray(): void {
    if (this.#state.get().toldAboutTray === true || !Notification.isSupported()) return
    this.#state.change({ toldAboutTray: true })
    const body = 'Volumes stay mounted. Open the window from the tray, or by starting Pomelo again.'
    new Notification({ title: 'Pomelo goes on in the background', body }).show()
  }

  #power(state: 'suspend' | 'resume'): void {
    this.#link.power(state).catch(() => undefined) // nothing to show: the daemon finds out by itself, later
  }

  #menusSoon(): void {
    this.#menuTimer ??= setTimeout(() => {
      this.#menuTimer = undefined
      this.#menus()
    }, MENU_MS)
  }

  #menus(): void {
    const volumes: readonly Volume[] | undefined = this.#link.volumes
    this.#tray?.show(trayModel(volumes))
    setMenuBar(volumes, (intent) => this.#act(intent))
  }

  /** The window closes at once; the tray shows how far it is. */
  #quitWhenUploaded(): void {
    this.#window?.close()
    const look = (): void => {
      const isDone = this.#link.volumes?.every(({ safeToShutDown }) => safeToShutDown) ?? false
      if (isDone) this.#act({ do: 'quit' })
      else this.#waitTimer = setTimeout(look, WAIT_MS)
    }
    clearTimeout(this.#waitTimer)
    look()
  }
}
