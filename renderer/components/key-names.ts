/** Shortcuts are written `mod+shift+k`: `mod` is ⌘ on a Mac and Ctrl elsewhere. */

export const isMac = typeof navigator !== 'undefined' && /mac/i.test(navigator.platform)

const NAMES: Readonly<Record<string, string>> = {
  shift: 'Shift',
  alt: 'Alt',
  enter: 'Enter',
  escape: 'Esc',
  delete: 'Del',
  arrowup: '↑',
  arrowdown: '↓',
  arrowleft: '←',
  backspace: '⌫',
  space: 'Space',
}
const MAC_NAMES: Readonly<Record<string, string>> = { shift: '⇧', alt: '⌥', enter: '↩', delete: '⌦' }

/** Key caps of a shortcut, in order. */
export function keyNames(keys: string, mac = isMac): readonly string[] {
  return keys.split('+').map((key) => {
    if (key === 'mod') return mac ? '⌘' : 'Ctrl'
    return (mac ? MAC_NAMES[key] : undefined) ?? NAMES[key] ?? key.toUpperCase()
  })
}

export interface KeyPress {
  readonly key: string
  readonly ctrlKey: boolean
  readonly metaKey: boolean
  readonly shiftKey: boolean
  readonly altKey: boolean
}

/** Whether a key press is the shortcut: no modifier more and none less, but for Shift where the key itself needs it. */
export function matches(press: KeyPress, keys: string, mac = isMac): boolean {
  const parts = keys.split('+')
  const key = parts.at(-1)!
  const mod = parts.includes('mod')
  const isSymbol = key.length === 1 && !/[a-z0-9]/.test(key)
  return (
    press.key.toLowerCase() === (key === 'space' ? ' ' : key) &&
    (mac ? press.metaKey : press.ctrlKey) === mod &&
    !(mac ? press.ctrlKey : press.metaKey) &&
    press.altKey === parts.includes('alt') &&
    (isSymbol || press.shiftKey === parts.includes('shift'))
  )
}
