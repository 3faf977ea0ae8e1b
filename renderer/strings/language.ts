/** The language of this window: kept here too, as words are needed before the daemon has answered. */

const KEY = 'pomelo.language'

export function storedLanguage(): string {
  try {
    return localStorage.getItem(KEY) ?? 'en'
  } catch {
    return 'en'
  }
}

/** True when it is another than before: the window has to be loaded again. */
export function storeLanguage(code: string): boolean {
  if (code === storedLanguage()) return false
  try {
    localStorage.setItem(KEY, code)
    return true
  } catch {
    // Storage is refused in some private windows: the language stays as it is there.
    return false
  }
}
