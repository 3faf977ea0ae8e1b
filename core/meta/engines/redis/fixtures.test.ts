/** A volume that the reference client wrote on Redis, read through our engine. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { TRASH_INO } from '#core/base/ino.ts'
import type { ListTypes, RecordRange } from '#core/meta/engine.ts'
import { loadSetting } from '#core/meta/open-meta.ts'
import { spaceOf } from '#core/meta/records.ts'
import { parseSetting, serializeSetting } from '#core/meta/setting.ts'
import { decodeSlices } from '#core/meta/slices.ts'
import { redisMissing } from '../../../../e2e/harness/redis.ts'
import type { RedisEngine } from './engine.ts'
import { startTestServer } from './test-place.ts'

const repository = resolve(dirname(fileURLToPath(import.meta.url)), '../../../..')
const root = process.env.POMELO_FIXTURES ?? resolve(repository, '../shared/fixtures')
const rdb = join(root, 'redis-basic', 'dump.rdb')
const skip = redisMissing() ?? (existsSync(rdb) ? false : 'the shared fixtures are not here')

async function openFixture(t: TestContext): Promise<RedisEngine> {
  const dir = await mkdtemp(join(tmpdir(), 'pr-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  await copyFile(rdb, join(dir, 'dump.rdb'))
  const server = await startTestServer({ dir })
  t.after(() => server.stop())
  const engine = server.database(t, '', 0).open()
  t.after(() => engine.close())
  return engine
}

async function all<R extends RecordRange>(engine: RedisEngine, range: R): Promise<ListTypes[R['kind']][]> {
  const items: ListTypes[R['kind']][] = []
  let after: string | undefined
  do {
    const page = await engine.list(range, { after, limit: 7 })
    items.push(...page.items)
    after = page.next
  } while (after !== undefined)
  return items
}

test('every record of redis-basic is read, and its totals are the sum of its nodes', { skip }, async (t) => {
  const engine = await openFixture(t)
  const [text] = await engine.read([{ kind: 'setting' }])
  assert.equal(serializeSetting(parseSetting(text!)), text)
  assert.equal((await loadSetting(engine)).MetaVersion, 1)

  const nodes = new Map((await all(engine, { kind: 'allNodes' })).map(({ ino, node }) => [ino, node]))
  const edges = await all(engine, { kind: 'allEdges' })
  for (const { parent, ino, type } of edges) {
    assert.equal(nodes.get(parent)?.type, 2)
    assert.equal(nodes.get(ino)?.type, type)
  }
  const counters = await engine.read([
    { kind: 'counter', name: 'usedSpace' },
    { kind: 'counter', name: 'totalInodes' },
    { kind: 'counter', name: 'nextInode' },
    { kind: 'counter', name: 'nextChunk' },
    { kind: 'counter', name: 'nextSession' },
  ])
  assert.deepEqual(counters, [136_912_896, 33, 1025, 4097, 1])
  const used = [...nodes].filter(([ino]) => ino !== 1 && ino !== TRASH_INO)
  assert.equal(used.length, 33)
  assert.equal(
    used.reduce((sum, [, node]) => sum + spaceOf(node), 0),
    136_912_896,
  )

  const uses = new Map<number, number>()
  for (const { ino, slices } of await all(engine, { kind: 'allChunks' })) {
    assert.equal(nodes.get(ino)?.type, 1)
    for (const { id } of decodeSlices(slices)) if (id !== 0) uses.set(id, (uses.get(id) ?? 0) + 1)
  }
  assert.deepEqual(
    (await all(engine, { kind: 'sliceRefs' })).map(({ id, uses }) => [id, uses]),
    [...uses].filter(([, n]) => n > 1),
  )

  const [dir] = await engine.read([{ kind: 'entry', parent: 1, name: 'dir' }])
  const [linked] = await engine.read([{ kind: 'entry', parent: dir!.ino, name: 'a' }])
  assert.deepEqual([linked?.node?.nlink, linked?.node?.parent], [3, 0])
  const [parents] = await engine.read([{ kind: 'parents', ino: linked!.ino }])
  assert.equal(
    parents?.reduce((sum, { links }) => sum + links, 0),
    3,
  )
  const [odd] = await engine.read([{ kind: 'entry', parent: 1, name: 'xattrs' }])
  const xattrs = await all(engine, { kind: 'xattrs', ino: odd!.ino })
  assert.equal(xattrs.length, 4)
  assert.equal(xattrs.find(({ name }) => name === 'user.empty')?.value.length, 0)
  const [sparse] = await engine.read([{ kind: 'entry', parent: 1, name: 'sparse' }])
  const chunks = await all(engine, { kind: 'chunks', ino: sparse!.ino })
  assert.deepEqual(
    chunks.map(({ index }) => index),
    [0, 1, 2],
  )
})

test('rewriting a record of the reference unchanged changes no byte', { skip }, async (t) => {
  const engine = await openFixture(t)
  for (const { ino, node } of await all(engine, { kind: 'allNodes' })) {
    const put = { kind: 'putNode', ino, node } as const
    const guard = { kind: 'nodeIs', ino, is: node } as const
    assert.ok((await engine.commit('test', [guard], [put])).ok)
    assert.ok((await engine.commit('test', [guard], [])).ok)
  }
})
