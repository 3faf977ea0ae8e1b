/** Behind a pooler that hands each transaction to another server process nothing can be kept on a connection. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { engineSuite } from '#core/meta/engine.suite.ts'
import { type Pooler, pgbouncerMissing, startPgbouncer } from '../../../../e2e/harness/pgbouncer.ts'
import { postgresMissing } from '../../../../e2e/harness/postgres.ts'
import { openPostgres } from './open.ts'
import { testServer } from './test-server.ts'

const skip = postgresMissing() ?? pgbouncerMissing()
let started: Promise<Pooler> | undefined

after(async () => {
  await (await started)?.stop()
  await testServer().stop()
})

/** Address of a new database through the pooler. */
async function pooledDatabase(): Promise<string> {
  started ??= testServer()
    .server()
    .then((server) => startPgbouncer(server, 'transaction'))
  const url = await testServer().newDatabase()
  return url.replace(/:\d+\//, `:${(await started).port}/`)
}

if (skip !== undefined) test('postgres behind a pooler', { skip }, () => {})
else {
  engineSuite('postgres behind a pooler', {
    place: async () => {
      const url = await pooledDatabase()
      return { open: () => openPostgres(url) }
    },
    shared: true,
    countsEverySlice: true,
    narrowColumns: true,
  })

  test('a pooler is noticed and named, with what to do', async () => {
    const engine = await openPostgres(await pooledDatabase())
    const finding = (await engine.examine()).find(({ code }) => code === 'postgres-pooler')
    assert.equal(finding?.level, 'warning')
    assert.match(finding.next ?? '', /address of the server itself/)
    await engine.close()
  })
}
