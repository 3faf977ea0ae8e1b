/** Commits of one process that wait for each other are made together, and still each by itself. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Change, Guard } from '#core/meta/engine.ts'
import { sampleNode } from '#core/meta/engine-suite/tools.suite.ts'
import { TkvEngine } from './engine.ts'
import { Layout } from './layout.ts'
import type { Key, OrderedStore } from './ordered-store.ts'
import { MemoryPlace, MemoryStore } from './test-store.ts'

const DIR = 2

/** An engine, and how many transactions it has begun. */
async function setUp(t: TestContext) {
  const place = new MemoryPlace()
  const store: OrderedStore = new MemoryStore(place)
  let begun = 0
  const begin = store.begin.bind(store)
  store.begin = (on) => {
    begun++
    return begin(on)
  }
  const engine = new TkvEngine({ store, prefix: '\xfd' })
  t.after(() => engine.close())
  await engine.initialize()
  await engine.commit('test', [], [{ kind: 'putNode', ino: DIR, node: { ...sampleNode, nlink: 0 } }])
  begun = 0
  return {
    engine,
    other: new TkvEngine({ store: new MemoryStore(place), prefix: '\xfd' }),
    begun: () => begun,
    place,
  }
}

const absent = (name: string): Guard => ({ kind: 'edgeIs', parent: DIR, name, is: null })
const make = (name: string, ino: number): Change[] => [
  { kind: 'putEdge', parent: DIR, name, edge: { ino, type: 1 } },
  { kind: 'touchNode', ino: DIR, nlink: 1 },
]

test('entries made at once in one directory need a few transactions, and one name is made once', async (t) => {
  const { engine, begun } = await setUp(t)
  const outcomes = await Promise.all(
    Array.from({ length: 100 }, (_, k) =>
      engine.commit('create', [absent(`n${k % 50}`)], make(`n${k % 50}`, 10 + k)),
    ),
  )
  assert.equal(outcomes.filter(({ ok }) => ok).length, 50)
  const lost = outcomes.find(({ ok }) => !ok)
  assert.ok(lost?.ok === false && lost.failed[0]?.guard === 0 && lost.failed[0].actual !== null)
  assert.ok(begun() <= 8, `${begun()} transactions`)
  const [dir] = await engine.read([{ kind: 'node', ino: DIR }])
  assert.equal(dir?.nlink, 50)
  const { items } = await engine.list({ kind: 'edges', parent: DIR }, { limit: 100 })
  assert.equal(items.length, 50)
})

test('a commit that is refused or fails takes no other with it', async (t) => {
  const { engine } = await setUp(t)
  const [first, refused, gone, last] = await Promise.allSettled([
    engine.commit('create', [absent('a')], make('a', 10)),
    engine.commit('create', [absent('a')], make('a', 11)),
    engine.commit('create', [], [...make('lost', 12), { kind: 'touchNode', ino: 99, nlink: 1 }]),
    engine.commit('create', [absent('b')], make('b', 13)),
  ])
  assert.ok(first.status === 'fulfilled' && first.value.ok)
  assert.ok(refused.status === 'fulfilled' && !refused.value.ok)
  assert.ok(gone.status === 'rejected' && /ENOENT/.test(String(gone.reason)))
  assert.ok(last.status === 'fulfilled' && last.value.ok)
  assert.deepEqual(
    last.value.touched?.map(({ node }) => node.nlink),
    [2],
  )
  const [lost] = await engine.read([{ kind: 'edge', parent: DIR, name: 'lost' }])
  assert.equal(lost, null)
})

test('who removes a range sees what was written into it just before', async (t) => {
  const { engine } = await setUp(t)
  const touch = { kind: 'touchNode', ino: DIR, nlink: 0 } as const
  const xattr = { kind: 'putXattr', ino: 3, name: 'user.x', value: Buffer.from('x') } as const
  await Promise.all([
    engine.commit('first', [], [touch]),
    engine.commit('setxattr', [], [touch, xattr]),
    engine.commit('unlink', [], [touch, { kind: 'delXattrs', ino: 3 }]),
    engine.commit('rmdir', [{ kind: 'emptyDir', ino: DIR }], [touch, xattr]),
  ])
  const [value] = await engine.read([{ kind: 'xattr', ino: 3, name: 'user.x' }])
  assert.notEqual(value, null)
})

test('a directory is not emptied under a name that is made in it elsewhere', async (t) => {
  const { engine, other } = await setUp(t)
  for (let k = 0; k < 20; k++) {
    const dir = 100 + k
    const node = { ...sampleNode, nlink: 2 }
    await engine.commit('mkdir', [], [{ kind: 'putNode', ino: dir, node }])
    const [removed, made] = await Promise.all([
      engine.commit('rmdir', [{ kind: 'emptyDir', ino: dir }], [{ kind: 'delNode', ino: dir }]),
      other.commit(
        'create',
        [{ kind: 'nodeLike', ino: dir, like: node }],
        [{ kind: 'putEdge', parent: dir, name: 'x', edge: { ino: 5, type: 1 } }],
      ),
    ])
    assert.ok(removed.ok !== made.ok)
  }
  await other.close()
})

test('many commits at once need few transactions, and one that loses to others does not hold up the rest', async (t) => {
  const { engine, other, begun } = await setUp(t)
  const put = (ino: number, nlink: number): Change => ({
    kind: 'putNode',
    ino,
    node: { ...sampleNode, nlink },
  })
  const chmods = Array.from({ length: 60 }, (_, k) => engine.commit('setattr', [], [put(100 + k, 1)]))
  const races = Array.from({ length: 20 }, (_, k) => other.commit('setattr', [], [put(100, k)]))
  const outcomes = await Promise.all([...chmods, ...races])
  assert.ok(outcomes.every(({ ok }) => ok))
  const nodes = await engine.read(
    Array.from({ length: 60 }, (_, k) => ({ kind: 'node', ino: 100 + k }) as const),
  )
  assert.ok(nodes.every((node) => node !== null))
  assert.ok(begun() < 60, `${begun()} transactions`)
  await other.close()
})

test('creations that begin where the last one ended see what others did meanwhile', async (t) => {
  const { engine, other } = await setUp(t)
  t.after(() => other.close())
  const create = (by: TkvEngine, name: string, ino: number) =>
    by.commit('create', [absent(name)], make(name, ino))
  for (let k = 0; k < 20; k++) {
    assert.ok((await create(engine, `n${k}`, 100 + k)).ok)
    if (k % 3 === 0) assert.ok((await create(other, `o${k}`, 200 + k)).ok)
    const taken = await create(engine, k % 3 === 0 ? `o${k}` : `n${k}`, 300 + k)
    assert.ok(!taken.ok && taken.failed[0]?.actual !== null, 'the name is there')
  }
  const [dir] = await engine.read([{ kind: 'node', ino: DIR }])
  assert.equal(dir?.nlink, 27)
})

test('what the last commit left is not read again, unless others changed it', async (t) => {
  const { engine, other, place } = await setUp(t)
  t.after(() => other.close())
  const read: Key[] = []
  const get = place.get.bind(place)
  place.get = (key, at) => {
    read.push(key)
    return get(key, at)
  }
  const layout = new Layout('\xfd')
  const remove = (name: string, ino: number) =>
    engine.commit(
      'unlink',
      [{ kind: 'edgeIs', parent: DIR, name, is: { ino, type: 1 } }],
      [
        { kind: 'delEdge', parent: DIR, name },
        { kind: 'touchNode', ino: DIR, nlink: -1 },
      ],
    )
  for (const [k, name] of ['a', 'b', 'c'].entries())
    await engine.commit('create', [absent(name)], make(name, 10 + k))
  read.length = 0
  assert.ok((await remove('a', 10)).ok)
  assert.deepEqual(read.splice(0), [layout.edge(DIR, 'a')])
  assert.ok((await other.commit('create', [absent('d')], make('d', 13))).ok)
  read.length = 0
  assert.ok((await remove('b', 11)).ok)
  assert.deepEqual(read.splice(0), [layout.edge(DIR, 'b'), layout.edge(DIR, 'b'), layout.node(DIR)])
  const [dir] = await engine.read([{ kind: 'node', ino: DIR }])
  assert.equal(dir?.nlink, 2)
})

test('files of one directory that grow at once do not lose to each other over its statistics', async (t) => {
  const { engine, begun } = await setUp(t)
  await engine.commit(
    'mkdir',
    [],
    [{ kind: 'putDirStat', ino: DIR, stat: { length: 0, space: 0, inodes: 0 } }],
  )
  const before = begun()
  const grow = { kind: 'addDirStat', ino: DIR, length: 5, space: 4096, inodes: 0 } as const
  await Promise.all(
    Array.from({ length: 60 }, (_, k) =>
      engine.commit('truncate', [], [{ kind: 'putNode', ino: 10 + k, node: sampleNode }, grow]),
    ),
  )
  const [stat] = await engine.read([{ kind: 'dirStat', ino: DIR }])
  assert.equal(stat?.length, 300)
  assert.ok(begun() - before <= 6, `${begun() - before} transactions`)
})
