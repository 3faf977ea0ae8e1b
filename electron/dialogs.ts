/** The system's dialogs for the page. They open in the home folder: a folder in a mount that hangs would block them. */

import { join } from 'node:path'
import { app, type BrowserWindow, dialog } from 'electron'
import { dialogOptions } from './bridge-calls.ts'
import { type QuitAnswer, type QuitQuestion, quitAnswer } from './quit.ts'

/** `value` is what the page sent. Null: the user closed it. Errors: TypeError for options that are none. */
export async function chooseOpen(
  parent: BrowserWindow,
  value: unknown,
  what: 'file' | 'folder',
): Promise<string | null> {
  const { title, defaultPath, extensions } = dialogOptions(value)
  const { canceled, filePaths } = await dialog.showOpenDialog(parent, {
    title,
    defaultPath: defaultPath ?? app.getPath('home'),
    properties: what === 'file' ? ['openFile'] : ['openDirectory', 'createDirectory'],
    filters: filters(extensions),
  })
  return canceled ? null : (filePaths[0] ?? null)
}

export async function chooseSave(parent: BrowserWindow, value: unknown): Promise<string | null> {
  const { title, defaultPath, defaultName, extensions } = dialogOptions(value)
  const { canceled, filePath } = await dialog.showSaveDialog(parent, {
    title,
    defaultPath: join(defaultPath ?? app.getPath('home'), defaultName ?? ''),
    filters: filters(extensions),
  })
  return canceled || !filePath ? null : filePath
}

export async function askToQuit(
  parent: BrowserWindow | undefined,
  { message, detail, buttons }: QuitQuestion,
): Promise<QuitAnswer> {
  const options = {
    type: 'warning' as const,
    title: 'Quit Pomelo?',
    message,
    detail,
    buttons: [...buttons],
    defaultId: 0,
    cancelId: 2,
    noLink: true,
  }
  const asked = parent === undefined ? dialog.showMessageBox(options) : dialog.showMessageBox(parent, options)
  return quitAnswer((await asked).response)
}

/** True: try again. */
export async function askToRetry(message: string): Promise<boolean> {
  const { response } = await dialog.showMessageBox({
    type: 'error',
    title: 'Pomelo',
    message: 'Pomelo’s background service cannot be started',
    detail: `${message}\n\nMounted volumes are not affected.`,
    buttons: ['Try again', 'Quit'],
    defaultId: 0,
    cancelId: 1,
    noLink: true,
  })
  return response === 0
}

/** Does not wait. */
export function showFailure(message: string, next: string | undefined): void {
  const options = { type: 'error' as const, title: 'Pomelo', message, detail: next ?? '' }
  dialog.showMessageBox(options).catch(() => undefined)
}

function filters(extensions: readonly string[] | undefined): { name: string; extensions: string[] }[] {
  return extensions === undefined ? [] : [{ name: extensions.join(', '), extensions: [...extensions] }]
}
