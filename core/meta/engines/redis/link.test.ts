import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { systemClock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import { silentLog } from '#core/base/log.ts'
import { systemRandom } from '#core/base/random.ts'
import { cutProxy } from '../../../../e2e/harness/cut-proxy.ts'
import { redisMissing, startRedis } from '../../../../e2e/harness/redis.ts'
import { LostAnswer } from './errors.ts'
import { RedisLink } from './link.ts'
import { parseRedisUrl } from './url.ts'

const skip = redisMissing()

/** A server, a proxy in front of it, a link through the proxy, and a client beside it. */
async function withLink(
  options: string,
  work: (at: {
    link: RedisLink
    server: Awaited<ReturnType<typeof startRedis>>
    proxy: Awaited<ReturnType<typeof cutProxy>>
    beside: Redis
  }) => Promise<void>,
): Promise<void> {
  const server = await startRedis({ appendonly: 'no' })
  const proxy = await cutProxy(server)
  const url = parseRedisUrl(`redis://127.0.0.1:${proxy.port}/0?${options}`, {})
  const link = await RedisLink.open({ url, clock: systemClock, random: systemRandom, log: silentLog })
  const beside = new Redis(server.port, '127.0.0.1', { protocol: 2 })
  beside.on('error', () => {})
  try {
    await work({ link, server, proxy, beside })
  } finally {
    beside.disconnect()
    await link.close()
    await proxy.close()
    await server.stop()
  }
}

test('a read whose answer was lost is read again; a write is said to be lost, and was done once', {
  skip,
}, async () => {
  await withLink('', async ({ link, proxy, beside }) => {
    await beside.set('k', '7')
    proxy.cutNext('GET', 'after')
    assert.equal(await link.repeat((client) => client.call('GET', 'k')), '7')
    proxy.cutNext('INCR', 'after')
    await assert.rejects(
      link.once((client) => client.call('INCR', 'k')),
      LostAnswer,
    )
    await link.settle()
    assert.equal(await beside.get('k'), '8')
    proxy.cutNext('INCR', 'before')
    await assert.rejects(
      link.once((client) => client.call('INCR', 'k')),
      LostAnswer,
    )
    await link.settle()
    assert.equal(await beside.get('k'), '8')
    assert.equal(proxy.cuts, 3)
  })
})

test('what waits for a connection goes out when there is one, and not after its time', { skip }, async () => {
  await withLink('read-timeout=3s&max-retry-backoff=50ms', async ({ link, server }) => {
    await server.kill()
    while (link.live !== undefined) await sleep(10)
    const waiting = Promise.all([1, 2, 3].map(() => link.once((client) => client.call('INCR', 'n'))))
    await sleep(300)
    await server.restart()
    assert.deepEqual(await waiting, [1, 2, 3])
    await server.kill()
    const since = performance.now()
    await assert.rejects(
      link.repeat((client) => client.call('GET', 'k')),
      (error) => {
        assert.ok(error instanceof BackendError && error.kind === 'unavailable')
        assert.match(error.message, /no connection for 3 s.*nothing listens there|no connection for 3 s/)
        return true
      },
    )
    const took = performance.now() - since
    assert.ok(took > 2_500 && took < 6_000, `${took} ms`)
  })
})

test('a command that breaks every connection it is sent over is given up in time', { skip }, async () => {
  await withLink('read-timeout=1s&max-retry-backoff=20ms', async ({ link, proxy }) => {
    let sent = 0
    await assert.rejects(
      link.repeat((client) => {
        sent++
        proxy.cutNext('GET', 'before')
        return client.call('GET', 'k')
      }),
      { kind: 'unavailable' },
    )
    assert.ok(sent > 2, `sent ${sent} times`)
    assert.equal(await link.repeat((client) => client.call('PING')), 'PONG')
  })
})

test('a silent server ends the wait after the read time-out, and later does nothing of what it was sent', {
  skip,
}, async () => {
  await withLink(
    'read-timeout=500ms&dial-timeout=300ms&max-retry-backoff=50ms',
    async ({ link, server, beside }) => {
      await beside.ping()
      server.pause()
      const since = performance.now()
      await assert.rejects(
        link.once((client) => client.call('INCR', 'k')),
        LostAnswer,
      )
      assert.ok(performance.now() - since < 3_000)
      await assert.rejects(link.settle(), { kind: 'unavailable' })
      server.resume()
      for (let tries = 0; link.live === undefined; tries++) {
        assert.ok(tries < 100, 'no connection again')
        await sleep(50)
      }
      const seen = await link.repeat((client) => client.call('GET', 'k'))
      await sleep(300)
      assert.equal(await beside.get('k'), seen, 'the lost command was executed after the link had settled')
    },
  )
})

test('a command left in a half-dead connection is not executed once the link has settled', {
  skip,
}, async () => {
  await withLink(
    'read-timeout=500ms&dial-timeout=300ms&max-retry-backoff=50ms',
    async ({ link, server, proxy, beside }) => {
      await beside.ping()
      // The server has read nothing yet when the client gives up; the proxy keeps its half open.
      server.pause()
      await assert.rejects(
        link.once((client) => client.call('INCR', 'k')),
        LostAnswer,
      )
      proxy.hold(true)
      server.resume()
      proxy.hold(false)
      await link.settle().catch(() => link.settle())
      const seen = await beside.get('k')
      await sleep(300)
      assert.equal(await beside.get('k'), seen)
    },
  )
})

test('a server that is loading or busy is waited for', { skip }, async () => {
  await withLink('read-timeout=20s', async ({ link, beside }) => {
    await beside.config('SET', 'busy-reply-threshold', '1')
    const script = beside.eval(
      "local t = redis.call('TIME')[1] + 2 while redis.call('TIME')[1] + 0 < t do end",
      0,
    )
    await sleep(100)
    assert.equal(await link.once((client) => client.call('INCR', 'k')), 1)
    await script
  })
})

test('a replica says so; promoted, it takes writes over the same link', { skip }, async () => {
  await withLink('', async ({ link, beside }) => {
    await beside.replicaof('127.0.0.1', '1')
    await assert.rejects(
      link.once((client) => client.call('INCR', 'k')),
      (error) => {
        assert.ok(error instanceof BackendError)
        assert.equal(error.kind, 'read-only')
        assert.match(error.message, /replica/)
        return true
      },
    )
    await beside.replicaof('NO', 'ONE')
    assert.equal(await link.once((client) => client.call('INCR', 'k')), 1)
  })
})

test('a full server refuses writes as no-space and goes on reading', { skip }, async () => {
  await withLink('', async ({ link, beside }) => {
    await beside.set('k', '1')
    await beside.config('SET', 'maxmemory', '1')
    await assert.rejects(
      link.once((client) => client.call('EVAL', "return redis.call('INCR', KEYS[1])", '1', 'k')),
      (error) => {
        assert.ok(error instanceof BackendError)
        assert.equal(error.kind, 'no-space')
        assert.match(error.message, /maxmemory/)
        return true
      },
    )
    assert.equal(await link.repeat((client) => client.call('GET', 'k')), '1')
    await beside.config('SET', 'maxmemory', '0')
    assert.equal(await link.once((client) => client.call('INCR', 'k')), 2)
  })
})

test('in a cluster a slot that moves is followed, for reads and for writes', { skip }, async () => {
  const nodes = [
    await startRedis({ 'cluster-enabled': 'yes' }),
    await startRedis({ 'cluster-enabled': 'yes' }),
  ]
  const [a, b] = nodes.map(({ port }) => new Redis(port, '127.0.0.1', { protocol: 2 })) as [Redis, Redis]
  const all = (...words: string[]): Promise<unknown> =>
    Promise.all([a, b].map((node) => node.call('CLUSTER', ...words)))
  const slotOf1 = '9842'
  try {
    await a.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    await a.call('CLUSTER', 'MEET', '127.0.0.1', String(nodes[1]!.port))
    const agreed = async (): Promise<boolean> =>
      (await Promise.all([a, b].map((node) => node.call('CLUSTER', 'INFO')))).every((info) =>
        /cluster_state:ok.*cluster_known_nodes:2/s.test(String(info)),
      )
    while (!(await agreed())) await sleep(50)
    const url = parseRedisUrl(`${nodes[0]!.url(1)}?read-timeout=20s`, {})
    const link = await RedisLink.open({ url, clock: systemClock, random: systemRandom, log: silentLog })
    assert.equal(await link.once((client) => client.call('INCR', '{1}k')), 1)
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const port = to.options.port!
      await to.call('CLUSTER', 'SETSLOT', slotOf1, 'IMPORTING', String(await from.call('CLUSTER', 'MYID')))
      await from.call('CLUSTER', 'SETSLOT', slotOf1, 'MIGRATING', String(await to.call('CLUSTER', 'MYID')))
      const asked = link.repeat((client) => client.call('GET', '{1}absent')) // ASK, until the slot has moved
      await from.call('MIGRATE', '127.0.0.1', String(port), '{1}k', '0', '5000')
      await sleep(100)
      await all('SETSLOT', slotOf1, 'NODE', String(await to.call('CLUSTER', 'MYID')))
      assert.equal(await asked, null)
      await link.once((client) => client.call('INCR', '{1}k'))
      assert.deepEqual(link.live?.endpoint, { host: '127.0.0.1', port })
    }
    assert.equal(await link.repeat((client) => client.call('GET', '{1}k')), '3')
    await link.close()
  } finally {
    for (const node of [a, b]) node.disconnect()
    await Promise.all(nodes.map((node) => node.stop()))
  }
})

test('closing ends what waits, and nothing goes out afterwards', { skip }, async () => {
  await withLink('', async ({ link, server }) => {
    await server.kill()
    while (link.live !== undefined) await sleep(10)
    const waiting = assert.rejects(
      link.repeat((client) => client.call('GET', 'k')),
      { kind: 'closed' },
    )
    await sleep(50)
    await link.close()
    await waiting
    await assert.rejects(
      link.repeat((client) => client.call('GET', 'k')),
      { kind: 'closed' },
    )
  })
})

test('closing does not wait for a server that is silent', { skip }, async () => {
  await withLink('read-timeout=200ms&dial-timeout=20s', async ({ link, server }) => {
    server.pause()
    await assert.rejects(
      link.repeat((client) => client.call('GET', 'k')),
      { kind: 'unavailable' },
    )
    await sleep(300) // dialling by now
    const since = performance.now()
    await link.close()
    assert.ok(performance.now() - since < 2_000)
    server.resume()
  })
})

test('errors of our own code pass a link unchanged', { skip }, async () => {
  await withLink('', async ({ link }) => {
    const bug = new TypeError('ours')
    await assert.rejects(
      link.repeat(() => Promise.reject(bug)),
      (error) => error === bug,
    )
  })
})
