/** Many things stay fluid: how long the window was busy in one piece is measured, not felt. */
import assert from 'node:assert/strict'
import { loadavg } from 'node:os'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright'
import { slack } from '../harness/load.ts'
import { open, startUi, type Ui, uiObstacle } from './harness.ts'

const skip = uiObstacle() ?? false
let ui: Ui

const LONGEST_TASK_MS = 100
const FIRST_SCREEN_BYTES = 600_000
const USABLE_MS = 1000
/** Loads of the first screen, at most. */
const LOADS = 6

before(async () => {
  if (!skip) ui = await startUi()
})
after(() => ui?.close())

/** A loop of so many turns takes this long on a machine that does nothing else, ms. */
const LOOP_MS = 60

/** How many times more processor time the same work takes now: caches and cores are shared with the neighbours. */
async function slowness(page: Page): Promise<number> {
  const ms = await longestTaskOf(page, () =>
    page.evaluate(() => {
      let sum = 0
      for (let turn = 0; turn < 5e7; turn++) sum += turn % 7
      return sum
    }),
  )
  return Math.max(1, ms / LOOP_MS)
}

/** The longest task of the page's main thread while `work` runs, ms of processor time. */
async function longestTaskOf(page: Page, work: () => Promise<unknown>): Promise<number> {
  await ui.browser.startTracing(page, { categories: ['toplevel', '__metadata'] })
  await work()
  const trace = JSON.parse((await ui.browser.stopTracing()).toString()) as {
    traceEvents: readonly TraceEvent[]
  }
  return longestOf(trace.traceEvents)
}

/**
 * Scrolls the element to and fro for a while. Time on the clock would measure whatever else the machine does, so it is
 * processor time that is compared with the bound.
 */
async function longestTask(
  page: Page,
  selector: string,
): Promise<{ readonly ms: number; readonly bound: number }> {
  const before = await slowness(page)
  const ms = await longestTaskOf(page, () =>
    page.evaluate(async (target) => {
      const element = document.querySelector(target)!
      for (let step = 0; step < 120; step++) {
        // Small steps, then leaps.
        element.scrollTop =
          step < 60 ? element.scrollTop + 180 : (element.scrollHeight * ((step * 37) % 60)) / 60
        await new Promise(requestAnimationFrame)
      }
    }, selector),
  )
  return { ms, bound: (LONGEST_TASK_MS * (before + (await slowness(page)))) / 2 }
}

interface TraceEvent {
  readonly name: string
  readonly pid: number
  readonly tid: number
  /** Processor time of the thread, µs. */
  readonly tdur?: number
  readonly args: { readonly name?: string }
}

function longestOf(events: readonly TraceEvent[]): number {
  const mains = new Set(
    events
      .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid} ${tid}`),
  )
  const tasks = events.filter(
    ({ name, pid, tid, tdur }) => /RunTask$/.test(name) && tdur !== undefined && mains.has(`${pid} ${tid}`),
  )
  assert.ok(tasks.length > 0, 'the trace has no task')
  return tasks.reduce((most, { tdur }) => Math.max(most, tdur! / 1000), 0)
}

test('100,000 rows scroll without a task over 100 ms', { skip, timeout: 180_000 }, async (t) => {
  const { page, context } = await open(ui, '#/v/v1/files/frames%20(100%2C000%20files)')
  page.setDefaultTimeout(60_000)
  await page.getByText('100,000 entries').waitFor()
  await page.waitForTimeout(500)
  const { ms: longest, bound } = await longestTask(page, '[data-scroller]')
  const rows = await page.getByRole('row').count()
  t.diagnostic(
    `100,000 rows: longest task ${longest.toFixed(0)} ms of processor time (bound ${bound.toFixed(0)}), ${rows} rows drawn, load ${loadavg()[0]!.toFixed(1)}`,
  )
  assert.ok(rows < 120, `${rows} rows are drawn`)
  assert.ok(longest <= bound, `a task of ${longest} ms`)

  await page.getByRole('button', { name: 'Size' }).click()
  await page.getByRole('columnheader', { name: 'Size' }).and(page.locator('[aria-sort]')).waitFor()
  await context.close()
})

test('1,000 volumes scroll and change without a task over 100 ms', { skip, timeout: 180_000 }, async (t) => {
  const { page, context } = await open(ui, '#/', { world: 'absurd' })
  page.setDefaultTimeout(60_000)
  await page.getByText('archive-2019').first().waitFor()
  // The first changes of a thousand volumes come within a second.
  await page.waitForTimeout(1500)
  const { ms: longest, bound } = await longestTask(page, '[data-scroller]')
  t.diagnostic(
    `1,000 volumes: longest task ${longest.toFixed(0)} ms of processor time (bound ${bound.toFixed(0)}), load ${loadavg()[0]!.toFixed(1)}`,
  )
  assert.ok(longest <= bound, `a task of ${longest} ms`)
  await context.close()
})

interface Load {
  readonly bytes: number
  readonly usableMs: number
}

/** The first screen as a new user's browser gets it, with nothing kept from before. */
async function loadFirstScreen(): Promise<Load> {
  const context = await ui.browser.newContext()
  const page = await context.newPage()
  let bytes = 0
  const sizes: Promise<void>[] = []
  page.on('response', (response) => {
    // Invented data are not part of the product.
    if (/fake-api/.test(response.url()) || !/\.(js|css|html|svg)$|\/\?/.test(response.url())) return
    sizes.push(
      response.body().then((body) => {
        bytes += gzipSync(body).length
      }),
    )
  })
  const started = performance.now()
  await page.goto(`${ui.origin}/?fake=typical#/`)
  await page.getByRole('row', { name: /team-media/ }).waitFor()
  const usableMs = performance.now() - started
  await Promise.all(sizes)
  await context.close()
  return { bytes, usableMs }
}

test('the first screen is small and soon usable', { skip, timeout: 120_000 }, async (t) => {
  // A neighbour makes a load slower, never faster: the best of a few tells what the page needs.
  const loads: Load[] = []
  do loads.push(await loadFirstScreen())
  while (loads.at(-1)!.usableMs >= USABLE_MS && loads.length < LOADS)
  const { bytes } = loads[0]!
  const usableMs = Math.min(...loads.map((load) => load.usableMs))
  t.diagnostic(
    `first screen: ${(bytes / 1000).toFixed(0)} kB gzip, usable after ${usableMs.toFixed(0)} ms, best of ${loads.length}, load ${loadavg()[0]!.toFixed(1)}`,
  )
  assert.ok(bytes < FIRST_SCREEN_BYTES, `${bytes} bytes`)
  assert.ok(usableMs < USABLE_MS * slack(), `${usableMs} ms`)
})

test('a dashboard left open does not grow', { skip, timeout: 120_000 }, async (t) => {
  const { page, context } = await open(ui, '#/v/v1/overview')
  await page.getByText('Where reads were answered').waitFor()
  const session = await context.newCDPSession(page)
  await session.send('HeapProfiler.enable')
  const used = async () => {
    await session.send('HeapProfiler.collectGarbage')
    const { usedSize } = (await session.send('Runtime.getHeapUsage')) as { usedSize: number }
    const nodes = await page.evaluate(() => document.querySelectorAll('*').length)
    return { usedSize, nodes }
  }
  await page.waitForTimeout(2000)
  const first = await used()
  await page.waitForTimeout(8000)
  const last = await used()
  t.diagnostic(
    `dashboard: heap ${(first.usedSize / 2 ** 20).toFixed(1)} MiB, 8 s later ${(last.usedSize / 2 ** 20).toFixed(1)} MiB, ${last.nodes} nodes`,
  )
  assert.ok(last.usedSize < first.usedSize + 2 * 2 ** 20, 'the heap grows')
  assert.ok(last.nodes <= first.nodes + 50, 'the page grows')
  await context.close()
})
