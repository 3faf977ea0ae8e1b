import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { randomBytes } from '../store.suite.ts'
import { reusedReads } from './reused-reads.ts'

test('bodies that come side by side, late or unasked for are whole; a body cut off is an error', async (t) => {
  const bodies = Array.from({ length: 24 }, (_, k) => randomBytes(k * 50_000))
  const server = createServer((request, response) => {
    const [, kind, k] = request.url!.split('/')
    const body = bodies[Number(k)]!
    if (kind === 'cut') {
      response.writeHead(200, { 'content-length': body.length + 1 })
      response.write(body, () => response.destroy())
    } else if (kind === 'chunks') {
      for (let at = 0; at < body.length; at += 7000) response.write(body.subarray(at, at + 7000))
      response.end()
    } else response.end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const agent = new Agent({ keepAlive: true, maxSockets: 6, ...reusedReads() })
  t.after(() => {
    agent.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo

  const fetch = async (path: string, waitMs = 0): Promise<Buffer> => {
    const request = get({ port, path, agent })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    // Meanwhile its socket, and others, go on reading.
    if (waitMs > 0) await sleep(waitMs)
    const parts: Buffer[] = []
    for await (const part of response) parts.push(part as Buffer)
    return Buffer.concat(parts)
  }
  for (const kind of ['plain', 'chunks']) {
    const got = await Promise.all(bodies.map((_, k) => fetch(`/${kind}/${k}`, (k % 4) * 20)))
    for (const [k, body] of bodies.entries()) assert.ok(body.equals(got[k]!), `${kind} ${k}`)
  }
  await assert.rejects(fetch('/cut/5'), /aborted|ECONNRESET/)
  assert.ok(bodies[6]!.equals(await fetch('/plain/6')))
})
