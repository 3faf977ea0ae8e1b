/**
 * The built interface on a real daemon with a real mount: from the first click to the unmount with an open file, a
 * volume process that is killed, and a daemon that is killed while the window is open, and comes back.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright'
import { mountObstacle } from '../../scripts/system.mjs'
import { TestDaemon } from '../daemon/test-daemon.ts'
import { buildWhenOld, chromiumPath, SHOTS, uiObstacle } from './harness.ts'

const skip = uiObstacle() ?? mountObstacle() ?? false
const options = { skip, timeout: 240_000 }
let browser: Browser
let daemon: TestDaemon

before(async () => {
  if (skip) return
  buildWhenOld('dist')
  daemon = await TestDaemon.start()
  browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] })
})
after(async () => {
  await browser?.close()
  await daemon?.[Symbol.asyncDispose]()
})

async function openWindow(): Promise<{ readonly page: Page; readonly errors: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  page.setDefaultTimeout(40_000)
  const errors: string[] = []
  page.on('console', (message) => {
    // A daemon that is killed on purpose breaks connections, which the browser notes by itself.
    if (message.type() === 'error' && !/WebSocket|ERR_CONNECTION/.test(message.text()))
      errors.push(message.text())
  })
  page.on('pageerror', (error) => errors.push(String(error)))
  await page.goto((await daemon.code()).url)
  return { page, errors }
}

const state = (page: Page) => page.locator('header strong').first()

/** In another process, as a user's shell would. */
function shell(script: string): string {
  const { status, stdout, stderr } = spawnSync('sh', ['-ec', script], { encoding: 'utf8', timeout: 30_000 })
  assert.equal(status, 0, stderr)
  return stdout
}

test(
  'first run, wizard, mount, files from the shell, dashboard, unmount with an open file',
  options,
  async () => {
    const { page, errors } = await openWindow()
    assert.equal(new URL(page.url()).hash, '#/', 'the code is out of the address')
    await page.getByRole('main').getByRole('button', { name: 'New volume' }).click()
    const next = () => page.getByRole('button', { name: 'Next' }).click()
    await page.getByLabel('Name').fill('walk')
    await next()
    await page.getByLabel('Database file').fill(daemon.path('walk.db'))
    await next()
    await page.getByRole('textbox', { name: 'Folder' }).fill(daemon.path('bucket'))
    await next()
    await page.getByText('Good as they are', { exact: false }).waitFor()
    await next()
    await page.getByRole('radio', { name: 'Encrypt on this computer' }).check()
    const key = await page.getByRole('status', { name: 'Recovery key' }).textContent()
    await page.getByRole('button', { name: 'Save as file' }).click()
    const label = (await page.getByText(/To show that you have it/).textContent()) ?? ''
    const places = [...label.matchAll(/\d+/g)].map(([digits]) => Number(digits))
    await page
      .getByLabel(/characters .* of the key/)
      .fill(places.map((place) => key!.replaceAll('-', '')[place - 1]).join(''))
    await next()
    await page.getByRole('heading', { name: 'Where does it appear?' }).waitFor()
    await next()
    await page.getByRole('button', { name: 'Create walk' }).click()
    await page.getByRole('heading', { name: 'walk', exact: true }).waitFor()
    await page.getByText('Mounted', { exact: true }).first().waitFor()

    const mounted = daemon.path('mounts', 'walk')
    shell(
      `mkdir ${mounted}/photos && head -c 20000000 /dev/urandom > ${mounted}/photos/a.raw && cat ${mounted}/photos/a.raw | wc -c`,
    )
    await page.getByRole('cell', { name: 'write', exact: true }).waitFor()
    await page.screenshot({ path: join(SHOTS, 'real-overview.png') })
    await page.getByRole('link', { name: 'Files', exact: true }).click()
    await page.getByRole('row', { name: /photos/ }).dblclick()
    await page.getByRole('row', { name: /a\.raw.*19 MiB/ }).waitFor()

    const holder = spawn('tail', ['-f', `${mounted}/photos/a.raw`], { stdio: 'ignore' })
    try {
      await page.getByRole('button', { name: 'Unmount' }).click()
      const dialog = page.getByRole('dialog', { name: 'Unmount walk' })
      await dialog.getByText(`pid ${holder.pid}`).waitFor()
      await dialog.getByText('tail', { exact: true }).waitFor()
      await dialog.getByText('a.raw', { exact: false }).waitFor()
      await page.screenshot({ path: join(SHOTS, 'real-unmount.png') })
    } finally {
      holder.kill()
    }
    await page.getByText('walk is unmounted.').waitFor()
    assert.equal(await state(page).textContent(), 'Unmounted')
    assert.ok(!existsSync(join(mounted, 'photos')))
    assert.deepEqual(errors, [])
    await page.close()
  },
)

test('files without the mount: upload, properties, trash and back', options, async () => {
  const { page, errors } = await openWindow()
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
  await page.keyboard.press('Escape')
  await drawer.waitFor({ state: 'detached' })
  await page.getByRole('row', { name: /hello\.txt/ }).click()
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
  const { page, errors } = await openWindow()
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
    const { page, errors } = await openWindow()
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
