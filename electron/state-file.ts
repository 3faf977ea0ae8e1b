/** What the shell remembers between starts, in one small file: where the window was, what was already said. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseWindowState, type WindowState } from './window-state.ts'

export interface ShellState {
  readonly window?: WindowState
  /** The user was told that closing the window ends nothing. */
  readonly toldAboutTray?: boolean
}

export class StateFile {
  readonly #path: string
  #state: ShellState

  constructor(path: string) {
    this.#path = path
    this.#state = load(path)
  }

  get(): ShellState {
    return this.#state
  }

  /** A file that cannot be written is no reason to stop: the window then opens where it does by default. */
  change(change: ShellState): void {
    this.#state = { ...this.#state, ...change }
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 })
      writeFileSync(`${this.#path}.new`, JSON.stringify(this.#state), { mode: 0o600 })
      renameSync(`${this.#path}.new`, this.#path)
    } catch {}
  }
}

function load(path: string): ShellState {
  try {
    const { window, toldAboutTray } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
    return { window: parseWindowState(JSON.stringify(window ?? null)), toldAboutTray: toldAboutTray === true }
  } catch {
    return {}
  }
}
