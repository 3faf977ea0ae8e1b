/** The command line on an object store that asks for keys. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { s3Server, startS3 } from '../../e2e/harness/servers.ts'
import { runMain } from './test-run.ts'

const { missing } = await s3Server()
const skip: string | false = missing ?? false
const server = missing === undefined ? await startS3() : undefined
after(() => server?.stop())

test('wrong keys are told at once and without the key; right ones make a volume that works', {
  skip,
  timeout: 60_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pomelo-s3-'))
  try {
    const { endpoint, accessKey, secretKey, bucket } = server!
    const meta = `sqlite3://${join(folder, 'meta.db')}`
    const args = ['format', meta, 'keyed', '--storage', 'minio', '--bucket', `${endpoint}/${bucket}`]
    const started = performance.now()
    const denied = await runMain(args, { ACCESS_KEY: accessKey, SECRET_KEY: 'wrong-secret' })
    assert.ok(performance.now() - started < 5000)
    assert.equal(denied.code, 1)
    assert.match(denied.stderr, /→ .*ACCESS_KEY/)
    assert.doesNotMatch(denied.stderr, /wrong-secret/)
    const env = { ACCESS_KEY: accessKey, SECRET_KEY: secretKey }
    const made = await runMain(args, env)
    assert.equal(made.code, 0, made.stderr)
    await writeFile(join(folder, 'f'), 'over the wire')
    assert.equal((await runMain(['cp', join(folder, 'f'), `${meta}:/f`])).code, 0)
    assert.equal((await runMain(['cat', `${meta}:/f`])).stdout, 'over the wire')
    await writeFile(join(folder, 'key'), 'wrong-secret\n')
    const reading = await runMain(['cat', '--secret-key-file', join(folder, 'key'), `${meta}:/f`])
    assert.equal(reading.code, 1)
    const elsewhere = await runMain(['cat', '--bucket', `${endpoint}/no-such-bucket`, `${meta}:/f`])
    assert.equal(elsewhere.code, 1)
    assert.equal((await runMain(['fsck', meta])).code, 0)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
