/** The engine among other processes, and after they were killed. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { ManualClock, systemClock } from '#core/base/clock.ts'
import type { Change } from '#core/meta/engine.ts'
import { sampleNode } from '#core/meta/engine-suite/tools.suite.ts'
import { openSqlite, parseSqliteUrl } from './open.ts'

async function place(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'pomelo-sqlite-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return join(dir, 'meta.db')
}

async function formatted(t: TestContext): Promise<string> {
  const path = await place(t)
  const engine = await openSqlite(`sqlite3://${path}`, { create: true })
  await engine.initialize()
  await engine.commit('test', [], [{ kind: 'putNode', ino: 1, node: { ...sampleNode, nlink: 2 } }])
  await engine.close()
  return path
}

/** What one create does, in the directory 1. */
function create(ino: number, name: string): Change[] {
  return [
    { kind: 'putNode', ino, node: { ...sampleNode, nlink: 1 } },
    { kind: 'putEdge', parent: 1, name, edge: { ino, type: 1 } },
    { kind: 'touchNode', ino: 1, nlink: 1, time: { sec: 5, nsec: 6 } },
    { kind: 'addUsage', space: 4096, inodes: 1 },
  ]
}

const self = fileURLToPath(import.meta.url)

/** Runs `role` of this file in a process of its own; `next()` is its next line. */
function child(
  t: TestContext,
  role: string,
  path: string,
): { process: ChildProcess; next: () => Promise<string> } {
  const process_ = spawn(process.execPath, [self], {
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, SQLITE_TEST_ROLE: role, SQLITE_TEST_PATH: path },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => process_.kill('SIGKILL'))
  const lines = createInterface(process_.stdout!)[Symbol.asyncIterator]()
  return { process: process_, next: async () => String((await lines.next()).value) }
}

/** Creates files until it is killed, saying each number once it is committed. */
async function createForever(path: string): Promise<void> {
  const engine = await openSqlite(`sqlite3://${path}`)
  for (;;) {
    const first = await engine.allocate('nextInode', 16)
    for (let ino = first; ino < first + 16; ino++) {
      const outcome = await engine.commit(
        'create',
        [{ kind: 'edgeIs', parent: 1, name: `f${ino}`, is: null }],
        create(ino, `f${ino}`),
      )
      assert.ok(outcome.ok)
    }
    await new Promise((resolve) => process.stdout.write(`${first + 15}\n`, resolve))
  }
}

/** Holds the write lock from a line on its input to the next. */
async function holdLock(path: string): Promise<void> {
  const db = new Database(path)
  for await (const _ of createInterface(process.stdin)) {
    db.exec(db.inTransaction ? 'ROLLBACK' : 'BEGIN IMMEDIATE')
    process.stdout.write('done\n')
  }
}

/** Ends while a checkpoint is under way, and nothing else is. */
async function closeInCheckpoint(path: string): Promise<void> {
  const engine = await openSqlite(`sqlite3://${path}`)
  // A checkpoint becomes due with the last of them.
  for (let k = 0; k < 128; k++)
    await engine.commit(
      'write',
      [],
      [{ kind: 'putXattr', ino: 1, name: `a${k}`, value: Buffer.alloc(80_000) }],
    )
  await engine.close()
  console.log('closed')
}

const role = process.env.SQLITE_TEST_ROLE
if (role !== undefined) {
  const play = { create: createForever, hold: holdLock, close: closeInCheckpoint }[role]!
  await play(process.env.SQLITE_TEST_PATH!)
} else {
  tests()
}

function tests(): void {
  test('while another process has the write lock, reads answer, commits wait, and the event loop runs', async (t) => {
    const path = await formatted(t)
    const engine = await openSqlite(`sqlite3://${path}`)
    t.after(() => engine.close())
    const holder = child(t, 'hold', path)
    holder.process.stdin!.write('\n')
    assert.equal(await holder.next(), 'done')
    let committed = false
    const commit = engine.commit('test', [], create(5, 'a')).then((outcome) => {
      committed = outcome.ok
    })
    let longest = 0
    for (let turn = 0, last = performance.now(); turn < 30; turn++) {
      await systemClock.sleep(5)
      longest = Math.max(longest, performance.now() - last)
      const [node] = await engine.read([{ kind: 'node', ino: 1 }])
      assert.equal(node?.nlink, 2)
      last = performance.now()
    }
    assert.equal(committed, false)
    assert.ok(longest < 1000, `a turn took ${longest} ms`)
    holder.process.stdin!.write('\n')
    await commit
    assert.equal(committed, true)
  })

  test('a lock that is never released ends in "unavailable" after 30 s', async (t) => {
    const path = await formatted(t)
    const clock = new ManualClock()
    const engine = await openSqlite(`sqlite3://${path}`, { clock })
    t.after(() => engine.close())
    const other = new Database(path)
    other.exec('BEGIN IMMEDIATE')
    const ended = engine.commit('test', [], create(5, 'a')).then(
      () => 'committed',
      (error: { kind: string; message: string }) => `${error.kind}: ${error.message}`,
    )
    for (let k = 0; k < 10; k++) await new Promise((resolve) => setImmediate(resolve))
    await clock.advance(29_000)
    assert.equal(await Promise.race([ended, Promise.resolve('waiting')]), 'waiting')
    await clock.advance(2000)
    assert.match(await ended, /^unavailable: sqlite3:.*another process keeps the metadata file locked/)
    other.close()
    assert.ok((await engine.commit('test', [], create(5, 'a'))).ok)
  })

  test('two processes race on one file without a lost update', async (t) => {
    const path = await formatted(t)
    const children = [child(t, 'create', path), child(t, 'create', path)]
    const engine = await openSqlite(`sqlite3://${path}`)
    t.after(() => engine.close())
    let own = 0
    const until = performance.now() + 1000
    while (performance.now() < until) {
      const ino = await engine.allocate('nextInode', 1)
      const outcome = await engine.commit(
        'create',
        [{ kind: 'nodeIs', ino, is: null }],
        create(ino, `own${ino}`),
      )
      assert.ok(outcome.ok)
      own++
    }
    for (const { process } of children) {
      process.kill('SIGKILL')
      await once(process, 'exit')
    }
    assert.ok(own > 0)
    await assertConsistent(path)
  })

  test('a client killed at any moment leaves whole commits, and all it had acknowledged', async (t) => {
    const path = await formatted(t)
    for (let round = 0; round < 3; round++) {
      const { process, next } = child(t, 'create', path)
      let last = await next()
      const until = performance.now() + 40 * round
      while (performance.now() < until) last = await next()
      process.kill('SIGKILL')
      await once(process, 'exit')
      await assertConsistent(path)
      const engine = await openSqlite(`sqlite3://${path}`)
      const [entry] = await engine.read([{ kind: 'entry', parent: 1, name: `f${last}` }])
      await engine.close()
      assert.equal(entry?.ino, Number(last))
      assert.ok(entry.node)
    }
  })

  test('a steady stream of commits keeps the log bounded', async (t) => {
    const path = await formatted(t)
    const engine = await openSqlite(`sqlite3://${path}`)
    let longest = 0
    for (let ino = 10; ino < 6000; ino++) {
      await engine.commit('create', [], create(ino, `f${ino}`))
      if (ino % 500 === 0) longest = Math.max(longest, (await stat(`${path}-wal`)).size)
    }
    assert.ok(longest < 130 * 2 ** 20, `${longest} bytes of log`)
    await engine.close()
    await assert.rejects(stat(`${path}-wal`), { code: 'ENOENT' })
    await assertConsistent(path)
  })

  test('a program that has nothing else to do waits for the end of a checkpoint when it closes', async (t) => {
    const { process, next } = child(t, 'close', await formatted(t))
    const ended = once(process, 'exit')
    assert.equal(await next(), 'closed')
    assert.deepEqual(await ended, [0, null])
  })

  test('what cannot be opened says why', async (t) => {
    const path = await place(t)
    await assert.rejects(openSqlite(`sqlite3://${path}`), (error: { kind: string; message: string }) => {
      return error.kind === 'not-found' && /no such file/.test(error.message)
    })
    await assert.rejects(
      openSqlite(`sqlite3://${path}/x/y.db`, { create: true }),
      /directory .* does not exist/,
    )
    await assert.rejects(openSqlite(`sqlite3://${join(path, '..')}`), { kind: 'invalid' })
    await assert.rejects(openSqlite('sqlite3://'), { kind: 'invalid' })
    await assert.rejects(openSqlite(`sqlite3://${path}?table_prefix=a\`b`, { create: true }), {
      kind: 'invalid',
    })
    await writeFile(path, 'this is not a database, but it is long enough to look like something'.repeat(20))
    await assert.rejects(openSqlite(`sqlite3://${path}`), { kind: 'corrupt' })
  })

  test('a file without write permission is read and not written', {
    skip: process.getuid?.() === 0,
  }, async (t) => {
    const path = await formatted(t)
    await chmod(path, 0o400)
    const engine = await openSqlite(`sqlite3://${path}`, { readOnly: true })
    t.after(() => engine.close())
    assert.ok((await engine.read([{ kind: 'node', ino: 1 }]))[0])
    await assert.rejects(engine.commit('test', [], create(5, 'a')), { kind: 'denied' })
  })

  test('a damaged file is reported as corrupt', async (t) => {
    const path = await formatted(t)
    const { size } = await stat(path)
    await writeFile(path, Buffer.alloc(size - 4096, 0x5a), { flag: 'r+' })
    const opened = openSqlite(`sqlite3://${path}`).then((engine) => engine.read([{ kind: 'node', ino: 1 }]))
    await assert.rejects(opened, { kind: 'corrupt' })
  })

  test('addresses: relative and absolute paths, table prefix, the driver options ignored', () => {
    assert.deepEqual(parseSqliteUrl('sqlite3:///a/b.db'), { path: '/a/b.db', prefix: 'jfs_' })
    assert.deepEqual(parseSqliteUrl('sqlite3://b.db?_timeout=5&table_prefix=v1&cache=shared'), {
      path: join(process.cwd(), 'b.db'),
      prefix: 'jfs_v1_',
    })
  })
}

/** Every node has its entry, and the totals and link counts say so. */
async function assertConsistent(path: string): Promise<void> {
  const db = new Database(path)
  const value = (sql: string): unknown => db.prepare(sql).pluck().get()
  assert.equal(value('PRAGMA integrity_check'), 'ok')
  const nodes = value('SELECT count(*) FROM jfs_node WHERE inode <> 1') as number
  assert.ok(nodes > 0)
  assert.equal(value('SELECT count(*) FROM jfs_edge'), nodes)
  assert.equal(value("SELECT value FROM jfs_counter WHERE name = 'totalInodes'"), nodes)
  assert.equal(value("SELECT value FROM jfs_counter WHERE name = 'usedSpace'"), nodes * 4096)
  assert.equal(value('SELECT nlink FROM jfs_node WHERE inode = 1'), nodes + 2)
  db.close()
}
