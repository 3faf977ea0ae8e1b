/** With a keyring: the keys of volumes are sealed, and open only while the desktop's shell hands the key over. */
import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { buildShell, Desktop, kill } from '../harness/desktop.ts'
import { electron, startDisplay } from '../harness/electron.ts'
import { keyringProgram, startKeyring } from '../harness/keyring.ts'
import { noMount } from '../harness/volume.ts'

const found = await electron()
const keyring = found.path === undefined ? found : await keyringProgram()
const skip = found.missing ?? keyring.missing ?? noMount
const PLANTED = 'planted-password-7361'

test('keychain: keys are sealed, locked without the shell, and open again with it', { skip }, async (t) => {
  const program = buildShell(found.path!)
  const display = await startDisplay()
  t.after(() => display.stop())
  const desktop = await Desktop.make(program, display)
  const mountPoint = join(desktop.folder, 'team')
  const meta = `sqlite3://${join(desktop.folder, 'team.db')}`
  await mkdir(mountPoint)
  t.after(() => desktop.close([mountPoint]))
  const { address, stop } = await startKeyring(keyring.path!, desktop.env)
  t.after(stop)
  desktop.addEnv({ DBUS_SESSION_BUS_ADDRESS: address })
  const ok = async (args: readonly string[], env = {}): Promise<string> => {
    const { code, stdout, stderr } = await desktop.pomelo(args, env)
    assert.equal(code, 0, stderr)
    return stdout
  }
  const secretStore = async (): Promise<string> =>
    (JSON.parse(await ok(['daemon', 'status', '--json'])) as { secretStore: string }).secretStore
  const secrets = (): Promise<string> =>
    readFile(join(desktop.env.XDG_STATE_HOME!, 'pomelo', 'secrets.json'), 'utf8')

  await ok(['format', meta, 'team', '--storage', 'file', '--bucket', join(desktop.folder, 'bucket/')])
  await ok(['volumes', 'add', '--no-mount', '--name', 'Team', meta, mountPoint], { META_PASSWORD: PLANTED })
  assert.equal(await secretStore(), 'file')
  assert.ok((await secrets()).includes(PLANTED), 'without the shell it is a file')

  const { app, page } = await desktop.launch(['--password-store=gnome-libsecret'])
  const keychain = await page.evaluate(() => Reflect.get(globalThis, 'pomeloDesktop').keychain())
  assert.equal(keychain.kind, 'keychain')
  assert.equal(await secretStore(), 'keychain')
  assert.ok(!(await secrets()).includes(PLANTED), 'the shell has it sealed')
  kill(app)

  await ok(['daemon', 'restart'])
  const refused = await desktop.pomelo(['volumes', 'mount', 'Team'])
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr, /locked[\s\S]*Open Pomelo/)

  await desktop.launch(['--password-store=gnome-libsecret'])
  await ok(['volumes', 'mount', 'Team'])
  assert.match(await ok(['volumes']), /Team\s+Mounted/)
})
