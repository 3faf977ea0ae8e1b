import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { engineSuite } from '#core/meta/engine.suite.ts'
import { openSqlite } from './open.ts'

engineSuite('sqlite in memory', {
  place: async () => ({ open: () => openSqlite('sqlite3://:memory:') }),
  shared: false,
  countsEverySlice: true,
})

engineSuite('sqlite file', { place: filePlace, shared: true, countsEverySlice: true })

async function filePlace(t: TestContext) {
  const dir = await mkdtemp(join(tmpdir(), 'pomelo-sqlite-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return { open: () => openSqlite(`sqlite3://${dir}/meta.db?table_prefix=v1`, { create: true }) }
}
