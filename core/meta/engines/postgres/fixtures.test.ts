/** A volume written by the reference client, read through our engine, and the schema it made beside ours. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { nameFromText } from '#core/base/name.ts'
import type { ListTypes, MetaEngine, RecordRange } from '#core/meta/engine.ts'
import { loadSetting } from '#core/meta/open-meta.ts'
import { spaceOf } from '#core/meta/records.ts'
import { decodeSlices } from '#core/meta/slices.ts'
import { postgresMissing } from '../../../../e2e/harness/postgres.ts'
import { openPostgres } from './open.ts'
import { testServer } from './test-server.ts'

const repository = resolve(dirname(fileURLToPath(import.meta.url)), '../../../..')
const dump = join(
  process.env.POMELO_FIXTURES ?? resolve(repository, '../shared/fixtures'),
  'postgres-basic/dump.sql',
)
const skip = postgresMissing() ?? (existsSync(dump) ? false : 'the shared fixtures are not here')

after(() => testServer().stop())

/** A new database that holds the fixture. */
async function loaded(): Promise<string> {
  const url = await testServer().newDatabase()
  await (await testServer().server()).sql(databaseOf(url), `\\i ${dump}`)
  return url
}

function databaseOf(url: string): string {
  return new URL(url).pathname.slice(1)
}

async function all<R extends RecordRange>(engine: MetaEngine, range: R): Promise<ListTypes[R['kind']][]> {
  const items: ListTypes[R['kind']][] = []
  let after: string | undefined
  do {
    const page = await engine.list(range, { after, limit: 7 })
    items.push(...page.items)
    after = page.next
  } while (after !== undefined)
  return items
}

/** Everything a catalogue says of the tables that could make a difference to a client. */
const CATALOGUE = `
  SELECT 'column', table_name, ordinal_position::text, column_name, data_type, coalesce(character_maximum_length::text, ''), is_nullable, coalesce(column_default, '')
    FROM information_schema.columns WHERE table_schema = 'public'
  UNION ALL SELECT 'index', tablename, indexname, indexdef, '', '', '', '' FROM pg_indexes WHERE schemaname = 'public'
  UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '', '', ''
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
  UNION ALL SELECT 'relation', relname, relkind::text, '', '', '', '', '' FROM pg_class WHERE relnamespace = 'public'::regnamespace
  UNION ALL SELECT 'trigger', tgname, '', '', '', '', '', '' FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL SELECT 'function', proname, '', '', '', '', '', '' FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  ORDER BY 1, 2, 3, 4`

test('a volume made here has the very schema of one made by release 1.4.2', { skip }, async () => {
  const theirs = await loaded()
  const ours = await testServer().newDatabase()
  const engine = await openPostgres(ours)
  await engine.initialize()
  await engine.close()
  const server = await testServer().server()
  const [a, b] = [
    await server.sql(databaseOf(theirs), CATALOGUE),
    await server.sql(databaseOf(ours), CATALOGUE),
  ]
  assert.ok(a.split('\n').length > 100)
  assert.deepEqual(b.split('\n'), a.split('\n'))
})

test('the first counters are those of the reference', { skip }, async () => {
  const url = await testServer().newDatabase()
  const engine = await openPostgres(url)
  await engine.initialize()
  await engine.close()
  const rows = await (await testServer().server()).sql(
    databaseOf(url),
    'SELECT * FROM jfs_counter ORDER BY name',
  )
  assert.deepEqual(rows.split('\n'), [
    'nextChunk|1',
    'nextCleanupSlices|0',
    'nextInode|2',
    'nextSession|0',
    'totalInodes|0',
    'usedSpace|0',
  ])
})

test('what the reference wrote is read whole, and its counters are those of a recount', {
  skip,
}, async () => {
  const engine = await openPostgres(await loaded())
  const setting = await loadSetting(engine)
  assert.equal(setting.Name, 'fx-postgres-basic')
  const nodes = await all(engine, { kind: 'allNodes' })
  const edges = await all(engine, { kind: 'allEdges' })
  assert.ok(nodes.length > 20)
  const byIno = new Map(nodes.map(({ ino, node }) => [ino, node]))
  for (const { parent, name, ino, type } of edges) {
    assert.equal(byIno.get(ino)?.type, type)
    const [entry] = await engine.read([{ kind: 'entry', parent, name }])
    assert.deepEqual(entry, { ino, type, node: byIno.get(ino) })
  }
  const [space, inodes] = await engine.read([
    { kind: 'counter', name: 'usedSpace' },
    { kind: 'counter', name: 'totalInodes' },
  ])
  // Neither the root nor the trash counts.
  const counted = nodes.filter(({ ino, node }) => node.parent !== 1 || edges.some((edge) => edge.ino === ino))
  assert.equal(inodes, counted.length)
  assert.equal(
    space,
    counted.reduce((sum, { node }) => sum + spaceOf(node), 0),
  )
  const chunks = await all(engine, { kind: 'allChunks' })
  for (const { slices } of chunks) assert.ok(decodeSlices(slices).length > 0)
  const refs = new Map((await all(engine, { kind: 'sliceRefs' })).map((ref) => [ref.id, ref.uses]))
  for (const { slices } of chunks)
    for (const { id } of decodeSlices(slices)) if (id !== 0) assert.ok(refs.get(id)! > 0, `slice ${id}`)
  await engine.close()
})

test('an old volume is read without its later tables and columns, and upgraded to the whole schema', {
  skip,
}, async () => {
  const url = await loaded()
  const server = await testServer().server()
  const database = databaseOf(url)
  const whole = await server.sql(database, CATALOGUE)
  await server.sql(
    database,
    `DROP TABLE jfs_acl, jfs_user_group_quota, jfs_detached_node, jfs_change_log, jfs_delegation_token;
     DROP INDEX "IDX_jfs_chunk_ref_refs"; ALTER TABLE jfs_node DROP COLUMN tier_id, DROP COLUMN mtimensec`,
  )
  const reader = await openPostgres(url, { readOnly: true })
  const [acl, quota, root] = await reader.read([
    { kind: 'acl', id: 1 },
    { kind: 'quota', of: 'user', id: 0 },
    { kind: 'node', ino: 1 },
  ])
  assert.deepEqual([acl, quota, root?.tier], [null, null, 0])
  assert.deepEqual(await all(reader, { kind: 'acls' }), [])
  assert.deepEqual(await all(reader, { kind: 'detached' }), [])
  await assert.rejects(reader.commit('test', [], [{ kind: 'delNode', ino: 99 }]), { kind: 'read-only' })
  await reader.close()

  const engine = await openPostgres(url)
  await engine.upgrade()
  await engine.close()
  const names = (catalogue: string) =>
    new Set(catalogue.split('\n').map((line) => line.replace(/\|\d+\|(\w+)/, '|$1')))
  assert.deepEqual(names(await server.sql(database, CATALOGUE)), names(whole))
})

test('a table name prefix and a schema keep volumes of one database apart', { skip }, async () => {
  const url = await testServer().newDatabase()
  const server = await testServer().server()
  await server.sql(databaseOf(url), 'CREATE SCHEMA "Team A"')
  const places = [url, `${url}&table_prefix=v1`, `${url}&search_path=Team%20A`]
  for (const [k, place] of places.entries()) {
    const engine = await openPostgres(place)
    await engine.initialize()
    await engine.commit('test', [], [{ kind: 'putSetting', text: `{"Name":"v${k}"}` }])
    await engine.close()
  }
  for (const [k, place] of places.entries()) {
    const engine = await openPostgres(place)
    assert.deepEqual(await engine.read([{ kind: 'setting' }]), [`{"Name":"v${k}"}`])
    await engine.close()
  }
  await assert.rejects(
    openPostgres(`${url}&search_path=nowhere`).then(async (engine) => {
      try {
        await engine.initialize()
      } finally {
        await engine.close()
      }
    }),
    /no such schema.*CREATE SCHEMA/,
  )
})

test('names are found by their bytes whatever the collation of the database', { skip }, async () => {
  const server = await testServer().server()
  await server.sql(
    'postgres',
    "CREATE DATABASE worded LOCALE_PROVIDER icu ICU_LOCALE 'en-US' TEMPLATE template0",
  )
  const first = await testServer().newDatabase()
  const engine = await openPostgres(first.replace(databaseOf(first), 'worded'))
  await engine.initialize()
  const names = ['user.B', 'user.a', 'user._', nameFromText('user.é'), 'user.Z'] as const
  await engine.commit(
    'test',
    [],
    names.map((name) => ({ kind: 'putXattr', ino: 2, name, value: new Uint8Array([1]) }) as const),
  )
  const listed = (await all(engine, { kind: 'xattrs', ino: 2 })).map(({ name }) => name)
  assert.deepEqual(listed, [...names].sort())
  await engine.close()
})
