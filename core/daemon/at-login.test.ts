import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { atLogin, startAtLogin } from './at-login.ts'

const commands = {
  run: ['/opt/my node', 'main.ts', 'daemon', 'run'],
  start: ['/opt/my node', 'main.ts', 'daemon', 'start'],
}

async function place(withSystemd: boolean) {
  const folder = await mkdtemp(join(tmpdir(), 'pomelo-login-'))
  const env = { XDG_CONFIG_HOME: join(folder, 'config'), XDG_RUNTIME_DIR: join(folder, 'run') }
  await mkdir(join(env.XDG_RUNTIME_DIR, 'systemd'), { recursive: true })
  if (withSystemd) await writeFile(join(env.XDG_RUNTIME_DIR, 'systemd', 'private'), '')
  return {
    env,
    in: (...parts: string[]) => join(env.XDG_CONFIG_HOME, ...parts),
    end: () => rm(folder, { recursive: true }),
  }
}

test('with a systemd of the user it is an enabled unit, which leaves mounts alone when it ends', async () => {
  const at = await place(true)
  assert.equal(atLogin(at.env), 'no')
  assert.equal(await startAtLogin(true, commands, at.env), 'systemd')
  assert.equal(atLogin(at.env), 'systemd')
  const unit = await readFile(at.in('systemd/user/pomelo.service'), 'utf8')
  assert.match(unit, /^ExecStart="\/opt\/my node" main\.ts daemon run$/m)
  assert.match(unit, /^KillMode=process$/m)
  assert.equal(await readlink(at.in('systemd/user/default.target.wants/pomelo.service')), '../pomelo.service')
  // Once more, for a program that has moved.
  await startAtLogin(true, { ...commands, run: ['/new/node'] }, at.env)
  assert.match(await readFile(at.in('systemd/user/pomelo.service'), 'utf8'), /^ExecStart=\/new\/node$/m)
  assert.equal(await startAtLogin(false, commands, at.env), 'no')
  assert.deepEqual(
    [atLogin(at.env), existsSync(at.in('systemd/user/pomelo.service')), existsSync(at.in('autostart'))],
    ['no', false, false],
  )
  await at.end()
})

test('without one it is an entry of the autostart folder, and each takes the place of the other', async () => {
  const at = await place(false)
  assert.equal(await startAtLogin(true, commands, at.env), 'autostart')
  const entry = await readFile(at.in('autostart/pomelo-daemon.desktop'), 'utf8')
  assert.match(entry, /^Exec="\/opt\/my node" main\.ts daemon start$/m)
  await writeFile(join(at.env.XDG_RUNTIME_DIR, 'systemd', 'private'), '')
  assert.equal(await startAtLogin(true, commands, at.env), 'systemd')
  assert.equal(existsSync(at.in('autostart/pomelo-daemon.desktop')), false)
  await startAtLogin(false, commands, at.env)
  assert.equal(atLogin(at.env), 'no')
  await at.end()
})

test('systemd takes the unit as it is', async (t) => {
  const at = await place(true)
  await startAtLogin(true, { ...commands, run: [process.execPath, 'a b"c$d%e'] }, at.env)
  try {
    const unit = at.in('systemd/user/pomelo.service')
    execFileSync('systemd-analyze', ['--user', 'verify', unit], {
      stdio: 'pipe',
      env: { ...process.env, ...at.env },
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    t.skip('no systemd-analyze')
  } finally {
    await at.end()
  }
})
