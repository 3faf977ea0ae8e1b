/** Tray and menu bar from their models. Nothing here decides anything. */
import { join } from 'node:path'
import { app, Menu, type MenuItemConstructorOptions, type NativeImage, nativeImage, Tray } from 'electron'
import type { Tone } from '#core/api/states.ts'
import type { Volume } from '#core/api/volumes.ts'
import { type Intent, type MenuEntry, type TrayModel, volumeEntries } from './tray-model.ts'

export type OnIntent = (intent: Intent) => void

function template(entries: readonly MenuEntry[], onIntent: OnIntent): MenuItemConstructorOptions[] {
  return entries.map((entry) => {
    switch (entry.kind) {
      case 'separator':
        return { type: 'separator' }
      case 'line':
        return { label: plain(entry.label), enabled: false }
      case 'item':
        return { label: plain(entry.label), click: () => onIntent(entry.intent) }
      case 'menu':
        return { label: plain(entry.label), submenu: template(entry.entries, onIntent) }
      default:
        return entry satisfies never
    }
  })
}

/** `&` marks an access key in a label; names of volumes have none. */
function plain(label: string): string {
  return label.replaceAll('&', '&&')
}

export class TrayIcon {
  readonly #tray: Tray | undefined
  readonly #icons: string
  readonly #onIntent: OnIntent

  /** Shows nothing where the desktop has no tray (GNOME): all of it is in the menu bar and the window too. */
  constructor(icons: string, onIntent: OnIntent) {
    this.#icons = icons
    this.#onIntent = onIntent
    try {
      this.#tray = new Tray(this.#image('idle'))
      this.#tray.on('click', () => onIntent({ do: 'open' }))
    } catch {
      this.#tray = undefined
    }
  }

  show({ tone, tooltip, entries }: TrayModel): void {
    this.#tray?.setImage(this.#image(tone))
    this.#tray?.setToolTip(tooltip)
    this.#tray?.setContextMenu(Menu.buildFromTemplate(template(entries, this.#onIntent)))
  }

  destroy(): void {
    this.#tray?.destroy()
  }

  /** With its `@2x` twin beside it. */
  #image(tone: Tone): NativeImage {
    return nativeImage.createFromPath(join(this.#icons, `tray-${tone}.png`))
  }
}

/** `volumes` undefined: not known. */
export function setMenuBar(volumes: readonly Volume[] | undefined, onIntent: OnIntent): void {
  const show = (route: string) => () => onIntent({ do: 'show', route })
  const isMac = process.platform === 'darwin'
  const quit: MenuItemConstructorOptions = {
    label: `Quit ${app.name}`,
    accelerator: 'CmdOrCtrl+Q',
    click: () => onIntent({ do: 'quit' }),
  }
  const bar: MenuItemConstructorOptions[] = [
    ...(isMac ? [macMenu(quit, show('#/settings'))] : []),
    {
      label: 'File',
      submenu: [
        { label: 'New Volume…', accelerator: 'CmdOrCtrl+N', click: show('#/new') },
        { label: 'Connect to a Volume…', click: show('#/connect') },
        { type: 'separator' },
        { role: 'close' },
        ...(isMac ? [] : [{ label: 'Settings', accelerator: 'Ctrl+,', click: show('#/settings') }, quit]),
      ],
    },
    { role: 'editMenu' },
    { label: 'Volumes', submenu: template(volumeEntries(volumes ?? []), onIntent) },
    {
      label: 'View',
      submenu: [
        { label: 'All Volumes', click: show('#/') },
        { label: 'Activity', click: show('#/activity') },
        { type: 'separator' },
        { role: 'reload' },
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        { role: 'togglefullscreen' },
        ...(app.isPackaged ? [] : [{ role: 'toggleDevTools' } as const]),
      ],
    },
    { role: 'windowMenu' },
  ]
  Menu.setApplicationMenu(Menu.buildFromTemplate(bar))
}

function macMenu(quit: MenuItemConstructorOptions, settings: () => void): MenuItemConstructorOptions {
  return {
    label: app.name,
    submenu: [
      { role: 'about' },
      { type: 'separator' },
      { label: 'Settings…', accelerator: 'Cmd+,', click: settings },
      { type: 'separator' },
      { role: 'hide' },
      { role: 'hideOthers' },
      { role: 'unhide' },
      { type: 'separator' },
      quit,
    ],
  }
}
