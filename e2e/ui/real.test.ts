/**
 * The built interface on a real daemon with a real mount: from the first click to the unmount with an open file, a
 * volume process that is killed, and a daemon that is killed while the window is open, and comes back.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { mountObstacle } from '../../scripts/system.mjs'
import type { TestDaemon } from '../daemon/test-daemon.ts'
import { SHOTS, uiObstacle } from './harness.ts'
import { copyIn, createVolume, next, type RealUi, shell, startRealUi, unmountHeld } from './real-window.ts'

const skip = uiObstacle() ?? mountObstacle() ?? false
const options = { skip, timeout: 240_000 }
let ui: RealUi
let daemon: TestDaemon

before(async () => {
  if (skip) return
  ui = await startRealUi()
  daemon = ui.daemon
})
after(() => ui?.close())

test(
  'first run, wizard, mount, files from the shell, dashboard, unmount with an open file',
  options,
  async () => {
    const { page, errors } = await ui.open()
    assert.equal(new URL(page.url()).hash, '#/', 'the code is out of the address')
    await page.getByRole('main').getByRole('button', { name: 'New volume' }).click()
    await page.getByLabel('Name').fill('walk')
    await next(page).click()
    await page.getByLabel('Database file').fill(daemon.path('walk.db'))
    await next(page).click()
    await page.getByRole('textbox', { name: 'Folder' }).fill(daemon.path('bucket'))
    await next(page).click()
    await page.getByText('Good as they are', { exact: false }).waitFor()
    await next(page).click()
    await page.getByRole('radio', { name: 'Encrypt on this computer' }).check()
    const key = await page.getByRole('status', { name: 'Recovery key' }).textContent()
    await page.getByRole('button', { name: 'Save as file' }).click()
    const label = (await page.getByText(/To show that you have it/).textContent()) ?? ''
    const places = [...label.matchAll(/\d+/g)].map(([digits]) => Number(digits))
    await page
      .getByLabel(/characters .* of the key/)
      .fill(places.map((place) => key!.replaceAll('-', '')[place - 1]).join(''))
    await next(page).click()
    await page.getByRole('heading', { name: 'Where does it appear?' }).waitFor()
    await next(page).click()
    await createVolume(page, 'walk')

    const mounted = daemon.path('mounts', 'walk')
    await copyIn(page, mounted)
    await page.screenshot({ path: join(SHOTS, 'real-overview.png') })
    await page.getByRole('link', { name: 'Files', exact: true }).click()
    await page.getByRole('row', { name: /photos/ }).dblclick()
    await page.getByRole('row', { name: /a\.raw.*19 MiB/ }).waitFor()

    await unmountHeld(page, 'walk', `${mounted}/photos/a.raw`)
    assert.ok(!existsSync(join(mounted, 'photos')))
    assert.deepEqual(errors, [])
    await page.close()
  },
)

test('files without the mount: upload, properties, kept here, trash and back', options, async () => {
  const { page, errors } = await ui.open()
  await page.getByRole('link', { name: /walk/ }).first().click()
  await page.getByRole('link', { name: 'Files', exact: true }).click()
  await page.getByRole('row', { name: /photos/ }).waitFor()
  await page.setInputFiles('input[type=file]', {
    name: 'hello.txt',
    mimeType: 'text/plain',
    buffer: Buffer.from('hello'),
  })
  await page.getByText('1 file uploaded.').waitFor()
  await page.getByRole('row', { name: /hello\.txt/ }).click()
  await page.keyboard.press('Alt+Enter')
  const drawer = page.getByRole('dialog', { name: 'hello.txt' })
  await drawer.getByText('Permissions', { exact: false }).first().waitFor()
  await drawer.getByLabel('Owner', { exact: true }).fill('1234')
  await page.keyboard.press('Enter')
  await drawer.getByText('1234', { exact: true }).waitFor()
  await drawer.getByRole('button', { name: 'Add an attribute' }).click()
  await drawer.getByLabel('Name').fill('user.colour')
  await drawer.getByLabel('Value', { exact: true }).fill('green')
  await page.keyboard.press('Enter')
  await drawer.getByRole('row', { name: /user\.colour green/ }).waitFor()
  await page.keyboard.press('Escape')
  await drawer.waitFor({ state: 'detached' })
  await page.getByRole('row', { name: /hello\.txt/ }).click()
  await page.getByRole('button', { name: 'More for the selection' }).click()
  await page.getByRole('menuitem', { name: 'Keep on this computer' }).click()
  await page.getByRole('row', { name: /hello\.txt Kept on this computer/ }).click()
  await page.keyboard.press('Delete')
  await page.getByRole('dialog', { name: 'Delete hello.txt' }).getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('row', { name: /hello\.txt/ }).waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Trash' }).click()
  await page.getByRole('row', { name: /hello\.txt/ }).click()
  await page.getByRole('button', { name: /^Restore 1 item/ }).click()
  await page.getByText('1 item restored.').waitFor()
  assert.deepEqual(errors, [])
  await page.close()
})

test('a volume process that is killed is shown and started again', options, async () => {
  const volume = await daemon.create('crash')
  await daemon.state(volume.id, 'mounted')
  const { page, errors } = await ui.open()
  await page.getByRole('link', { name: /crash/ }).first().click()
  await page.getByText('Mounted', { exact: true }).first().waitFor()
  const { pid } = await daemon.trpc.volumes.get.query({ id: volume.id })
  process.kill(pid!, 'SIGKILL')
  await page
    .getByText(/^(Failed|Unresponsive|Mounting)$/)
    .first()
    .waitFor()
  await page.getByText('Mounted', { exact: true }).first().waitFor()
  assert.deepEqual(errors, [])
  await page.close()
})

test(
  'a daemon that is killed while the window is open: the window says so, and comes back with the daemon',
  options,
  async () => {
    const { page, errors } = await ui.open()
    await page.getByRole('row', { name: /crash/ }).waitFor()
    const port = daemon.port
    await daemon.kill()
    await page.getByText(/background service does not answer/).waitFor()
    await page.getByText('pomelo ui').first().waitFor()
    assert.match(shell(`ls ${daemon.path('mounts', 'crash')} && echo still mounted`), /still mounted/)
    await daemon.begin()
    assert.equal(daemon.port, port)
    await page.getByText(/background service does not answer/).waitFor({ state: 'detached' })
    await page.getByRole('row', { name: /crash.*Mounted/ }).waitFor()
    await page.reload()
    await page.getByRole('row', { name: /crash.*Mounted/ }).waitFor()
    assert.deepEqual(errors, [])
    await page.close()
  },
)
