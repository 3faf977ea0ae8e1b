/** The whole window by keys alone: no mouse is moved in this file. */
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

const focused = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement
    return element?.getAttribute('aria-label') ?? element?.textContent?.trim() ?? ''
  })

async function press(page: Page, ...keys: readonly string[]): Promise<void> {
  for (const key of keys) await page.keyboard.press(key)
}

test('the palette mounts, goes places and changes the theme', options, async () => {
  const { page, context, errors } = await open(ui, '#/')
  page.setDefaultTimeout(20_000)
  await press(page, 'Control+k')
  await page.getByRole('combobox').waitFor()
  await page.keyboard.type('mount arch')
  await page.getByRole('option', { name: 'Mount archive-2019' }).waitFor()
  await press(page, 'Enter')
  // What the palette offers for it changes with its state.
  const row = page.getByRole('row').filter({ hasText: 'archive-2019' })
  await row.getByText('Mounted', { exact: true }).waitFor()
  await press(page, 'Control+k')
  await page.keyboard.type('archive')
  await page
    .getByRole('option', { name: /archive-2019/ })
    .first()
    .waitFor()
  await press(page, 'Enter')
  await page.getByRole('heading', { name: 'archive-2019' }).waitFor()
  await page.getByText('All changes are uploaded.').first().waitFor()
  await press(page, 'Control+k')
  await page.keyboard.type('theme: dark')
  await press(page, 'Enter')
  await page.locator('html[data-mantine-color-scheme=dark]').waitFor()
  assert.deepEqual(errors, [])
  await context.close()
})

test('Tab reaches everything in order, and always shows where it is', options, async () => {
  const { page, context } = await open(ui, '#/')
  await page.getByText('team-media').first().waitFor()
  const seen: string[] = []
  for (let step = 0; step < 16; step++) {
    await press(page, 'Tab')
    seen.push(await focused(page))
    const ring = await page.evaluate(() => {
      const { outlineStyle, outlineWidth, borderColor } = getComputedStyle(document.activeElement!)
      return { outlineStyle, outlineWidth, borderColor }
    })
    assert.ok(ring.outlineStyle !== 'none' && ring.outlineWidth !== '0px', `${seen.at(-1)} has no ring`)
  }
  assert.equal(seen[0], 'Skip to content')
  for (const name of ['All volumes', 'New volume', 'Settings', 'Connect to a team’s volume'])
    assert.ok(
      seen.some((text) => text.includes(name)),
      `${name} is not reached: ${seen.join(' | ')}`,
    )
  await context.close()
})

test('volumes and tabs by their shortcuts', options, async () => {
  const { page, context } = await open(ui, '#/v/v1/overview')
  page.setDefaultTimeout(20_000)
  await page.getByRole('heading', { name: 'team-media' }).waitFor()
  await press(page, 'Control+2')
  await page.getByRole('grid', { name: 'Files in /' }).waitFor()
  await press(page, 'Alt+ArrowUp')
  await page.getByRole('heading', { name: 'scans' }).waitFor()
  await press(page, 'Control+,')
  await page.getByRole('heading', { name: 'Settings', level: 1 }).waitFor()
  await press(page, '?')
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
  await press(page, 'Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await press(page, 'Control+n')
  await page.getByText('What is the volume called?').waitFor()
  await context.close()
})

test('the wizard ends in a mounted volume', options, async () => {
  const { page, context } = await open(ui, '#/new', { world: 'empty' })
  page.setDefaultTimeout(20_000)
  await page.getByLabel('Name').waitFor()
  await page.keyboard.type('keys only')
  await press(page, 'Enter')
  await page.getByText('A new database on this computer', { exact: false }).waitFor()
  for (const text of [
    'The folder can be written',
    'Good as they are',
    'Should the data be encrypted?',
    'The folder can be used.',
    'Ready to create',
  ]) {
    await page.getByRole('button', { name: 'Next' }).focus()
    await press(page, 'Enter')
    await page.getByText(text, { exact: false }).first().waitFor()
  }
  await page.getByRole('button', { name: 'Create keys-only' }).focus()
  await press(page, 'Enter')
  await page.getByRole('heading', { name: 'keys-only' }).waitFor()
  await context.close()
})

test('files: letters jump, Shift extends, Enter opens, Backspace goes up', options, async () => {
  const { page, context } = await open(ui, '#/v/v1/files')
  page.setDefaultTimeout(20_000)
  const row = page.getByRole('row', { name: /archive/ })
  await row.first().waitFor()
  await row.first().focus()
  await press(page, 'p', 'r')
  assert.match(await focused(page), /projects/)
  await press(page, 'Enter')
  await page.getByRole('grid', { name: 'Files in /projects' }).waitFor()
  await page.getByRole('row').nth(1).focus()
  await press(page, 'ArrowDown', 'Shift+ArrowDown', 'Shift+ArrowDown')
  await page.getByText(/^3 selected/).waitFor()
  await press(page, 'Control+a')
  await press(page, 'Escape')
  await press(page, 'Backspace')
  await page.getByRole('grid', { name: 'Files in /', exact: true }).waitFor()
  await context.close()
})
