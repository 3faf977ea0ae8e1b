/** The server is killed, paused, cut off or a standby: nothing acknowledged is lost, nothing is done twice. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BackendError } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Change, Guard, MetaEngine } from '#core/meta/engine.ts'
import { sampleNode } from '#core/meta/engine-suite/tools.suite.ts'
import type { NodeRecord } from '#core/meta/records.ts'
import { type CutPlace, cutProxy } from '../../../../e2e/harness/cut-proxy.ts'
import { postgresMissing } from '../../../../e2e/harness/postgres.ts'
import type { PostgresEngine } from './engine.ts'
import { openPostgres } from './open.ts'
import { testServer } from './test-server.ts'

const skip = postgresMissing() ?? false
const DIR: Ino = 2
const dir: NodeRecord = { ...sampleNode, type: 2, nlink: 0, parent: 1 }
const file: NodeRecord = { ...sampleNode, nlink: 1, parent: DIR }

after(() => testServer().stop())

async function newVolume(t: TestContext): Promise<{ readonly url: string; readonly engine: PostgresEngine }> {
  const url = await testServer().newDatabase()
  const engine = await openPostgres(url)
  t.after(() => engine.close())
  await engine.initialize()
  await engine.commit(
    'setup',
    [],
    [
      { kind: 'putNode', ino: DIR, node: dir },
      { kind: 'putDirStat', ino: DIR, stat: { length: 0, space: 0, inodes: 0 } },
    ],
  )
  return { url, engine }
}

/** An entry in DIR, counted three times over: link count, statistics, totals. */
function creating(ino: Ino, name: string): [readonly Guard[], readonly Change[]] {
  return [
    [
      { kind: 'nodeLike', ino: DIR, like: dir },
      { kind: 'edgeIs', parent: DIR, name, is: null },
    ],
    [
      { kind: 'putNode', ino, node: file, fresh: true },
      { kind: 'putEdge', parent: DIR, name, edge: { ino, type: 1 } },
      { kind: 'touchNode', ino: DIR, nlink: 1 },
      { kind: 'addDirStat', ino: DIR, length: 0, space: 4096, inodes: 1 },
      { kind: 'addUsage', space: 4096, inodes: 1 },
    ],
  ]
}

/** Every entry is counted once, and each acknowledged one is there. Returns how many there are. */
async function audit(engine: MetaEngine, acknowledged: ReadonlySet<string>): Promise<number> {
  const names = new Set<string>()
  let next: string | undefined
  do {
    const page = await engine.list({ kind: 'edges', parent: DIR }, { after: next, limit: 500 })
    for (const { name } of page.items) names.add(name)
    next = page.next
  } while (next !== undefined)
  for (const name of acknowledged) assert.ok(names.has(name), `${name} was acknowledged and is not there`)
  const [node, stat, inodes] = await engine.read([
    { kind: 'node', ino: DIR },
    { kind: 'dirStat', ino: DIR },
    { kind: 'counter', name: 'totalInodes' },
  ])
  assert.deepEqual([node?.nlink, stat?.inodes, inodes], [names.size, names.size, names.size])
  return names.size
}

/** Create entries until told to stop; returns those that were acknowledged. */
async function load(engine: MetaEngine, first: Ino, stop: AbortSignal): Promise<Set<string>> {
  const done = new Set<string>()
  for (let ino = first; !stop.aborted; ino++) {
    try {
      const outcome = await engine.commit('create', ...creating(ino, `f${ino}`))
      assert.ok(outcome.ok, 'nobody else makes this name')
      done.add(`f${ino}`)
    } catch (error) {
      assert.ok(error instanceof BackendError && error.kind === 'unavailable', String(error))
    }
  }
  return done
}

test('a server killed three times under load loses and doubles nothing', {
  skip,
  timeout: 80_000,
}, async (t) => {
  const { engine } = await newVolume(t)
  const server = await testServer().server()
  const stop = new AbortController()
  const loads = [1, 2, 3, 4].map((k) => load(engine, k * 1_000_000, stop.signal))
  for (let k = 0; k < 3; k++) {
    await sleep(700)
    await server.restart() // kill -9, then start
  }
  await sleep(500)
  stop.abort()
  const done = new Set((await Promise.all(loads)).flatMap((names) => [...names]))
  assert.ok(done.size > 20, 'there was a load')
  await engine.sync()
  const found = await audit(engine, done)
  assert.equal(found, done.size, 'what was refused did not happen')
})

test('a paused server is waited for', { skip, timeout: 60_000 }, async (t) => {
  const { engine } = await newVolume(t)
  const server = await testServer().server()
  await engine.commit('create', ...creating(10, 'before'))
  server.pause()
  const waiting = [
    engine.commit('create', ...creating(11, 'during')),
    engine.read([{ kind: 'node', ino: DIR }]),
  ]
  const early = await Promise.race([...waiting, sleep(3_000, 'none')])
  server.resume()
  assert.equal(early, 'none')
  await Promise.all(waiting)
  assert.equal(await audit(engine, new Set(['before', 'during'])), 2)
})

/** Commits of every form that a lost answer is judged by; `mark` is in what is sent. */
const FORMS: readonly {
  readonly name: string
  readonly make: (k: number, mark: string) => [readonly Guard[], readonly Change[]]
  /** What must be there exactly once. */
  readonly shows: (engine: MetaEngine, k: number, mark: string) => Promise<boolean>
}[] = [
  {
    name: 'create',
    make: (k, mark) => creating(1000 + k, mark),
    shows: async (engine, _, mark) =>
      (await engine.read([{ kind: 'edge', parent: DIR, name: mark }]))[0] !== null,
  },
  {
    name: 'setattr with an xattr',
    make: (k, mark) => [
      [{ kind: 'nodeIs', ino: 500, is: { ...file, mode: k } }],
      [
        { kind: 'putNode', ino: 500, node: { ...file, mode: k + 1 } },
        { kind: 'putXattr', ino: 500, name: 'user.mark', value: Buffer.from(mark) },
      ],
    ],
    shows: async (engine, k) => (await engine.read([{ kind: 'node', ino: 500 }]))[0]?.mode === k + 1,
  },
  {
    name: 'write',
    make: (k, mark) => [
      [{ kind: 'nodeIs', ino: 501, is: { ...file, length: k } }],
      [
        { kind: 'appendChunk', ino: 501, index: 0, slices: Buffer.from(mark.padEnd(24, '.')) },
        { kind: 'newSliceRef', id: 9000 + k, size: 4096 },
        { kind: 'putNode', ino: 501, node: { ...file, length: k + 1 } },
      ],
    ],
    shows: async (engine, k) =>
      ((await engine.read([{ kind: 'chunk', ino: 501, index: 0 }]))[0]?.length ?? 0) === 24 * (k + 1),
  },
  {
    name: 'unlink',
    make: (_, mark) => [
      [
        { kind: 'edgeIs', parent: 3, name: mark, is: { ino: 502, type: 1 } },
        { kind: 'nodeIs', ino: 502, is: file },
      ],
      [
        { kind: 'delEdge', parent: 3, name: mark },
        { kind: 'delNode', ino: 502 },
        { kind: 'touchNode', ino: DIR, nlink: 0 },
      ],
    ],
    shows: async (engine, _, mark) =>
      (await engine.read([{ kind: 'edge', parent: 3, name: mark }]))[0] === null,
  },
]

test('an answer that is lost, before or after the server worked, is judged rightly', {
  skip,
  timeout: 80_000,
}, async (t) => {
  const { url, engine } = await newVolume(t)
  const server = await testServer().server()
  const proxy = await cutProxy({ port: server.port })
  t.after(() => proxy.close())
  const client = await openPostgres(`${url.replace(/:\d+\//, `:${proxy.port}/`)}&max_open_conns=1`)
  await engine.commit(
    'setup',
    [],
    [
      { kind: 'putNode', ino: 500, node: { ...file, mode: 0 } },
      { kind: 'putNode', ino: 501, node: { ...file, length: 0 } },
    ],
  )
  const created = new Set<string>()
  for (const { name, make, shows } of FORMS) {
    for (let k = 0; k < 8; k++) {
      const mark = `${name.replaceAll(' ', '-')}${k}~`
      if (name === 'unlink')
        await engine.commit(
          'setup',
          [],
          [
            { kind: 'putNode', ino: 502, node: file },
            { kind: 'putEdge', parent: 3, name: mark, edge: { ino: 502, type: 1 } },
          ],
        )
      const place: CutPlace | undefined = k < 2 ? undefined : k % 2 === 0 ? 'before' : 'after'
      const cuts = proxy.cuts
      if (place !== undefined) proxy.cutNext(mark, place)
      const outcome = await client.commit('test', ...make(k, mark))
      assert.ok(outcome.ok, `${name} ${k}, cut ${place}: ${JSON.stringify(outcome)}`)
      assert.equal(proxy.cuts - cuts, place === undefined ? 0 : 1, `${name} ${k} was cut`)
      assert.ok(await shows(engine, k, mark), `${name} ${k}, cut ${place}`)
      if (name === 'create') created.add(mark)
    }
  }
  await client.close()
  assert.equal(await audit(engine, created), created.size)
})

test('connections that break at any moment lose and double nothing', { skip, timeout: 60_000 }, async (t) => {
  const { url, engine } = await newVolume(t)
  const proxy = await cutProxy({ port: (await testServer().server()).port })
  t.after(() => proxy.close())
  const client = await openPostgres(url.replace(/:\d+\//, `:${proxy.port}/`))
  t.after(() => client.close())
  const stop = new AbortController()
  const loads = [1, 2, 3].map((k) => load(client, k * 1_000_000, stop.signal))
  for (let k = 0; k < 25; k++) {
    await sleep(20 + 17 * (k % 7))
    proxy.breakAll()
  }
  await sleep(500)
  stop.abort()
  const done = new Set((await Promise.all(loads)).flatMap((names) => [...names]))
  assert.ok(done.size > 0, 'there was a load')
  await client.close()
  assert.equal(await audit(engine, done), done.size)
})

test('a standby is read and not written, and takes writes once it is promoted', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const { engine } = await newVolume(t)
  const server = await testServer().server()
  await engine.commit('create', ...creating(10, 'before'))
  await engine.sync()
  await sleep(1_000) // sums of a sync are on the disk half a second later
  await writeFile(join(server.socketDir, 'standby.signal'), '')
  await server.restart()
  assert.equal((await engine.read([{ kind: 'node', ino: DIR }]))[0]?.nlink, 1)
  for (let k = 0; k < 3; k++)
    await assert.rejects(engine.commit('create', ...creating(11, 'during')), { kind: 'read-only' })
  await assert.rejects(engine.allocate('nextInode', 10), { kind: 'read-only' })
  assert.ok((await engine.examine()).some(({ code }) => code === 'postgres-read-only'))
  await server.sql('postgres', 'SELECT pg_promote()')
  await engine.commit('create', ...creating(12, 'after'))
  assert.equal(await audit(engine, new Set(['before', 'after'])), 2)
})
