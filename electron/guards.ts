/** What no page in this app may do, whatever it shows: leave, open windows, attach views, ask for permissions. */
import { app, type Session, shell } from 'electron'
import { contentSecurityPolicy, mayNavigate, mayOpenOutside } from './origins.ts'

/** Call before the first window. `origin` is that of the page now; undefined before there is one. */
export function guardContents(origin: () => string | undefined): void {
  app.on('web-contents-created', (_event, contents) => {
    const stay = (event: { preventDefault(): void }, address: string): void => {
      if (!mayNavigate(address, origin() ?? 'null')) event.preventDefault()
    }
    contents.on('will-navigate', stay)
    contents.on('will-redirect', stay)
    contents.on('will-attach-webview', (event) => event.preventDefault())
    contents.setWindowOpenHandler(({ url }) => {
      if (mayOpenOutside(url)) shell.openExternal(url).catch(() => undefined)
      return { action: 'deny' }
    })
  })
}

/** No permission, no device, no spelling service, and the policy on every answer. */
export function guardSession(session: Session, origin: () => string | undefined): void {
  // Copying is the one thing that the interface asks for.
  const isAllowed = (permission: string): boolean => permission === 'clipboard-sanitized-write'
  session.setPermissionRequestHandler((_contents, permission, answer) => answer(isAllowed(permission)))
  session.setPermissionCheckHandler((_contents, permission) => isAllowed(permission))
  session.setDevicePermissionHandler(() => false)
  session.setSpellCheckerEnabled(false)
  session.webRequest.onBeforeRequest((details, answer) => {
    answer({ cancel: !isExpected(details.url, origin()) })
  })
  session.webRequest.onHeadersReceived((details, answer) => {
    const headers = { ...details.responseHeaders }
    for (const name of Object.keys(headers))
      if (name.toLowerCase() === 'content-security-policy') delete headers[name]
    headers['Content-Security-Policy'] = [contentSecurityPolicy(origin() ?? 'null')]
    answer({ responseHeaders: headers })
  })
}

/** The page talks to its own origin and nobody else. Chromium's own pages and developer tools are let be. */
function isExpected(address: string, origin: string | undefined): boolean {
  if (/^(devtools|blob|data):/.test(address)) return true
  if (origin === undefined) return false
  return mayNavigate(address.replace(/^ws:/, 'http:'), origin)
}
