/** Many clients on few records: one winner for a name, exact counts, and no deadlock, beside ourselves and the reference's order of locks. */
import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import type { Ino } from '#core/base/ino.ts'
import { below, seededRandom } from '#core/base/random.ts'
import type { Change, Guard } from '#core/meta/engine.ts'
import { sampleNode } from '#core/meta/engine-suite/tools.suite.ts'
import type { Edge, NodeRecord } from '#core/meta/records.ts'
import { postgresMissing } from '../../../../e2e/harness/postgres.ts'
import type { PostgresEngine } from './engine.ts'
import { openPostgres } from './open.ts'
import { testServer } from './test-server.ts'

const skip = postgresMissing() ?? false
const dir: NodeRecord = { ...sampleNode, type: 2, nlink: 0, parent: 1 }
const file: NodeRecord = { ...sampleNode, nlink: 1, parent: 2 }

after(() => testServer().stop())

async function openClients(
  t: TestContext,
  count: number,
): Promise<{ engines: PostgresEngine[]; database: string }> {
  const url = await testServer().newDatabase()
  const engines: PostgresEngine[] = []
  for (let k = 0; k < count; k++) {
    const engine = await openPostgres(`${url}&max_open_conns=4`)
    t.after(() => engine.close())
    if (k === 0) await engine.initialize()
    engines.push(engine)
  }
  return { engines, database: new URL(url).pathname.slice(1) }
}

/** Deadlocks that the server had to break. */
async function deadlocks(database: string): Promise<number> {
  const server = await testServer().server()
  return Number(
    await server.sql('postgres', `SELECT deadlocks FROM pg_stat_database WHERE datname = '${database}'`),
  )
}

test('of 100 who make one name one wins, and the others learn who', { skip, timeout: 60_000 }, async (t) => {
  const { engines } = await openClients(t, 4)
  await engines[0]!.commit('setup', [], [{ kind: 'putNode', ino: 2, node: dir }])
  for (let round = 0; round < 3; round++) {
    const name = `only${round}`
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, k) =>
        engines[k % 4]!.commit(
          'create',
          [
            { kind: 'nodeLike', ino: 2, like: dir },
            { kind: 'edgeIs', parent: 2, name, is: null },
          ],
          [
            { kind: 'putNode', ino: 1000 * (round + 1) + k, node: file, fresh: true },
            { kind: 'putEdge', parent: 2, name, edge: { ino: 1000 * (round + 1) + k, type: 1 } },
            { kind: 'touchNode', ino: 2, nlink: 1 },
          ],
        ),
      ),
    )
    assert.equal(outcomes.filter(({ ok }) => ok).length, 1)
    const [edge, node] = await engines[0]!.read([
      { kind: 'edge', parent: 2, name },
      { kind: 'node', ino: 2 },
    ])
    assert.equal(node?.nlink, round + 1)
    for (const outcome of outcomes)
      if (!outcome.ok) {
        assert.equal(outcome.failed[0]?.guard, 1)
        assert.deepEqual(outcome.failed[0].actual, edge)
      }
  }
})

/** A rename between two of a few directories, as operations commit it. */
function moving(
  from: Ino,
  to: Ino,
  name: string,
  edge: Edge,
  node: NodeRecord,
): [readonly Guard[], readonly Change[]] {
  return [
    [
      { kind: 'edgeIs', parent: from, name, is: edge },
      { kind: 'edgeIs', parent: to, name, is: null },
      { kind: 'nodeIs', ino: edge.ino, is: node },
      { kind: 'nodeLike', ino: from, like: dir },
      { kind: 'nodeLike', ino: to, like: dir },
    ],
    [
      { kind: 'delEdge', parent: from, name },
      { kind: 'putEdge', parent: to, name, edge },
      {
        kind: 'putNode',
        ino: edge.ino,
        node: { ...node, parent: to, ctimeNsec: (node.ctimeNsec + 1) % 1e9 },
      },
      { kind: 'touchNode', ino: from, nlink: -1 },
      { kind: 'touchNode', ino: to, nlink: 1 },
      { kind: 'addDirStat', ino: from, length: 0, space: -4096, inodes: -1 },
      { kind: 'addDirStat', ino: to, length: 0, space: 4096, inodes: 1 },
    ],
  ]
}

test('a storm of renames and removals on few records keeps every count exact, without a deadlock', {
  skip,
  timeout: 80_000,
}, async (t) => {
  const { engines, database } = await openClients(t, 3)
  const dirs = [2, 3, 4, 5]
  const names = Array.from({ length: 8 }, (_, k) => `f${k}`)
  await engines[0]!.commit(
    'setup',
    [],
    [
      ...dirs.flatMap((ino): Change[] => [
        { kind: 'putNode', ino, node: { ...dir, nlink: ino === 2 ? names.length : 0 } },
        {
          kind: 'putDirStat',
          ino,
          stat: {
            length: 0,
            space: ino === 2 ? 4096 * names.length : 0,
            inodes: ino === 2 ? names.length : 0,
          },
        },
      ]),
      ...names.flatMap((name, k): Change[] => [
        { kind: 'putNode', ino: 100 + k, node: file },
        { kind: 'putEdge', parent: 2, name, edge: { ino: 100 + k, type: 1 } },
      ]),
    ],
  )
  let moved = 0
  const until = performance.now() + 5_000
  const work = async (engine: PostgresEngine, seed: number): Promise<void> => {
    const random = seededRandom(seed)
    while (performance.now() < until) {
      const k = below(random, names.length)
      const [node] = await engine.read([{ kind: 'node', ino: 100 + k }])
      const from = node!.parent
      const to = dirs[below(random, dirs.length)]!
      if (from === to) continue
      const { raw: _, ...plain } = node!
      const outcome = await engine.commit(
        'rename',
        ...moving(from, to, names[k]!, { ino: 100 + k, type: 1 }, plain),
      )
      if (outcome.ok) moved++
      else assert.ok(outcome.failed.length > 0)
    }
  }
  await Promise.all(
    engines.flatMap((engine, k) => [work(engine, 3 * k), work(engine, 3 * k + 1), work(engine, 3 * k + 2)]),
  )
  t.diagnostic(`${moved} renames`)
  assert.ok(moved > 20)
  for (const ino of dirs) {
    const { items } = await engines[0]!.list({ kind: 'edges', parent: ino }, { limit: 100 })
    const [node, stat] = await engines[1]!.read([
      { kind: 'node', ino },
      { kind: 'dirStat', ino },
    ])
    assert.deepEqual(
      [node?.nlink, stat?.inodes, stat?.space],
      [items.length, items.length, 4096 * items.length],
    )
  }
  assert.equal(await deadlocks(database), 0)
})

test('who locks nodes before names, as the reference does, and we do not wait for each other', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const { engines, database } = await openClients(t, 1)
  const [engine] = engines
  await engine!.commit(
    'setup',
    [],
    [
      ...[2, 3].map((ino) => ({ kind: 'putNode', ino, node: dir }) as const),
      { kind: 'putNode', ino: 100, node: file },
      { kind: 'putEdge', parent: 2, name: 'f', edge: { ino: 100, type: 1 } },
      ...[2, 3].map(
        (ino) => ({ kind: 'putDirStat', ino, stat: { length: 0, space: 0, inodes: 0 } }) as const,
      ),
    ],
  )
  const server = await testServer().server()
  // As its unlink: the node for update, then the edge, then the directory; put back so that it can go on.
  const peer = `DO $$ BEGIN FOR k IN 1..150 LOOP
      PERFORM 1 FROM jfs_node WHERE inode = 100 FOR UPDATE; PERFORM pg_sleep(0.002);
      UPDATE jfs_edge SET type = type WHERE inode = 100;
      UPDATE jfs_node SET nlink = nlink WHERE inode IN (2, 3);
      COMMIT; PERFORM pg_sleep(0.005); END LOOP; END $$`
  const beside = server.sql(database, peer)
  let moved = 0
  let running = true
  const done = beside.finally(() => (running = false))
  while (running) {
    const [node] = await engine!.read([{ kind: 'node', ino: 100 }])
    const { raw: _, ...plain } = node!
    const from = plain.parent
    const outcome = await engine!.commit(
      'rename',
      ...moving(from, from === 2 ? 3 : 2, 'f', { ino: 100, type: 1 }, plain),
    )
    if (outcome.ok) moved++
  }
  await done
  t.diagnostic(`${moved} renames`)
  assert.ok(moved > 5)
  assert.equal(await deadlocks(database), 0)
})
