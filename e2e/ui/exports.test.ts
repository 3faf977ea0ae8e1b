/** Tables of the inspector as files: every row, whatever is on screen; long ones in bounded memory, and stoppable. */
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright'
import { open, startUi, type Ui, uiObstacle } from './harness.ts'

const skip = uiObstacle() ?? false
const INSPECT = '#/v/v1/inspect'
const OBJECTS = 24_318
/** In the absurd world. */
const MANY = 1_000_000
const HEAP_MIB = 120
let ui: Ui

before(async () => {
  if (!skip) ui = await startUi()
})
after(() => ui?.close())

/** Path of the saved file. */
async function exported(page: Page, format: 'CSV' | 'JSON', label = 'Export'): Promise<string> {
  const [download] = await Promise.all([
    page.waitForEvent('download', { timeout: 240_000 }),
    page
      .getByRole('button', { name: label, exact: true })
      .click()
      .then(() => page.getByRole('menuitem', { name: format }).click()),
  ])
  assert.equal(await download.failure(), null)
  assert.match(download.suggestedFilename(), format === 'CSV' ? /^team-media .*\.csv$/ : /\.json$/)
  return download.path()
}

async function csvRows(path: string): Promise<readonly string[]> {
  const lines = (await readFile(path, 'utf8')).split('\r\n')
  assert.equal(lines.pop(), '')
  return lines
}

test('the whole list of objects is saved, not only what is on screen', {
  skip,
  timeout: 120_000,
}, async () => {
  const { page, context, errors } = await open(ui, `${INSPECT}/bucket`)
  await page.getByText('24,318 objects').waitFor()
  const rows = await csvRows(await exported(page, 'CSV'))
  assert.equal(rows.length, 1 + OBJECTS)
  assert.equal(rows[0], 'key,slice,block,size,stored,modified,file,more files')
  assert.match(rows[1]!, /^chunks\/0\/0\/1_0_\d+,1,0,\d+,\d+,2026-\d\d-\d\dT[\d:.]+Z,,0$/)
  assert.match(rows[2]!, /^chunks\/0\/0\/2_0_\d+,2,0,\d+,\d+,2026-[^,]+,\/[^,]+,\d$/)
  assert.match(rows.at(-1)!, new RegExp(`^chunks/0/24/${OBJECTS}_0_`))
  await page.getByText('24,318 rows were exported to team-media Bucket.csv.').waitFor()
  const objects = JSON.parse(await readFile(await exported(page, 'JSON'), 'utf8')) as { slice: number }[]
  assert.deepEqual(
    objects.map(({ slice }) => slice),
    Array.from({ length: OBJECTS }, (_, k) => k + 1),
  )
  assert.deepEqual(errors, [])
  await context.close()
})

test('every table of the inspector can be saved', { skip, timeout: 120_000 }, async () => {
  const { page, context, errors } = await open(ui, `${INSPECT}/file/footage/take%201.mov`)
  await page.getByText('What a reader sees').first().waitFor()
  const blocks = await csvRows(await exported(page, 'CSV'))
  assert.equal(blocks[0], 'chunk,slice,block,key,size,place,shown')
  const chunks = new Set(blocks.slice(1).map((row) => row.split(',')[0]))
  assert.deepEqual(
    [...chunks],
    Array.from({ length: chunks.size }, (_, k) => String(k)),
  )

  const views = page.getByRole('navigation', { name: 'Views of the inspector' })
  await views.getByRole('link', { name: 'Space' }).click()
  for (const [label, count] of [
    ['Export: By folder', 4],
    ['Export: By owner', 3],
    ['Export: By age', 7],
  ] as const)
    assert.equal((await csvRows(await exported(page, 'CSV', label))).length, 1 + count, label)

  await views.getByRole('link', { name: 'Health' }).click()
  const broken = await csvRows(await exported(page, 'CSV', 'Export: Damaged files'))
  assert.deepEqual(broken, [
    'file,inode,state,start,end',
    '/footage/take 7.mov,800,live,0,4194304',
    '/scans/take 8.mov,801,live,0,4194304',
    '/scans/take 8.mov,801,live,12582912,16777216',
  ])
  const unused = await csvRows(await exported(page, 'CSV', 'Export: Objects that no file uses'))
  // More than the report shows of a class, and each once.
  assert.equal(unused.length, 1 + 412 + 2600 + 30 + 12 + 3)
  assert.equal(new Set(unused).size, unused.length)

  await views.getByRole('link', { name: 'Duplicates' }).click()
  const duplicates = await csvRows(await exported(page, 'CSV'))
  assert.equal(duplicates.length, 1 + 2 + 3 + 4 + 5)
  assert.match(duplicates[1]!, /^1,400,67108864,70,\/footage\/take 1\.mov,live$/)

  await views.getByRole('link', { name: 'Live trace' }).click()
  await page.getByRole('button', { name: 'Start' }).click()
  await page.getByRole('row').nth(6).waitFor()
  await page.getByRole('button', { name: 'Stop' }).click()
  const operations = JSON.parse(await readFile(await exported(page, 'JSON'), 'utf8')) as { seq: number }[]
  assert.ok(operations.length >= 6)
  assert.deepEqual(
    operations.map(({ seq }) => seq),
    operations.map((_, k) => k + 1),
  )
  assert.deepEqual(errors, [])
  await context.close()
})

test('the list of cached files is saved, all of it', { skip, timeout: 120_000 }, async () => {
  const { page, context, errors } = await open(ui, '#/v/v1/cache')
  await page.getByText('Files that are here', { exact: true }).first().waitFor()
  const files = await csvRows(await exported(page, 'CSV', 'Export: Files that are here'))
  assert.equal(files[0], 'file,inode,state,length,cached,share,kept,staged,idle ms')
  assert.equal(files.length, 1 + 40)
  assert.equal(new Set(files).size, files.length)
  const sizes = files.slice(1).map((row) => Number(row.split(',')[4]))
  assert.ok(sizes.every((size) => size > 0))
  assert.deepEqual(errors, [])
  await context.close()
})

test('a long export says how far it is, and is stopped', { skip, timeout: 120_000 }, async () => {
  const { page, context } = await open(ui, `${INSPECT}/bucket`, { world: 'absurd' })
  let saved = false
  page.on('download', () => {
    saved = true
  })
  await page.getByText('1,000,000 objects').waitFor()
  await page.getByRole('button', { name: 'Export', exact: true }).click()
  await page.getByRole('menuitem', { name: 'CSV' }).click()
  const stop = page.getByRole('button', { name: /^Stop export, [1-9]/ })
  await stop.click()
  await page.getByRole('button', { name: 'Export', exact: true }).waitFor()
  assert.equal(saved, false)
  await context.close()
})

test('a million rows are saved in bounded memory', {
  skip,
  timeout: 300_000,
}, async (t) => {
  const { page, context } = await open(ui, `${INSPECT}/bucket`, { world: 'absurd' })
  await page.getByText('1,000,000 objects').waitFor()
  const session = await context.newCDPSession(page)
  let most = 0
  const watch = setInterval(() => {
    session.send('Runtime.getHeapUsage').then(
      ({ usedSize }) => {
        most = Math.max(most, usedSize / 2 ** 20)
      },
      () => {},
    )
  }, 500)
  const began = performance.now()
  const path = await exported(page, 'CSV')
  clearInterval(watch)
  let rows = 0
  for await (const _ of createInterface({ input: createReadStream(path) })) rows++
  t.diagnostic(
    `${((performance.now() - began) / 1000).toFixed(1)} s, heap of the page at most ${most.toFixed(0)} MiB`,
  )
  assert.equal(rows, 1 + MANY)
  assert.ok(most < HEAP_MIB, `${most} MiB`)
  await context.close()
})
