/** A server that is killed, paused, full or demoted under load: nothing acknowledged is lost, nothing is done twice. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { type Clock, systemClock } from '#core/base/clock.ts'
import { BackendError, type BackendErrorKind, FsError } from '#core/base/errno.ts'
import { ROOT_INO } from '#core/base/ino.ts'
import { seededRandom } from '#core/base/random.ts'
import { formatVolume } from '#core/meta/open-meta.ts'
import { pagesOf } from '#core/meta/ops/walk.ts'
import { problemsOf } from '#core/meta/test-invariants.ts'
import { openTestClient, TEST_SETTING, type TestClient } from '#core/meta/test-volume.ts'
import { redisMissing, startRedis } from '../../../../e2e/harness/redis.ts'
import { end, freePort, untilListening } from '../../../../e2e/harness/servers.ts'
import { openRedis } from './open.ts'
import { type CutVolume, openCutVolume } from './test-cuts.ts'
import { ctx, expectExactly, FILE, seedOf, Worker } from './test-load.ts'

const skip = redisMissing()

async function withVolume(
  config: Readonly<Record<string, string>>,
  options: string,
  work: (volume: CutVolume, admin: Redis) => Promise<void>,
): Promise<void> {
  const volume = await openCutVolume(config, options)
  const admin = new Redis(volume.server.port, '127.0.0.1', { protocol: 2 })
  admin.on('error', () => {})
  try {
    await work(volume, admin)
  } finally {
    admin.disconnect()
    await volume.close()
  }
}

function refusedAs(kind: BackendErrorKind, sentence: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof BackendError, String(error))
    assert.equal(error.kind, kind, error.message)
    assert.match(error.message, sentence)
    return true
  }
}

test('killed and started again with its append-only file, the server has all that was acknowledged, once', {
  skip,
}, async () => {
  const seed = seedOf()
  const config = { appendonly: 'yes', appendfsync: 'always' }
  await withVolume(config, 'read-timeout=20s&max-retry-backoff=50ms', async (volume) => {
    const workers = Array.from(
      { length: 4 },
      (_, k) => new Worker(volume, seededRandom(seed + k), `w${k}_`, [ROOT_INO], 0),
    )
    let over = false
    const working = workers.map(async (worker) => {
      while (!over) await worker.step()
    })
    for (let kills = 0; kills < 4; kills++) {
      await sleep(400)
      await volume.server.kill()
      await sleep(100)
      await volume.server.restart()
    }
    await sleep(300)
    over = true
    await Promise.all(working)
    await expectExactly(volume, workers, seed)
  })
})

test('a server that is paused for less than the read time-out is waited for', { skip }, async () => {
  const seed = seedOf()
  await withVolume({ appendonly: 'no' }, 'read-timeout=10s', async (volume) => {
    const worker = new Worker(volume, seededRandom(seed), 'w', [ROOT_INO], 0)
    for (let k = 0; k < 20; k++) await worker.step()
    volume.server.pause()
    const step = worker.step()
    await sleep(3_000)
    volume.server.resume()
    await step
    for (let k = 0; k < 20; k++) await worker.step()
    await expectExactly(volume, [worker], seed)
  })
})

test('paused for longer, it fails in time with a clear error, and afterwards holds what it acknowledged', {
  skip,
}, async () => {
  await withVolume(
    { appendonly: 'no' },
    'read-timeout=1s&dial-timeout=300ms&max-retry-backoff=50ms',
    async (volume) => {
      const { meta } = volume.client
      const [tried, acknowledged] = [new Set<string>(), new Set<string>()]
      let slowest = 0
      const create = async (name: string): Promise<void> => {
        tried.add(name)
        const since = performance.now()
        try {
          await meta.mknod(ctx, ROOT_INO, name, FILE)
          acknowledged.add(name)
        } catch (error) {
          refusedAs('unavailable', /no (connection|answer) for|connection was lost|kept breaking/)(error)
        }
        slowest = Math.max(slowest, performance.now() - since)
      }
      let over = false
      const working = [0, 1, 2].map(async (k) => {
        for (let n = 0; !over; n++) {
          await create(`w${k}_${n}`)
          await sleep(5)
        }
      })
      await sleep(300)
      volume.server.pause()
      await sleep(5_000)
      volume.server.resume()
      await sleep(1_500)
      over = true
      await Promise.all(working)
      assert.ok(tried.size > acknowledged.size, 'nothing failed')
      // The answer, the settling and the second sending wait for the time-out each.
      assert.ok(slowest < 6_000, `${slowest} ms`)
      const seen = new Set<string>()
      for await (const page of pagesOf(volume.other, { kind: 'edges', parent: ROOT_INO }))
        for (const { name } of page) seen.add(name)
      for (const name of acknowledged) assert.ok(seen.has(name), `${name} was acknowledged and is not there`)
      for (const name of seen) assert.ok(tried.has(name))
      assert.deepEqual(await problemsOf(volume.other.engine), [])
    },
  )
})

test('a full server: reads and removals go on, changes say no space, and work again when there is some', {
  skip,
}, async () => {
  await withVolume({ appendonly: 'no' }, '', async (volume, admin) => {
    const { meta } = volume.client
    const kept = await meta.mknod(ctx, ROOT_INO, 'kept', FILE)
    await meta.mknod(ctx, ROOT_INO, 'large', FILE)
    await admin.config('SET', 'maxmemory', 1)
    const full = refusedAs('no-space', /memory limit.*raise maxmemory/)
    await assert.rejects(meta.mknod(ctx, ROOT_INO, 'new', FILE), full)
    await assert.rejects(meta.setxattr(ctx, kept.ino, 'user.a', Buffer.from('b'), 0), full)
    assert.equal((await meta.lookup(ctx, ROOT_INO, 'kept'))?.ino, kept.ino)
    assert.equal((await meta.readdir(ctx, ROOT_INO, { limit: 10 }, true)).items.length, 2)
    await meta.unlink(ctx, ROOT_INO, 'large') // its script begins with a deletion, so room can be made
    await admin.config('SET', 'maxmemory', 0)
    await meta.mknod(ctx, ROOT_INO, 'new', FILE)
    assert.deepEqual(await problemsOf(volume.other.engine), [])
  })
})

test('a replica: reads go on, changes are EROFS, and work again once it is promoted', { skip }, async () => {
  await withVolume({ appendonly: 'no' }, '', async (volume, admin) => {
    const { meta } = volume.client
    await meta.mknod(ctx, ROOT_INO, 'kept', FILE)
    await admin.replicaof('127.0.0.1', '1')
    await assert.rejects(meta.mknod(ctx, ROOT_INO, 'new', FILE), refusedAs('read-only', /replica/))
    assert.ok(await meta.lookup(ctx, ROOT_INO, 'kept'))
    await admin.replicaof('NO', 'ONE')
    await meta.mknod(ctx, ROOT_INO, 'new', FILE)
    assert.deepEqual(await problemsOf(volume.other.engine), [])
  })
})

test('when Sentinel makes another server the primary, the volume goes on there', { skip }, async () => {
  const primary = await startRedis({ appendonly: 'no' })
  const replica = await startRedis({
    appendonly: 'no',
    replicaof: `127.0.0.1 ${primary.port}`,
    'repl-diskless-sync-delay': '0',
  })
  const folder = await mkdtemp(join(tmpdir(), 'pf-'))
  const port = await freePort()
  const conf = join(folder, 'sentinel.conf')
  const watch = `sentinel monitor team 127.0.0.1 ${primary.port} 1\nsentinel down-after-milliseconds team 1000\n`
  await writeFile(conf, `port ${port}\nbind 127.0.0.1\ndir ${folder}\n${watch}`)
  const sentinel = spawn('redis-server', [conf, '--sentinel'], { stdio: 'ignore' })
  let client: TestClient<Clock> | undefined
  try {
    await untilListening(sentinel, port)
    const engine = await openRedis(`redis://team,127.0.0.1:${port}/1?max-retry-backoff=100ms`, { env: {} })
    await formatVolume(engine, TEST_SETTING, systemClock)
    client = await openTestClient<Clock>(engine, TEST_SETTING, systemClock, { clock: systemClock })
    await client.meta.mknod(ctx, ROOT_INO, 'before', FILE)
    await replicated(primary.port, replica.port)
    await failover(port)
    // What the old primary takes before it is one no more is lost with it, in any client.
    await inRole(replica.port, 'master')
    await inRole(primary.port, 'slave')
    const since = performance.now()
    for (;;) {
      assert.ok(performance.now() - since < 30_000, 'no new primary')
      try {
        await client.meta.mknod(ctx, ROOT_INO, 'after', FILE)
        break
      } catch (error) {
        if (error instanceof FsError) break // it was there already: the one before had been done
        assert.ok(
          error instanceof BackendError && ['read-only', 'unavailable'].includes(error.kind),
          String(error),
        )
        await sleep(100)
      }
    }
    const now = new Redis(replica.port, '127.0.0.1', { db: 1 })
    assert.equal(await now.hlen('d1'), 2)
    now.disconnect()
  } finally {
    await client?.close()
    await end(sentinel)
    await Promise.all([primary.stop(), replica.stop(), rm(folder, { recursive: true })])
  }
})

/** Wait until the server at `port` is what a failover makes of it. */
async function inRole(port: number, role: 'master' | 'slave'): Promise<void> {
  const server = new Redis(port, '127.0.0.1')
  const since = performance.now()
  while (((await server.role()) as unknown[])[0] !== role) {
    assert.ok(performance.now() - since < 30_000, `still no ${role}`)
    await sleep(50)
  }
  server.disconnect()
}

/** Wait until the replica has what the primary has. */
async function replicated(primary: number, replica: number): Promise<void> {
  const [a, b] = [new Redis(primary, '127.0.0.1', { db: 1 }), new Redis(replica, '127.0.0.1', { db: 1 })]
  while ((await b.dbsize()) < (await a.dbsize())) await sleep(50)
  a.disconnect()
  b.disconnect()
}

/** Ask until the Sentinel has found the replica and does it. */
async function failover(port: number): Promise<void> {
  const sentinel = new Redis(port, '127.0.0.1', { protocol: 2 })
  for (let k = 0; ; k++) {
    try {
      await sentinel.call('SENTINEL', 'FAILOVER', 'team')
      break
    } catch (error) {
      if (k > 150) throw error
      await sleep(100)
    }
  }
  sentinel.disconnect()
}
