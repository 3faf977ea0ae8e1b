/**
 * Runs in the page's process before the page, in a world of its own, and gives it `window.pomeloDesktop`: functions
 * only, each one message. The only file that knows `ipcRenderer`.
 */
import { contextBridge, type IpcRendererEvent, ipcRenderer } from 'electron'
import type { DesktopBridge, UpdateState } from '#core/api/bridge.ts'
import { CALLS, type CallName, channelOf, ROUTE_CHANNEL, UPDATE_CHANNEL } from './bridge-calls.ts'

type Calls = Pick<DesktopBridge, CallName>

const calls = Object.fromEntries(
  CALLS.map((call) => [call, (argument: unknown) => ipcRenderer.invoke(channelOf(call), argument)]),
) as unknown as Calls

const bridge: DesktopBridge = {
  ...calls,
  platform: process.platform,
  versions: {
    // Main passes the version of the app: a sandboxed preload script knows only Electron's.
    app: argument('--pomelo-version='),
    electron: process.versions.electron ?? '',
    chromium: process.versions.chrome ?? '',
  },
  onUpdate(listener) {
    const heard = (_event: IpcRendererEvent, state: UpdateState): void => listener(state)
    ipcRenderer.on(UPDATE_CHANNEL, heard)
    return () => {
      ipcRenderer.removeListener(UPDATE_CHANNEL, heard)
    }
  },
}

contextBridge.exposeInMainWorld('pomeloDesktop', bridge)
ipcRenderer.on(ROUTE_CHANNEL, (_event, route: string) => {
  location.hash = route
})

function argument(prefix: string): string {
  return process.argv.find((word) => word.startsWith(prefix))?.slice(prefix.length) ?? ''
}
