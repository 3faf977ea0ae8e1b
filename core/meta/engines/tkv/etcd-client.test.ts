/** Each way of not getting in: one sentence with the cause and what to do. And ways in. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '#core/base/clock.ts'
import { BackendError, type BackendErrorKind } from '#core/base/errno.ts'
import type { MessageWriter } from '#core/base/protobuf.ts'
import { systemRandom } from '#core/base/random.ts'
import { Refusal } from '#core/base/refusal.ts'
import { write } from '#core/tikv/messages.ts'
import { type EtcdServer, etcdMissing, startEtcd } from '../../../../e2e/harness/etcd.ts'
import { freePort } from '../../../../e2e/harness/servers.ts'
import { which } from '../../../../scripts/system.mjs'
import { EtcdClient } from './etcd-client.ts'
import { EtcdStore } from './etcd-store.ts'
import { parseEtcdUrl } from './etcd-url.ts'

const skip = etcdMissing() ?? false
const noOpenssl = which('openssl') === undefined ? 'no openssl: install openssl' : false

async function start(t: TestContext, ...options: Parameters<typeof startEtcd>): Promise<EtcdServer> {
  const server = await startEtcd(...options)
  t.after(() => server.stop())
  return server
}

const connect = (url: string) =>
  EtcdClient.connect(parseEtcdUrl(url), { clock: systemClock, random: systemRandom })

/** Write and read a key of the volume's. */
async function works(url: string): Promise<void> {
  const { prefix } = parseEtcdUrl(url)
  const store = new EtcdStore(await connect(url), prefix)
  assert.equal(await (await store.begin()).commit([], new Map([[`${prefix}a`, Buffer.from('1')]])), true)
  assert.equal(String((await store.get([`${prefix}a`]))[0]), '1')
  await store.close()
}

async function refused(url: string, kind: BackendErrorKind, sentence: RegExp): Promise<void> {
  await assert.rejects(works(url), (error) => {
    assert.ok(error instanceof BackendError, String(error))
    assert.equal(error.kind, kind, error.message)
    assert.match(error.message, sentence)
    assert.doesNotMatch(error.message, /wrong-4711|right-4711/)
    return true
  })
}

test('nobody there, or somebody else; one member that answers is enough', { skip }, async (t) => {
  const away = `127.0.0.1:${await freePort()}`
  await refused(`etcd://${away}/team`, 'unavailable', /ECONNREFUSED.*check that etcd runs, and host and port/)
  const deaf = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  t.after(() => deaf.close())
  await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve))
  const { port } = deaf.address() as { readonly port: number }
  await refused(`etcd://127.0.0.1:${port}/team`, 'unavailable', /check that this is etcd/)
  const server = await start(t)
  await works(`etcd://${away},${server.endpoint}/team`)
})

test('users, passwords and rights', { skip, timeout: 60_000 }, async (t) => {
  const server = await start(t)
  const client = await connect(server.url('team'))
  t.after(() => client.close())
  const ask = (method: string, fill: (writer: MessageWriter) => void) =>
    client.ask(`Auth/${method}`, write(fill))
  const text = Buffer.from
  for (const name of ['root', 'me', 'other'])
    await ask('UserAdd', (writer) => writer.bytes(1, text(name)).bytes(2, text('right-4711')))
  for (const role of ['root', 'team']) await ask('RoleAdd', (writer) => writer.bytes(1, text(role)))
  const range = write((writer) =>
    writer.number(1, 2).bytes(2, text('/team\xfd', 'latin1')).bytes(3, text('/team\xfe', 'latin1')),
  )
  await ask('RoleGrantPermission', (writer) => writer.bytes(1, text('team')).bytes(2, range))
  await ask('UserGrantRole', (writer) => writer.bytes(1, text('root')).bytes(2, text('root')))
  await ask('UserGrantRole', (writer) => writer.bytes(1, text('me')).bytes(2, text('team')))
  await works(`etcd://me:unused@${server.endpoint}/team`) // as long as nobody is asked who they are
  await ask('AuthEnable', () => {})

  const as = (user: string): string => `etcd://${user}@${server.endpoint}/team`
  await works(as('me:right-4711'))
  await refused(as('me:wrong-4711'), 'denied', /does not know this user with this password; correct them/)
  await refused(as('me'), 'denied', /wants a user and a password: etcd:\/\/USER:PASSWORD@/)
  await refused(server.url('team'), 'denied', /wants a user and a password/)
  await refused(as('other:right-4711'), 'denied', /may not read and write.*grant it a role/)

  const url = parseEtcdUrl(as('me:right-4711'))
  const store = new EtcdStore(await connect(as('me:right-4711')), url.prefix)
  t.after(() => store.close())
  await server.restart() // which forgets who is signed in
  assert.equal(String((await store.get([`${url.prefix}a`]))[0]), '1')
})

test('TLS on one side only, another authority, another name, and no certificate of ours', {
  skip: skip || noOpenssl,
  timeout: 60_000,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pomelo-etcd-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = (name: string): string => join(folder, name)
  const openssl = (...args: readonly string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const self = ['-x509', ...key]
  for (const name of ['ca', 'other'])
    openssl('req', ...self, '-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', `/CN=${name}`)
  const signed = (name: string, names: string): void => {
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    writeFileSync(file('names'), `subjectAltName=${names}\n`)
    const by = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names']
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.crt`, ...by)
  }
  signed('number', 'IP:127.0.0.1')
  signed('named', 'DNS:etcd.example')
  const flags = (name: string) => [`--cert-file=${file(`${name}.crt`)}`, `--key-file=${file(`${name}.key`)}`]
  const tls = { tls: true }
  const [secure, named, mutual, plain] = [
    await start(t, flags('number'), tls),
    await start(t, flags('named'), tls),
    await start(t, [...flags('number'), '--client-cert-auth', `--trusted-ca-file=${file('ca.crt')}`], tls),
    await start(t),
  ]
  const ca = `cacert=${file('ca.crt')}`
  const own = `cert=${file('number.crt')}&key=${file('number.key')}`
  const at = (server: EtcdServer, ...options: readonly string[]): string =>
    `${server.url('team')}?${options.join('&')}`

  await works(at(secure, ca))
  await works(at(named, ca, 'server-name=etcd.example'))
  await works(at(named, `cacert=${file('other.crt')}`, 'insecure-skip-verify=true'))
  await works(at(mutual, ca, own))
  await refused(secure.url('team'), 'unavailable', /if it wants TLS, add \?cacert=FILE/)
  await refused(at(plain, ca), 'unavailable', /if the server speaks no TLS, leave out cacert/)
  await refused(at(secure, `cacert=${file('other.crt')}`), 'unavailable', /check cacert, cert, key/)
  await refused(at(named, ca), 'unavailable', /check cacert, cert, key and server-name/)
  await refused(
    at(mutual, ca),
    'unavailable',
    /leave out cacert, cert and key; else check them|check cacert, cert, key/,
  )
  await assert.rejects(works(at(secure, `cacert=${file('none.crt')}`)), Refusal)
})
