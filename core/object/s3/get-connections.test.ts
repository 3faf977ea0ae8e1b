import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer as createHttp, type RequestListener } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { which } from '../../../scripts/system.mjs'
import { failsWith, randomBytes } from '../store.suite.ts'
import type { GetAnswer } from './get-connection.ts'
import { GetConnections, type GetOptions } from './get-connections.ts'

const OPTIONS: GetOptions = { connectMs: 5000, idleMs: 5000, maxSockets: 6, tls: {} }

/** Connections to a server that listens on loopback. */
async function gets(t: TestContext, server: Server, options: Partial<GetOptions> = {}, protocol = 'http:') {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const connections = new GetConnections(
    { protocol, hostname: '127.0.0.1', port },
    { ...OPTIONS, ...options },
  )
  t.after(() => {
    connections.close()
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const get = (path = '/', signal?: AbortSignal, into?: Uint8Array): Promise<GetAnswer> => {
    const room = (length: number): Uint8Array | undefined => (into?.length === length ? into : undefined)
    return connections.get({ path, headers: { host: 'here' }, room }, signal)
  }
  return { get, sockets }
}

async function bodyOf({ body }: GetAnswer): Promise<Buffer> {
  if (Buffer.isBuffer(body)) return body
  const parts: Buffer[] = []
  for await (const part of body) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

/** A server that says `texts` to the requests of a connection, one after the other, and closes it after the last. */
function saying(...texts: (string | readonly string[])[]): Server {
  return createServer((socket) => {
    let next = 0
    socket.on('error', () => {})
    socket.on('data', async () => {
      const text = texts[next++] ?? ''
      for (const part of typeof text === 'string' ? [text] : text) {
        if (next > 1 || part !== text) await sleep(5)
        socket.write(part, 'latin1')
      }
      if (next >= texts.length) socket.end()
    })
  })
}

const bodies = Array.from({ length: 24 }, (_, k) => randomBytes(k * 50_000))
const serveBodies: RequestListener = async (request, response) => {
  const [, kind, k] = request.url!.split('/')
  const body = bodies[Number(k)]!
  if (kind === 'cut') {
    response.writeHead(200, { 'content-length': body.length + 1 })
    response.write(body, () => response.destroy())
  } else if (kind === 'chunks') {
    for (let at = 0; at < body.length; at += 7000) response.write(body.subarray(at, at + 7000))
    response.end()
  } else if (kind === 'slow') {
    response.writeHead(200, { 'content-length': body.length })
    response.flushHeaders()
    for (let at = 0; at < body.length; at += 70_000) {
      await sleep(5)
      response.write(body.subarray(at, at + 70_000))
    }
    response.end()
  } else response.end(body)
}

async function comesWhole(get: (path: string) => Promise<GetAnswer>): Promise<void> {
  for (const kind of ['plain', 'slow', 'chunks']) {
    const got = await Promise.all(bodies.map(async (_, k) => bodyOf(await get(`/${kind}/${k}`))))
    for (const [k, body] of bodies.entries()) assert.ok(body.equals(got[k]!), `${kind} ${k}`)
  }
  await assert.rejects(get('/cut/5'), failsWith('unavailable'))
  assert.ok(bodies[6]!.equals(await bodyOf(await get('/plain/6'))))
}

test('bodies side by side, in pieces and in chunks are whole; one cut off is an error', async (t) => {
  const { get, sockets } = await gets(t, createHttp(serveBodies))
  await comesWhole(get)
  assert.ok(sockets.size > 6 && sockets.size <= 6 + bodies.length + 1, 'kept, but after chunks')
})

test('the same over TLS, whose certificate is checked', {
  skip: which('openssl') === undefined ? 'no openssl: install openssl' : false,
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gets-'))
  t.after(() => rm(folder, { recursive: true }))
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const what = ['-subj', '/CN=here', '-addext', 'subjectAltName=IP:127.0.0.1']
  const files = ['-keyout', keyFile, '-out', certFile]
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...files, ...what],
    {
      stdio: 'ignore',
    },
  )
  const [key, cert] = [await readFile(keyFile), await readFile(certFile)]
  const server = createHttps({ key, cert }, serveBodies)
  const { get } = await gets(t, server, { tls: { ca: cert } }, 'https:')
  await comesWhole(get)
  const strict = await gets(t, createHttps({ key, cert }, serveBodies), {}, 'https:')
  await assert.rejects(strict.get('/plain/1'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  const lax = { tls: { rejectUnauthorized: false } }
  const insecure = await gets(t, createHttps({ key, cert }, serveBodies), lax, 'https:')
  assert.ok(bodies[1]!.equals(await bodyOf(await insecure.get('/plain/1'))))
})

test('a body of the length that was expected lies where it was wanted', async (t) => {
  const { get } = await gets(t, createHttp(serveBodies))
  const into = new Uint8Array(bodies[3]!.length)
  const { body } = await get('/plain/3', undefined, into)
  assert.equal((body as Buffer).buffer, into.buffer)
  assert.ok(bodies[3]!.equals(into))
  const other = await bodyOf(await get('/plain/4', undefined, into))
  assert.ok(bodies[4]!.equals(other) && bodies[3]!.equals(into))
})

test('a connection that was closed meanwhile is replaced, one that never answers is not', async (t) => {
  const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
  const { get, sockets } = await gets(t, saying(ok, ''))
  for (let n = 0; n < 3; n++) assert.equal(String(await bodyOf(await get())), 'ok')
  assert.equal(sockets.size, 3)
  const silent = await gets(t, saying(''))
  await assert.rejects(silent.get(), failsWith('unavailable'))
  assert.equal(silent.sockets.size, 1)
})

test('a head in pieces, one that is not plain, and what is no HTTP', async (t) => {
  const get = async (...said: (string | readonly string[])[]): Promise<string> => {
    const answer = await (await gets(t, saying(...said))).get()
    return `${answer.status} ${String(await bodyOf(answer))}`
  }
  assert.equal(await get([...'HTTP/1.1 206 Part\r\ncontent-length: 3\r\n\r\nabc']), '206 abc')
  assert.equal(await get('HTTP/1.0 200 OK\r\n\r\nall until the end'), '200 all until the end')
  assert.equal(await get(['HTTP/1.0 200 OK\r\n\r\nall ', 'until the end']), '200 all until the end')
  const early = 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n'
  assert.equal(await get([early, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok']), '200 ok')
  assert.equal(await get('HTTP/1.1 503 Slow\r\nContent-Length: 2\r\n\r\nno'), '503 no')
  const chunked = 'HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n'
  assert.equal(await get([chunked, '3\r\nabc\r\n', '0\r\n\r\n']), '404 abc')
  await assert.rejects(get('nonsense\r\n\r\n'), /HPE_|Parse Error/)
  await assert.rejects(get('nonsense'), failsWith('unavailable'))
  await assert.rejects(get(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}`), failsWith('unavailable'))
  await assert.rejects(get('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nlong'), failsWith('unavailable'))
  await assert.rejects(
    get('HTTP/1.1 200 OK\r\nContent-Length: 999999999999999\r\n\r\n'),
    /no room for a body/,
  )
  const cut = (await gets(t, saying([chunked, '3\r\nab']))).get()
  await assert.rejects(cut.then(bodyOf), /aborted|ECONNRESET/)
})

test('a connection that says what nobody asked, or wants to be closed, is not used again', async (t) => {
  const ok = (more: string): string => `HTTP/1.1 200 OK\r\n${more}Content-Length: 2\r\n\r\nok`
  for (const first of [[ok(''), ok('')], ok('Connection: close\r\n')]) {
    const { get, sockets } = await gets(t, saying(first, ok(''), ok('')))
    for (let n = 0; n < 3; n++) {
      assert.equal(String(await bodyOf(await get())), 'ok')
      await sleep(30)
    }
    assert.equal(sockets.size, 3)
  }
})

test('a header that would be two is refused', async () => {
  const connections = new GetConnections({ protocol: 'http:', hostname: '127.0.0.1', port: 1 }, OPTIONS)
  const headers = { 'x-token': 'a\r\nx-other: b' }
  await assert.rejects(connections.get({ path: '/', headers }, undefined), { code: 'ERR_INVALID_CHAR' })
  connections.close()
})

test('who gives up is heard at once, and a place in line comes free', { timeout: 10_000 }, async (t) => {
  const body = randomBytes(1000)
  const server = createHttp((request, response) => {
    response.writeHead(200, { 'content-length': body.length })
    if (request.url === '/whole') response.end(body)
    else response.write(body.subarray(1))
  })
  const { get } = await gets(t, server, { maxSockets: 1 })
  const into = new Uint8Array(body.length)
  const given = new AbortController()
  const stuck = get('/stuck', given.signal, into)
  const waiting = get('/whole')
  const impatient = get('/whole', AbortSignal.timeout(20))
  await assert.rejects(impatient, { name: 'TimeoutError' })
  given.abort(new Error('enough'))
  await assert.rejects(stuck, /enough/)
  into.fill(0)
  assert.ok(body.equals(await bodyOf(await waiting)))
  assert.deepEqual(into, new Uint8Array(body.length), 'nothing is written any more')
})

test('what stalls ends: a body, a head, a connection', { timeout: 10_000 }, async (t) => {
  const half = 'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf'
  for (const said of [half, 'HTTP/1.1 200', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n']) {
    const { get } = await gets(t, saying(said, '', ''), { idleMs: 200 })
    await assert.rejects(get().then(bodyOf), /nothing came|aborted|ECONNRESET/)
  }
})
