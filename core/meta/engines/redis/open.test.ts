/** The engine as users get it, over its own link: what every engine must do, on one server and in a real cluster. */
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { engineSuite } from '#core/meta/engine.suite.ts'
import { type RedisServer, redisMissing, startRedis } from '../../../../e2e/harness/redis.ts'
import { openRedis } from './open.ts'

const missing = redisMissing()
if (missing !== undefined) test('redis', { skip: missing }, () => {})
else {
  over('redis over its link', { databases: '400' }, async () => {})
  over('redis in a cluster', { 'cluster-enabled': 'yes' }, async ({ port }) => {
    const client = new Redis(port, '127.0.0.1', { protocol: 2 })
    await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    while (!String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) await sleep(50)
    client.disconnect()
  })
}

function over(
  name: string,
  config: Readonly<Record<string, string>>,
  prepare: (server: RedisServer) => Promise<void>,
): void {
  let server: RedisServer
  let used = 0
  before(async () => {
    server = await startRedis({ appendonly: 'no', ...config })
    await prepare(server)
  })
  after(() => server.stop())
  engineSuite(name, {
    place: async () => {
      const url = server.url(++used)
      return { open: () => openRedis(url, { env: {} }) }
    },
    shared: true,
    countsEverySlice: false,
  })
}
