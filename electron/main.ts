/** The desktop shell's entry: one instance, links, and the way out. */
import { app, dialog } from 'electron'
import { LINK_SCHEME, linkOfArguments, routeOfLink } from './link.ts'
import { HIDDEN } from './login-entry.ts'
import { Shell } from './shell.ts'

function main(): void {
  // Root cannot have Chromium’s sandbox and says so on the command line; pages have no Node in either case.
  if (!app.commandLine.hasSwitch('no-sandbox')) app.enableSandbox()
  if (!app.requestSingleInstanceLock()) {
    app.quit()
    return
  }
  app.setAppUserModelId('io.pomelo.desktop')
  if (app.isPackaged) app.setAsDefaultProtocolClient(LINK_SCHEME)
  let shell: Shell | undefined
  let early: string | undefined
  const show = (route: string | undefined): void => {
    if (shell === undefined) early = route
    else shell.show(route).catch(report)
  }
  app.on('second-instance', (_event, words) => show(routeOf(linkOfArguments(words))))
  app.on('open-url', (event, link) => {
    event.preventDefault()
    show(routeOfLink(link))
  })
  app.on('activate', () => show(undefined))
  app.on('window-all-closed', () => undefined) // the tray goes on
  app.on('before-quit', (event) => {
    if (shell === undefined || shell.isQuitting) return
    event.preventDefault()
    shell.quit().catch(report)
  })
  app
    .whenReady()
    .then(() => {
      shell = new Shell()
      return shell.start(routeOf(linkOfArguments(process.argv)) ?? early, process.argv.includes(HIDDEN))
    })
    .catch(report)
}

function routeOf(link: string | undefined): string | undefined {
  return link === undefined ? undefined : routeOfLink(link)
}

function report(error: unknown): void {
  dialog.showErrorBox('Pomelo', error instanceof Error ? error.message : String(error))
}

main()
