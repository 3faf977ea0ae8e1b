import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { copiedProgram, copiesFolder } from './daemon-copy.ts'

test('copies are in the data folder of the user', () => {
  assert.equal(copiesFolder({ XDG_DATA_HOME: '/d' }), '/d/pomelo/app')
})

test('each version is copied once; old copies go when nothing runs from them', async (t) => {
  if (process.platform !== 'linux') return t.skip('AppImages are for Linux')
  const place = mkdtempSync(join(tmpdir(), 'copy-'))
  const root = join(place, 'image', 'pomelo')
  mkdirSync(join(root, 'core', 'cli'), { recursive: true })
  copyFileSync('/bin/sleep', join(root, 'node'))
  writeFileSync(join(root, 'core', 'cli', 'main.ts'), 'one')
  const program = { node: join(root, 'node'), script: join(root, 'core', 'cli', 'main.ts'), root }
  const folder = join(place, 'kept')

  const first = await copiedProgram(program, folder, '1.0.0')
  assert.deepEqual(first, {
    node: join(folder, '1.0.0', 'node'),
    script: join(folder, '1.0.0', 'core', 'cli', 'main.ts'),
    root: join(folder, '1.0.0'),
  })
  assert.equal(readFileSync(first.script, 'utf8'), 'one')
  writeFileSync(program.script, 'two')
  assert.equal(readFileSync((await copiedProgram(program, folder, '1.0.0')).script, 'utf8'), 'one')

  const running = spawn(first.node, ['60'])
  t.after(() => {
    running.kill('SIGKILL')
    rmSync(place, { recursive: true })
  })
  await new Promise((resolve) => running.once('spawn', resolve))
  await copiedProgram(program, folder, '1.1.0')
  assert.ok(existsSync(join(folder, '1.0.0')), 'something runs from it')
  running.kill('SIGKILL')
  await new Promise((resolve) => running.once('exit', resolve))
  const third = await copiedProgram(program, folder, '1.2.0')
  assert.equal(readFileSync(third.script, 'utf8'), 'two')
  assert.ok(!existsSync(join(folder, '1.0.0')))
  assert.ok(!existsSync(join(folder, '1.1.0')))
})
