/** Opening Pomelo at login, where each system keeps that. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { app } from 'electron'
import { HIDDEN, loginEntry } from './login-entry.ts'

/** Errors: those of the file system. */
export function openAtLogin(wanted: boolean): void {
  if (process.platform !== 'linux') {
    app.setLoginItemSettings({ openAtLogin: wanted, args: [HIDDEN] })
    return
  }
  const folder = join(process.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'autostart')
  const file = join(folder, 'pomelo.desktop')
  if (!wanted) {
    rmSync(file, { force: true })
    return
  }
  const entry = loginEntry({
    program: process.env.APPIMAGE ?? process.execPath,
    args: app.isPackaged ? [] : [app.getAppPath()],
  })
  if (textOf(file) === entry) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, entry)
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
