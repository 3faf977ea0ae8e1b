import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { systemClock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import { TRASH_INO } from '#core/base/ino.ts'
import { silentLog } from '#core/base/log.ts'
import { below, seededRandom, systemRandom } from '#core/base/random.ts'
import type { ChangedScope, ChangeListener } from '#core/meta/engine.ts'
import { cutProxy } from '../../../../e2e/harness/cut-proxy.ts'
import { redisMissing, startRedis } from '../../../../e2e/harness/redis.ts'
import { RedisLink } from './link.ts'
import { Tracking } from './tracking.ts'
import { parseRedisUrl } from './url.ts'

const skip = redisMissing()

/** What a listener was told, in order; `foreign` and `own` with the scopes as words such as `node 5`. */
class Heard implements ChangeListener {
  readonly events: string[] = []
  onChanged: (scopes: readonly ChangedScope[], by: 'own' | 'foreign') => void = () => {}

  changed(scopes: readonly ChangedScope[], by: 'own' | 'foreign'): void {
    const words = scopes.map(({ kind, ...rest }) => [kind, ...Object.values(rest)].join(' ')).sort()
    this.events.push(`${by}: ${words.join(', ')}`)
    this.onChanged(scopes, by)
  }

  listening(): void {
    this.events.push('listening')
  }

  deaf(): void {
    this.events.push('deaf')
  }

  /** Wait until an event is there, and take all up to it. */
  async until(event: string, timeoutMs = 5_000): Promise<string[]> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const at = this.events.indexOf(event)
      if (at >= 0) return this.events.splice(0, at + 1)
      if (performance.now() > deadline) assert.fail(`no "${event}" in ${JSON.stringify(this.events)}`)
      await sleep(2)
    }
  }
}

interface At {
  readonly link: RedisLink
  readonly heard: Heard
  readonly tracking: Tracking
  readonly server: Awaited<ReturnType<typeof startRedis>>
  readonly proxy: Awaited<ReturnType<typeof cutProxy>>
  /** Another client. */
  readonly other: Redis
  /** A commit of ours: every key is set to `value`. */
  commit(keys: readonly string[], value?: string): Promise<void>
}

async function withTracking(work: (at: At) => Promise<void>, config = {}, prefix = ''): Promise<void> {
  const server = await startRedis({ appendonly: 'no', ...config })
  const proxy = await cutProxy(server)
  const other = new Redis(server.port, '127.0.0.1', { protocol: 2 })
  if (prefix !== '') await formCluster(other)
  const url = parseRedisUrl(
    `redis://127.0.0.1:${prefix === '' ? proxy.port : server.port}/${prefix === '' ? 0 : 1}`,
    {},
  )
  const link = await RedisLink.open({ url, clock: systemClock, random: systemRandom, log: silentLog })
  const heard = new Heard()
  try {
    const tracking = await Tracking.start({ link, listener: heard })
    await heard.until('listening')
    const commit = (keys: readonly string[], value = 'ours'): Promise<void> =>
      link.once(async (client) => {
        tracking.sent(keys)
        await client.call(
          'EVAL',
          `for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1]) end`,
          String(keys.length),
          ...keys,
          value,
        )
        tracking.settled(keys, 'applied')
      })
    await work({ link, heard, tracking, server, proxy, other, commit })
    await tracking.stop()
  } finally {
    other.disconnect()
    await link.close()
    await proxy.close()
    await server.stop()
  }
}

async function formCluster(client: Redis): Promise<void> {
  await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  while (!String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) await sleep(50)
}

test('writes of another client are heard as foreign at once, by whatever command', { skip }, async () => {
  await withTracking(async ({ heard, other }) => {
    const since = performance.now()
    await other.set('i5', 'x')
    await heard.until('foreign: node 5')
    const took = performance.now() - since
    assert.ok(took < 250, `${took} ms`)
    await other.hset('d5', 'name', 'x')
    await heard.until('foreign: entries 5')
    await other.multi().set('i6', 'x').hset('d5', 'b', 'x').rpush('c6_1', 'x').incr('usedSpace').exec()
    await heard.until('foreign: chunk 6 1, entries 5, node 6')
    await other.eval("redis.call('HSET', KEYS[1], 'a', 'b') redis.call('SET', KEYS[2], 'x')", 2, 'x7', 's7')
    await heard.until('foreign: symlink 7, xattrs 7')
    await other.del('i6')
    await heard.until('foreign: node 6')
    await other.set('setting', 'x')
    await heard.until('foreign: setting')
    await other.set('i9223372032828243968', 'x')
    await heard.until(`foreign: node ${TRASH_INO}`)
  })
})

test('keys of other things are not heard at all', { skip }, async () => {
  await withTracking(async ({ heard, other }) => {
    for (const key of ['session7', 'sliceRef', 'delfiles', 'usedSpace', 'user:5', 'id5', 'i5x'])
      await other.set(key, 'x')
    await other.set('i1', 'x')
    assert.deepEqual(await heard.until('foreign: node 1'), ['foreign: node 1'])
  })
})

test('our own commits are heard as own, many at once too', { skip }, async () => {
  await withTracking(async ({ heard, commit, other }) => {
    await commit(['i1', 'd1', 'i7', 'usedSpace'])
    await heard.until('own: entries 1, node 1, node 7')
    await Promise.all(Array.from({ length: 200 }, (_, k) => commit(['i1', 'd1', `i${100 + k}`])))
    await other.set('i99', 'x')
    const events = await heard.until('foreign: node 99')
    assert.deepEqual(
      events.filter((event) => event.startsWith('foreign')),
      ['foreign: node 99'],
    )
    assert.equal(new Set(events.flatMap((event) => event.match(/node [12]\d\d/g) ?? [])).size, 200)
  })
})

test('our commit and a change by another client in one tick are foreign', { skip }, async () => {
  await withTracking(async ({ heard, link, tracking }) => {
    // One transaction stands for one tick.
    const keys = ['i1', 'd1', 'i7']
    await link.once(async (client) => {
      tracking.sent(keys)
      void client.call('MULTI')
      void client.call('MSET', 'i1', 'x', 'd1', 'x', 'i7', 'x')
      void client.call('MSET', 'i1', 'y', 'd1', 'y', 'i8', 'y')
      await client.call('EXEC')
      tracking.settled(keys, 'applied')
    })
    await heard.until('foreign: entries 1, node 1, node 7, node 8')
  })
})

test('a flushed database is heard as deaf and listening again', { skip }, async () => {
  await withTracking(async ({ heard, other }) => {
    await other.set('i1', 'x')
    await heard.until('foreign: node 1')
    await other.flushall()
    assert.deepEqual(await heard.until('listening'), ['deaf', 'listening'])
  })
})

test('a killed listener is deaf at once and listens again; so with a new data connection', {
  skip,
}, async () => {
  await withTracking(async ({ heard, other, link }) => {
    await other.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    assert.deepEqual(await heard.until('listening'), ['deaf', 'listening'])
    await other.set('i1', 'x')
    await heard.until('foreign: node 1')
    await other.call('CLIENT', 'KILL', 'ID', String(link.live?.clientId))
    assert.deepEqual(await heard.until('listening'), ['deaf', 'listening'])
    await other.set('i2', 'x')
    await heard.until('foreign: node 2')
  })
})

test('a listener that hears nothing any more, not even its server, is deaf within seconds', {
  skip,
}, async () => {
  await withTracking(async ({ heard, proxy }) => {
    proxy.hold(true)
    const since = performance.now()
    await heard.until('deaf', 10_000)
    const took = performance.now() - since
    assert.ok(took < 6_000, `${took} ms`)
    proxy.hold(false)
    await heard.until('listening', 20_000)
  })
})

test('a restarted server is listened to again', { skip }, async () => {
  await withTracking(async ({ heard, server, link }) => {
    await server.kill()
    await heard.until('deaf')
    await server.restart()
    await heard.until('listening', 20_000)
    await link.once((client) => client.call('SET', 'i1', 'x'))
    await heard.until('foreign: node 1')
  })
})

test('in a cluster the keys under the tag are heard', { skip }, async () => {
  await withTracking(
    async ({ heard, other, commit }) => {
      await other.set('i5', 'x')
      await other.set('{1}i5', 'x')
      assert.deepEqual(await heard.until('foreign: node 5'), ['foreign: node 5'])
      await commit(['{1}i6', '{1}d6'])
      await heard.until('own: entries 6, node 6')
    },
    { 'cluster-enabled': 'yes' },
    '{1}',
  )
})

test('a server that does not let us listen is said to', { skip }, async () => {
  const server = await startRedis({ appendonly: 'no' })
  const admin = new Redis(server.port, '127.0.0.1')
  await admin.call('ACL', 'SETUSER', 'joe', 'on', '>pw', '~*', '+@all', '-client|tracking')
  admin.disconnect()
  const url = parseRedisUrl(`redis://joe:pw@127.0.0.1:${server.port}/0`, {})
  const link = await RedisLink.open({ url, clock: systemClock, random: systemRandom, log: silentLog })
  try {
    await assert.rejects(Tracking.start({ link, listener: new Heard() }), (error) => {
      assert.ok(error instanceof BackendError && error.kind === 'unavailable')
      assert.match(error.message, /does not tell of changes.*CLIENT TRACKING/)
      return true
    })
  } finally {
    await link.close()
    await server.stop()
  }
})

/**
 * Commits of ours race with another client's creations in the same directories. A cache that trusts what our commits
 * wrote until it hears of a foreign change must in the end hold what the server holds.
 */
test('racing with another client, nothing of it is ever left to be taken for ours', { skip }, async () => {
  const seed = Number(process.env.SEED ?? 1 + below(systemRandom, 1e6))
  const random = seededRandom(seed)
  await withTracking(async ({ heard, link, tracking, other }) => {
    const trusted = new Map<string, string>()
    let event = 0
    const changed = new Map<string, number>()
    heard.onChanged = (scopes, by) => {
      if (by === 'own') return
      event++
      for (const scope of scopes) {
        const key =
          scope.kind === 'node' ? `i${scope.ino}` : scope.kind === 'entries' ? `d${scope.parent}` : ''
        trusted.delete(key)
        changed.set(key, event)
      }
    }
    const script = `
      if ARGV[2] ~= '' and (redis.call('GET', KEYS[1]) or '-') ~= ARGV[2] then return 0 end
      for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1]) end
      return 1`
    let fresh = 1_000
    const ours = async (): Promise<void> => {
      const directory = below(random, 3)
      const keys = [`i${directory}`, `d${directory}`, ...(random.next() < 0.5 ? [`i${fresh++}`] : [])]
      const guard = random.next() < 0.5 ? (trusted.get(keys[0]!) ?? '') : ''
      const value = `ours ${fresh++}`
      const began = event
      await link.once(async (client) => {
        tracking.sent(keys)
        const applied = (await client.call('EVAL', script, String(keys.length), ...keys, value, guard)) === 1
        tracking.settled(keys, applied ? 'applied' : 'refused')
        if (!applied) return
        event++
        for (const key of keys)
          if ((changed.get(key) ?? -1) < began) trusted.set(key, value)
          else trusted.delete(key)
      })
    }
    const theirs = async (): Promise<void> => {
      const directory = below(random, 3)
      const value = `theirs ${fresh++}`
      const keys = [`i${directory}`, `d${directory}`, `i${500_000 + fresh++}`]
      await other.eval(script, keys.length, ...keys, value, '')
    }
    for (let round = 0; round < 300; round++) {
      const works = Array.from({ length: 1 + below(random, 8) }, () =>
        random.next() < 0.6 ? ours() : theirs(),
      )
      if (random.next() < 0.3) await Promise.all(works)
      else await works[0]
    }
    await other.set('i77', 'the end')
    await link.repeat((client) => client.call('PING'))
    await sleep(100)
    for (const [key, value] of trusted) assert.equal(await other.get(key), value, `seed ${seed}: ${key}`)
    const own = heard.events.filter((text) => text.startsWith('own')).length
    assert.ok(own > 50, `only ${own} messages were taken for ours`)
  })
})
