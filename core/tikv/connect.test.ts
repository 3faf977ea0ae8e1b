/** Each way of not getting in, or of getting in somewhere else: one sentence with the cause and what to do. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { ServerCredentials } from '@grpc/grpc-js'
import { systemClock } from '#core/base/clock.ts'
import { BackendError, type BackendErrorKind } from '#core/base/errno.ts'
import { Refusal } from '#core/base/refusal.ts'
import { freePort } from '../../e2e/harness/servers.ts'
import { which } from '../../scripts/system.mjs'
import type { Security } from './channel.ts'
import { TxnClient } from './client.ts'
import { type ClusterChoices, TestCluster } from './test-cluster.ts'

const noOpenssl = which('openssl') === undefined ? 'no openssl: install openssl' : false

async function start(t: TestContext, choices: ClusterChoices = {}): Promise<TestCluster> {
  const cluster = await TestCluster.start(choices)
  t.after(() => cluster.stop())
  return cluster
}

async function refused(
  addresses: readonly string[],
  kind: BackendErrorKind,
  sentence: RegExp,
  security?: Security,
): Promise<void> {
  const connecting = TxnClient.connect(addresses, { security }).then((client) => client.close())
  await assert.rejects(connecting, (error) => {
    assert.ok(error instanceof BackendError, String(error))
    assert.equal(error.kind, kind, error.message)
    assert.match(error.message, sentence)
    return true
  })
}

test('PD that is away, or no PD', async (t) => {
  const port = await freePort()
  await refused(
    [`127.0.0.1:${port}`],
    'unavailable',
    /\(PD\) does not answer: .*ECONNREFUSED.*check that it runs/,
  )
  const deaf = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  t.after(() => deaf.close())
  await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve))
  const address = deaf.address() as { readonly port: number }
  await refused([`127.0.0.1:${address.port}`], 'unavailable', /\(PD\) does not answer/)
})

test('one member of PD is enough, and members of two clusters are too many', async (t) => {
  const [one, two] = [await start(t), await start(t, { clusterId: 8n })]
  const away = `127.0.0.1:${await freePort()}`
  const client = await TxnClient.connect([away, one.address])
  assert.equal(client.clusterId, 7n)
  assert.ok(Math.abs((await client.getCurrentTimeMs()) - Date.now()) < 5_000)
  await client.close()
  await assert.rejects(client.begin(), { kind: 'closed' })
  await refused(
    [one.address, two.address],
    'invalid',
    /of different clusters: they name the clusters 7 and 8/,
  )
})

test('a store that is away is named, with what happened and for how long it was tried', async (t) => {
  const cluster = await start(t, { storeAddress: `127.0.0.1:${await freePort()}` })
  let sleptMs = 0
  const clock = {
    ...systemClock,
    monotonicMs: () => systemClock.monotonicMs() + sleptMs,
    sleep: async (ms: number) => void (sleptMs += ms),
  }
  const client = await TxnClient.connect([cluster.address], { clock })
  t.after(() => client.close())
  await assert.rejects(client.getSnapshot().get('a'), {
    kind: 'unavailable',
    message: /no success within 20 s: store 1 does not answer: 127\.0\.0\.1:\d+: .*ECONNREFUSED/,
  })
  const txn = await client.begin()
  txn.set('a', Buffer.from('1'))
  await assert.rejects(txn.commit(), {
    kind: 'unavailable',
    message: /whether it was done could not be found out/,
  })
})

test('a cluster of API V2 is named as such, other refusals as they are', async (t) => {
  for (const [abort, sentence] of [
    [
      'Api version in request does not match with TiKV storage, cmd: get',
      /set up for API V2.*need one with API V1/,
    ],
    ['the moon is full', /TiKV refuses: the moon is full/],
  ] as const) {
    const cluster = await start(t, { abort })
    const client = await TxnClient.connect([cluster.address])
    await assert.rejects(client.getSnapshot().get('a'), { kind: 'invalid', message: sentence })
    await client.close()
  }
})

test('TLS on one side only, another authority, another name', { skip: noOpenssl }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pomelo-tikv-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const file = (name: string): string => join(folder, name)
  const openssl = (...args: readonly string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  for (const name of ['ca', 'other'])
    openssl('req', '-x509', ...key, '-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', `/CN=${name}`)
  openssl('req', ...key, '-keyout', 'tikv.key', '-out', 'tikv.csr', '-subj', '/CN=tikv-server')
  openssl(
    'x509',
    '-req',
    '-in',
    'tikv.csr',
    '-out',
    'tikv.crt',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-set_serial',
    '1',
  )
  const pair = { private_key: readFileSync(file('tikv.key')), cert_chain: readFileSync(file('tikv.crt')) }
  const [secure, mutual, plain] = [
    await start(t, { credentials: ServerCredentials.createSsl(null, [pair]) }),
    await start(t, { credentials: ServerCredentials.createSsl(readFileSync(file('ca.crt')), [pair], true) }),
    await start(t),
  ]
  const ca = file('ca.crt')
  const both = { ca, cert: file('tikv.crt'), key: file('tikv.key') }
  for (const [cluster, security] of [
    [secure, { ca }],
    [secure, { ca, verifyCn: ['else', 'tikv-server'] }],
    [mutual, both],
  ] as const) {
    const client = await TxnClient.connect([cluster.address], { security })
    const txn = await client.begin()
    txn.set('a', Buffer.from('1'))
    assert.notEqual(await txn.commit(), undefined)
    await client.close()
  }
  await refused([secure.address], 'unavailable', /if the server wants TLS, add \?ca=/)
  await refused([plain.address], 'unavailable', /speaks no TLS: leave out ca/, { ca })
  await refused([secure.address], 'unavailable', /check ca, cert, key/, { ca: file('other.crt') })
  await refused([secure.address], 'unavailable', /for "tikv-server", not for else \(verify-cn\)/, {
    ca,
    verifyCn: ['else'],
  })
  await refused([mutual.address], 'unavailable', /check ca, cert, key|add .*cert=/, { ca })
  writeFileSync(file('empty.crt'), '')
  await assert.rejects(TxnClient.connect([secure.address], { security: { ca: file('none.crt') } }), Refusal)
})
