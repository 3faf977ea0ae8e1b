import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '#core/base/clock.ts'
import { rootContext } from '#core/base/context.ts'
import { ROOT_INO } from '#core/base/ino.ts'
import { cleanStaleSessions, removeSession, Session, sessionInfo } from './sessions.ts'
import { parseSetting, serializeSetting } from './setting.ts'
import { openTestVolume, pass, type TestClient, until } from './test-volume.ts'

const ctx = rootContext()

async function session(client: TestClient, sid: number) {
  return (await client.engine.read([{ kind: 'session', sid }]))[0]
}

test('a session says who we are, expires after five heartbeats, and moves on with each', async (t) => {
  const client = await openTestVolume({ options: { heartbeatSec: 12 } })
  t.after(() => client.close())
  const { state, clock } = client
  assert.equal(state.sid, 1)
  const began = clock.nowSec()
  assert.deepEqual(await session(client, 1), { sid: 1, expire: began + 60, info: '{}' })
  await clock.advance(13_000)
  await until(async () => (await session(client, 1))!.expire > began + 60)
  const { expire } = (await session(client, 1))!
  assert.ok(expire >= began + 11 + 60 && expire <= began + 13 + 60, `${expire - began}`)
  await client.engine.commit('test', [], [{ kind: 'delSession', sid: 1 }])
  await until(async () => {
    await clock.advance(13_000)
    return (await session(client, 1)) !== null
  })
  assert.equal((await session(client, 1))?.info, '{}', 'made again')

  const info = JSON.parse(sessionInfo('/mnt/a', new Date(0)))
  assert.match(info.Version, /^1\.4\.2\+pomelo/)
  assert.deepEqual(
    [info.MountPoint, info.MountTime, info.ProcessID],
    ['/mnt/a', '1970-01-01T00:00:00.000Z', process.pid],
  )
  assert.ok(info.HostName.length > 0)
})

test('without a heartbeat a session lives for a year; read-only and unrecorded clients have none', async (t) => {
  const client = await openTestVolume()
  t.after(() => client.close())
  assert.equal((await session(client, 1))?.expire, client.clock.nowSec() + 365 * 86_400)
  const reader = { ...client.state, sid: 0, options: { ...client.state.options, readOnly: true } }
  await new Session(reader, '{}').open()
  const tool = { ...client.state, sid: 0 }
  await new Session(tool, '{}').open({ unrecorded: true })
  assert.deepEqual([reader.sid, tool.sid], [0, 0])
  assert.equal((await client.engine.list({ kind: 'sessions' }, { limit: 10 })).items.length, 1)
})

test('closing removes the session, its locks, and the files only it kept', async () => {
  const client = await openTestVolume()
  const { meta, state, engine } = client
  const { ino } = await meta.create(ctx, ROOT_INO, 'a', 0o644, 0)
  await meta.flock(ctx, ino, 5n, 'W', false)
  await meta.unlink(ctx, ROOT_INO, 'a')
  const [kept] = await engine.read([{ kind: 'node', ino }])
  assert.equal(kept?.nlink, 0)
  await removeSession(state, 1)
  await client.settle()
  const [node, flocks, record, inodes] = await engine.read([
    { kind: 'node', ino },
    { kind: 'flocks', ino },
    { kind: 'session', sid: 1 },
    { kind: 'counter', name: 'totalInodes' },
  ])
  assert.deepEqual([node, flocks, record, inodes], [null, null, null, 0])
  assert.deepEqual((await engine.list({ kind: 'deletedFiles' }, { limit: 10 })).items, [])
  await client.close()
})

test('dead sessions are cleaned by whoever comes first, once per heartbeat; a living one is left alone', async (t) => {
  const client = await openTestVolume({ options: { heartbeatSec: 12, noBackgroundJobs: false } })
  t.after(() => client.close())
  const { engine, clock, state } = client
  const dead = { sid: 77, expire: clock.nowSec() - 1, info: '{"HostName":"gone"}' }
  const alive = { sid: 78, expire: clock.nowSec() + 1000, info: '{}' }
  const lock = { sid: 77, owner: 9n, type: 'W' } as const
  await engine.commit(
    'test',
    [],
    [
      { kind: 'putSession', session: dead },
      { kind: 'putSession', session: alive },
      { kind: 'putFlock', ino: ROOT_INO, lock },
    ],
  )
  assert.equal(await removeSession(state, 77, { ...dead, expire: 5 }), false, 'it came back to life')
  assert.notEqual((await engine.read([{ kind: 'flocks', ino: ROOT_INO }]))[0], null)
  await pass(clock, 13_000)
  assert.notEqual(await session(client, 77), null, 'it may be alive behind a wrong clock')
  await until(async () => {
    await pass(clock, 13_000)
    return (await session(client, 77)) === null
  })
  assert.equal((await engine.read([{ kind: 'flocks', ino: ROOT_INO }]))[0], null)
  assert.deepEqual(await session(client, 78), alive)
  assert.equal(await cleanStaleSessions(state), 0)
})

test('a client whose record moves on is left alone, though by our clock it expired hours ago', async (t) => {
  const client = await openTestVolume({ options: { heartbeatSec: 12, noBackgroundJobs: false } })
  t.after(() => client.close())
  const { engine, clock } = client
  const put = (expire: number) =>
    engine.commit('test', [], [{ kind: 'putSession', session: { sid: 78, expire, info: '{}' } }])
  const began = clock.nowSec() - 5 * 3600
  for (let beat = 0; beat < 5; beat++) {
    await put(began + beat * 12)
    await pass(clock, 13_000)
  }
  assert.notEqual(await session(client, 78), null)
  await until(async () => {
    await pass(clock, 13_000)
    return (await session(client, 78)) === null
  })
})

test('a clock that is set back does not make us look dead', async (t) => {
  const client = await openTestVolume({ options: { heartbeatSec: 12 } })
  t.after(() => client.close())
  const { clock } = client
  const began = clock.nowSec()
  let backSec = 0
  const set = { ...forwarded(clock), nowSec: () => clock.nowSec() - backSec }
  const state = { ...client.state, sid: 0, clock: set }
  const ours = new Session(state, '{}')
  await ours.open()
  backSec = 5 * 3600
  await clock.advance(13_000)
  await until(async () => (await session(client, state.sid))!.expire > began + 60)
  const closing = ours.close()
  await clock.advance(1)
  await closing
})

test('locks that went with a cleaned session, or one that somebody began to clean, are reported', async (t) => {
  const client = await openTestVolume({ options: { heartbeatSec: 12 } })
  t.after(() => client.close())
  const { meta, state, engine } = client
  const files = await Promise.all(['a', 'b', 'c'].map((name) => meta.create(ctx, ROOT_INO, name, 0o644, 0)))
  const [a, b, c] = files.map(({ ino }) => ino) as [number, number, number]
  const lost: number[][] = []
  state.lease.onLocksLost = (inodes) => lost.push([...inodes].sort())
  assert.ok(
    state.lease.untilMs <= client.clock.monotonicMs() + 48_000,
    'others count whole seconds, by their clocks',
  )
  const all = { type: 'W', start: 0n, end: 2n ** 63n - 1n, pid: 1 } as const
  await meta.flock(ctx, a, 5n, 'W', false)
  await meta.setlk(ctx, b, 5n, all, false)
  await meta.setlk(ctx, c, 5n, all, false)
  await meta.setlk(ctx, c, 5n, { ...all, type: 'U', end: 10n }, false)
  await meta.setlk(ctx, c, 5n, { ...all, type: 'U', start: 11n }, false)
  await removeSession(state, state.sid)
  await state.lease.renew()
  assert.deepEqual(
    lost.map((inodes) => inodes.toSorted()),
    [[a, b].sort()],
    'that on c was given back',
  )

  await meta.flock(ctx, c, 5n, 'W', false)
  state.lease.untilMs = 0
  await state.lease.renew()
  assert.equal(lost.length, 1, 'it outlived the sleep')
  await engine.commit('test', [], [{ kind: 'delSessionLocks', sid: state.sid }])
  state.lease.untilMs = 0
  await Promise.all([state.lease.renew(), state.lease.renew()])
  assert.deepEqual(lost.slice(1), [[c]])
})

/** Its methods, so that some can be replaced. */
function forwarded(clock: Clock): Clock {
  return {
    now: () => clock.now(),
    nowSec: () => clock.nowSec(),
    monotonicMs: () => clock.monotonicMs(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  }
}

test('a changed setting is adopted at the next heartbeat; a lost volume is reported', async (t) => {
  const client = await openTestVolume()
  t.after(() => client.close())
  const { engine } = client
  const state = { ...client.state, sid: 0, options: { ...client.state.options, heartbeatSec: 12 } }
  const seen: unknown[] = []
  const session = new Session(state, '{}', {
    onSetting: (now, before) => seen.push([before.Capacity, now.Capacity]),
    onLost: (reason) => seen.push(reason),
  })
  await session.open({ unrecorded: true })
  const put = async (change: object) => {
    const text = serializeSetting({ ...parseSetting(serializeSetting(client.state.setting)), ...change })
    await engine.commit('test', [], [{ kind: 'putSetting', text }])
    await session.refresh()
  }
  await put({})
  seen.length = 0
  await put({ Capacity: 2 ** 40 })
  assert.deepEqual(seen, [[undefined, 2 ** 40]])
  assert.equal(state.setting.Capacity, 2 ** 40)
  await put({ UUID: 'another' })
  await put({ MetaVersion: 2 })
  assert.deepEqual(seen.slice(1), ['another volume is in its place', 'its MetaVersion is 2 now'])
  await session.close()
})
