/**
 * The interface in the distribution's Chromium, on invented data: the build for tests, served with the policy that the
 * daemon sends, and a page that remembers every error it made.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright'
import { buildWhenOld } from '../../scripts/interface.mjs'
import { root } from '../../scripts/runtime.mjs'
import { installPackages, which } from '../../scripts/system.mjs'

const BUILT = join(root, 'e2e-artifacts', 'renderer-fake')
export const SHOTS = join(root, 'e2e-artifacts', 'ui')

/** The strictest that the interface works under (renderer/README.md); the daemon sends the same. */
export const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

export interface Ui {
  readonly browser: Browser
  readonly origin: string
  close(): Promise<void>
}

export interface View {
  readonly width?: number
  readonly height?: number
  readonly scheme?: 'light' | 'dark'
  readonly world?: 'empty' | 'typical' | 'absurd' | 'offline'
  readonly reducedMotion?: boolean
}

export interface OpenPage {
  readonly page: Page
  readonly context: BrowserContext
  /** What the console and the policy complained about. */
  readonly errors: string[]
}

/** Why the suites cannot run here, or undefined. Root gets what is missing. */
export function uiObstacle(): string | undefined {
  if (chromiumPath() === undefined) installPackages(['chromium'])
  return chromiumPath() === undefined ? 'no Chromium here (apt-get install chromium)' : undefined
}

export function chromiumPath(): string | undefined {
  return process.env.POMELO_CHROMIUM ?? which('chromium') ?? which('chromium-browser')
}

/** Builds the interface when a source is newer than the build, serves it, starts the browser. */
export async function startUi(): Promise<Ui> {
  buildWhenOld('invented interface')
  mkdirSync(SHOTS, { recursive: true })
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname))
    const file = join(BUILT, path === '/' ? 'index.html' : path)
    if (!file.startsWith(BUILT) || !existsSync(file)) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': POLICY,
    })
    response.end(readFileSync(file))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] })
  return {
    browser,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      await browser.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export async function open(ui: Ui, hash: string, view: View = {}): Promise<OpenPage> {
  const { width = 1280, height = 800, scheme = 'light', world = 'typical', reducedMotion = true } = view
  const context = await ui.browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    reducedMotion: reducedMotion ? 'reduce' : 'no-preference',
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  const page = await context.newPage()
  const errors: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text())
  })
  page.on('pageerror', (error) => errors.push(String(error)))
  await page.goto(`${ui.origin}/?fake=${world}${hash}`)
  await page.getByRole('navigation', { name: 'Volumes and pages' }).waitFor()
  // The screen itself may come a moment later than the frame around it.
  await page.locator('main :is(h1, h2)').first().waitFor()
  return { page, context, errors }
}
