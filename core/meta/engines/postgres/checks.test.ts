import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { postgresMissing } from '../../../../e2e/harness/postgres.ts'
import { openPostgres } from './open.ts'
import { testServer } from './test-server.ts'

const skip = postgresMissing() ?? false
after(() => testServer().stop())

test('a server as it should be gives nothing to complain about', { skip }, async () => {
  const engine = await openPostgres(await testServer().newDatabase())
  await engine.initialize()
  const findings = await engine.examine()
  const bad = findings.filter(({ level, code }) => level !== 'ok' && code !== 'postgres-round-trip')
  assert.deepEqual(bad, [])
  assert.ok(findings.some(({ code }) => code === 'postgres-round-trip'))
  assert.ok(Math.abs((await engine.serverTimeMs()) - Date.now()) < 5_000)
  assert.ok((await engine.space()).usedBytes > 8192)
  await engine.close()
})

test('settings that lose data or refuse writes are named with what to do', { skip }, async () => {
  const url = await testServer().newDatabase()
  const database = new URL(url).pathname.slice(1)
  const server = await testServer().server()
  await server.sql(database, `ALTER DATABASE ${database} SET synchronous_commit TO off`)
  await server.sql(database, `ALTER DATABASE ${database} SET default_transaction_read_only TO on`)
  const engine = await openPostgres(url)
  const codes = (await engine.examine()).filter(({ level }) => level !== 'ok').map(({ code }) => code)
  assert.ok(codes.includes('postgres-synchronous-commit'), codes.join())
  assert.ok(codes.includes('postgres-read-only'), codes.join())
  await engine.close()
})
