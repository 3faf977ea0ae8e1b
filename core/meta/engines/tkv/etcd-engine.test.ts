/** The suites of stores and engines on a private etcd. */
import { after, before, test } from 'node:test'
import { systemClock } from '#core/base/clock.ts'
import { systemRandom } from '#core/base/random.ts'
import { engineSuite } from '#core/meta/engine.suite.ts'
import { type EtcdServer, etcdMissing, startEtcd } from '../../../../e2e/harness/etcd.ts'
import { EtcdClient } from './etcd-client.ts'
import { EtcdStore } from './etcd-store.ts'
import { parseEtcdUrl } from './etcd-url.ts'
import { openEtcd } from './open-etcd.ts'
import { storeSuite } from './ordered-store.suite.ts'

const missing = etcdMissing()
if (missing !== undefined) test('etcd', { skip: missing }, () => {})
else {
  let server: EtcdServer
  let places = 0
  before(async () => {
    server = await startEtcd()
  })
  after(() => server.stop())

  storeSuite('etcd', async () => {
    const url = parseEtcdUrl(server.url(`store${places++}`))
    const parts = { clock: systemClock, random: systemRandom }
    return {
      open: async () => new EtcdStore(await EtcdClient.connect(url, parts), url.prefix),
      prefix: `${url.prefix}s`,
    }
  })

  engineSuite('etcd', {
    place: async () => {
      const place = `engine${places++}`
      return { open: () => openEtcd(server.url(place)) }
    },
    shared: true,
    countsEverySlice: false,
  })
}
