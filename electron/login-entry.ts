/** Opening at login on Linux: a desktop entry in the autostart folder. (macOS and Windows have an API for it.) */
import { autostartEntry } from '#core/api/desktop-entry.ts'

export const HIDDEN = '--hidden'

export interface LoginProgram {
  /** The AppImage where there is one: the program inside is gone after a restart. */
  readonly program: string
  readonly args: readonly string[]
}

export function loginEntry({ program, args }: LoginProgram): string {
  return autostartEntry({
    name: 'Pomelo',
    comment: 'Mount team volumes at login',
    command: [program, ...args, HIDDEN],
  })
}
