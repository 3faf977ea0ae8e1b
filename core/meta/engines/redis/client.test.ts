import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { systemClock } from '#core/base/clock.ts'
import { redisMissing, startRedis } from '../../../../e2e/harness/redis.ts'
import { RedisClient } from './client.ts'
import { LostConnection } from './errors.ts'
import { ReplyError } from './replies.ts'
import { connectTo } from './test-place.ts'
import { encodeCommand } from './wire.ts'

const skip = redisMissing()

/** A client of a server that does as `serve` says. */
async function talkTo(t: TestContext, serve: (socket: Socket) => void): Promise<RedisClient> {
  const server = createServer(serve)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as { port: number }
  const client = await RedisClient.connect(
    { host: '127.0.0.1', port },
    {
      clock: systemClock,
      tls: undefined,
      connectTimeoutMs: 2000,
      answerTimeoutMs: 400,
      signal: new AbortController().signal,
    },
  )
  t.after(() => client.disconnect())
  return client
}

test('commands are answered in their order, and a refused one does not disturb the others', {
  skip,
}, async () => {
  const server = await startRedis({ appendonly: 'no' })
  const client = await connectTo(server)
  try {
    const answers = await Promise.allSettled([
      client.call('SET', 'k', 's3cret-välue'),
      client.call('HSET', 'k', 's3cret-name', 's3cret-value'),
      client.call('GET', 'k'),
      client.send(encodeCommand('GET', 'k')),
      client.call('MGET', 'k', 'absent'),
      ...Array.from({ length: 3000 }, (_, n) => client.call('ECHO', String(n))),
    ])
    const [set, refused, text, bytes, list, ...echoes] = answers.map((answer) =>
      answer.status === 'fulfilled' ? answer.value : (answer.reason as unknown),
    )
    assert.equal(set, 'OK')
    assert.ok(refused instanceof ReplyError)
    assert.match(refused.message, /^WRONGTYPE /)
    assert.doesNotMatch(inspect(refused, { depth: 9 }), /s3cret/)
    assert.equal(text, 's3cret-välue')
    assert.deepEqual(bytes, Buffer.from('s3cret-välue'))
    assert.deepEqual(list, ['s3cret-välue', null])
    assert.deepEqual(
      echoes,
      Array.from({ length: 3000 }, (_, n) => String(n)),
    )
  } finally {
    client.disconnect()
    await client.ended
    await server.stop()
  }
})

test('when the connection ends, all that has no answer is lost, and nothing more is sent', async (t) => {
  const client = await talkTo(t, (socket) => socket.once('data', () => socket.end('+one\r\n')))
  const answers = await Promise.allSettled([client.call('A'), client.call('B'), client.call('C')])
  assert.deepEqual(
    answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : answer.reason.sent)),
    ['one', true, true],
  )
  assert.equal(client.isOpen, false)
  await client.ended
  await assert.rejects(client.call('D'), (error) => error instanceof LostConnection && !error.sent)
})

test('a server that stays silent is given up, one that is not asked is not', async (t) => {
  const client = await talkTo(t, (socket) => socket.once('data', () => socket.write('+one\r\n')))
  assert.equal(await client.call('A'), 'one')
  await systemClock.sleep(700)
  assert.equal(client.isOpen, true)
  const since = systemClock.monotonicMs()
  await assert.rejects(client.call('B'), LostConnection)
  const silentMs = systemClock.monotonicMs() - since
  assert.ok(silentMs > 350 && silentMs < 2000, `${silentMs} ms`)
})

test('what nobody asked for ends the connection, with the reason the server gave', async (t) => {
  const busy = await talkTo(t, (socket) => socket.write('-ERR max number of clients reached\r\n'))
  await busy.ended
  assert.match(busy.failure!.message, /max number of clients/)
  const web = await talkTo(t, (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
  await assert.rejects(web.call('PING'), LostConnection)
  assert.match(web.failure!.message, /does not speak/)
})
