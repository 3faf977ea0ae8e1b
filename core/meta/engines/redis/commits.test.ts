/** How commits and reads travel: one trip each, seen by peers, never half done. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Metrics } from '#core/base/metrics.ts'
import type { Change, Guard } from '#core/meta/engine.ts'
import { sampleNode } from '#core/meta/engine-suite/tools.suite.ts'
import type { NodeRecord } from '#core/meta/records.ts'
import { redisMissing } from '../../../../e2e/harness/redis.ts'
import type { CommitKeys } from './place.ts'
import { startTestServer, type TestServer } from './test-place.ts'

const skip = redisMissing()
let server: TestServer
before(async () => {
  if (skip === undefined) server = await startTestServer()
})
after(() => server?.stop())

const directory: NodeRecord = { ...sampleNode, type: 2, nlink: 2, length: 4096 }
const now = { sec: 1_700_000_001, nsec: 5 }

function create(ino: number, name: string, parent: NodeRecord): [Guard[], Change[]] {
  return [
    [
      { kind: 'nodeLike', ino: 1, like: parent },
      { kind: 'edgeIs', parent: 1, name, is: null },
    ],
    [
      { kind: 'putNode', ino, node: sampleNode },
      { kind: 'putEdge', parent: 1, name, edge: { ino, type: 1 } },
      { kind: 'touchNode', ino: 1, nlink: 1, time: now },
      { kind: 'addUsage', space: 4096, inodes: 1 },
      { kind: 'addDirStat', ino: 1, length: 0, space: 4096, inodes: 1 },
    ],
  ]
}

test('reads and commits of any mix are one trip; a large directory with attributes is three', {
  skip,
}, async (t) => {
  const metrics = new Metrics()
  const trips = metrics.counter('meta_round_trips')
  const engine = server.database(t).open({ metrics })
  t.after(() => engine.close())
  const cost = async (work: () => Promise<unknown>): Promise<number> => {
    const before = trips.value
    await work()
    return trips.value - before
  }
  await engine.commit('test', [], [{ kind: 'putNode', ino: 1, node: directory }])
  assert.equal(await cost(() => engine.commit('create', ...create(2, 'a', directory))), 1)
  assert.equal(await cost(() => engine.read([{ kind: 'entry', parent: 1, name: 'a' }])), 1)
  const mix = [
    { kind: 'node', ino: 1 },
    { kind: 'entry', parent: 1, name: 'a' },
    { kind: 'chunk', ino: 2, index: 0 },
    { kind: 'session', sid: 1 },
    { kind: 'quota', of: 'dir', id: 1 },
    { kind: 'dirStat', ino: 1 },
    { kind: 'setting' },
  ] as const
  assert.equal(await cost(() => engine.read(mix)), 1)
  assert.equal(await cost(() => engine.read(Array.from({ length: 1000 }, () => mix[1]))), 1)
  for (let k = 0; k < 1000; k++)
    await engine.commit(
      'test',
      [],
      [{ kind: 'putEdge', parent: 1, name: `n${k}`, edge: { ino: 2, type: 1 } }],
    )
  const listed = async (): Promise<void> => {
    const { items } = await engine.list({ kind: 'entries', parent: 1 }, { limit: 4096 })
    assert.equal(items.length, 1001)
    assert.ok(items.every(({ node }) => node !== null))
  }
  assert.ok((await cost(listed)) <= 3)
})

test('a commit says what it made of the nodes it touched', { skip }, async (t) => {
  const engine = server.database(t).open()
  t.after(() => engine.close())
  await engine.commit('test', [], [{ kind: 'putNode', ino: 1, node: directory }])
  const outcome = await engine.commit('create', ...create(2, 'a', directory))
  assert.ok(outcome.ok)
  assert.deepEqual(outcome.replies, [0, 0, 0, 0, 0])
  const [stored] = await engine.read([{ kind: 'node', ino: 1 }])
  assert.deepEqual(outcome.touched, [{ ino: 1, node: stored }])
  assert.deepEqual([stored?.nlink, stored?.mtime, stored?.ctimeNsec], [3, now.sec, now.nsec])
})

test('changes of one node in one commit add up in their order', { skip }, async (t) => {
  const engine = server.database(t).open()
  t.after(() => engine.close())
  const touch = { kind: 'touchNode', ino: 2, nlink: 1 } as const
  const put = { kind: 'putNode', ino: 2, node: { ...sampleNode, nlink: 5 } } as const
  const links = async (...changes: Change[]): Promise<number | undefined> => {
    await engine.commit('test', [], changes)
    return (await engine.read([{ kind: 'node', ino: 2 }]))[0]?.nlink
  }
  assert.equal(await links(put, touch, { ...touch, time: now }), 7)
  assert.equal(await links(touch, { ...touch, nlink: -3, time: now }, touch), 6)
  assert.equal(await links(touch, put), 5)
  assert.equal(await links({ kind: 'delNode', ino: 2 }, put), 5)
  assert.equal(await links(put, { kind: 'delNode', ino: 2 }), undefined)
  await assert.rejects(links({ kind: 'delNode', ino: 2 }, touch), /ENOENT/)
  const refused = await engine.commit(
    'test',
    [{ kind: 'nodeIs', ino: 3, is: sampleNode }],
    [{ kind: 'delNode', ino: 2 }, touch],
  )
  assert.ok(!refused.ok, 'guards are looked at first')
  const xattr = (value: number) =>
    ({ kind: 'putXattr', ino: 2, name: 'user.x', value: Buffer.from([value]) }) as const
  await engine.commit('test', [], [xattr(1), { kind: 'delXattrs', ino: 2 }, xattr(2)])
  const [value] = await engine.read([{ kind: 'xattr', ino: 2, name: 'user.x' }])
  assert.deepEqual(value, Buffer.from([2]))
})

test('commits of more nodes, records and deletions than Lua takes arguments are whole', {
  skip,
}, async (t) => {
  const engine = server.database(t).open()
  t.after(() => engine.close())
  const count = 9000
  const inodes = Array.from({ length: count }, (_, k) => k + 2)
  const slices = new Uint8Array(24 * count).map((_, k) => Math.floor(k / 24) % 251)
  const made = await engine.commit(
    'test',
    inodes.map((ino) => ({ kind: 'nodeIs', ino, is: null })),
    [
      ...inodes.map((ino) => ({ kind: 'putNode', ino, node: sampleNode }) as const),
      { kind: 'appendChunk', ino: 2, index: 0, slices },
    ],
  )
  assert.ok(made.ok)
  assert.equal(made.replies.at(-1), count)
  const nodes = await engine.read(inodes.map((ino) => ({ kind: 'node', ino }) as const))
  assert.ok(nodes.every((node) => node?.mode === sampleNode.mode))
  const half = slices.subarray(0, 12 * count)
  const replaced = await engine.commit(
    'test',
    [{ kind: 'chunkStartsWith', ino: 2, index: 0, prefix: half }],
    [
      {
        kind: 'replaceChunkPrefix',
        ino: 2,
        index: 0,
        prefixBytes: half.length,
        slices: slices.subarray(24, 24 * 2001),
      },
    ],
  )
  assert.ok(replaced.ok)
  const [list] = await engine.read([{ kind: 'chunk', ino: 2, index: 0 }])
  assert.deepEqual(list, Buffer.concat([slices.subarray(24, 24 * 2001), slices.subarray(half.length)]))
  const gone = await engine.commit(
    'test',
    inodes.map((ino, k) => ({ kind: 'nodeIs', ino, is: nodes[k]! })),
    inodes.map((ino) => ({ kind: 'delNode', ino })),
  )
  assert.ok(gone.ok)
  assert.equal((await engine.list({ kind: 'allNodes' }, { limit: 10 })).items.length, 0)
})

test('scripts are sent again to a server that lost them', { skip }, async (t) => {
  const database = server.database(t)
  const engine = database.open()
  t.after(() => engine.close())
  await engine.commit('test', [], [{ kind: 'putNode', ino: 1, node: directory }])
  for (let k = 0; k < 3; k++) {
    await database.client.script('FLUSH')
    const all = [0, 1, 2].map((j) =>
      engine.commit('create', ...create(10 + k * 3 + j, `${k} ${j}`, directory)),
    )
    assert.ok((await Promise.all(all)).every(({ ok }) => ok))
    await database.client.script('FLUSH')
    const [entry] = await engine.read([{ kind: 'entry', parent: 1, name: `${k} 2` }])
    assert.equal(entry?.ino, 12 + k * 3)
    await database.client.script('FLUSH')
    assert.equal(await engine.claim('lastCleanupFiles', 1000 * (k + 1), 100), true)
  }
  const [node] = await engine.read([{ kind: 'node', ino: 1 }])
  assert.equal(node?.nlink, 2 + 9)
})

test('many creators of the same names through two clients: each name has one winner', { skip }, async (t) => {
  const database = server.database(t)
  const engines = [database.open(), database.open()]
  t.after(() => Promise.all(engines.map((engine) => engine.close())))
  await engines[0]!.commit(
    'test',
    [],
    [
      { kind: 'putNode', ino: 1, node: directory },
      { kind: 'putDirStat', ino: 1, stat: { length: 0, space: 0, inodes: 0 } },
    ],
  )
  const names = 50
  const creators = 20
  const outcomes = await Promise.all(
    Array.from({ length: names * creators }, async (_, k) => {
      const outcome = await engines[k % 2]!.commit('create', ...create(1000 + k, `n${k % names}`, directory))
      return { ino: 1000 + k, outcome }
    }),
  )
  const winners = outcomes.filter(({ outcome }) => outcome.ok)
  assert.equal(winners.length, names)
  for (const { outcome } of outcomes) {
    if (outcome.ok) continue
    assert.equal(outcome.failed.length, 1)
    assert.equal(outcome.failed[0]!.guard, 1)
    const actual = outcome.failed[0]!.actual as { ino: number }
    assert.ok(winners.some(({ ino }) => ino === actual.ino))
  }
  const [node, space, inodes, stat] = await engines[0]!.read([
    { kind: 'node', ino: 1 },
    { kind: 'counter', name: 'usedSpace' },
    { kind: 'counter', name: 'totalInodes' },
    { kind: 'dirStat', ino: 1 },
  ])
  assert.equal(node?.nlink, 2 + names)
  assert.deepEqual([space, inodes], [4096 * names, names])
  assert.deepEqual(stat, { length: 0, space: 4096 * names, inodes: names })
  const { items } = await engines[1]!.list({ kind: 'allNodes' }, { limit: 1000 })
  assert.equal(items.length, names + 1)
})

test('a transaction of a peer that watches what a commit writes does not go through', { skip }, async (t) => {
  const database = server.database(t)
  const engine = database.open()
  t.after(() => engine.close())
  await engine.commit('test', [], [{ kind: 'putNode', ino: 1, node: directory }])
  for (const key of ['i1', 'd1', 'i2', 'usedSpace']) {
    await database.client.watch(key)
    assert.ok((await engine.commit('create', ...create(2, `for ${key}`, directory))).ok)
    assert.equal(await database.client.multi().set('marker', '1').exec(), null, key)
  }
  await database.client.watch('i1', 'd1')
  const refused = await engine.commit('create', ...create(2, 'for i1', directory))
  assert.ok(!refused.ok)
  assert.notEqual(
    await database.client.multi().set('marker', '1').exec(),
    null,
    'a refused commit writes nothing',
  )
})

test('whoever listens hears of every key before it is written, and how it ended', { skip }, async (t) => {
  const database = server.database(t)
  const seen: [CommitKeys, string][] = []
  const engine = database.open({
    watcher: {
      sent: (keys) => void seen.push([keys, 'sent']),
      settled: (keys, outcome) => void seen.push([keys, outcome]),
    },
  })
  t.after(() => engine.close())
  await engine.commit('test', [], [{ kind: 'putNode', ino: 1, node: directory }])
  seen.length = 0
  const calls = [1, 2].map(() => engine.commit('create', ...create(2, 'a', directory)))
  await Promise.all(calls)
  assert.deepEqual(
    seen.map(([, what]) => what),
    ['sent', 'sent', 'applied', 'refused'],
  )
  assert.equal(seen[0]![0], seen[2]![0])
  assert.equal(seen[1]![0], seen[3]![0])
  const stored = await database.client.keys('*')
  assert.ok(stored.every((key) => seen[0]![0].includes(key)))
})

test('a server at its memory limit refuses what needs room, and lets things be removed', {
  skip,
}, async (t) => {
  const small = await startTestServer({ maxmemory: '3mb' })
  t.after(() => small.stop())
  const engine = small.database(t).open()
  t.after(() => engine.close())
  await engine.commit('test', [], [{ kind: 'putNode', ino: 1, node: directory }])
  let last = 1
  const fill = async (): Promise<void> => {
    for (;;) {
      const value = new Uint8Array(60_000)
      const put = { kind: 'putXattr', ino: last + 1, name: 'user.x', value } as const
      await engine.commit('test', [], [put, { kind: 'putNode', ino: last + 1, node: sampleNode }])
      last++
    }
  }
  await assert.rejects(fill(), { kind: 'no-space' })
  assert.ok(last > 2)
  const [node, missing] = await engine.read([
    { kind: 'node', ino: last },
    { kind: 'node', ino: last + 1 },
  ])
  assert.notEqual(node, null)
  assert.equal(missing, null, 'all or nothing')
  const removed = await engine.commit(
    'test',
    [{ kind: 'nodeIs', ino: last, is: node! }],
    [
      { kind: 'delXattrs', ino: last },
      { kind: 'delNode', ino: last },
      { kind: 'touchNode', ino: 1, nlink: -1, time: now },
    ],
  )
  assert.ok(removed.ok)
})

test('a place opened for reading takes no writes', { skip }, async (t) => {
  const engine = server.database(t).open({ readOnly: true })
  t.after(() => engine.close())
  assert.deepEqual(await engine.read([{ kind: 'node', ino: 1 }]), [null])
  const readOnly = { kind: 'read-only' }
  await assert.rejects(engine.commit('test', [], []), readOnly)
  await assert.rejects(engine.allocate('nextInode', 1), readOnly)
  await assert.rejects(engine.claim('lastCleanupTrash', 1, 1), readOnly)
  await assert.rejects(engine.destroy(), readOnly)
})
