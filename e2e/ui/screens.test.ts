/**
 * Every screen in light and dark, narrow and wide: no violation of WCAG A or AA that axe can measure, nothing the
 * page complained about, nothing wider than the window; and a picture of each in e2e-artifacts/ui for a person to look at.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright'
import { isLong } from '../harness/engines.ts'
import { type OpenPage, open, SHOTS, startUi, type Ui, uiObstacle, type View } from './harness.ts'

const skip = uiObstacle() ?? false
let ui: Ui

before(async () => {
  if (!skip) ui = await startUi()
})
after(() => ui?.close())

const OBJECT = 'chunks/0/0/12_0_4194304'

interface Screen {
  readonly name: string
  readonly hash: string
  /** What must be there before the picture. */
  readonly shows: string | RegExp
  /** Brings the screen to the state that is meant. */
  readonly prepare?: (page: Page) => Promise<void>
}

const SCREENS: readonly Screen[] = [
  { name: 'volumes', hash: '#/', shows: 'team-media', prepare: curves },
  { name: 'wizard-name', hash: '#/new', shows: 'What is the volume called?' },
  { name: 'wizard-metadata', hash: '#/new', shows: /Answers in 0.4 ms/, prepare: toMetadata },
  { name: 'connect', hash: '#/connect', shows: 'Mounted by', prepare: findVolume },
  { name: 'overview', hash: '#/v/v1/overview', shows: 'Where reads were answered' },
  { name: 'overview-unmounted', hash: '#/v/v4/overview', shows: 'Not mounted: there is nothing to measure.' },
  { name: 'files', hash: '#/v/v1/files', shows: 'README.md' },
  { name: 'files-properties', hash: '#/v/v1/files', shows: 'Extended attributes', prepare: openProperties },
  { name: 'trash', hash: '#/v/v1/files', shows: 'mix-final.wav', prepare: openTrash },
  { name: 'cache', hash: '#/v/v1/cache', shows: /are on this computer/ },
  {
    name: 'inspect-object',
    hash: `#/v/v1/inspect/bucket/${OBJECT}`,
    shows: 'Files that use it',
    prepare: openBytes,
  },
  { name: 'inspect-file', hash: '#/v/v1/inspect/file/footage/take%201.mov', shows: 'What a reader sees' },
  { name: 'inspect-space', hash: '#/v/v1/inspect/space', shows: 'By owner' },
  { name: 'inspect-health', hash: '#/v/v1/inspect/health', shows: 'Too new to judge' },
  { name: 'inspect-duplicates', hash: '#/v/v1/inspect/duplicates', shows: /copies of/ },
  { name: 'inspect-trace', hash: '#/v/v1/inspect/trace', shows: /^Start$/, prepare: startTrace },
  { name: 'volume-activity', hash: '#/v/v2/activity', shows: 'Look after this volume' },
  { name: 'delete-leaked', hash: '#/v/v2/activity', shows: /older than an hour/, prepare: openLeaked },
  { name: 'volume-settings', hash: '#/v/v1/settings', shows: 'The volume, for everybody' },
  { name: 'unmount', hash: '#/v/v3/overview', shows: 'vim', prepare: unmount },
  { name: 'destroy', hash: '#/v/v1/settings', shows: /There is no way back/, prepare: openDestroy },
  { name: 'details', hash: '#/v/v5/overview', shows: /14 attempts/, prepare: openDetails },
  { name: 'activity', hash: '#/activity', shows: 'What happened' },
  { name: 'settings', hash: '#/settings', shows: 'Notifications' },
  { name: 'palette', hash: '#/v/v1/overview', shows: 'Unmount team-media', prepare: openPalette },
]

async function openBytes(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Show the first bytes' }).click()
  await page.getByText('00000000').waitFor()
}

async function startTrace(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Start' }).click()
  await page.getByRole('row').nth(12).waitFor()
  await page.getByRole('button', { name: 'Stop' }).click()
}

/** Each look once at either width; all four pairs in a long run. */
const VIEWS = [
  ['light', 900],
  ['dark', 1920],
  ...(isLong
    ? ([
        ['light', 1920],
        ['dark', 900],
      ] as const)
    : []),
] as const
for (const [scheme, width] of VIEWS)
  test(`screens in ${scheme}, ${width} px wide`, { skip, timeout: 300_000 }, async () => {
    const at = await open(ui, '#/', { scheme, width, height: width === 900 ? 700 : 1080 })
    const problems: string[] = []
    for (const screen of SCREENS) problems.push(...(await look(at, screen, `${scheme}-${width}`)))
    await at.context.close()
    assert.deepEqual(problems, [])
  })

const ODD: readonly (readonly [string, Screen, View['world']])[] = [
  ['first start', { name: 'first-start', hash: '#/', shows: 'Try with a demo volume' }, 'empty'],
  ['1,000 volumes', { name: 'absurd', hash: '#/', shows: 'archive-2019' }, 'absurd'],
  ['no network', { name: 'offline', hash: '#/v/v1/overview', shows: /does not answer/ }, 'offline'],
]
for (const [title, screen, world] of ODD)
  for (const scheme of ['light', 'dark'] as const)
    test(`${title}, in ${scheme}`, { skip, timeout: 60_000 }, async () => {
      const at = await open(ui, screen.hash, { scheme, world, width: 1280, height: 800 })
      assert.deepEqual(await look(at, screen, `${scheme}-1280`), [])
      await at.context.close()
    })

test('a name of 255 characters and a lost connection leave the layout whole', {
  skip,
  timeout: 60_000,
}, async () => {
  const at = await open(ui, '#/v/v9/overview', { world: 'absurd', width: 900, height: 700 })
  await at.page.evaluate("window.pomeloFake.setConnection('lost')")
  const lost = { name: 'lost', hash: '#/v/v9/overview', shows: /background service does not answer/ }
  assert.deepEqual(await look(at, lost, 'light-900'), [])
  await at.page.evaluate("window.pomeloFake.setConnection('open')")
  await at.page.getByText('background service does not answer').waitFor({ state: 'detached' })
  await at.context.close()
})

/** Goes to a screen, takes its picture; what is wrong with it. */
async function look(
  { page, errors }: OpenPage,
  { name, hash, shows, prepare }: Screen,
  suffix: string,
): Promise<readonly string[]> {
  // Away first: the same address twice would keep a dialog of the screen before.
  await page.keyboard.press('Escape')
  await page.evaluate((next) => {
    location.hash = '#/nowhere'
    location.hash = next
  }, hash)
  await prepare?.(page)
  await page.getByText(shows).first().waitFor({ timeout: 10_000 })
  await page.waitForTimeout(150)
  await page.screenshot({ path: `${SHOTS}/${name}-${suffix}.png` })
  const tooWide = await page.evaluate(() => {
    const main = document.querySelector('main')!
    return document.documentElement.scrollWidth > innerWidth || main.scrollWidth > main.clientWidth
  })
  if (tooWide) errors.push('wider than the window')
  // Contrast depends on the scheme, not on the width; names and roles on neither: they are measured in light only.
  const axe = new AxeBuilder({ page }).setLegacyMode()
  const { violations } =
    suffix === 'light-1920' || suffix === 'dark-900'
      ? { violations: [] }
      : suffix.startsWith('dark')
        ? await axe.withRules(['color-contrast']).analyze()
        : await axe.withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']).analyze()
  const problems = violations.map(
    ({ id, nodes }) =>
      `${id}: ${nodes.map((node) => `${node.target} ${node.any[0]?.message ?? ''}`).join(' | ')}`,
  )
  problems.push(...errors.splice(0))
  return problems.map((problem) => `${name} ${suffix}: ${problem}`)
}

/** The small curves are there a moment after the rows. */
async function curves(page: Page): Promise<void> {
  await page.waitForTimeout(1500)
}

async function toMetadata(page: Page): Promise<void> {
  await page.getByLabel('Name').fill('photos')
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByRole('radio', { name: 'Redis' }).check()
  await page.getByLabel('Address').fill('redis://localhost:6379/1')
}

async function findVolume(page: Page): Promise<void> {
  await page.getByLabel('Metadata address').fill('redis://team.example:6379/1')
}

/** With its forms open. */
async function openProperties(page: Page): Promise<void> {
  await page.getByRole('row', { name: /README\.md/ }).dblclick()
  await page.getByRole('button', { name: 'Add an attribute' }).click()
}

async function openTrash(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Trash' }).click()
}

async function unmount(page: Page): Promise<void> {
  // The scenes share a page: a mount that is unmounting already has its dialog behind another button.
  await page.getByRole('button', { name: /^(Unmount|Force…)$/ }).click()
}

async function openDetails(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Details' }).click()
  await page.getByText('What is wrong').click()
}

async function openLeaked(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Delete leaked…' }).click()
}

async function openDestroy(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Delete volume…' }).click()
  await page.getByLabel(/to confirm/).fill('team-media')
}

async function openPalette(page: Page): Promise<void> {
  await page.keyboard.press('Control+k')
}
