/** The daemon ends while windows are open, and comes back (docs/security.md, part 1). */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import { type Api, type ConnectionState, createApi } from '#core/api/client.ts'
import { proveDaemon } from '#core/api/daemon-proof.ts'
import { PROTOCOL } from '#core/api/protocol.ts'
import { TestDaemon } from './test-daemon.ts'

let daemon: TestDaemon
before(async () => {
  daemon = await TestDaemon.start()
})
after(() => daemon[Symbol.asyncDispose]())

/** The connection of a window that was open before, and what it has said so far. */
function openWindow(token: string): { readonly api: Api; readonly states: ConnectionState[] } {
  const states: ConnectionState[] = []
  const { port } = daemon
  const api = createApi({
    url: `ws://127.0.0.1:${port}/api/ws`,
    token,
    prove: () => proveDaemon(`http://127.0.0.1:${port}`, token),
    onState: (state) => states.push(state),
    WebSocket: WebSocket as unknown as typeof globalThis.WebSocket,
  })
  return { api, states }
}

/** 101 when the token lets a WebSocket in. */
function upgrade(token: string): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${daemon.port}/api/ws`, [PROTOCOL, `token.${token}`])
  return new Promise((resolve, reject) => {
    socket.on('open', () => {
      socket.close()
      resolve(101)
    })
    socket.on('unexpected-response', (_request, { statusCode }) => {
      resolve(statusCode!)
      socket.terminate()
    })
    socket.on('error', reject)
  })
}

test('killed and started again, the daemon has its port, and the open window comes back by itself', async () => {
  const token = await daemon.token(true)
  const { port } = daemon
  const { api, states } = openWindow(token)
  assert.deepEqual(await api.trpc.volumes.list.query(), [])
  await daemon.kill()
  await daemon.until(async () => states.at(-1) === 'lost' || undefined)
  await daemon.begin()
  assert.equal(daemon.port, port)
  await daemon.until(async () => states.at(-1) === 'open' || undefined)
  assert.deepEqual(await api.trpc.volumes.list.query(), [])
  assert.equal(await upgrade(token), 101)
  await api.close()
})

test('no file of the daemon holds the token, only its hash', async () => {
  const token = await daemon.token(true)
  await daemon.kill()
  const folders = [daemon.path('state', 'pomelo'), daemon.path('run', 'pomelo')]
  let size = 0
  for (const folder of folders)
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (!entry.isFile()) continue
      const file = await readFile(`${folder}/${entry.name}`)
      size += file.length
      for (const form of [
        token,
        Buffer.from(token, 'base64url'),
        Buffer.from(token, 'base64url').toString('hex'),
      ])
        assert.ok(!file.includes(form), entry.name)
    }
  assert.ok(size > 0)
  await daemon.begin()
  assert.equal(await upgrade(token), 101)
})

test('a token that was signed out is refused at once and after a kill, and the window says so', async () => {
  const token = await daemon.token(true)
  const { api } = openWindow(token)
  await api.trpc.system.logout.mutate({})
  await daemon.kill()
  await api.close()
  await daemon.begin()
  assert.equal(await upgrade(token), 401)
  const headers = { authorization: `Bearer ${token}` }
  assert.equal((await daemon.http('PUT', '/api/files/x?path=/a', { headers })).status, 401)
  const late = openWindow(token)
  await daemon.until(async () => late.states.includes('denied') || undefined)
  await late.api.close()
})

test('a program that takes the port gets no token, and the daemon takes another port without the old tokens', async () => {
  const token = await daemon.token(true)
  const { port } = daemon
  const { api, states } = openWindow(token)
  assert.deepEqual(await api.trpc.volumes.list.query(), [])
  await daemon.kill()
  const heard: string[] = []
  const impostor = createServer(async (request, response) => {
    let body = ''
    for await (const part of request) body += part
    heard.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)} ${body}`)
    response.end(JSON.stringify({ proof: '0'.repeat(64) }))
  })
  impostor.on('upgrade', (request, socket) => {
    heard.push(`upgrade ${JSON.stringify(request.headers)}`)
    socket.destroy()
  })
  await new Promise<void>((resolve) => impostor.listen(port, '127.0.0.1', resolve))
  try {
    await daemon.begin()
    assert.notEqual(daemon.port, port)
    assert.equal(await upgrade(token), 401)
    await daemon.until(async () => heard.length >= 3 || undefined)
    for (const said of heard) {
      assert.match(said, /^POST \/api\/proof /)
      assert.ok(!said.includes(token))
    }
    assert.equal(states.at(-1), 'lost')
  } finally {
    await api.close()
    impostor.closeAllConnections()
    impostor.close()
  }
})
