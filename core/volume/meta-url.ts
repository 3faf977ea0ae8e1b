/** Metadata addresses as people write them. */

/**
 * The address to open: without `scheme://` it means Redis (admin-tools.md §1), and the password of the
 * environment goes in where the address has none.
 */
export function completeMetaUrl(text: string, password: string | undefined): string {
  const url = text.includes('://') ? text : `redis://${text}`
  if (password === undefined || password === '' || /^(sqlite3|file|memory|tikv):/i.test(url)) return url
  const match = /^([a-z0-9+.-]+:\/\/)(?:([^/?#]*)@)?(.*)$/is.exec(url)
  if (match === null || match[2]?.includes(':')) return url
  return `${match[1]}${match[2] ?? ''}:${encodeURIComponent(password)}@${match[3]}`
}

/** File of a SQLite address, for checks of where it lies; undefined for servers. */
export function sqliteFile(url: string): string | undefined {
  const match = /^sqlite3:\/\/([^?]*)/i.exec(url)
  return match?.[1]
}

export interface Location {
  readonly metaUrl: string
  /** Absolute, `/` for the root. */
  readonly path: string
}

/**
 * `META-URL:/path` or `META-URL`; undefined for anything that is no metadata address. The path begins at the
 * first `:/` after the scheme, which no host, port or database name has.
 */
export function parseLocation(text: string): Location | undefined {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)
  if (scheme === null) return undefined
  const at = text.indexOf(':/', scheme[0].length)
  if (at < 0) return { metaUrl: text, path: '/' }
  return { metaUrl: text.slice(0, at), path: normalizePath(text.slice(at + 1)) }
}

/** Single slashes, no `.`, none at the end; `..` stays, as it is for symlinks to decide. */
function normalizePath(path: string): string {
  return `/${path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')}`
}

/** An address without its password, and the password; undefined where there is none. */
export function splitPassword(url: string): { readonly url: string; readonly password: string | undefined } {
  const match = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#@:]*):(.*)@([^@]*)$/is.exec(url)
  if (match === null) return { url, password: undefined }
  const [, scheme, user, written, rest] = match
  let password = written!
  try {
    password = decodeURIComponent(password)
  } catch {}
  return { url: user === '' ? `${scheme}${rest}` : `${scheme}${user}@${rest}`, password }
}
