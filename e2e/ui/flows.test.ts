/** What people do, from the first click to the end, on invented data. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright'
import { open, startUi, type Ui, uiObstacle } from './harness.ts'

const skip = uiObstacle() ?? false
const options = { skip, timeout: 180_000 }
let ui: Ui

before(async () => {
  if (!skip) ui = await startUi()
})
after(() => ui?.close())

async function withPage(
  hash: string,
  world: 'empty' | 'typical',
  run: (page: Page) => Promise<void>,
): Promise<void> {
  const { page, context, errors } = await open(ui, hash, { world })
  page.setDefaultTimeout(20_000)
  await run(page)
  assert.deepEqual(errors, [])
  await context.close()
}

const next = (page: Page) => page.getByRole('button', { name: 'Next' }).click()
/** The header says so a moment before or after others do. */
const untilState = (page: Page, word: RegExp) =>
  page.locator('header strong').first().filter({ hasText: word }).waitFor()

test('first start: two clicks to the demo volume, mounted', options, () =>
  withPage('#/', 'empty', async (page) => {
    await page.getByRole('button', { name: 'Try with a demo volume' }).click()
    await page.getByRole('heading', { name: 'demo' }).waitFor()
    await page.getByText('All changes are uploaded.').first().waitFor()
    await untilState(page, /^Mounted$/)
  }),
)

test('wizard: an encrypted volume on Redis and S3, whose key must be proven', options, () =>
  withPage('#/', 'empty', async (page) => {
    await page.getByRole('main').getByRole('button', { name: 'New volume' }).click()
    await page.getByLabel('Name').fill('Team Photos')
    assert.equal(await page.getByLabel('Name').inputValue(), 'team-photos')
    await next(page)

    await page.getByRole('radio', { name: 'Redis' }).check()
    await page.getByLabel('Address').fill('redis://wrong.example:6379/1')
    await page.getByText('The server refuses the password.').waitFor()
    assert.ok(await page.getByRole('button', { name: 'Next' }).isDisabled())
    await page.getByLabel('Password', { exact: true }).fill('right')
    await page.getByText(/Answers in 0.4 ms/).waitFor()
    await page.getByText(/redis-cli config set/).waitFor()
    await next(page)

    await page.getByRole('combobox', { name: 'Kind of storage' }).click()
    await page.getByRole('option', { name: 'AWS S3' }).click()
    await page.getByLabel('Bucket').fill('photos')
    await page.getByLabel('Region').fill('eu-central-1')
    await page.getByLabel('Access key ID').fill('AKIA')
    await page.getByLabel('Secret access key').fill('wrong')
    await page.getByText('Wrong access key (403 from the bucket).').waitFor()
    await page.getByText(/Copy the key again/).waitFor()
    await page.getByText('What is wrong').click()
    await page.getByText(/InvalidAccessKeyId/).waitFor()
    await page.getByLabel('Secret access key').fill('secret')
    await page.getByText(/Writes a small object in 41 ms/).waitFor()
    await next(page)

    await page.getByLabel('Limit of size').fill('much')
    await page.getByText('Not a size.', { exact: false }).waitFor()
    assert.ok(await page.getByRole('button', { name: 'Next' }).isDisabled())
    await page.getByLabel('Limit of size').fill('2 TiB')
    await next(page)

    await page.getByRole('radio', { name: 'Encrypt on this computer' }).check()
    const key = await page.getByRole('status', { name: 'Recovery key' }).textContent()
    assert.match(key ?? '', /^([A-Z0-9]{5}-){7}[A-Z0-9]{5}$/)
    const asked = page.getByLabel(/characters .* of the key/)
    assert.ok(await asked.isDisabled())
    assert.ok(await page.getByRole('button', { name: 'Next' }).isDisabled())
    await page.getByRole('button', { name: 'Copy' }).click()
    await asked.fill('####')
    await page.getByText('These are not the characters at those places.').waitFor()
    const label = (await page.getByText(/To show that you have it/).textContent()) ?? ''
    const places = [...label.matchAll(/\d+/g)].map(([digits]) => Number(digits))
    await asked.fill(places.map((place) => key!.replaceAll('-', '')[place - 1]).join(''))
    await page.getByText('The key is saved.').waitFor()
    await next(page)

    await page.getByText('The folder can be used.').waitFor()
    await next(page)

    const command = await page.getByRole('region', { name: 'The same as commands' }).textContent()
    assert.match(command ?? '', /pomelo format redis:\/\/wrong\.example:6379\/1 team-photos/)
    assert.match(command ?? '', /--capacity 2048G/)
    for (const secret of ['right', 'secret', 'AKIA', key!]) assert.ok(!command!.includes(secret), secret)
    await page.getByRole('button', { name: 'Create team-photos' }).click()
    await page.getByRole('heading', { name: 'team-photos', exact: true }).waitFor()
    await page.getByText('All changes are uploaded.').first().waitFor()
  }),
)

test('unmount: the holder is named, and force cuts it off', options, () =>
  withPage('#/v/v3/overview', 'typical', async (page) => {
    await page.getByRole('button', { name: 'Unmount' }).click()
    const dialog = page.getByRole('dialog', { name: 'Unmount notes' })
    await dialog.getByText('pid 4121').waitFor()
    await dialog.getByText('/home/ines/Volumes/notes/notes.md').waitFor()
    await dialog.getByRole('button', { name: 'Keep mounted' }).click()
    await page.getByText('All changes are uploaded.').first().waitFor()
    await page.getByRole('button', { name: 'Unmount' }).click()
    await dialog.getByRole('button', { name: 'Force unmount' }).click()
    await page.getByText('notes is unmounted.').waitFor()
    await dialog.waitFor({ state: 'detached' })
    await untilState(page, /^Unmounted$/)
    await page.getByRole('button', { name: 'Mount', exact: true }).first().click()
    await page.getByText('Mounting', { exact: true }).waitFor()
  }),
)

test('removing asks for the name, and only the whole name will do', options, () =>
  withPage('#/v/v4/settings', 'typical', async (page) => {
    await page.getByRole('button', { name: 'Remove…' }).click()
    const button = page.getByRole('button', { name: 'Remove archive-2019' })
    assert.ok(await button.isDisabled())
    await page.getByLabel(/to confirm/).fill('archive')
    assert.ok(await button.isDisabled())
    await page.getByLabel(/to confirm/).fill('archive-2019')
    await button.click()
    await page.getByText('This volume is not here any more').waitFor()
  }),
)

test('files: open a folder, make one, rename it, delete it, and have it back', options, () =>
  withPage('#/v/v1/files', 'typical', async (page) => {
    await page
      .getByRole('row', { name: /projects/ })
      .first()
      .dblclick()
    await page.getByRole('grid', { name: 'Files in /projects' }).waitFor()
    await page.getByRole('link', { name: 'Top folder' }).click()
    await page.getByRole('grid', { name: 'Files in /', exact: true }).waitFor()
    await page.getByRole('button', { name: 'New folder' }).click()
    await page.getByRole('textbox', { name: 'Name' }).fill('a/b')
    assert.ok(await page.getByRole('button', { name: 'Make folder' }).isDisabled())
    await page.getByRole('textbox', { name: 'Name' }).fill('photos')
    await page.getByRole('button', { name: 'Make folder' }).click()
    await page.getByText('photos exists already.').waitFor()
    await page.getByRole('textbox', { name: 'Name' }).fill('autumn')
    await page.getByRole('button', { name: 'Make folder' }).click()
    await page.getByRole('row', { name: /autumn/ }).click()
    await page.keyboard.press('F2')
    await page.getByRole('textbox', { name: 'Name' }).fill('winter')
    await page.getByRole('button', { name: 'Rename' }).click()
    await page.getByRole('row', { name: /winter/ }).waitFor()

    await page.setInputFiles('input[type=file]', {
      name: 'new.txt',
      mimeType: 'text/plain',
      buffer: Buffer.from('hello'),
    })
    await page.getByText('1 file uploaded.').waitFor()
    await page.getByRole('row', { name: /new\.txt/ }).click()
    await page.keyboard.press('Delete')
    const dialog = page.getByRole('dialog', { name: 'Delete new.txt' })
    await dialog.getByText('Goes to the trash and can be restored for a day.').waitFor()
    await dialog.getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('row', { name: /new\.txt/ }).waitFor({ state: 'detached' })

    await page.getByRole('button', { name: 'Trash' }).click()
    await page.getByRole('row', { name: /new\.txt/ }).click()
    await page.getByRole('button', { name: /^Restore 1 item/ }).click()
    await page.getByText('1 item restored.').waitFor()
    await page.getByRole('button', { name: 'Back to the files' }).click()
    await page.getByRole('row', { name: /new\.txt/ }).waitFor()
  }),
)

test('properties: the mode as letters, digits and switches', options, () =>
  withPage('#/v/v1/files', 'typical', async (page) => {
    await page.getByRole('row', { name: /README\.md/ }).click()
    await page.keyboard.press('Alt+Enter')
    const drawer = page.getByRole('dialog', { name: 'README.md' })
    await drawer.getByText('rw-r--r--').waitFor()
    await drawer.getByRole('checkbox', { name: 'Owner: Execute', exact: true }).check()
    await drawer.getByText('rwxr--r--').waitFor()
    assert.equal(await drawer.getByLabel('Octal').inputValue(), '744')
    await drawer.getByLabel('Octal').fill('600')
    await drawer.getByText('rw-------').waitFor()
    await drawer.getByRole('button', { name: 'Save mode' }).click()
    await page.keyboard.press('Escape')
    await page.getByRole('row', { name: /README\.md.*rw-------/ }).waitFor()
  }),
)

test('properties: owner, attributes and access list', options, () =>
  withPage('#/v/v1/files', 'typical', async (page) => {
    await page.getByRole('row', { name: /README\.md/ }).click()
    await page.keyboard.press('Alt+Enter')
    const drawer = page.getByRole('dialog', { name: 'README.md' })
    await drawer.getByLabel('Owner', { exact: true }).fill('1004')
    await page.keyboard.press('Enter')
    await drawer.getByText('(1004)').waitFor()

    await drawer.getByRole('button', { name: 'Add an attribute' }).click()
    await drawer.getByLabel('Name').fill('user.colour')
    await drawer.getByLabel('Value', { exact: true }).fill('4g')
    await drawer.getByLabel('The value is hexadecimal').check()
    await drawer.getByText('Pairs of the digits 0 to 9 and a to f.').waitFor()
    assert.ok(await drawer.getByRole('button', { name: 'Save attribute' }).isDisabled())
    await drawer.getByLabel('The value is hexadecimal').uncheck()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await drawer.getByRole('row', { name: /user\.colour 4g/ }).waitFor()
    await drawer.getByRole('button', { name: 'Remove user.mime_type' }).click()
    await drawer.getByRole('row', { name: /user\.mime_type/ }).waitFor({ state: 'detached' })

    const begin = drawer.getByRole('button', { name: 'Begin a list' })
    if (await begin.isVisible()) await begin.click()
    await drawer.getByRole('textbox', { name: 'Number' }).fill('77')
    await drawer.getByRole('button', { name: 'Add', exact: true }).click()
    await drawer.getByRole('checkbox', { name: 'user 77: Write' }).check()
    await drawer.getByRole('button', { name: 'Save list' }).click()
    await drawer.getByRole('button', { name: 'Save list', disabled: true }).waitFor()
    assert.ok(await drawer.getByRole('checkbox', { name: 'user 77: Write' }).isChecked())
    await drawer.getByRole('button', { name: 'Take the list away' }).click()
    await drawer.getByRole('checkbox', { name: 'user 77: Write' }).waitFor({ state: 'detached' })
  }),
)

test('a folder is kept on this computer, marked, listed, and let go', options, () =>
  withPage('#/v/v1/files', 'typical', async (page) => {
    await page.getByRole('row', { name: /Folder projects/ }).click()
    await page.getByRole('button', { name: 'More for the selection' }).click()
    await page.getByRole('menuitem', { name: 'Keep on this computer' }).click()
    await page.getByRole('row', { name: /projects.*Kept on this computer/ }).waitFor()
    await page.getByRole('link', { name: 'Cache', exact: true }).click()
    const kept = page.getByRole('region', { name: 'Kept on this computer' })
    await kept.getByRole('row', { name: /\/projects 310 3\.4.GiB 40.%/ }).waitFor()
    await kept.getByRole('button', { name: 'No longer keep' }).click()
    await kept.getByText(/^Nothing yet/).waitFor()
  }),
)

test('files that are here: told by their last use, kept, dropped when confirmed, completed', options, () =>
  withPage('#/v/v1/cache', 'typical', async (page) => {
    await page.getByRole('button', { name: /^photos:/ }).click()
    const map = page.getByRole('region', { name: 'What is here' })
    await map.getByRole('button', { name: 'Drop from cache…' }).click()
    await page
      .getByRole('dialog')
      .getByText(/^15.GiB of it are on this computer/)
      .waitFor()
    await page.keyboard.press('Escape')
    await map.getByRole('button', { name: 'Keep on this computer' }).click()
    await page
      .getByRole('region', { name: 'Kept on this computer' })
      .getByRole('row', { name: /photos/ })
      .waitFor()

    const here = page.getByRole('region', { name: 'Files that are here' })
    await here.getByRole('img', { name: /last use: Within an hour .*not since it was mounted/ }).waitFor()
    const row = here.getByRole('row', { name: /8\.0.MiB to upload .* 7.min ago/ })
    await row.getByRole('button', { name: /^Drop/ }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText(/They go; the data in the bucket stay/).waitFor()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await row.getByRole('button', { name: /^Drop/ }).click()
    await dialog.getByRole('button', { name: 'Drop', exact: true }).click()
    await page.getByText('Dropping from the cache: see Activity.').waitFor()
    await row.getByRole('button', { name: /^Warm up/ }).click()
    await page
      .getByRole('dialog')
      .getByText(/would be fetched/)
      .waitFor()
    await page.keyboard.press('Escape')
    await row.getByRole('button', { name: /^Keep/ }).click()
    const kept = here.getByRole('row', { name: /kept here/ })
    await kept.getByRole('button', { name: /^Drop/, disabled: true }).waitFor()
  }),
)

test('limits of one volume hold at once, and what is typed elsewhere stays', options, () =>
  withPage('#/v/v1/settings', 'typical', async (page) => {
    await page.getByLabel('Name here').fill('renamed')
    const limits = page.getByRole('region', { name: 'Bandwidth' })
    await limits.getByLabel('Upload, Mbit/s').fill('40')
    await limits.getByText('Saved: it holds from now on.').waitFor()
    assert.equal(await page.getByLabel('Name here').inputValue(), 'renamed')
    await page.getByRole('link', { name: 'Files', exact: true }).click()
    await page.goBack()
    assert.equal(await limits.getByLabel('Upload, Mbit/s').inputValue(), '40')
  }),
)

test('leaked objects are deleted only after the name; the palette looks for them without', options, () =>
  withPage('#/v/v1/activity', 'typical', async (page) => {
    await page.getByRole('button', { name: 'Delete leaked…' }).click()
    const button = page.getByRole('button', { name: 'Delete leaked objects' })
    assert.ok(await button.isDisabled())
    await page.getByLabel(/to confirm/).fill('team-media')
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.getByRole('listitem').filter({ hasText: 'Collect garbage' }).first().waitFor()
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox', { name: /command/ }).fill('check team')
    await page.keyboard.press('Enter')
    await page.getByRole('listitem').filter({ hasText: 'Check volume' }).first().waitFor()
  }),
)

test('a task is paused, says so, and goes on', options, () =>
  withPage('#/activity', 'typical', async (page) => {
    const task = page.getByRole('listitem').filter({ hasText: 'Warm up /projects/2026/autumn' })
    await task.getByRole('button', { name: 'Pause' }).click()
    await task.getByText(/^paused for /).waitFor()
    await task.getByRole('button', { name: 'Go on' }).click()
    await task.getByText(/fetching blocks/).waitFor()
  }),
)

test('the world changes within a second, and a lost service says so and comes back', options, () =>
  withPage('#/v/v1/overview', 'typical', async (page) => {
    const read = () => page.locator('footer').first().textContent()
    const before = await read()
    const started = Date.now()
    while ((await read()) === before) {
      assert.ok(Date.now() - started < 10_000, 'nothing moved')
      await page.waitForTimeout(100)
    }
    await page.evaluate("window.pomeloFake.setConnection('lost')")
    await page.getByRole('alert').getByText('Mounted volumes go on working.', { exact: false }).waitFor()
    await page.evaluate("window.pomeloFake.setConnection('open')")
    await page.getByRole('alert').waitFor({ state: 'detached' })
    await page.evaluate("window.pomeloFake.setConnection('denied')")
    await page.getByText('This window is signed out').waitFor()
  }),
)
