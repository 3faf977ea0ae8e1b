/** The built interface in a real browser on a real daemon, and what a user's shell does beside it. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, chromium, type Locator, type Page } from 'playwright'
import { buildWhenOld } from '../../scripts/interface.mjs'
import { TestDaemon } from '../daemon/test-daemon.ts'
import { chromiumPath, SHOTS } from './harness.ts'

export interface RealUi {
  readonly daemon: TestDaemon
  /** A signed-in window, and what its console complained about. */
  open(): Promise<{ readonly page: Page; readonly errors: string[] }>
  close(): Promise<void>
}

export async function startRealUi(): Promise<RealUi> {
  buildWhenOld('interface')
  mkdirSync(SHOTS, { recursive: true })
  const daemon = await TestDaemon.start()
  const browser: Browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] })
  return {
    daemon,
    async open() {
      const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
      page.setDefaultTimeout(40_000)
      const errors = watchErrors(page)
      await page.goto((await daemon.code()).url)
      return { page, errors }
    },
    async close() {
      await browser.close()
      await daemon[Symbol.asyncDispose]()
    },
  }
}

/** What the page's console complains about from here on. */
export function watchErrors(page: Page): string[] {
  const errors: string[] = []
  page.on('console', (message) => {
    // A daemon that is killed on purpose breaks connections, which the browser notes by itself.
    if (message.type() === 'error' && !/WebSocket|ERR_CONNECTION/.test(message.text()))
      errors.push(message.text())
  })
  page.on('pageerror', (error) => errors.push(String(error)))
  return errors
}

/** The word under the name of the volume that is shown. */
export const state = (page: Page): Locator => page.locator('header strong').first()

/** The wizard's way on. */
export const next = (page: Page): Locator => page.getByRole('button', { name: 'Next' })

/** From the summary to the mounted volume. */
export async function createVolume(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: `Create ${name}` }).click()
  await page.getByRole('heading', { name, exact: true }).waitFor()
  await page.getByText('Mounted', { exact: true }).first().waitFor()
}

/** Files come in from the shell, and the dashboard and the folder view show them. */
export async function copyIn(page: Page, mounted: string): Promise<void> {
  const file = `${mounted}/photos/a.raw`
  shell(`mkdir ${mounted}/photos && head -c 20000000 /dev/urandom > ${file} && cat ${file} | wc -c`)
  await page.getByRole('cell', { name: 'write', exact: true }).waitFor()
}

/** Unmounts while a program has a file open: the dialog names it and goes on by itself when it is closed. */
export async function unmountHeld(page: Page, name: string, file: string): Promise<void> {
  const holder: ChildProcess = spawn('tail', ['-f', file], { stdio: 'ignore' })
  try {
    await page.getByRole('button', { name: 'Unmount' }).click()
    const dialog = page.getByRole('dialog', { name: `Unmount ${name}` })
    await dialog.getByText(`pid ${holder.pid}`).waitFor()
    await dialog.getByText('tail', { exact: true }).waitFor()
    await dialog.getByText(file.split('/').at(-1)!, { exact: false }).waitFor()
    await page.screenshot({ path: join(SHOTS, `real-unmount-${name}.png`) })
  } finally {
    holder.kill()
  }
  await page.getByText(`${name} is unmounted.`).waitFor()
  await state(page)
    .filter({ hasText: /^Unmounted$/ })
    .waitFor()
}

/** In another process, as a user's shell would. */
export function shell(script: string): string {
  const { status, stdout, stderr } = spawnSync('sh', ['-ec', script], { encoding: 'utf8', timeout: 30_000 })
  assert.equal(status, 0, stderr)
  return stdout
}
