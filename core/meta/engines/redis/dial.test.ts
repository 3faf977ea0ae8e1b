/** Each way of not getting in, against a real server: one sentence with the cause and what to do. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '#core/base/clock.ts'
import { BackendError, type BackendErrorKind } from '#core/base/errno.ts'
import { redisMissing, startRedis } from '../../../../e2e/harness/redis.ts'
import { end, freePort, untilListening } from '../../../../e2e/harness/servers.ts'
import { which } from '../../../../scripts/system.mjs'
import { Locator } from './locate.ts'
import { parseRedisUrl } from './url.ts'

const skip = redisMissing()

async function connectTo(text: string, env: NodeJS.ProcessEnv = {}) {
  const url = parseRedisUrl(text, env)
  const locator = new Locator(url, {
    clock: systemClock,
    url,
    answerTimeoutMs: url.readTimeoutMs,
    signal: new AbortController().signal,
  })
  return { connection: await locator.connect(), locator }
}

async function refused(text: string, kind: BackendErrorKind, sentence: RegExp, env: NodeJS.ProcessEnv = {}) {
  await assert.rejects(connectTo(text, env), (error) => {
    assert.ok(error instanceof BackendError, String(error))
    assert.equal(error.kind, kind, error.message)
    assert.match(error.message, sentence)
    assert.doesNotMatch(JSON.stringify(error, Object.getOwnPropertyNames(error)), /s3cret|wr0ng/)
    return true
  })
}

test('passwords: missing, wrong, and from the environment', { skip }, async () => {
  const server = await startRedis({ requirepass: 's3cret' })
  try {
    const at = `127.0.0.1:${server.port}`
    await refused(`redis://${at}/0`, 'denied', /wants a password.*REDIS_PASSWORD/)
    await refused(`redis://:wr0ng@${at}/0`, 'denied', /refused this user or password/)
    await refused(`redis://nobody:s3cret@${at}/0`, 'denied', /refused this user or password/)
    const { connection } = await connectTo(`redis://${at}/1`, { REDIS_PASSWORD: 's3cret' })
    await connection.client.call('SET', 'k', 'v')
    connection.client.disconnect()
    const named = await connectTo(`redis://default:s3cret@${at}/1`)
    assert.equal(await named.connection.client.call('GET', 'k'), 'v')
    named.connection.client.disconnect()
  } finally {
    await server.stop()
  }
})

test('a password for a server that wants none does no harm; a database that is not there is named', {
  skip,
}, async () => {
  const server = await startRedis({ databases: '4' })
  try {
    const { connection } = await connectTo(`redis://:s3cret@127.0.0.1:${server.port}/3`)
    assert.equal(await connection.client.call('PING'), 'PONG')
    connection.client.disconnect()
    await refused(server.url(4), 'invalid', /no database 4.*"databases"/)
  } finally {
    await server.stop()
  }
})

test('a user without rights hears which command is missing', { skip }, async () => {
  const server = await startRedis()
  try {
    const admin = (await connectTo(server.url())).connection
    await admin.client.call('ACL', 'SETUSER', 'joe', 'on', '>s3cret', '~*', '+ping', '+auth')
    admin.client.disconnect()
    await refused(`redis://joe:s3cret@127.0.0.1:${server.port}/1`, 'denied', /may not do.*select.*grant/i)
  } finally {
    await server.stop()
  }
})

test('a server with as many clients as it may have says so', { skip }, async () => {
  const server = await startRedis({ maxclients: '3' })
  const held: { disconnect(): void }[] = []
  try {
    const fill = async (): Promise<void> => {
      for (let k = 0; k < 4; k++) held.push((await connectTo(server.url())).connection.client)
    }
    // What the server says before it closes is at times lost on the way.
    await assert.rejects(fill(), /as many clients as it may.*maxclients|has reached its maxclients/)
  } finally {
    for (const client of held) client.disconnect()
    await server.stop()
  }
})

test('nobody there: refused connections, unknown hosts, missing sockets, silence', { skip }, async () => {
  await refused(`redis://127.0.0.1:${await freePort()}/0`, 'unavailable', /nothing listens there/)
  await refused('redis://no-such-host.invalid/0', 'unavailable', /no host of this name|cannot be looked up/)
  await refused('unix:///nonexistent/redis.sock', 'not-found', /no such socket/)
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const address = silent.address()
  assert.ok(address !== null && typeof address === 'object')
  const since = performance.now()
  await refused(`redis://127.0.0.1:${address.port}/0?dial-timeout=200ms`, 'unavailable', /no answer/)
  assert.ok(performance.now() - since < 2_000)
  silent.close()
})

test('TLS: plain to a TLS port, TLS to a plain port, unknown and wrong certificates', {
  skip: skip ?? (which('openssl') === undefined ? 'no openssl: install openssl' : undefined),
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pt-'))
  const tlsPort = await freePort()
  try {
    makeCertificate(folder)
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const server = await startRedis({
      'tls-port': String(tlsPort),
      'tls-cert-file': cert,
      'tls-key-file': key,
      'tls-ca-cert-file': cert,
      'tls-auth-clients': 'no',
    })
    try {
      const secure = `rediss://127.0.0.1:${tlsPort}/1`
      await refused(`redis://127.0.0.1:${tlsPort}/1`, 'unavailable', /speaks TLS.*rediss:/)
      await refused(
        `rediss://127.0.0.1:${server.port}/1?dial-timeout=1s`,
        'unavailable',
        /does not speak TLS.*redis:\/\//,
      )
      await refused(secure, 'denied', /not signed by a known authority.*tls-ca-cert-file/)
      await refused(`${secure}?tls-ca-cert-file=${cert}`, 'denied', /for another name.*tls-server-name/)
      for (const options of [
        `tls-ca-cert-file=${cert}&tls-server-name=redis.test`,
        'insecure-skip-verify=1',
      ]) {
        const { connection } = await connectTo(`${secure}?${options}`)
        assert.equal(await connection.client.call('PING'), 'PONG')
        connection.client.disconnect()
      }
      const admin = (await connectTo(server.url())).connection
      await admin.client.call('CONFIG', 'SET', 'tls-auth-clients', 'yes')
      admin.client.disconnect()
      await refused(`${secure}?insecure-skip-verify=1`, 'denied', /wants a client certificate/)
      const own = `${secure}?insecure-skip-verify=1&tls-cert-file=${cert}&tls-key-file=${key}`
      const { connection } = await connectTo(own)
      connection.client.disconnect()
    } finally {
      await server.stop()
    }
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('one node of a cluster is recognized, and the volume lives under the tag of its database', {
  skip,
}, async () => {
  const server = await startRedis({ 'cluster-enabled': 'yes' })
  try {
    await refused(server.url(1), 'unavailable', /no node of this Redis cluster has slot 9842/)
    const raw = await plain(server.port, 'CLUSTER ADDSLOTSRANGE 0 16383')
    assert.match(raw, /OK/)
    for (const text of [server.url(1), `redis://127.0.0.1:1,127.0.0.1:${server.port}/1`]) {
      const { connection, locator } = await connectTo(text)
      assert.equal(locator.prefix, '{1}')
      await untilOk(() => connection.client.call('SET', '{1}setting', 'x'))
      connection.client.disconnect()
    }
  } finally {
    await server.stop()
  }
})

test('the node that owns the slot is found through any other', { skip }, async () => {
  const [a, b] = [
    await startRedis({ 'cluster-enabled': 'yes' }),
    await startRedis({ 'cluster-enabled': 'yes' }),
  ]
  try {
    await plain(a.port, 'CLUSTER ADDSLOTSRANGE 0 9000')
    await plain(b.port, 'CLUSTER ADDSLOTSRANGE 9001 16383')
    await plain(a.port, `CLUSTER MEET 127.0.0.1 ${b.port}`)
    await untilOk(async () => {
      const { connection } = await connectTo(a.url(1))
      connection.client.disconnect()
      assert.deepEqual(connection.endpoint, { host: '127.0.0.1', port: b.port })
    })
  } finally {
    await Promise.all([a.stop(), b.stop()])
  }
})

test('Sentinel leads to the primary, and an unknown name is said to be one', { skip }, async () => {
  const server = await startRedis()
  const folder = await mkdtemp(join(tmpdir(), 'ps-'))
  const port = await freePort()
  const conf = join(folder, 'sentinel.conf')
  await writeFile(
    conf,
    `port ${port}\nbind 127.0.0.1\ndir ${folder}\nsentinel monitor team 127.0.0.1 ${server.port} 1\n`,
  )
  const sentinel = spawn('redis-server', [conf, '--sentinel'], { stdio: 'ignore' })
  try {
    await untilListening(sentinel, port)
    const { connection, locator } = await connectTo(`redis://team,127.0.0.1:${port}/2`)
    assert.deepEqual(connection.endpoint, { host: '127.0.0.1', port: server.port })
    assert.equal(locator.prefix, '')
    connection.client.disconnect()
    await refused(`redis://crew,127.0.0.1:${port}/2`, 'not-found', /no primary named "crew"/)
    await refused(`redis://team,127.0.0.1:${server.port}/2`, 'unavailable', /Sentinel did not answer/)
  } finally {
    await end(sentinel)
    await server.stop()
    await rm(folder, { recursive: true })
  }
})

/** A certificate for redis.test that is its own authority. */
function makeCertificate(folder: string): void {
  const where = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')]
  const what = ['-subj', '/CN=redis.test', '-addext', 'subjectAltName=DNS:redis.test']
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...where, ...what],
    {
      stdio: 'ignore',
    },
  )
}

/** One inline command, without a driver; its answer. */
function plain(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`))
    socket.once('data', (data) => {
      socket.destroy()
      resolve(String(data))
    })
    socket.once('error', reject)
  })
}

/** Clusters need a moment to agree. */
async function untilOk(work: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await work()
      return
    } catch (error) {
      if (tries > 100) throw error
      await sleep(100)
    }
  }
}
