/** The window: one, remembered, with a page that can do nothing but show and ask. */
import { BrowserWindow, nativeTheme, screen } from 'electron'
import { ROUTE_CHANNEL } from './bridge-calls.ts'
import type { StateFile } from './state-file.ts'
import { fitWindow, LEAST_HEIGHT, LEAST_WIDTH } from './window-state.ts'

export interface WindowOptions {
  readonly preload: string
  readonly icon: string
  readonly version: string
  readonly state: StateFile
}

/** `--canvas` of the interface, so that nothing flashes before the first paint. */
const BACKGROUND = { light: '#ffffff', dark: '#1a1b1e' }

export function createWindow({ preload, icon, version, state }: WindowOptions): BrowserWindow {
  const primary = screen.getPrimaryDisplay()
  const others = screen.getAllDisplays().filter(({ id }) => id !== primary.id)
  const place = fitWindow(
    state.get().window,
    [primary, ...others].map(({ workArea }) => workArea),
  )
  const window = new BrowserWindow({
    ...place,
    minWidth: Math.min(LEAST_WIDTH, place.width),
    minHeight: Math.min(LEAST_HEIGHT, place.height),
    show: false,
    title: 'Pomelo',
    icon,
    backgroundColor: nativeTheme.shouldUseDarkColors ? BACKGROUND.dark : BACKGROUND.light,
    webPreferences: {
      preload,
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      allowRunningInsecureContent: false,
      webviewTag: false,
      navigateOnDragDrop: false,
      safeDialogs: true,
      spellcheck: false,
      additionalArguments: [`--pomelo-version=${version}`],
    },
  })
  if (place.maximized) window.maximize()
  window.once('ready-to-show', () => window.show())
  remember(window, state)
  return window
}

/** Bring it to the front, at a place of the interface if one is named. */
export function showWindow(window: BrowserWindow, route?: string): void {
  if (window.isMinimized()) window.restore()
  window.show()
  window.focus()
  if (route !== undefined) window.webContents.send(ROUTE_CHANNEL, route)
}

const SETTLE_MS = 500

function remember(window: BrowserWindow, state: StateFile): void {
  let timer: NodeJS.Timeout | undefined
  const save = (): void => {
    clearTimeout(timer)
    if (window.isDestroyed() || window.isMinimized()) return
    state.change({ window: { ...window.getNormalBounds(), maximized: window.isMaximized() } })
  }
  const soon = (): void => {
    clearTimeout(timer)
    timer = setTimeout(save, SETTLE_MS)
  }
  window.on('resize', soon)
  window.on('move', soon)
  window.on('maximize', soon)
  window.on('unmaximize', soon)
  window.on('close', save)
}
