/** The suites of stores and engines on a cluster in a process. */
import { after, before, test } from 'node:test'
import { engineSuite } from '#core/meta/engine.suite.ts'
import { TxnClient } from '#core/tikv/client.ts'
import { startTikv, type TikvServer, tikvMissing } from '../../../../e2e/harness/tikv.ts'
import { openTikv } from './open.ts'
import { storeSuite } from './ordered-store.suite.ts'
import { TikvStore } from './tikv-store.ts'

const missing = tikvMissing()
if (missing !== undefined) test('tikv', { skip: missing }, () => {})
else {
  let server: TikvServer
  let places = 0
  before(async () => {
    server = await startTikv()
  })
  after(() => server.stop())

  storeSuite('tikv', async () => ({
    open: async () => new TikvStore(await TxnClient.connect([server.pd]), server.pd),
    prefix: `store${places++}\xfd`,
  }))

  storeSuite('tikv with a region for nearly every key', async () => {
    const prefix = `split${places++}\xfd`
    for (const key of ['a', 'b', 'b\x00', 'b\xff', 'c', '\xff']) await server.split(prefix + key)
    return { open: async () => new TikvStore(await TxnClient.connect([server.pd]), server.pd), prefix }
  })

  engineSuite('tikv', {
    place: async () => {
      const place = `engine${places++}`
      return { open: () => openTikv(server.url(place)) }
    },
    shared: true,
    countsEverySlice: false,
    noEmptyValues: true,
  })
}
