import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { systemClock } from '#core/base/clock.ts'
import { Metrics } from '#core/base/metrics.ts'
import { freePort, s3Server, startS3 } from '../../e2e/harness/servers.ts'
import { MemoryObjectStore } from './memory.ts'
import { isEmptyVolumePrefix, openObjectStore, probeStore, type StoreOptions } from './open-store.ts'
import { failsWith, keysOf, storeSuite } from './store.suite.ts'
import { withFaults } from './with-faults.ts'
import { retryOptions, withRetry } from './with-retry.ts'

const top = mkdtempSync(join(tmpdir(), 'pomelo-open-'))
after(() => rmSync(top, { recursive: true, force: true }))
let made = 0
const freshRoot = (): string => `${join(top, String(++made))}/`
const keyPem = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
  type: 'pkcs8',
  format: 'pem',
}) as string
const quick = { ...systemClock, sleep: async () => {} }

const server = await s3Server()
const skip: string | false = server.missing ?? false
const s3 = skip === false ? await startS3() : undefined
after(() => s3?.stop())

storeSuite(
  'file volume with everything',
  async () =>
    openObjectStore({
      storage: 'File',
      bucket: `${freshRoot()}shard-%d/`,
      name: 'vol',
      shards: 3,
      encrypt: { keyPem },
      metrics: new Metrics(),
      maxUploads: 4,
      maxDownloads: 4,
      uploadLimit: 8000,
      downloadLimit: 8000,
    }),
  { hasFolders: true },
)

storeSuite(
  'encrypted s3 volume',
  async () =>
    openObjectStore({
      storage: 's3',
      bucket: `${s3!.endpoint}/${s3!.bucket}`,
      accessKey: s3!.accessKey,
      secretKey: s3!.secretKey,
      name: 'vol',
      encrypt: { keyPem },
    }),
  { skip, hasFolders: true },
)

test('an unknown storage, a sharded bucket without %d, a locked key are refused', async () => {
  const open = (options: Partial<StoreOptions>) =>
    openObjectStore({ storage: 'file', bucket: freshRoot(), name: 'vol', ...options })
  await assert.rejects(open({ storage: 'oss' }), /"oss" is not supported .*file, s3, minio/)
  await assert.rejects(open({ shards: 4 }), failsWith('invalid'))
  await assert.rejects(open({ bucket: 'relative/' }), failsWith('invalid'))
  await assert.rejects(open({ encrypt: { keyPem: 'x' } }), failsWith('invalid'))
  await assert.rejects(open({ storage: 'minio', bucket: 'http://host:1' }), failsWith('invalid'))
})

test('objects of a volume lie under its name', async () => {
  const root = freshRoot()
  const metrics = new Metrics()
  const store = await openObjectStore({ storage: 'file', bucket: root, name: 'vol', metrics })
  await store.put('chunks/0/0/1_0_5', [Buffer.from('hello')])
  assert.equal(await readFile(`${root}vol/chunks/0/0/1_0_5`, 'utf8'), 'hello')
  assert.equal(store.address, `file://${root}vol/`)
  await assert.rejects(store.get('nothing'), failsWith('not-found'))
  const counted = metrics.snapshot()
  assert.equal(counted.object_request_data_bytes_PUT, 5)
  assert.equal(counted.object_request_durations_histogram_seconds_PUT_total, 1)
  assert.equal(counted.object_request_errors, 1)
  assert.equal(counted.object_request_uploading, 0)
})

test('a probe leaves nothing behind and makes what is missing', async () => {
  const root = freshRoot()
  const store = await openObjectStore({ storage: 'file', bucket: root, name: 'vol' })
  assert.equal(await isEmptyVolumePrefix(store), true)
  await probeStore(store)
  assert.deepEqual(await readdir(`${root}vol`), [])
  assert.ok((await stat(root)).isDirectory())
})

test('s3: a probe makes the bucket; an unknown key is said at once', { skip, timeout: 20_000 }, async () => {
  const { endpoint, accessKey, secretKey } = s3!
  const options = { storage: 'minio', bucket: `${endpoint}/probed`, name: 'vol', accessKey, secretKey }
  const store = await openObjectStore(options)
  await probeStore(store)
  assert.deepEqual(await keysOf(store, ''), [])
  const start = performance.now()
  await assert.rejects(probeStore(await openObjectStore({ ...options, secretKey: 'x' })), failsWith('denied'))
  assert.ok(performance.now() - start < 2000)
})

test('s3: a probe of a port where nobody listens ends after three rounds', { timeout: 20_000 }, async () => {
  const bucket = `http://127.0.0.1:${await freePort()}/b`
  const store = await openObjectStore({ storage: 's3', bucket, name: 'vol', accessKey: 'a', secretKey: 'b' })
  await assert.rejects(probeStore(store, { clock: quick }), failsWith('unavailable'))
})

test('a probe tells apart what may change from what will not', async () => {
  const rounds = async (kind: 'denied' | 'unavailable' | 'invalid'): Promise<number> => {
    const faulty = withFaults(new MemoryObjectStore(), { errors: 1, ops: ['put'], kind })
    await assert.rejects(probeStore(withRetry(faulty, retryOptions()), { clock: quick }), failsWith(kind))
    assert.equal(faulty.calls.create, kind === 'invalid' ? 3 : 0)
    return faulty.calls.put
  }
  assert.equal(await rounds('denied'), 1)
  assert.equal(await rounds('unavailable'), 3)
  assert.equal(await rounds('invalid'), 6)
  const cut = withFaults(new MemoryObjectStore(), { truncated: 1 })
  await assert.rejects(probeStore(cut, { clock: quick }), failsWith('corrupt'))
})

test('a prefix is empty when it holds only probes and empty objects', async () => {
  const store = new MemoryObjectStore()
  await store.put('testing/abc', [Buffer.from('x')])
  await store.put('testing', [Buffer.from('x')])
  await store.put('zero', [])
  assert.equal(await isEmptyVolumePrefix(store), true)
  await store.put('testing2', [Buffer.from('x')])
  assert.equal(await isEmptyVolumePrefix(store), false)
})
