import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { StateFile } from './state-file.ts'

test('what was changed is there at the next start; damage is no obstacle', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'shell-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'new', 'shell.json')
  const window = { x: 1, y: 2, width: 900, height: 600, maximized: true }
  const file = new StateFile(path)
  assert.deepEqual(file.get(), {})
  file.change({ window })
  file.change({ toldAboutTray: true })
  assert.deepEqual(new StateFile(path).get(), { window, toldAboutTray: true })
  assert.equal(statSync(path).mode & 0o777, 0o600)
  writeFileSync(path, '{"window":{"x":"no"}}')
  assert.deepEqual(new StateFile(path).get(), { window: undefined, toldAboutTray: false })
  writeFileSync(path, 'no json')
  assert.deepEqual(new StateFile(path).get(), {})
})
