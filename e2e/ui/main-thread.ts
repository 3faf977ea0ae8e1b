/**
 * What a page's main thread has to do, in processor time: the clock would measure whatever else the machine does. Bounds
 * are for a machine that does nothing besides, and grow with how slow a known loop is right now.
 */
import assert from 'node:assert/strict'
import type { Browser, Page } from 'playwright'

/** A loop of so many turns takes this long on a machine that does nothing else, ms. */
const TURNS = 5e7
const LOOP_MS = 60
/** Of a screen with 60 frames a second. */
const FRAME_MS = 1000 / 60
/** So many small steps, as of a wheel that is turned fast, and so many leaps, as of a thumb that is dragged. */
const STEPS = 60
/** px: at 60 frames a second 340 rows a second. */
const STEP = 180

interface TraceEvent {
  readonly name: string
  readonly pid: number
  readonly tid: number
  /** µs on the clock. */
  readonly ts: number
  /** Processor time of the thread, µs. */
  readonly tdur?: number
  readonly args: { readonly name?: string }
}

export interface ScrollCost {
  /** The longest task, ms. */
  readonly longestMs: number
  /** Small steps, a frame each; of these, the ones with more work than fits into a frame at 60 a second. */
  readonly frames: number
  readonly slowFrames: number
  /** The mean of small steps, and of leaps: all rows are others, ms. */
  readonly stepMs: number
  readonly leapMs: number
  /** How many times slower than alone the machine is now. */
  readonly slowness: number
}

/** Scrolls the element to and fro. */
export async function scrollCost(browser: Browser, page: Page, selector: string): Promise<ScrollCost> {
  const before = await slowness(browser, page)
  const events = await traced(browser, page, () =>
    page.evaluate(
      async ([target, steps, px]) => {
        const element = document.querySelector(target)!
        for (let step = 0; step < 2 * steps; step++) {
          performance.mark('frame')
          element.scrollTop =
            step < steps ? element.scrollTop + px : (element.scrollHeight * ((step * 37) % steps)) / steps
          await new Promise(requestAnimationFrame)
        }
      },
      [selector, STEPS, STEP] as const,
    ),
  )
  const slower = (before + (await slowness(browser, page))) / 2
  const tasks = mainTasks(events)
  const marks = events.filter(({ name }) => name === 'frame').map(({ ts }) => ts)
  assert.equal(marks.length, 2 * STEPS)
  const frames = marks.map((from, k) => {
    const to = marks[k + 1] ?? Number.POSITIVE_INFINITY
    return sumMs(tasks.filter(({ ts }) => ts >= from && ts < to))
  })
  const [steps, leaps] = [frames.slice(0, STEPS), frames.slice(STEPS)]
  return {
    longestMs: longestMs(tasks),
    frames: steps.length,
    stepMs: mean(steps),
    leapMs: mean(leaps),
    slowFrames: steps.filter((ms) => ms > FRAME_MS * slower).length,
    slowness: slower,
  }
}

/** How many times more processor time the same work takes now: caches and cores are shared with the neighbours. */
async function slowness(browser: Browser, page: Page): Promise<number> {
  const events = await traced(browser, page, () =>
    page.evaluate((turns) => {
      let sum = 0
      for (let turn = 0; turn < turns; turn++) sum += turn % 7
      return sum
    }, TURNS),
  )
  return Math.max(1, longestMs(mainTasks(events)) / LOOP_MS)
}

async function traced(
  browser: Browser,
  page: Page,
  work: () => Promise<unknown>,
): Promise<readonly TraceEvent[]> {
  await browser.startTracing(page, { categories: ['toplevel', 'blink.user_timing', '__metadata'] })
  await work()
  const trace = JSON.parse((await browser.stopTracing()).toString()) as {
    traceEvents: readonly TraceEvent[]
  }
  return trace.traceEvents
}

function mainTasks(events: readonly TraceEvent[]): readonly TraceEvent[] {
  const mains = new Set(
    events
      .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid} ${tid}`),
  )
  const tasks = events.filter(
    ({ name, pid, tid, tdur }) => /RunTask$/.test(name) && tdur !== undefined && mains.has(`${pid} ${tid}`),
  )
  assert.ok(tasks.length > 0, 'the trace has no task')
  return tasks
}

function longestMs(tasks: readonly TraceEvent[]): number {
  return tasks.reduce((most, { tdur }) => Math.max(most, tdur! / 1000), 0)
}

function sumMs(tasks: readonly TraceEvent[]): number {
  return tasks.reduce((sum, { tdur }) => sum + tdur! / 1000, 0)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
