/** Volumes written by the reference client, mounted by us: every entry agrees with the manifest. */
import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { gunzipSync } from 'node:zlib'
import { root } from '../../scripts/runtime.mjs'
import { mustPomelo, noMount, run, TestVolume } from '../harness/volume.ts'

const FIXTURES = process.env.POMELO_FIXTURES ?? join(root, '..', 'shared', 'fixtures')
const names = await readdir(FIXTURES).then(
  (all) => all.filter((name) => name.startsWith('sqlite-')),
  () => [],
)

if (names.length === 0) test('fixtures', { skip: 'POMELO_FIXTURES names no folder with fixtures' }, () => {})

for (const name of names) {
  test(`${name} agrees with its manifest and fsck finds it clean`, {
    skip: noMount,
    timeout: 120_000,
  }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'pomelo-fixture-'))
    await cp(join(FIXTURES, name), folder, { recursive: true, mode: 0 })
    await run('chmod', ['-R', 'u+w', folder])
    await using volume = new TestVolume(folder)
    await mkdir(volume.mountPoint)
    const env = { JFS_RSA_PASSPHRASE: 'fixture-only' }
    const bucket = ['--bucket', join(folder, 'data/')]
    await volume.mount(['--read-only', '--enable-xattr', ...bucket], env)
    const script = join(root, 'e2e', 'interop', 'manifest.py')
    const result = await run('python3', [script, 'check', volume.mountPoint, join(folder, 'manifest.jsonl')])
    assert.equal(result.code, 0, result.stdout + result.stderr + volume.log)
    t.diagnostic(result.stdout.trim())
    await volume.unmount()
    await mustPomelo(['fsck', ...bucket, volume.meta], { env })
  })
}

test('the key of an encrypted fixture unwraps to the exact file', {
  skip: names.length === 0 && 'no fixtures',
}, async () => {
  for (const name of names.filter((each) => each.includes('encrypted'))) {
    const folder = await mkdtemp(join(tmpdir(), 'pomelo-fixture-'))
    await using volume = new TestVolume(folder)
    await writeFile(join(folder, 'meta.db'), await readFile(join(FIXTURES, name, 'meta.db')))
    const pem = gunzipSync(await readFile(join(FIXTURES, name, 'key.pem.gz'))).toString()
    const { openEngine, loadSetting } = await import('#core/meta/open-meta.ts')
    const { unwrapSecrets } = await import('#core/meta/setting-secrets.ts')
    const engine = await openEngine(volume.meta)
    try {
      assert.equal(unwrapSecrets(await loadSetting(engine)).EncryptKey, pem)
    } finally {
      await engine.close()
    }
  }
})
