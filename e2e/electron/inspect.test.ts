/** The inspector in the desktop shell: the same walk as in a browser, on a daemon, a mount and an S3 server. */
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { test } from 'node:test'
import { TestDaemon } from '../daemon/test-daemon.ts'
import { buildShell, Desktop } from '../harness/desktop.ts'
import { electron, electronVersion, startDisplay } from '../harness/electron.ts'
import { s3Server, startS3 } from '../harness/servers.ts'
import { noMount } from '../harness/volume.ts'
import { SHOTS } from '../ui/harness.ts'
import { walkInspector } from '../ui/inspector-walk.ts'
import { watchErrors } from '../ui/real-window.ts'

const found = await electron()
const skip = found.missing ?? (noMount || ((await s3Server()).missing ?? false))

test('inspector: from an object to its file, its blocks, the space, and a bucket that shrinks', {
  skip,
  timeout: 240_000,
}, async (t) => {
  const program = buildShell(found.path!)
  await mkdir(SHOTS, { recursive: true })
  await using started = new AsyncDisposableStack()
  const s3 = started.adopt(await startS3(), (server) => server.stop())
  const daemon = started.use(await TestDaemon.start())
  const display = started.adopt(await startDisplay(), (screen) => screen.stop())
  const desktop = started.adopt(await Desktop.make(program, display), (app) => app.close())
  // The shell finds this user's daemon running.
  desktop.addEnv(daemon.env)
  const { page } = await desktop.launch()
  t.diagnostic(`Electron ${await electronVersion(found.path!)}`)
  page.setDefaultTimeout(40_000)
  const errors = watchErrors(page)
  await walkInspector({ page, daemon, s3, shots: 'electron' })
  assert.deepEqual(errors, [])
})
