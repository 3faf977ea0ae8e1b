/**
 * Bundles the shell into electron/dist, the folder that Electron runs and electron-builder packs: main and preload
 * as CommonJS for Electron 22 (Node 16, Chromium 108) and later, a package.json, and the icons.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'vite'
import { root } from './runtime.mjs'

const OLDEST_NODE = 'node16'
const out = join(root, 'electron', 'dist')

interface Package {
  readonly name: string
  readonly version: string
  readonly description: string
  readonly license: string
}

/** Each is one file: a sandboxed preload script can load nothing. */
async function bundle(entry: 'main' | 'preload'): Promise<void> {
  await build({
    configFile: false,
    root,
    logLevel: 'warn',
    publicDir: false,
    ssr: { noExternal: true, external: ['electron'], target: 'node' },
    build: {
      ssr: join(root, 'electron', `${entry}.ts`),
      target: OLDEST_NODE,
      outDir: out,
      emptyOutDir: false,
      minify: false,
      rolldownOptions: {
        external: ['electron', 'original-fs', 'bufferutil', 'utf-8-validate'],
        output: { format: 'cjs', entryFileNames: `${entry}.cjs`, codeSplitting: false },
      },
    },
  })
}

function writePackage(): void {
  const { name, version, description, license } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  ) as Package
  const own = {
    name,
    productName: 'Pomelo',
    version,
    description,
    license,
    author: 'Pomelo',
    main: 'main.cjs',
  }
  writeFileSync(join(out, 'package.json'), `${JSON.stringify(own, null, 2)}\n`)
}

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
await bundle('main')
await bundle('preload')
writePackage()
cpSync(join(root, 'resources', 'icons'), join(out, 'icons'), { recursive: true })
