/**
 * Opening at login on Linux: a desktop entry in the autostart folder. (macOS and Windows have an API for it.)
 * Source: Desktop Application Autostart Specification; Desktop Entry Specification, "The Exec key".
 */
export const HIDDEN = '--hidden'

export interface LoginProgram {
  /** The AppImage where there is one: the program inside is gone after a restart. */
  readonly program: string
  readonly args: readonly string[]
}

export function loginEntry({ program, args }: LoginProgram): string {
  return [
    '[Desktop Entry]',
    'Type=Application',
    'Name=Pomelo',
    'Comment=Mount team volumes at login',
    `Exec=${[program, ...args, HIDDEN].map(quoted).join(' ')}`,
    'Icon=pomelo',
    'X-GNOME-Autostart-enabled=true',
    'NoDisplay=true',
    '',
  ].join('\n')
}

/** A word of Exec: quoted, with `"`, `` ` ``, `$` and `\` escaped, and `%` doubled; then escaped as a string value. */
function quoted(word: string): string {
  const inner = word.replaceAll('%', '%%')
  if (/^[\w@%+=:,./-]+$/.test(inner)) return inner
  return `"${inner.replace(/["`$\\]/g, '\\$&')}"`.replaceAll('\\', '\\\\')
}
