/**
 * Draws resources/icons/*.png from the SVGs, with a Chromium (the distribution's, or CHROMIUM=path). Run it after a
 * change of a drawing and commit what it makes: packing then needs no drawing program.
 *
 *   node resources/make-icons.ts
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright'
import { root } from '../scripts/runtime.mjs'
import { which } from '../scripts/system.mjs'

const SIZES = [16, 24, 32, 48, 64, 128, 256, 512]
const TRAY_SIZES = [22, 44]

/** Shape and colour differ, so that neither is the only sign. */
const MARKS = {
  idle: '',
  good: '<circle cx="17" cy="17" r="4" fill="#2f9e44" stroke="#fff" stroke-width="1"/>',
  waiting:
    '<circle cx="17" cy="17" r="4" fill="#fff" stroke="#e67700" stroke-width="1.4"/><path d="M17 13a4 4 0 0 0 0 8z" fill="#e67700"/>',
  bad: '<path d="m17 11.6 4.6 8.6h-9.2z" fill="#e03131" stroke="#fff" stroke-width="1" stroke-linejoin="round"/>',
}

const read = (name: string): string => readFileSync(join(root, 'resources', name), 'utf8')
const out = join(root, 'resources', 'icons')
mkdirSync(out, { recursive: true })

const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? which('chromium'), args })
const page = await browser.newPage()

async function draw(svg: string, size: number, name: string): Promise<void> {
  await page.setViewportSize({ width: size, height: size })
  const sized = svg.replace('<svg ', `<svg width="${size}" height="${size}" style="display:block" `)
  await page.setContent(`<body style="margin:0">${sized}`)
  writeFileSync(join(out, name), await page.screenshot({ omitBackground: true }))
}

for (const size of SIZES) await draw(read('icon.svg'), size, `${size}x${size}.png`)
for (const [tone, mark] of Object.entries(MARKS))
  for (const size of TRAY_SIZES) {
    const suffix = size === TRAY_SIZES[0] ? '' : '@2x'
    await draw(read('tray.svg').replace('<!-- mark -->', mark), size, `tray-${tone}${suffix}.png`)
  }
await browser.close()
