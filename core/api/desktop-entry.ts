/**
 * Entries of the autostart folder: what a desktop starts at login. Used by the desktop shell and by the daemon, each
 * for itself. Source: Desktop Application Autostart Specification; Desktop Entry Specification, "The Exec key".
 */

export interface Autostart {
  readonly name: string
  readonly comment: string
  readonly command: readonly string[]
}

export function autostartEntry({ name, comment, command }: Autostart): string {
  return [
    '[Desktop Entry]',
    'Type=Application',
    `Name=${name}`,
    `Comment=${comment}`,
    `Exec=${command.map(quoted).join(' ')}`,
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
