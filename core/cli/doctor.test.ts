import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Diagnosis } from '#core/admin/doctor/doctor.ts'
import { engines } from '../../e2e/harness/engines.ts'
import { s3Server, startS3 } from '../../e2e/harness/servers.ts'
import { runMain } from './test-run.ts'

const { missing } = await s3Server()
const server = missing === undefined ? await startS3() : undefined
const folder = await mkdtemp(join(tmpdir(), 'pomelo-doctor-'))
after(async () => {
  await server?.stop()
  await rm(folder, { recursive: true, force: true })
})

const inBucket = { skip: missing ?? false, timeout: 60_000 }
/** A machine that cannot mount is no concern of these tests. */
const codes = (text: string, area: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    (JSON.parse(text) as Diagnosis).findings
      .filter((finding) => finding.area === area)
      .map(({ code, level }) => [code, level]),
  )

async function allIn(path: string): Promise<readonly string[]> {
  return (await readdir(path, { recursive: true })).sort()
}

test('a volume in a directory is measured and left as it was, and the figures are there as JSON', async () => {
  const [meta, bucket] = [`sqlite3://${join(folder, 'local.db')}`, join(folder, 'local')]
  assert.equal((await runMain(['format', meta, 'local', '--bucket', bucket])).code, 0)
  const before = await allIn(bucket)
  const told = await runMain(['doctor', '--json', meta])
  assert.deepEqual(codes(told.stdout, 'metadata'), { 'metadata-round-trip': 'ok' })
  const bucketCodes = codes(told.stdout, 'bucket')
  assert.equal(bucketCodes['bucket-owner'], 'ok')
  assert.equal(bucketCodes['bucket-permissions'], 'ok')
  const { figures } = JSON.parse(told.stdout) as Diagnosis
  assert.ok(figures.metadata!.roundTrip.medianMs > 0)
  assert.ok(figures.bucket!.upBytesPerSec > 0)
  assert.deepEqual(await allIn(bucket), before)
  const text = await runMain(['doctor', meta])
  assert.match(text.stdout, /A metadata round trip takes .* ms/)
})

test('metadata that are not there and a directory that is not there are problems, and nothing is made', async () => {
  const told = await runMain(['doctor', `sqlite3://${join(folder, 'none.db')}`, join(folder, 'nowhere')])
  assert.equal(told.code, 1)
  assert.match(told.stdout, /PROBLEM {2}sqlite3:.*none\.db.*no such file/)
  assert.match(told.stdout, /PROBLEM .*nowhere.*no such directory/)
  assert.deepEqual(
    (await readdir(folder)).filter((name) => /^(none|nowhere)/.test(name)),
    [],
  )
})

test(
  'an S3 bucket is tried with the keys of the environment before there is a volume',
  inBucket,
  async () => {
    const { endpoint, bucket, accessKey, secretKey, data } = server!
    const before = await allIn(data)
    const args = ['doctor', '--json', `sqlite3://${join(folder, 'none.db')}`, `${endpoint}/${bucket}`]
    const told = await runMain(args, { ACCESS_KEY: accessKey, SECRET_KEY: secretKey })
    const found = codes(told.stdout, 'bucket')
    assert.equal(found['bucket-permissions'], 'ok', told.stdout)
    assert.equal(found['bucket-clock'], 'ok')
    assert.ok(found['bucket-latency'] !== undefined && found['bucket-throughput'] !== undefined)
    assert.deepEqual(await allIn(data), before)
  },
)

test(
  'a volume in an S3 bucket is tried with its own keys, whatever the environment says',
  inBucket,
  async () => {
    const { endpoint, bucket, accessKey, secretKey, data } = server!
    const meta = `sqlite3://${join(folder, 'keyed.db')}`
    const format = ['format', meta, 'keyed', '--storage', 'minio', '--bucket', `${endpoint}/${bucket}`]
    assert.equal((await runMain(format, { ACCESS_KEY: accessKey, SECRET_KEY: secretKey })).code, 0)
    const before = await allIn(data)
    const told = await runMain(['doctor', '--json', meta], {
      ACCESS_KEY: 'other',
      SECRET_KEY: 'other-secret',
    })
    const found = codes(told.stdout, 'bucket')
    assert.equal(found['bucket-owner'], 'ok', told.stdout)
    assert.equal(found['bucket-permissions'], 'ok')
    assert.deepEqual(await allIn(data), before)
  },
)

test(
  'wrong keys and a bucket that is not there are problems with their next step, without the key',
  inBucket,
  async () => {
    const { endpoint, bucket, accessKey, secretKey } = server!
    const meta = `sqlite3://${join(folder, 'none.db')}`
    const wrong = { ACCESS_KEY: accessKey, SECRET_KEY: 'wrong-secret-key' }
    const denied = await runMain(['doctor', meta, `${endpoint}/${bucket}`], wrong)
    assert.equal(denied.code, 1)
    assert.match(denied.stdout, /PROBLEM .*secret key is wrong/)
    assert.match(denied.stdout, /→ .*bucket/)
    assert.doesNotMatch(denied.stdout + denied.stderr, /wrong-secret-key/)
    const right = { ACCESS_KEY: accessKey, SECRET_KEY: secretKey }
    const elsewhere = await runMain(['doctor', '--json', meta, `${endpoint}/no-such-bucket`], right)
    assert.equal(elsewhere.code, 1)
    assert.equal(Object.values(codes(elsewhere.stdout, 'bucket')).includes('problem'), true, elsewhere.stdout)
  },
)

for (const engine of engines.filter(({ name }) => name !== 'sqlite3'))
  test(`a server of metadata is measured, and says what it finds of itself: ${engine.name}`, {
    skip: engine.missing() ?? false,
    timeout: 60_000,
  }, async () => {
    const metadata = await engine.start()
    const meta = await metadata.newMeta(folder)
    try {
      const bucket = join(folder, engine.name)
      assert.equal((await runMain(['format', meta, 'served', '--bucket', bucket])).code, 0)
      const told = await runMain(['doctor', '--json', meta])
      const found = codes(told.stdout, 'metadata')
      // etcd does not tell the time.
      assert.equal(found['metadata-clock'], engine.name === 'etcd' ? undefined : 'ok', told.stdout)
      assert.ok(
        Object.keys(found).some((code) => code.startsWith(`${engine.name}-`)),
        told.stdout,
      )
      assert.equal(Object.keys(found).filter((code) => code.endsWith('round-trip')).length, 1)
      assert.equal(codes(told.stdout, 'bucket')['bucket-local'], 'note')
    } finally {
      await metadata.stop()
    }
    const gone = await runMain(['doctor', '--json', meta])
    assert.equal(gone.code, 1)
    assert.equal(codes(gone.stdout, 'metadata')['metadata-unavailable'], 'problem')
  })

test('an encrypted volume says whether its key is unlocked', async () => {
  const { generateKeyPairSync } = await import('node:crypto')
  const { writeFile } = await import('node:fs/promises')
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' },
  })
  const key = join(folder, 'key.pem')
  await writeFile(key, privateKey)
  const meta = `sqlite3://${join(folder, 'sealed.db')}`
  const env = { JFS_RSA_PASSPHRASE: 'open sesame' }
  const format = ['format', meta, 'sealed', '--bucket', join(folder, 'sealed'), '--encrypt-rsa-key', key]
  const made = await runMain(format, env)
  assert.equal(made.code, 0, made.stderr)
  const open = await runMain(['doctor', '--json', meta], env)
  assert.equal(codes(open.stdout, 'bucket')['bucket-key'], 'ok', open.stdout)
  const shut = await runMain(['doctor', '--json', meta], { JFS_RSA_PASSPHRASE: 'open barley' })
  assert.equal(shut.code, 1)
  assert.equal(codes(shut.stdout, 'bucket')['bucket-key'], 'problem')
  assert.doesNotMatch(shut.stdout, /barley/)
})
