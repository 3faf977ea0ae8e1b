import { after, test } from 'node:test'
import { engineSuite } from '#core/meta/engine.suite.ts'
import { postgresMissing } from '../../../../e2e/harness/postgres.ts'
import { openPostgres } from './open.ts'
import { testServer } from './test-server.ts'

const skip = postgresMissing()
if (skip !== undefined) test('postgres', { skip }, () => {})
else
  engineSuite('postgres', {
    place: async () => {
      const url = await testServer().newDatabase()
      return { open: () => openPostgres(`${url}&table_prefix=v1`) }
    },
    shared: true,
    countsEverySlice: true,
    narrowColumns: true,
  })

after(() => testServer().stop())
