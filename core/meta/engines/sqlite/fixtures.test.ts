/** Volumes written by the reference client, read and written through our engine. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { nameFromText } from '#core/base/name.ts'
import type { ListTypes, RecordRange } from '#core/meta/engine.ts'
import { formatVolume, loadSetting } from '#core/meta/open-meta.ts'
import { spaceOf } from '#core/meta/records.ts'
import { parseSetting, serializeSetting } from '#core/meta/setting.ts'
import { decodeSlices } from '#core/meta/slices.ts'
import type { SqliteEngine } from './engine.ts'
import { openSqlite } from './open.ts'

const repository = resolve(dirname(fileURLToPath(import.meta.url)), '../../../..')
const root = process.env.POMELO_FIXTURES ?? resolve(repository, '../shared/fixtures')
const skip = existsSync(root) ? false : 'the shared fixtures are not here'
const volumes = skip ? [] : readdirSync(root).filter((name) => name.startsWith('sqlite-'))

/** usedSpace and totalInodes of fixtures/README.md. */
const TOTALS: Readonly<Record<string, readonly [number, number]>> = {
  'sqlite-basic': [140_980_224, 33],
  'sqlite-lz4': [9_920_512, 8],
  'sqlite-zstd': [9_920_512, 8],
  'sqlite-encrypted': [385_024, 7],
  'sqlite-encrypted-chacha20': [385_024, 7],
  'sqlite-hash-prefix': [385_024, 21],
  'sqlite-acl': [73_728, 18],
  'sqlite-trash': [69_632, 16],
  'sqlite-odd-names': [8_298_496, 2026],
  'sqlite-slices': [214_409_216, 8],
}

async function copyOf(t: TestContext, volume: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'pomelo-fixture-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  await copyFile(join(root, volume, 'meta.db'), join(dir, 'meta.db'))
  return join(dir, 'meta.db')
}

async function openCopy(t: TestContext, volume: string): Promise<SqliteEngine> {
  const engine = await openSqlite(`sqlite3://${await copyOf(t, volume)}`)
  t.after(() => engine.close())
  return engine
}

async function all<R extends RecordRange>(engine: SqliteEngine, range: R): Promise<ListTypes[R['kind']][]> {
  const items: ListTypes[R['kind']][] = []
  let after: string | undefined
  do {
    const page = await engine.list(range, { after, limit: 7 })
    items.push(...page.items)
    after = page.next
  } while (after !== undefined)
  return items
}

for (const volume of volumes) {
  test(`every record of ${volume} is read, and its totals are the sum of its nodes`, async (t) => {
    const engine = await openCopy(t, volume)
    const setting = await loadSetting(engine)
    const [text] = await engine.read([{ kind: 'setting' }])
    assert.equal(serializeSetting(parseSetting(text!)), text)
    assert.equal(setting.MetaVersion, 1)

    const nodes = new Map((await all(engine, { kind: 'allNodes' })).map(({ ino, node }) => [ino, node]))
    const edges = await all(engine, { kind: 'allEdges' })
    for (const { parent, ino, type } of edges) {
      assert.equal(nodes.get(parent)?.type, 2)
      assert.equal(nodes.get(ino)?.type, type)
    }
    const counted = [...nodes].filter(
      ([, node]) => node.parent !== 1 || node.type !== 2 || node.mode !== 0o555,
    )
    const used = counted.filter(([ino]) => ino !== 1)
    const [space, inodes] = await engine.read([
      { kind: 'counter', name: 'usedSpace' },
      { kind: 'counter', name: 'totalInodes' },
    ])
    assert.deepEqual([space, inodes], TOTALS[volume])
    assert.equal(used.length, inodes)
    assert.equal(
      used.reduce((sum, [, node]) => sum + spaceOf(node), 0),
      space,
    )

    const uses = new Map<number, number>()
    for (const { ino, slices } of await all(engine, { kind: 'allChunks' })) {
      assert.equal(nodes.get(ino)?.type, 1)
      for (const { id } of decodeSlices(slices)) if (id !== 0) uses.set(id, (uses.get(id) ?? 0) + 1)
    }
    const delayed = await all(engine, { kind: 'delayedSlices' })
    for (const { id } of delayed.flatMap(({ slices }) => slices)) uses.set(id, (uses.get(id) ?? 0) + 1)
    for (const { id, uses: stored } of await all(engine, { kind: 'sliceRefs' }))
      assert.equal(stored, uses.get(id) ?? 0, `slice ${id}`)
    for (const { parent } of edges) {
      const listed = await all(engine, { kind: 'entries', parent })
      assert.equal(listed.length, edges.filter((edge) => edge.parent === parent).length)
      if (listed.length > 100) break
    }
  })
}

test('records that fixtures/README.md names are what it says', { skip }, async (t) => {
  const basic = await openCopy(t, 'sqlite-basic')
  const entry = async (engine: SqliteEngine, parent: number, name: string) =>
    (await engine.read([{ kind: 'entry', parent, name: nameFromText(name) }]))[0]!
  const empty = await entry(basic, 1, 'empty')
  assert.deepEqual([empty.node?.mtime, empty.node?.mtimeNsec], [7_258_118_400, 999_999_999])
  const hello = await entry(basic, 1, 'hello.txt')
  assert.deepEqual([hello.node?.mtime, hello.node?.mtimeNsec], [0, 1])
  const dir = await entry(basic, 1, 'dir')
  const linked = await entry(basic, dir.ino, 'a')
  assert.deepEqual([linked.node?.nlink, linked.node?.parent], [3, 0])
  const [parents] = await basic.read([{ kind: 'parents', ino: linked.ino }])
  assert.equal(
    parents?.reduce((sum, { links }) => sum + links, 0),
    3,
  )
  const xattrs = await all(basic, { kind: 'xattrs', ino: (await entry(basic, 1, 'xattrs')).ino })
  assert.equal(xattrs.find(({ name }) => name === 'user.empty')?.value.length, 0)
  assert.equal(xattrs.length, 4)

  const acl = await openCopy(t, 'sqlite-acl')
  assert.equal((await all(acl, { kind: 'acls' })).length, 10)
  const named = await entry(acl, 1, 'named')
  const [rule] = await acl.read([{ kind: 'acl', id: named.node!.accessAcl }])
  assert.deepEqual(rule?.users, [{ id: 1000, perm: 7 }])

  const slices = await openCopy(t, 'sqlite-slices')
  const delayed = await all(slices, { kind: 'delayedSlices' })
  assert.deepEqual(
    delayed.map(({ newId, slices }) => [newId, slices.length]),
    [
      [81, 12],
      [82, 8],
    ],
  )
})

test('appending to a list that the reference left as text keeps every byte', { skip }, async (t) => {
  const path = await copyOf(t, 'sqlite-slices')
  const engine = await openSqlite(`sqlite3://${path}`)
  const chunks = await all(engine, { kind: 'allChunks' })
  for (const { ino, index, slices } of chunks) {
    const added = Buffer.alloc(24, 0xf0)
    const outcome = await engine.commit(
      'test',
      [{ kind: 'chunkIs', ino, index, is: slices }],
      [{ kind: 'appendChunk', ino, index, slices: added }],
    )
    assert.ok(outcome.ok)
    assert.equal(outcome.replies[0], slices.length / 24 + 1)
    const [list] = await engine.read([{ kind: 'chunk', ino, index }])
    assert.ok(Buffer.concat([slices, added]).equals(list!))
  }
  await engine.close()
  const db = new Database(path, { readonly: true })
  const types = db.prepare('SELECT DISTINCT typeof(slices) FROM jfs_chunk').pluck().all()
  db.close()
  assert.deepEqual(types, ['blob'])
})

test('a volume formatted here has the schema and first rows of one formatted by the reference', {
  skip,
}, async (t) => {
  const reference = new Database(await copyOf(t, 'sqlite-hash-prefix'), { readonly: true })
  const dir = await mkdtemp(join(tmpdir(), 'pomelo-format-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const engine = await openSqlite(`sqlite3://${dir}/meta.db`, { create: true })
  const text = reference.prepare('SELECT value FROM jfs_setting').pluck().get() as string
  await formatVolume(engine, parseSetting(text))
  await engine.close()
  const ours = new Database(join(dir, 'meta.db'), { readonly: true })
  const schema = (db: Database.Database) =>
    db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name').all()
  assert.deepEqual(schema(ours), schema(reference))
  for (const pragma of [
    'page_size',
    'encoding',
    'user_version',
    'application_id',
    'auto_vacuum',
    'journal_mode',
  ])
    assert.deepEqual(ours.pragma(pragma), reference.pragma(pragma), pragma)
  assert.equal(ours.prepare('SELECT value FROM jfs_setting').pluck().get(), text)
  const roots =
    'SELECT inode, type, flags, mode, uid, gid, nlink, length, parent FROM jfs_node WHERE inode <> ? ORDER BY inode'
  assert.deepEqual(ours.prepare(roots).safeIntegers().raw().all(0), [
    [1n, 2n, 0n, 0o777n, 0n, 0n, 2n, 4096n, 1n],
    [0x7fffffff10000000n, 2n, 0n, 0o555n, 0n, 0n, 2n, 4096n, 1n],
  ])
  assert.deepEqual(ours.prepare('SELECT name, value FROM jfs_counter ORDER BY name').raw().all(), [
    ['nextChunk', 1],
    ['nextCleanupSlices', 0],
    ['nextInode', 2],
    ['nextSession', 0],
    ['totalInodes', 0],
    ['usedSpace', 0],
  ])
  ours.close()
  reference.close()
})

test('a volume without the later tables and columns is read as it is, and completed before it is written', {
  skip,
}, async (t) => {
  const path = await copyOf(t, 'sqlite-basic')
  const old = new Database(path)
  for (const table of ['acl', 'dir_stats', 'dir_quota', 'user_group_quota', 'detached_node', 'change_log'])
    old.exec(`DROP TABLE jfs_${table}`)
  old.exec('DROP INDEX IDX_jfs_chunk_ref_refs')
  for (const column of ['atimensec', 'mtimensec', 'ctimensec', 'access_acl_id', 'default_acl_id', 'tier_id'])
    old.exec(`ALTER TABLE jfs_node DROP COLUMN ${column}`)
  old.exec('ALTER TABLE jfs_node ADD COLUMN from_the_future INTEGER DEFAULT 7')
  old.exec(
    'CREATE TABLE jfs_session (sid INTEGER PRIMARY KEY NOT NULL, heartbeat INTEGER NOT NULL, info BLOB)',
  )
  old.exec("INSERT INTO jfs_session VALUES (99, 1000, x'7b7d')")
  old.close()

  const reader = await openSqlite(`sqlite3://${path}`, { readOnly: true })
  t.after(() => reader.close())
  const [entry, stat, acl] = await reader.read([
    { kind: 'entry', parent: 1, name: 'hello.txt' },
    { kind: 'dirStat', ino: 1 },
    { kind: 'acl', id: 1 },
  ])
  assert.deepEqual([entry?.node?.mtimeNsec, entry?.node?.accessAcl, stat, acl], [0, 0, null, null])
  assert.deepEqual(await all(reader, { kind: 'sessions' }), [{ sid: 99, expire: 1300, info: '{}' }])
  await assert.rejects(reader.allocate('nextInode', 1), { kind: 'denied' })

  const writer = await openSqlite(`sqlite3://${path}`)
  t.after(() => writer.close())
  const node = { ...entry!.node!, mtimeNsec: 789, accessAcl: 3 }
  const changes = [
    { kind: 'putNode', ino: entry!.ino, node },
    { kind: 'delSession', sid: 99 },
  ] as const
  const outcome = await writer.commit('test', [{ kind: 'nodeIs', ino: entry!.ino, is: entry!.node }], changes)
  assert.ok(outcome.ok)
  for (const engine of [writer, reader]) {
    assert.deepEqual((await engine.read([{ kind: 'node', ino: entry!.ino }]))[0], node)
    assert.equal((await all(engine, { kind: 'sessions' })).length, 0)
  }
  const db = new Database(path, { readonly: true })
  assert.equal(db.prepare('SELECT from_the_future FROM jfs_node WHERE inode = ?').pluck().get(entry!.ino), 7)
  const tables = db.prepare("SELECT count(*) FROM sqlite_schema WHERE type = 'table'").pluck().get()
  db.close()
  assert.equal(tables, 23, 'the 21 of A4.0, sqlite_sequence and the legacy sessions')
})
