/**
 * The daemon at login, with no window and no desktop needed: a unit of the user's systemd, or where no systemd looks
 * after the session an entry of the desktop's autostart folder. The volumes that are mounted at login come with it.
 * Source: systemd.unit(5), systemd.service(5), file-hierarchy(7).
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { autostartEntry } from '#core/api/desktop-entry.ts'
import { Refusal } from '#core/base/refusal.ts'

export type AtLogin = 'systemd' | 'autostart' | 'no'

type Environment = Readonly<Record<string, string | undefined>>

const RELOAD_MS = 10_000

/** What starts the daemon at login now, or would be used. */
export function atLogin(env: Environment = process.env): AtLogin {
  if (existsSync(wantsLink(env))) return 'systemd'
  return existsSync(autostartFile(env)) ? 'autostart' : 'no'
}

/**
 * Switch it on for `command`, the program and words that run a daemon in the foreground (a systemd unit) and that start
 * one in the background (an autostart entry), or off. Errors: Refusal; those of the file system.
 */
export async function startAtLogin(
  wanted: boolean,
  commands: { readonly run: readonly string[]; readonly start: readonly string[] },
  env: Environment = process.env,
): Promise<AtLogin> {
  if (process.platform !== 'linux')
    throw new Refusal('starting the daemon at login is for Linux', 'let the desktop app open at login')
  const before = atLogin(env)
  const next = !wanted ? 'no' : hasUserManager(env) ? 'systemd' : 'autostart'
  if (next !== 'systemd')
    await Promise.all([wantsLink(env), unitFile(env)].map((path) => rm(path, { force: true })))
  if (next !== 'autostart') await rm(autostartFile(env), { force: true })
  if (next === 'systemd') {
    await put(unitFile(env), unit(commands.run))
    await mkdir(dirname(wantsLink(env)), { recursive: true })
    await rm(wantsLink(env), { force: true })
    await symlink(join('..', UNIT), wantsLink(env))
  }
  if (next === 'autostart') {
    const comment = 'Mount team volumes at login'
    await put(
      autostartFile(env),
      autostartEntry({ name: 'Pomelo service', comment, command: commands.start }),
    )
  }
  if (next === 'systemd' || before === 'systemd') await reload()
  return next
}

const UNIT = 'pomelo.service'

/**
 * Mounts go on when the daemon ends: only its own process is ended with the unit. A kill is made good; that another daemon
 * runs already, which the desktop app may have started, is no reason to try again.
 */
function unit(command: readonly string[]): string {
  return `[Unit]
Description=Pomelo: mounts of team volumes

[Service]
ExecStart=${command.map(unitWord).join(' ')}
KillMode=process
Restart=on-abnormal
RestartSec=2

[Install]
WantedBy=default.target
`
}

function unitWord(word: string): string {
  const inner = word.replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /^[\w@%+=:,./$-]+$/.test(inner) ? inner : `"${inner.replace(/["\\]/g, '\\$&')}"`
}

function configFolder(env: Environment): string {
  return env.XDG_CONFIG_HOME || join(homedir(), '.config')
}

function unitFile(env: Environment): string {
  return join(configFolder(env), 'systemd', 'user', UNIT)
}

/** As `systemctl --user enable` makes it. */
function wantsLink(env: Environment): string {
  return join(configFolder(env), 'systemd', 'user', 'default.target.wants', UNIT)
}

function autostartFile(env: Environment): string {
  return join(configFolder(env), 'autostart', 'pomelo-daemon.desktop')
}

/** Its private socket: where `systemctl --user` finds it. */
function hasUserManager({ XDG_RUNTIME_DIR }: Environment): boolean {
  return XDG_RUNTIME_DIR !== undefined && existsSync(join(XDG_RUNTIME_DIR, 'systemd', 'private'))
}

async function put(path: string, text: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}

/** It reads its units at the next login in any case. */
async function reload(): Promise<void> {
  await promisify(execFile)('systemctl', ['--user', 'daemon-reload'], { timeout: RELOAD_MS }).catch(() => {})
}
