/**
 * The bucket of a large volume in a real window: generated metadata and a generated listing, as the daemon's inspector
 * would have made them, and a list that is read where it is looked at. Whole, with a million objects, in long runs.
 */
import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { after, before, test } from 'node:test'
import { nodeBinary, root } from '../../scripts/runtime.mjs'
import { isLong } from '../harness/engines.ts'
import { must, noMount } from '../harness/volume.ts'
import { fillMetadata, sizeOf } from '../inspect/test-volume-of-rows.ts'
import { uiObstacle } from './harness.ts'
import { scrollCost } from './main-thread.ts'
import { type RealUi, startRealUi } from './real-window.ts'

const skip = uiObstacle() ?? noMount
const FILES = isLong ? 1_000_000 : 20_000
const LONGEST_TASK_MS = 100
const NAME = 'crowd'
let ui: RealUi

before(async () => {
  if (skip === false) ui = await startRealUi()
})
after(() => ui?.close())

/** A volume whose index and last survey lie where its mount looks for them. */
async function makeCrowd(): Promise<string> {
  const { daemon } = ui
  const { id } = await daemon.create(NAME)
  const meta = daemon.path(`${NAME}.db`)
  const uuid = fillMetadata(meta, FILES)
  const index = daemon.path('cache', 'blocks', 'index', `${uuid}.db`)
  await mkdir(dirname(index), { recursive: true })
  const script = `${root}/e2e/inspect/scale-child.ts`
  await must(nodeBinary()!, [script, meta, index, String(FILES)], { timeoutMs: 1_400_000 })
  await daemon.trpc.volumes.mount.mutate({ id })
  await daemon.state(id, 'mounted')
  return id
}

test(`${FILES} objects are listed, scrolled and found`, {
  skip,
  timeout: isLong ? 1_800_000 : 180_000,
}, async (t) => {
  const id = await makeCrowd()
  const { page, errors } = await ui.open()
  page.setDefaultTimeout(120_000)
  const pages: number[] = []
  page.on('websocket', (socket) =>
    socket.on('framesent', ({ payload }) => {
      const from = /"from":(\d+),"limit":200\b.*"inspect\.bucket"/.exec(String(payload))?.[1]
      if (from !== undefined) pages.push(Number(from))
    }),
  )
  await page.reload()
  await page.goto(`${new URL(page.url()).origin}/#/v/${id}/inspect`)
  await page.getByText(`${FILES.toLocaleString('en-US')} objects`).waitFor()
  await page.getByText(`1_0_${sizeOf(0)}`, { exact: true }).waitFor()
  assert.deepEqual(pages, [0], 'the first page is read once')

  const scroller = '[data-scroller]:has([role=grid])'
  const cost = await scrollCost(page.context().browser()!, page, scroller)
  t.diagnostic(`${JSON.stringify(cost)}, ${pages.length} pages read`)
  assert.ok(cost.longestMs < LONGEST_TASK_MS * cost.slowness, `${cost.longestMs} ms`)
  assert.ok((await page.getByRole('row').count()) < 120)

  await page.locator(scroller).evaluate((element) => element.scrollTo(0, element.scrollHeight))
  await page.getByText(`${FILES}_0_${sizeOf(FILES - 1)}`, { exact: true }).waitFor()
  await page.screenshot({ path: 'e2e-artifacts/ui/real-inspect-end.png' })

  await page.getByRole('button', { name: 'Export', exact: true }).click()
  const [download] = await Promise.all([
    page.waitForEvent('download', { timeout: 1_000_000 }),
    page.getByRole('menuitem', { name: 'CSV' }).click(),
  ])
  const lines = (await readFile(await download.path(), 'utf8')).split('\r\n')
  assert.equal(lines.length, 1 + FILES + 1)
  const [key, , , , stored, , file] = lines[FILES]!.split(',')
  assert.equal(
    key,
    `chunks/${Math.floor(FILES / 1e6)}/${Math.floor(FILES / 1e3)}/${FILES}_0_${sizeOf(FILES - 1)}`,
  )
  assert.deepEqual(
    [stored, file],
    [String(sizeOf(FILES - 1)), `/folder ${(FILES - 1) % 1000}/file ${FILES - 1}.bin`],
  )
  assert.deepEqual(errors, [])
})
