/** What is answered before the server's disk has it outlives a crash of the server, and whoever waits for the disk does. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { type Clock, systemClock } from '#core/base/clock.ts'
import type { Log } from '#core/base/log.ts'
import type { Change, Guard, MetaEngine } from '#core/meta/engine.ts'
import { sampleNode } from '#core/meta/engine-suite/tools.suite.ts'
import { type PostgresServer, postgresMissing, startPostgres } from '../../../../e2e/harness/postgres.ts'
import type { PostgresEngine } from './engine.ts'
import { openPostgres } from './open.ts'
import { isSameServer } from './server-life.ts'
import { FLUSH_MS, mayFollow } from './unsettled.ts'

const skip = postgresMissing() ?? false
const DIR = 2
const directory = { ...sampleNode, type: 2, nlink: 0, parent: 1 } as const
const file = { ...sampleNode, type: 1, nlink: 1, parent: DIR } as const

let started: Promise<PostgresServer> | undefined
let databases = 0

/** A server that writes its log when it is asked to, and at no other time: so a crash takes back what nobody waited for. */
function server(): Promise<PostgresServer> {
  return (started ??= startPostgres({ config: { wal_writer_delay: '10s', bgwriter_delay: '10s' } }))
}

after(async () => (await started)?.stop())

/** Nothing is flushed that nobody waits for, however long a test takes. */
const unhurried: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms === FLUSH_MS ? 3_600_000 : ms, signal),
}

async function until(done: () => Promise<boolean>): Promise<void> {
  while (!(await done().catch(() => false))) await new Promise((resolve) => setTimeout(resolve, 50))
}

/** What was logged: message and fields. */
type Lines = [string, Record<string, unknown>][]

function collecting(lines: Lines): Log {
  const note = (message: string, fields: Record<string, unknown> = {}): void =>
    void lines.push([message, fields])
  return { error: note, warn: note, info: note, debug() {} }
}

async function newVolume(t: TestContext): Promise<{ url: string; engine: PostgresEngine; lines: Lines }> {
  const url = await (await server()).createDatabase(`unsettled_${databases++}`)
  const lines: Lines = []
  const engine = await openPostgres(url, { log: collecting(lines), clock: unhurried })
  t.after(() => engine.close())
  await engine.initialize()
  await engine.commit('setup', [], [{ kind: 'putNode', ino: DIR, node: directory }])
  // The first of a shape is a transaction of statements, which waits for the disk.
  for (const name of ['first', 'second']) await create(engine, 90 + name.length, name)
  await engine.sync()
  return { url, engine, lines }
}

async function create(engine: MetaEngine, ino: number, name: string): Promise<void> {
  const guards: Guard[] = [
    { kind: 'nodeLike', ino: DIR, like: directory },
    { kind: 'edgeIs', parent: DIR, name, is: null },
  ]
  const changes: Change[] = [
    { kind: 'putNode', ino, node: file, fresh: true },
    { kind: 'putEdge', parent: DIR, name, edge: { ino, type: 1 } },
    { kind: 'touchNode', ino: DIR, nlink: 1 },
  ]
  assert.ok((await engine.commit('create', guards, changes)).ok, name)
}

async function names(engine: MetaEngine): Promise<string[]> {
  const { items } = await engine.list({ kind: 'edges', parent: DIR }, { limit: 1000 })
  return items.map(({ name }) => name).sort()
}

async function linksOfDirectory(engine: MetaEngine): Promise<number | undefined> {
  return (await engine.read([{ kind: 'node', ino: DIR }]))[0]?.nlink
}

const MADE = Array.from({ length: 12 }, (_, k) => `name-${k}`)

/** The server may have written it all a moment before: then the crash shows nothing. */
const CRASHES = 10

for (const how of ['the whole server', 'one server process'] as const)
  test(`a crash of ${how} loses nothing that was answered`, { skip, timeout: 120_000 }, async (t) => {
    let lost = 0
    for (let crash = 0; lost === 0 && crash < CRASHES; crash++) lost = await crashed(t, how)
    assert.ok(lost > 0, 'a crash took something back')
  })

/** Returns how many commits the crash took back, and were done again. */
async function crashed(t: TestContext, how: 'the whole server' | 'one server process'): Promise<number> {
  const { url, engine, lines } = await newVolume(t)
  const postgres = await server()
  const find = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"
  const pid = Number(await postgres.sql('postgres', find))
  for (const [k, name] of MADE.entries()) await create(engine, 100 + k, name)
  if (how === 'the whole server') await postgres.restart()
  else {
    process.kill(pid, 'SIGKILL')
    await until(async () => Number(await postgres.sql('postgres', find)) !== pid)
  }
  // Whoever reads first finds all of it.
  assert.deepEqual(await names(engine), ['first', 'second', ...MADE].sort())
  assert.equal(await linksOfDirectory(engine), 2 + MADE.length)
  await engine.sync()
  const other = await openPostgres(url)
  assert.equal(await linksOfDirectory(other), 2 + MADE.length)
  await other.close()
  return Number(lines.find(([message]) => /has crashed/.test(message))?.[1].lost ?? 0)
}

test('what was waited for is on the disk', { skip, timeout: 60_000 }, async (t) => {
  const { url, engine, lines } = await newVolume(t)
  for (const [k, name] of MADE.entries()) await create(engine, 100 + k, name)
  await Promise.all([engine.sync(), engine.sync()])
  await (await server()).kill()
  await (await server()).restart()
  const other = await openPostgres(url)
  assert.deepEqual(await names(other), ['first', 'second', ...MADE].sort())
  await other.close()
  assert.deepEqual(await names(engine), ['first', 'second', ...MADE].sort())
  assert.ok(!lines.some(([message]) => /has crashed/.test(message)), 'nothing had to be asked')
})

test('what others have changed since a crash is not overwritten: the next sync says so', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const { url, engine, lines } = await newVolume(t)
  await (await server()).writeNothingUnasked()
  await create(engine, 100, 'mine')
  await create(engine, 101, 'alone')
  await (await server()).restart()
  const other = await openPostgres(url)
  assert.deepEqual(await names(other), ['first', 'second'], 'the crash took both back')
  await create(other, 200, 'mine')
  await create(other, 201, 'mine too')
  assert.deepEqual(await names(engine), ['alone', 'first', 'mine', 'mine too', 'second'])
  assert.equal((await engine.read([{ kind: 'edge', parent: DIR, name: 'mine' }]))[0]?.ino, 200)
  assert.equal(await linksOfDirectory(engine), 5)
  assert.ok(lines.some(([message]) => /others changed its records/.test(message)))
  await assert.rejects(engine.sync(), { kind: 'unavailable', message: /1 operation/ })
  await engine.sync()
  await other.close()
})

test('a server that comes back as a standby is read, and gets what was lost once it is promoted', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const { url, engine, lines } = await newVolume(t)
  const postgres = await server()
  await postgres.writeNothingUnasked()
  await create(engine, 100, 'survives')
  await postgres.sql(new URL(url).pathname.slice(1), "SELECT pg_logical_emit_message(true, 'test', '')")
  await create(engine, 101, 'lost')
  await writeFile(join(postgres.socketDir, 'standby.signal'), '')
  await postgres.restart()
  assert.deepEqual(await names(engine), ['first', 'second', 'survives'])
  await assert.rejects(engine.sync(), { kind: 'read-only' })
  await postgres.sql('postgres', 'SELECT pg_promote()')
  await until(async () => (await names(engine)).length === 4)
  assert.equal(await linksOfDirectory(engine), 4)
  assert.ok(!lines.some(([message]) => /others changed/.test(message)), JSON.stringify(lines))
  await engine.sync()
})

test('a server is the same as long as one of its own processes is', () => {
  assert.ok(isSameServer('1.5 10,11', '1.5 10,11'))
  assert.ok(isSameServer('1.5 10,11', '1.5 11,12'))
  assert.ok(!isSameServer('1.5 10,11', '1.5 20,21'))
  assert.ok(!isSameServer('1.5 10,11', '2.5 10,11'))
  assert.ok(isSameServer('1.5', '1.5 10'))
})

test('commits are answered before the disk, but those that others act on at once', () => {
  assert.ok(mayFollow([{ kind: 'putNode', ino: 3, node: file }]))
  assert.ok(mayFollow([{ kind: 'putXattr', ino: 3, name: 'user.a', value: Buffer.alloc(100) }]))
  assert.ok(!mayFollow([{ kind: 'putXattr', ino: 3, name: 'user.a', value: Buffer.alloc(60_000) }]))
  assert.ok(
    mayFollow([
      { kind: 'delNode', ino: 3 },
      { kind: 'delQuota', of: 'dir', id: 3 },
    ]),
  )
  assert.ok(!mayFollow([{ kind: 'delQuota', of: 'user', id: 3 }]))
  assert.ok(!mayFollow([{ kind: 'putFlock', ino: 3, lock: { sid: 1, owner: 1n, type: 'W' } }]))
  assert.ok(
    !mayFollow([
      { kind: 'putNode', ino: 3, node: file },
      { kind: 'putSetting', text: '{}' },
    ]),
  )
})
