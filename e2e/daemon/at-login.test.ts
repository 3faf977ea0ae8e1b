/** The daemon at login without a desktop shell: what is written starts it, and goes when it is switched off. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { connectDaemon } from '#core/daemon/connect.ts'
import { must } from '../harness/volume.ts'
import { TestDaemon } from './test-daemon.ts'

test('pomelo daemon at-login writes what starts a daemon, and takes it away', {
  timeout: 120_000,
}, async () => {
  await using daemon = await TestDaemon.start()
  const entry = daemon.path('config', 'autostart', 'pomelo-daemon.desktop')
  const say = async (...words: string[]) => (await daemon.pomelo('daemon', 'at-login', ...words)).stdout
  assert.match(await say(), /does not start at login/)
  assert.match(await say('on'), /starts at login: entry in the autostart folder/)
  assert.equal((await daemon.trpc.system.settings.query()).startAtLogin, true)
  const command = /^Exec=(.*)$/m.exec(await readFile(entry, 'utf8'))![1]!
  await daemon.end()
  // As a desktop would at login; none of these words has anything to escape.
  await must('sh', ['-c', command], { env: daemon.env, timeoutMs: 60_000 })
  const api = (await connectDaemon({ socket: daemon.socket }))!
  await api.trpc.system.changeSettings.mutate({ startAtLogin: false })
  assert.equal(existsSync(entry), false)
  await api.trpc.system.stop.mutate()
  await api.close()
  assert.equal((await daemon.pomelo('daemon', 'at-login', 'perhaps')).code, 2)
})
