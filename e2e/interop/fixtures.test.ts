/** Volumes written by the reference client, mounted by us: every entry agrees with the manifest. */
import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { gunzipSync } from 'node:zlib'
import { root } from '../../scripts/runtime.mjs'
import { useEngines } from '../harness/engines.ts'
import { startPostgres } from '../harness/postgres.ts'
import { startRedis } from '../harness/redis.ts'
import { mustPomelo, noMount, run, TestVolume } from '../harness/volume.ts'

const FIXTURES = process.env.POMELO_FIXTURES ?? join(root, '..', 'shared', 'fixtures')
const env = { JFS_RSA_PASSPHRASE: 'fixture-only' }
const all = await readdir(FIXTURES).catch(() => [])

interface Served extends AsyncDisposable {
  /** Undefined: the SQLite file of the folder. */
  readonly meta?: string
}

/** How the metadata of a fixture, copied into a folder, become reachable; by the beginning of its name. */
const KINDS = {
  sqlite3: { prefix: 'sqlite-', serve: async () => ({ [Symbol.asyncDispose]: async () => {} }) },
  redis: { prefix: 'redis-', serve: serveRedis },
  postgres: { prefix: 'postgres-', serve: servePostgres },
} as const satisfies Record<string, { prefix: string; serve: (folder: string) => Promise<Served> }>

async function serveRedis(folder: string): Promise<Served> {
  const server = await startRedis({ dir: folder, appendonly: 'no' })
  return { meta: server.url(0), [Symbol.asyncDispose]: () => server.stop() }
}

async function servePostgres(folder: string): Promise<Served> {
  const server = await startPostgres()
  const meta = await server.createDatabase('fixture')
  await server.sql('fixture', `\\i ${join(folder, 'dump.sql')}`)
  return { meta, [Symbol.asyncDispose]: () => server.stop() }
}

if (all.length === 0) test('fixtures', { skip: 'POMELO_FIXTURES names no folder with fixtures' }, () => {})

for (const engine of useEngines()) {
  // TiKV's stand-in lives in memory: there is no file to share. Of etcd there are none.
  if (engine.name === 'tikv' || engine.name === 'etcd') continue
  const { prefix, serve } = KINDS[engine.name]
  for (const name of all.filter((each) => each.startsWith(prefix)))
    test(`${name} agrees with its manifest and fsck finds it clean`, {
      skip: noMount || engine.skip,
      timeout: 120_000,
    }, async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'pomelo-fixture-'))
      await cp(join(FIXTURES, name), folder, { recursive: true, mode: 0 })
      await run('chmod', ['-R', 'u+w,a+rX', folder])
      await using served: Served = await serve(folder)
      await using volume = new TestVolume(folder, served.meta)
      await mkdir(volume.mountPoint)
      const bucket = ['--bucket', join(folder, 'data/')]
      await volume.mount(['--read-only', '--enable-xattr', ...bucket], env)
      const script = join(root, 'e2e', 'interop', 'manifest.py')
      const result = await run('python3', [
        script,
        'check',
        volume.mountPoint,
        join(folder, 'manifest.jsonl'),
      ])
      assert.equal(result.code, 0, result.stdout + result.stderr + volume.log)
      t.diagnostic(result.stdout.trim())
      await volume.unmount()
      await mustPomelo(['fsck', ...bucket, volume.meta], { env })
    })
}

test('the key of an encrypted fixture unwraps to the exact file', {
  skip: all.length === 0 && 'no fixtures',
}, async () => {
  for (const name of all.filter((each) => each.includes('encrypted'))) {
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
