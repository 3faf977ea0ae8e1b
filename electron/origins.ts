/** Which addresses the window may show, and which may be handed to the system. No Electron in here. */

/** The page comes from the daemon, on this computer's loopback; undefined for anything else. */
export function loopbackOrigin(address: string): string | undefined {
  const url = parse(address)
  if (url === undefined || url.protocol !== 'http:' || url.username !== '' || url.password !== '')
    return undefined
  return url.hostname === '127.0.0.1' && url.port !== '' ? url.origin : undefined
}

/** The frame may go there: the same origin only. */
export function mayNavigate(address: string, origin: string): boolean {
  return parse(address)?.origin === origin && origin !== 'null'
}

/** Links of the interface (documentation, release notes) that a browser may open. */
export function mayOpenOutside(address: string): boolean {
  const url = parse(address)
  if (url === undefined || url.username !== '' || url.password !== '') return false
  return url.protocol === 'https:' && url.hostname.includes('.')
}

/** What the page needs and no more: its own files, its own API. Source: CSP Level 3. */
export function contentSecurityPolicy(origin: string): string {
  const socket = origin.replace(/^http/, 'ws')
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    `connect-src 'self' ${socket}`,
    "worker-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "object-src 'none'",
  ].join('; ')
}

function parse(address: string): URL | undefined {
  try {
    return new URL(address)
  } catch {
    return undefined
  }
}
