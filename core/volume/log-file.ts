/** A log file that stays small: at its limit it becomes `<name>.1`, replacing the one before. */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

const LIMIT = 16 * 2 ** 20

/** `/var/log/pomelo.log` for root, else in the user's XDG state folder. */
export function defaultLogPath(env: NodeJS.ProcessEnv = process.env): string {
  if (process.getuid?.() === 0) return '/var/log/pomelo.log'
  return join(env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'pomelo', 'pomelo.log')
}

/**
 * Appends lines. Several processes may write one file: each notices at its own next turn that another has
 * renamed it, and loses nothing.
 */
export class LogFile {
  readonly path: string
  readonly #limit: number
  #fd: number

  constructor(path: string, limit = LIMIT) {
    this.path = path
    this.#limit = limit
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
    this.#fd = openSync(path, 'a', 0o600)
  }

  get fd(): number {
    return this.#fd
  }

  /** Never throws: a full disk must not stop the volume. */
  readonly write = (line: string): void => {
    const bytes = Buffer.from(`${line}\n`)
    try {
      if (fstatSync(this.#fd).size + bytes.length > this.#limit) this.#turn()
      writeSync(this.#fd, bytes)
    } catch {}
  }

  close(): void {
    closeSync(this.#fd)
  }

  #turn(): void {
    const before = this.#fd
    // Ours may have been renamed already: then only open the new one.
    if (this.#isCurrent()) renameSync(this.path, `${this.path}.1`)
    this.#fd = openSync(this.path, 'a', 0o600)
    closeSync(before)
  }

  #isCurrent(): boolean {
    try {
      const probe = openSync(this.path, 'r')
      const same = fstatSync(probe).ino === fstatSync(this.#fd).ino
      closeSync(probe)
      return same
    } catch {
      return false
    }
  }
}
