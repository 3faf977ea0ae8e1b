/** The suites of operations over a private server, a database for each volume. */
import { after, test } from 'node:test'
import { redisMissing, startRedis } from '../../../../e2e/harness/redis.ts'

const SUITES = ['races', 'model', 'rename', 'removal', 'guards', 'create', 'locks', 'chunks', 'compaction']

const missing = redisMissing()
if (missing !== undefined) test('operations on redis', { skip: missing }, () => {})
else {
  const server = await startRedis({ databases: '1000', appendonly: 'no' })
  process.env.POMELO_TEST_META = `redis://127.0.0.1:${server.port}/{db}`
  for (const suite of SUITES) await import(`../../ops/${suite}.test.ts`)
  after(() => server.stop()) // behind what the suites do at their end
}
