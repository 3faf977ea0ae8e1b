/** The primary that has the volume's slot in a cluster dies: its replica takes over, and while there is none, all wait or fail in time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { type Clock, systemClock } from '#core/base/clock.ts'
import { BackendError, FsError } from '#core/base/errno.ts'
import { ROOT_INO } from '#core/base/ino.ts'
import { formatVolume } from '#core/meta/open-meta.ts'
import { problemsOf } from '#core/meta/test-invariants.ts'
import { openTestClient, TEST_SETTING, type TestClient } from '#core/meta/test-volume.ts'
import { type RedisServer, redisMissing, startRedis } from '../../../../e2e/harness/redis.ts'
import { openRedis } from './open.ts'
import { ctx, FILE } from './test-load.ts'

const skip = redisMissing()
const HOST = '127.0.0.1'
/** Three primaries, as an election takes; the second has the slot of database 1, 9842, and a replica. */
const RANGES = [
  [0, 5460],
  [5461, 10922],
  [10923, 16383],
] as const
const OWNER = 1

async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  const since = performance.now()
  while (!(await done().catch(() => false))) {
    assert.ok(performance.now() - since < 30_000, what)
    await sleep(50)
  }
}

async function ask(server: RedisServer, ...words: string[]): Promise<string> {
  const client = new Redis(server.port, HOST, { retryStrategy: () => null, protocol: 2 })
  client.on('error', () => {})
  try {
    return String(await client.call(words[0]!, ...words.slice(1)))
  } finally {
    client.disconnect()
  }
}

/** The primaries, then the replica of `OWNER`. */
async function startCluster(): Promise<readonly RedisServer[]> {
  const config = { 'cluster-enabled': 'yes', 'cluster-node-timeout': '1500', 'repl-diskless-sync-delay': '0' }
  const nodes = await Promise.all([0, 1, 2, 3].map(() => startRedis(config)))
  for (const [k, range] of RANGES.entries())
    await ask(nodes[k]!, 'CLUSTER', 'ADDSLOTSRANGE', ...range.map(String))
  for (const node of nodes.slice(1)) await ask(node, 'CLUSTER', 'MEET', HOST, String(nodes[0]!.port))
  const isWhole = async (node: RedisServer) =>
    /cluster_state:ok.*cluster_known_nodes:4/s.test(await ask(node, 'CLUSTER', 'INFO'))
  for (const node of nodes.slice(0, 3)) await until('no cluster', () => isWhole(node))
  const replica = nodes[3]!
  const owner = await ask(nodes[OWNER]!, 'CLUSTER', 'MYID')
  await until('no replica', async () => (await ask(replica, 'CLUSTER', 'REPLICATE', owner)) === 'OK')
  await until('no copy', async () =>
    (await ask(replica, 'INFO', 'replication')).includes('master_link_status:up'),
  )
  return nodes
}

/** Until it is made; each failure is one of `kinds` and comes in time. */
async function make(client: TestClient<Clock>, name: string): Promise<void> {
  const since = performance.now()
  for (;;) {
    const asked = performance.now()
    try {
      await client.meta.mknod(ctx, ROOT_INO, name, FILE)
      return
    } catch (error) {
      if (error instanceof FsError) return // it was there already: the one before had been done
      assert.ok(error instanceof BackendError && error.kind === 'unavailable', String(error))
      assert.ok(performance.now() - asked < 10_000, 'it failed late')
      assert.ok(performance.now() - since < 40_000, `not made: ${error.message}`)
      await sleep(100)
    }
  }
}

async function namesOn(server: RedisServer): Promise<string[]> {
  return (await ask(server, 'HKEYS', '{1}d1')).split(',').sort()
}

/** Whether the replica has all that its primary has. */
async function isCopied(primary: RedisServer): Promise<boolean> {
  const info = await ask(primary, 'INFO', 'replication')
  const [, theirs] = /slave0:.*offset=(\d+)/.exec(info) ?? []
  const [, own] = /master_repl_offset:(\d+)/.exec(info) ?? []
  return own !== undefined && own === theirs
}

test('when a primary of a cluster dies the volume goes on with its replica, and waits when there is none', {
  skip,
  timeout: 120_000,
}, async () => {
  const nodes = await startCluster()
  const [owner, replica] = [nodes[OWNER]!, nodes[3]!]
  let client: TestClient<Clock> | undefined
  try {
    const seeds = nodes.slice(0, 3).map(({ port }) => `${HOST}:${port}`)
    const url = `redis://${seeds.join()}/1?max-retry-backoff=100ms&read-timeout=3s`
    const engine = await openRedis(url, { env: {} })
    await formatVolume(engine, TEST_SETTING, systemClock)
    client = await openTestClient<Clock>(engine, TEST_SETTING, systemClock, { clock: systemClock })
    const made = Array.from({ length: 20 }, (_, k) => `before-${k}`)
    for (const name of made) await make(client, name)
    await until('not copied', () => isCopied(owner))
    await owner.kill()
    await make(client, 'after')
    assert.deepEqual(await namesOn(replica), ['after', ...made].sort())
    assert.deepEqual(await problemsOf(engine), [])

    // Nobody is left to take over.
    await replica.kill()
    const asked = performance.now()
    await assert.rejects(client.meta.mknod(ctx, ROOT_INO, 'never', FILE), (error: unknown) => {
      assert.ok(error instanceof BackendError && error.kind === 'unavailable', String(error))
      assert.match(error.message, /no (answer|connection) for 3 s|cluster/i)
      return true
    })
    assert.ok(performance.now() - asked < 10_000)
    await replica.restart()
    await make(client, 'again')
    assert.ok((await namesOn(replica)).includes('again'))
  } finally {
    await client?.close()
    await Promise.all(nodes.map((node) => node.stop()))
  }
})
