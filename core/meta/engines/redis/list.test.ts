/** Lists that are longer than one batch of the server, or change while they are read. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ManualClock } from '#core/base/clock.ts'
import type { ListTypes, Page, RecordRange } from '#core/meta/engine.ts'
import { sampleNode } from '#core/meta/engine-suite/tools.suite.ts'
import { encodeEdge } from '#core/meta/records-codec.ts'
import { redisMissing } from '../../../../e2e/harness/redis.ts'
import { DirectoryListings } from './directory-list.ts'
import type { RedisEngine } from './engine.ts'
import { connectTo, startTestServer, type TestServer } from './test-place.ts'
import { encodeCommand } from './wire.ts'

const skip = redisMissing()
let server: TestServer
before(async () => {
  if (skip === undefined) server = await startTestServer()
})
after(() => server?.stop())

async function all<R extends RecordRange>(
  engine: RedisEngine,
  range: R,
  limit: number,
  between?: () => Promise<unknown>,
): Promise<ListTypes[R['kind']][]> {
  const items: ListTypes[R['kind']][] = []
  let after: string | undefined
  do {
    const page: Page<ListTypes[R['kind']]> = await engine.list(range, { after, limit })
    assert.ok(page.items.length <= limit)
    items.push(...page.items)
    after = page.next
    await between?.()
  } while (after !== undefined)
  return items
}

/** Names whose order is not that of their numbers. */
const name = (k: number): string => `n${k.toString(36)}`

async function fillDirectory(client: TestClient, parent: number, count: number): Promise<string[]> {
  const edge = encodeEdge({ ino: 2, type: 1 })
  const names = Array.from({ length: count }, (_, k) => name(k))
  for (let at = 0; at < count; at += 5000)
    await client.hset(`d${parent}`, ...names.slice(at, at + 5000).flatMap((word) => [word, edge]))
  return names.sort()
}
type TestClient = ReturnType<TestServer['database']>['client']

test('a directory of several batches comes in order, once each, whatever the page', { skip }, async (t) => {
  const database = server.database(t)
  const engine = database.open()
  t.after(() => engine.close())
  const names = await fillDirectory(database.client, 1, 25_000)
  for (const limit of [1000, 4096, 30_000]) {
    const listed = await all(engine, { kind: 'edges', parent: 1 }, limit)
    assert.deepEqual(
      listed.map((edge) => edge.name),
      names,
    )
  }
  const edges = await all(engine, { kind: 'allEdges' }, 700)
  assert.deepEqual(edges.map((edge) => edge.name).sort(), names)
})

test('entries that stay are listed once while others come and go', { skip }, async (t) => {
  const database = server.database(t)
  const engine = database.open()
  t.after(() => engine.close())
  const names = await fillDirectory(database.client, 1, 2000)
  let round = 0
  const disturb = async (): Promise<void> => {
    round++
    await engine.commit(
      'test',
      [],
      [
        { kind: 'putEdge', parent: 1, name: `z${round}`, edge: { ino: 2, type: 1 } },
        { kind: 'delEdge', parent: 1, name: `z${round - 1}` },
      ],
    )
  }
  const listed = await all(engine, { kind: 'edges', parent: 1 }, 100, disturb)
  const stayed = listed.map((edge) => edge.name).filter((word) => word.startsWith('n'))
  assert.deepEqual(stayed, names)
})

test('a window smaller than the directory, and a listing that paused, change nothing', {
  skip,
}, async (t) => {
  const { client: other, db } = server.database(t)
  const names = await fillDirectory(other, 1, 3000)
  const client = await connectTo(server.server, db)
  t.after(() => client.disconnect())
  const clock = new ManualClock()
  let scans = 0
  const listings = new DirectoryListings(
    clock,
    (parent, cursor, count) => {
      if (cursor === '0') scans++
      return client.send(encodeCommand('HSCAN', `d${parent}`, cursor, 'COUNT', String(Math.min(count, 300))))
    },
    { window: 700, kept: 1000 },
  )
  const list = async (limit: number, pauseMs: number): Promise<string[]> => {
    const found: string[] = []
    let after: string | undefined
    do {
      const page = await listings.page(1, { after, limit })
      found.push(...page.items.map((edge) => edge.name))
      after = page.next
      clock.advance(pauseMs)
    } while (after !== undefined)
    return found
  }
  assert.deepEqual(await list(100, 0), names)
  assert.ok(scans <= 6, `${scans} scans of 3000 entries in windows of 700`)
  assert.deepEqual(await list(100, 60_000), names)
  assert.deepEqual(await list(5000, 0), names)
})

test('one directory read by two readers at once is complete for both', { skip }, async (t) => {
  const database = server.database(t)
  const engine = database.open()
  t.after(() => engine.close())
  const names = await fillDirectory(database.client, 1, 500)
  const first = await engine.list({ kind: 'edges', parent: 1 }, { limit: 200 })
  await engine.commit('test', [], [{ kind: 'putEdge', parent: 1, name: 'new', edge: { ino: 2, type: 1 } }])
  const second = await all(engine, { kind: 'edges', parent: 1 }, 150)
  const rest: string[] = []
  let after = first.next
  while (after !== undefined) {
    const page: Page<ListTypes['edges']> = await engine.list(
      { kind: 'edges', parent: 1 },
      { after, limit: 200 },
    )
    rest.push(...page.items.map((edge) => edge.name))
    after = page.next
  }
  assert.deepEqual(
    second.map((edge) => edge.name),
    [...names, 'new'].sort(),
  )
  assert.deepEqual(
    [...first.items.map((edge) => edge.name), ...rest].filter((word) => word !== 'new'),
    names,
  )
})

test('chunks are found below the length, a little beyond it, and wherever they are in a sparse file', {
  skip,
}, async (t) => {
  const database = server.database(t)
  const engine = database.open()
  t.after(() => engine.close())
  const put = (ino: number, length: number) =>
    ({ kind: 'putNode', ino, node: { ...sampleNode, length } }) as const
  const chunk = (ino: number, index: number) =>
    ({ kind: 'appendChunk', ino, index, slices: new Uint8Array(24).fill(index % 256) }) as const
  const indexes = async (range: Omit<Extract<RecordRange, { kind: 'chunks' }>, 'kind'>, limit = 3) =>
    (await all(engine, { kind: 'chunks', ...range }, limit)).map(({ index }) => index)
  await engine.commit(
    'test',
    [],
    [put(2, 2000 * 2 ** 26), ...[0, 5, 1500, 1999, 2012].map((k) => chunk(2, k))],
  )
  assert.deepEqual(await indexes({ ino: 2 }), [0, 5, 1500, 1999, 2012])
  assert.deepEqual(await indexes({ ino: 2, from: 5, to: 1999 }), [5, 1500])
  await engine.commit('test', [], [{ kind: 'delNode', ino: 2 }])
  assert.deepEqual(await indexes({ ino: 2, length: 2000 * 2 ** 26 }), [0, 5, 1500, 1999, 2012])
  const far = 2 ** 26
  await engine.commit('test', [], [put(3, far * 2 ** 26), ...[0, 7, 8, far - 2].map((k) => chunk(3, k))])
  await engine.commit('test', [], [chunk(33, 1), chunk(4, 2)])
  assert.deepEqual(await indexes({ ino: 3 }), [0, 7, 8, far - 2])
  assert.deepEqual(await indexes({ ino: 3, from: 1, to: far - 2 }, 1), [7, 8])
  const { items } = await engine.list({ kind: 'chunks', ino: 3, from: 9 }, { limit: 1 })
  assert.deepEqual(
    items.map(({ index }) => index),
    [far - 2],
  )
})

test('sorted lists go on after a record that is gone by then', { skip }, async (t) => {
  const engine = server.database(t).open()
  t.after(() => engine.close())
  const files = Array.from({ length: 30 }, (_, k) => ({ ino: 10 + k, length: 1, deleted: 1000 + (k >> 3) }))
  await engine.commit(
    'test',
    [],
    files.map((file) => ({ kind: 'putDeletedFile', file })),
  )
  const seen: number[] = []
  let after: string | undefined
  do {
    const page: Page<ListTypes['deletedFiles']> = await engine.list(
      { kind: 'deletedFiles' },
      { after, limit: 4 },
    )
    for (const { ino, length } of page.items) {
      seen.push(ino)
      await engine.commit('test', [], [{ kind: 'delDeletedFile', ino, length }])
    }
    after = page.next
  } while (after !== undefined)
  assert.deepEqual(
    seen,
    files.map(({ ino }) => ino),
  )
})

test('every record of large collections is listed', { skip }, async (t) => {
  const database = server.database(t)
  const engine = database.open()
  t.after(() => engine.close())
  const { client } = database
  const count = 6000
  const numbers = Array.from({ length: count }, (_, k) => k)
  await client.hset('sliceRef', ...numbers.flatMap((k) => [`k${k + 1}_${100 + k}`, String((k % 3) - 1)]))
  for (const kind of ['userQuotaUsedInodes', 'userQuotaUsedSpace'])
    await client.hset(kind, ...numbers.flatMap((k) => [String(k), '5']))
  await client.sadd('session7', ...numbers.map((k) => String(k + 1)))
  for (const k of numbers.slice(0, 10)) await client.rpush(`c${k}_0`, Buffer.alloc(24))
  await client.mset('setting', '{}', 'sessions', 'x')
  await client.del('sessions')
  const lengths = async (range: RecordRange, limit: number) => (await all(engine, range, limit)).length
  assert.equal(await lengths({ kind: 'sliceRefs' }, 1000), count)
  assert.equal(await lengths({ kind: 'unusedSlices' }, 1000), count / 3)
  assert.equal(await lengths({ kind: 'quotas', of: 'user' }, 999), count)
  assert.equal(await lengths({ kind: 'sustained', sid: 7 }, 500), count)
  assert.equal(await lengths({ kind: 'allChunks' }, 3), 10)
})

test('sessions of clients from before 1.0 are listed, and removed with the others', { skip }, async (t) => {
  const database = server.database(t)
  const engine = database.open()
  t.after(() => engine.close())
  await database.client.zadd('sessions', 1000, '99')
  await database.client.zadd('allSessions', 5000, '100')
  const sessions = await all(engine, { kind: 'sessions' }, 1)
  assert.deepEqual(sessions, [
    { sid: 99, expire: 1300, info: '' },
    { sid: 100, expire: 5000, info: '' },
  ])
  assert.deepEqual(await engine.read([{ kind: 'session', sid: 99 }]), [sessions[0]])
  await engine.commit(
    'test',
    [],
    [
      { kind: 'delSession', sid: 99 },
      { kind: 'delSession', sid: 100 },
    ],
  )
  assert.deepEqual(await all(engine, { kind: 'sessions' }, 1), [])
})
