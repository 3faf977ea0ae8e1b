import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { findOrStartDaemon } from '#core/daemon/connect.ts'
import { daemonPlaces } from '#core/daemon/places.ts'
import { defineCommand } from './command.ts'

const OPTIONS = {
  'no-open': {
    kind: 'flag',
    help: 'print the address instead of opening it; it works once, within a minute',
  },
} as const

export const ui = defineCommand({
  name: 'ui',
  operands: '',
  arity: [0, 0],
  summary: 'Open the interface in the browser.',
  description: `
Starts the daemon when it does not run. The address holds a code that works once, within a minute. It is handed to the
browser in a file only you can read, as the arguments of programs are seen by everybody.`,
  options: OPTIONS,
  examples: ['pomelo ui', 'pomelo ui --no-open'],
  async run({ options, out, signal }) {
    const api = await findOrStartDaemon(signal)
    try {
      const { url } = await api.trpc.system.address.mutate()
      const opened = !options['no-open'] && (await openInBrowser(url))
      out.data({ url, opened }, () => out.print(opened ? 'the interface is open in your browser' : url))
      return 0
    } finally {
      await api.close()
    }
  },
})

/** False when there is no browser, or no screen. */
async function openInBrowser(url: string): Promise<boolean> {
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return false
  const { runtimeDir } = await daemonPlaces()
  const file = join(runtimeDir, 'open.html')
  await writeFile(file, redirectPage(url), { mode: 0o600 })
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open'
  return new Promise((resolve) => {
    const child = spawn(program, [pathToFileURL(file).href], { stdio: 'ignore', detached: true })
    child.on('error', () => resolve(false))
    child.on('exit', (code) => resolve(code === 0))
    child.unref()
  })
}

function redirectPage(url: string): string {
  return `<!doctype html><meta charset="utf-8"><title>Pomelo</title>
<meta http-equiv="refresh" content="0;url=${url}"><p><a href="${url}">Open Pomelo</a></p>\n`
}
