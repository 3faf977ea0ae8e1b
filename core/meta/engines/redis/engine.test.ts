import { after, before, test } from 'node:test'
import { engineSuite } from '#core/meta/engine.suite.ts'
import { redisMissing } from '../../../../e2e/harness/redis.ts'
import { startTestServer, type TestServer } from './test-place.ts'

const missing = redisMissing()
if (missing !== undefined) test('redis', { skip: missing }, () => {})
else {
  let server: TestServer
  before(async () => {
    server = await startTestServer()
  })
  after(() => server.stop())

  for (const prefix of ['', '{3}'])
    engineSuite(prefix === '' ? 'redis' : 'redis with a hash tag', {
      place: async (t) => {
        const database = server.database(t, prefix)
        return { open: async () => database.open() }
      },
      shared: true,
      countsEverySlice: false,
    })
}
