import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { addressOf, DoorError, knock, signIn } from './daemon-door.ts'

test('the address is taken only from this computer, with a code', () => {
  const url = 'http://127.0.0.1:4321/#code=abc-_1'
  assert.deepEqual(addressOf(JSON.stringify({ url })), {
    url,
    origin: 'http://127.0.0.1:4321',
    code: 'abc-_1',
  })
  for (const bad of ['http://127.0.0.1:4321/', 'http://example.com:1/#code=a', 'file:///#code=a', 7, null])
    assert.equal(addressOf(JSON.stringify({ url: bad })), undefined)
  assert.equal(addressOf('not json'), undefined)
})

test('what the command line says when it fails is passed on', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'door-'))
  t.after(() => rmSync(root, { recursive: true }))
  const node = join(root, 'node')
  writeFileSync(node, '#!/bin/sh\necho "the state folder belongs to somebody else" >&2\nexit 3\n')
  chmodSync(node, 0o755)
  await assert.rejects(knock({ node, script: 'x', root }), (error: Error) => {
    assert.ok(error instanceof DoorError)
    assert.match(error.message, /belongs to somebody else/)
    return true
  })
  await assert.rejects(knock({ node: join(root, 'none'), script: 'x', root }), DoorError)
})

test('a code is exchanged for a token; a refusal is one', async (t) => {
  const server = createServer((asked, answer) => {
    let body = ''
    asked.on('data', (chunk) => (body += chunk))
    asked.on('end', () => {
      const isGood =
        asked.method === 'POST' && asked.url === '/api/sign-in' && JSON.parse(body).code === 'good'
      answer.statusCode = isGood ? 200 : 403
      answer.end(isGood ? '{"token":"t"}' : '{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const address = server.address()
  const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  assert.equal(await signIn({ origin, url: '', code: 'good' }), 't')
  await assert.rejects(signIn({ origin, url: '', code: 'bad' }), DoorError)
})
