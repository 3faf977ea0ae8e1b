/** Who gets in at the daemon's doors, and who does not (docs/security.md). */
import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import { apiUrl, createApi } from '#core/api/client.ts'
import { CLOSE_DENIED, PROTOCOL } from '#core/api/protocol.ts'
import { nodeBinary } from '../../scripts/runtime.mjs'
import { run } from '../harness/volume.ts'
import { TestDaemon } from './test-daemon.ts'

let daemon: TestDaemon
before(async () => {
  daemon = await TestDaemon.start()
})
after(() => daemon[Symbol.asyncDispose]())

/** 101 when a WebSocket was let in. */
function upgrade(token: string | undefined, headers: Record<string, string> = {}): Promise<number> {
  const protocols = token === undefined ? [PROTOCOL] : [PROTOCOL, `token.${token}`]
  const socket = new WebSocket(`ws://127.0.0.1:${daemon.port}/api/ws`, protocols, { headers })
  return new Promise((resolve, reject) => {
    socket.on('open', () => {
      socket.close()
      resolve(101)
    })
    socket.on('unexpected-response', (_request, { statusCode }) => {
      resolve(statusCode!)
      socket.terminate()
    })
    socket.on('error', (error) => reject(error))
  })
}

test('a window with a token gets in, over a WebSocket of our protocol', async () => {
  const token = await daemon.token()
  assert.match(token, /^[\w-]{43}$/)
  assert.equal(await upgrade(token), 101)
  const api = createApi({
    url: apiUrl({ protocol: 'http:', host: `127.0.0.1:${daemon.port}` }),
    token,
    WebSocket: WebSocket as unknown as typeof globalThis.WebSocket,
  })
  assert.deepEqual(await api.trpc.volumes.list.query(), [])
  await api.close()
})

test('nothing answers without a token, or with a wrong one', async () => {
  assert.equal(await upgrade(undefined), 401)
  assert.equal(await upgrade('A'.repeat(43)), 401)
  for (const [method, path] of [
    ['PUT', '/api/files/x?path=/a'],
    ['GET', '/api/download/AAAA'],
    ['GET', '/api/ws'],
    ['POST', '/api/trpc/volumes.list'],
    ['GET', '/api/'],
  ] as const) {
    const { status, body } = await daemon.http(method, path)
    assert.equal(status, 401, `${method} ${path}`)
    assert.doesNotMatch(body, /state|volumes|version/)
  }
})

test('a code signs in once, and only for a minute’s use', async () => {
  const { url, code } = await daemon.code()
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/#code=[\w-]{43}$/)
  const body = JSON.stringify({ code })
  assert.equal((await daemon.http('POST', '/api/sign-in', { body })).status, 200)
  assert.equal((await daemon.http('POST', '/api/sign-in', { body })).status, 401)
  assert.equal((await daemon.http('POST', '/api/sign-in', { body: '{"code":""}' })).status, 401)
})

test('a window cannot ask for codes of its own', async () => {
  const api = createApi({
    url: `ws://127.0.0.1:${daemon.port}/api/ws`,
    token: await daemon.token(),
    WebSocket: WebSocket as unknown as typeof globalThis.WebSocket,
  })
  await assert.rejects(api.trpc.system.address.mutate(), /only programs of this user/)
  await api.close()
})

test('a forged Host (DNS rebinding) is refused, with a valid token too, for pages and for the API', async () => {
  const token = await daemon.token()
  for (const host of [
    `evil.example:${daemon.port}`,
    'evil.example',
    `127.0.0.1:${daemon.port + 1}`,
    '127.0.0.1',
  ]) {
    assert.equal(await upgrade(token, { host }), 403, host)
    assert.equal((await daemon.http('GET', '/', { headers: { host } })).status, 403, host)
    const body = JSON.stringify({ code: (await daemon.code()).code })
    assert.equal((await daemon.http('POST', '/api/sign-in', { headers: { host }, body })).status, 403, host)
  }
  assert.equal(await upgrade(token, { host: `localhost:${daemon.port}` }), 101)
})

test('a page of another origin is refused, with a valid token too', async () => {
  const token = await daemon.token()
  for (const origin of [
    'https://evil.example',
    `http://127.0.0.1:${daemon.port + 1}`,
    `https://127.0.0.1:${daemon.port}`,
    'null',
  ])
    assert.equal(await upgrade(token, { origin }), 403, origin)
  const own = `http://127.0.0.1:${daemon.port}`
  assert.equal(await upgrade(token, { origin: own }), 101)
  const cross = { authorization: `Bearer ${token}`, 'sec-fetch-site': 'cross-site' }
  assert.equal((await daemon.http('PUT', '/api/files/x?path=/a', { headers: cross })).status, 403)
})

test('a token is worthless after logout, and its open connection is closed', async () => {
  const token = await daemon.token()
  const socket = new WebSocket(`ws://127.0.0.1:${daemon.port}/api/ws`, [PROTOCOL, `token.${token}`])
  await new Promise((resolve) => socket.on('open', resolve))
  const closed = new Promise<number>((resolve) => socket.on('close', resolve))
  socket.send(JSON.stringify({ id: 1, method: 'mutation', params: { path: 'system.logout', input: {} } }))
  assert.equal(await closed, CLOSE_DENIED)
  const headers = { authorization: `Bearer ${token}` }
  const replayed = [
    await upgrade(token),
    (await daemon.http('PUT', '/api/files/x?path=/a', { headers })).status,
  ]
  // 429 where failures of the tests before are still counted.
  assert.ok(
    replayed.every((status) => status === 401 || status === 429),
    replayed.join(),
  )
})

test('a token that was not asked to last ends with the daemon', async () => {
  const token = await daemon.token()
  await daemon.end()
  await daemon.begin()
  assert.equal(await upgrade(token), 401)
})

test('failures are limited; a valid token is not held up by them, and the event log tells of them once', async () => {
  const statuses: number[] = []
  for (let n = 0; n < 40; n++) statuses.push(await upgrade('B'.repeat(43)))
  assert.equal(statuses.at(-1), 429)
  assert.equal((await daemon.http('POST', '/api/sign-in', { body: '{"code":"x"}' })).status, 429)
  const token = await daemon.token()
  assert.equal(await upgrade(token), 101)
  const { events } = await daemon.trpc.events.list.query({ kinds: ['security'] })
  assert.ok(events.length >= 1 && events.length < 10, `${events.length} events for 40 failures`)
})

test('another local user reaches neither the socket nor the files', {
  skip: process.getuid?.() !== 0 && 'needs root',
}, async () => {
  assert.equal((await stat(daemon.socket)).mode & 0o777, 0o600)
  const script = `
    const { connect } = require('node:net')
    const { readFileSync } = require('node:fs')
    const codes = []
    for (const file of ${JSON.stringify([daemon.path('state/pomelo/daemon.db'), daemon.path('state/pomelo/daemon.log')])})
      try { readFileSync(file); codes.push('read') } catch (error) { codes.push(error.code) }
    const socket = connect(${JSON.stringify(daemon.socket)})
    socket.on('connect', () => { console.log([...codes, 'connected'].join(' ')); process.exit() })
    socket.on('error', (error) => console.log([...codes, error.code].join(' ')))`
  // The folder of the test is opened for others, so that only the daemon's own modes stand in the way.
  await run('chmod', ['755', daemon.folder])
  await run('chmod', ['755', daemon.path('state'), daemon.path('run')])
  const { stdout, stderr } = await run(nodeBinary()!, ['-e', script], { uid: 65_534, gid: 65_534, cwd: '/' })
  assert.equal(stdout.trim(), 'EACCES EACCES EACCES', stderr)
})

test('a page cannot use the unix socket: a request with an Origin is refused there', async () => {
  const socket = new WebSocket(`ws+unix://${daemon.socket}:/api/ws`, [PROTOCOL], {
    origin: 'https://evil.example',
  })
  const status = await new Promise((resolve) => {
    socket.on('unexpected-response', (_request, { statusCode }) => resolve(statusCode))
    socket.on('open', () => resolve(101))
    socket.on('error', () => {})
  })
  assert.equal(status, 403)
  socket.terminate()
})

test('pages come with headers that let them load nothing but themselves, and nothing outside of their folder', async () => {
  const { headers } = await daemon.http('GET', '/')
  const policy = String(headers['content-security-policy'])
  for (const part of [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ])
    assert.ok(policy.includes(part), part)
  assert.doesNotMatch(policy, /unsafe|\*/)
  assert.equal(headers['x-content-type-options'], 'nosniff')
  assert.equal(headers['x-frame-options'], 'DENY')
  assert.equal(headers['referrer-policy'], 'no-referrer')
  assert.equal(headers['access-control-allow-origin'], undefined)
  for (const path of [
    '/../package.json',
    '/%2e%2e/package.json',
    '/..%2f..%2fpackage.json',
    '/assets/../../../package.json',
  ]) {
    const { status, body } = await daemon.http('GET', path)
    assert.equal(status, 404, path)
    assert.doesNotMatch(body, /dependencies/)
  }
  assert.equal((await daemon.http('POST', '/')).status, 405)
})

test('a second daemon on the same state says that one runs', async () => {
  const { code, stderr } = await daemon.pomelo('daemon', 'run')
  assert.equal(code, 1)
  assert.match(stderr, /running already/)
})
