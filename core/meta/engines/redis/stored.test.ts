/** What ends up in Redis, byte for byte. Vectors: shared/spec/meta-redis.md §2; meta-records.md §2.7, 3, 7, 9, 13, 15. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Redis } from 'ioredis'
import { TRASH_INO } from '#core/base/ino.ts'
import { nameFromText } from '#core/base/name.ts'
import type { Change } from '#core/meta/engine.ts'
import { formatVolume } from '#core/meta/open-meta.ts'
import type { NodeRecord } from '#core/meta/records.ts'
import { parseSetting } from '#core/meta/setting.ts'
import { encodeSlices } from '#core/meta/slices.ts'
import { redisMissing } from '../../../../e2e/harness/redis.ts'
import type { RedisEngine } from './engine.ts'
import { startTestServer, type TestServer } from './test-place.ts'

const skip = redisMissing()
let server: TestServer
before(async () => {
  if (skip === undefined) server = await startTestServer()
})
after(() => server?.stop())

const NODE: NodeRecord = {
  flags: 0,
  type: 1,
  mode: 0o644,
  uid: 1000,
  gid: 1000,
  atime: 1_700_000_000,
  atimeNsec: 123_456_789,
  mtime: 1_700_000_001,
  mtimeNsec: 2,
  ctime: 1_700_000_002,
  ctimeNsec: 3,
  nlink: 1,
  length: 5,
  rdev: 0,
  parent: 1,
  accessAcl: 0,
  defaultAcl: 0,
  tier: 0,
}
const NODE_HEX =
  '0011a4000003e8000003e8000000006553f100075bcd15000000006553f10100000002000000006553f1020000000300000001000000000000000500000000000000000000000100'

async function apply(engine: RedisEngine, ...changes: readonly Change[]): Promise<readonly number[]> {
  const outcome = await engine.commit('test', [], changes)
  assert.ok(outcome.ok)
  return outcome.replies
}

const hex = (bytes: unknown): string => (bytes as Buffer).toString('hex')

/** Every key of the database with its value; binary ones in hex. */
async function dump(client: Redis): Promise<Record<string, unknown>> {
  const out: Record<string, unknown> = {}
  for (const key of (await client.keys('*')).sort()) {
    switch (await client.type(key)) {
      case 'string':
        out[key] = hex(await client.getBuffer(key))
        break
      case 'list':
        out[key] = (await client.lrangeBuffer(key, 0, -1)).map(hex)
        break
      case 'hash': {
        const pairs = (await client.callBuffer('HGETALL', key)) as Buffer[]
        const fields: Record<string, string> = {}
        for (let k = 0; k < pairs.length; k += 2) fields[pairs[k]!.toString('latin1')] = hex(pairs[k + 1])
        out[key] = fields
        break
      }
      case 'set':
        out[key] = (await client.smembers(key)).sort()
        break
      case 'zset':
        out[key] = await client.zrange(key, '0', '-1', 'WITHSCORES')
        break
      default:
        assert.fail(key)
    }
  }
  return out
}

const text = (value: string): string => hex(Buffer.from(value))

test('nodes, entries and everything about a file are stored as the format has them', { skip }, async (t) => {
  const database = server.database(t)
  const engine = database.open()
  t.after(() => engine.close())
  const slice = { pos: 0, id: 1, size: 4_194_304, off: 0, len: 4_194_304 }
  const hole = { pos: 100, id: 0, size: 0, off: 0, len: 28 }
  await apply(
    engine,
    { kind: 'putNode', ino: 2, node: NODE },
    { kind: 'putNode', ino: 3, node: { ...NODE, accessAcl: 7, defaultAcl: 9, tier: 2 } },
    { kind: 'putEdge', parent: 1, name: nameFromText('é'), edge: { ino: 2, type: 1 } },
    { kind: 'putEdge', parent: TRASH_INO, name: '2026-08-21-09', edge: { ino: TRASH_INO + 1, type: 2 } },
    { kind: 'appendChunk', ino: 2, index: 1, slices: encodeSlices([slice, hole]) },
    { kind: 'addParent', ino: 2, parent: 1, add: 2 },
    { kind: 'putSymlink', ino: 4, target: Buffer.from([0xff, 0x2f]) },
    { kind: 'putXattr', ino: 2, name: 'user.\xff', value: Buffer.from([0]) },
    { kind: 'newSliceRef', id: 1, size: 4_194_304 },
    { kind: 'addSliceRef', id: 9, size: 100, add: 1 },
    { kind: 'addUsage', space: 8192, inodes: 2 },
    { kind: 'putDirStat', ino: 1, stat: { length: 5, space: 4096, inodes: 1 } },
  )
  assert.deepEqual(await dump(database.client), {
    i2: NODE_HEX,
    i3: `${NODE_HEX.slice(0, -2)}00000007000000090200`,
    d1: { [nameFromText('é')]: '010000000000000002' },
    d9223372032828243968: { '2026-08-21-09': '027fffffff10000001' },
    c2_1: [
      '000000000000000000000001004000000000000000400000',
      '00000064000000000000000000000000000000000000001c',
    ],
    p2: { 1: text('2') },
    s4: 'ff2f',
    x2: { 'user.\xff': '00' },
    sliceRef: { k9_100: text('1') },
    usedSpace: text('8192'),
    totalInodes: text('2'),
    dirDataLength: { 1: text('5') },
    dirUsedSpace: { 1: text('4096') },
    dirUsedInodes: { 1: text('1') },
  })
})

test('locks, sessions and what is to be deleted are stored as the format has them', { skip }, async (t) => {
  const database = server.database(t)
  const engine = database.open()
  t.after(() => engine.close())
  const owner = 0x1234abcdn
  const ranges = [
    { type: 'R' as const, pid: 42, start: 0n, end: 2n ** 63n - 1n },
    { type: 'W' as const, pid: 42, start: 100n, end: 199n },
  ]
  await apply(
    engine,
    { kind: 'putSession', session: { sid: 5, expire: 1_700_000_060, info: '{"HostName":"é"}' } },
    { kind: 'putFlock', ino: 2, lock: { sid: 5, owner, type: 'W' } },
    { kind: 'putPlock', ino: TRASH_INO + 1, lock: { sid: 5, owner, ranges } },
    { kind: 'putSustained', sid: 5, ino: 7 },
    { kind: 'putDeletedFile', file: { ino: 8, length: 100, deleted: 1_700_000_000 } },
    { kind: 'putDetached', ino: 9, added: 1_700_000_001 },
    {
      kind: 'putDelayedSlices',
      record: { newId: 3, deleted: 1_700_000_002, slices: [{ id: 1, size: 4_194_304 }] },
    },
    {
      kind: 'putQuota',
      of: 'dir',
      id: 2,
      quota: { maxSpace: 2 ** 30, maxInodes: 1000, usedSpace: 8192, usedInodes: 2 },
    },
    { kind: 'addQuotaUsage', of: 'user', id: 1000, space: 4096, inodes: 1 },
    { kind: 'addQuotaUsage', of: 'user', id: 1000, space: 4096, inodes: 1 },
    { kind: 'addQuotaUsage', of: 'dir', id: 3, space: 4096, inodes: 1 },
    { kind: 'putCounter', name: 'nextInode', value: 1025 },
    { kind: 'putCounter', name: 'nextSession', value: 5 },
    { kind: 'putCounter', name: 'lastCleanupTrash', value: 1_700_000_000 },
  )
  assert.deepEqual(await dump(database.client), {
    allSessions: ['5', '1700000060'],
    sessionInfos: { 5: text('{"HostName":"é"}') },
    lockf2: { '5_000000001234ABCD': text('W') },
    lockp9223372032828243969: {
      '5_000000001234ABCD':
        '000000000000002a00000000000000007fffffffffffffff000000010000002a000000000000006400000000000000c7',
    },
    locked5: ['lockf2', 'lockp9223372032828243969'],
    session5: ['7'],
    delfiles: ['8:100', '1700000000'],
    detachedNodes: ['9', '1700000001'],
    delSlices: { '3_1700000002': '000000000000000100400000' },
    dirQuota: { 2: '000000004000000000000000000003e8' },
    dirQuotaUsedSpace: { 2: text('8192') },
    dirQuotaUsedInodes: { 2: text('2') },
    userQuota: { 1000: 'ff'.repeat(16) },
    userQuotaUsedSpace: { 1000: text('8192') },
    userQuotaUsedInodes: { 1000: text('2') },
    nextinode: text('1024'),
    nextsession: text('5'),
    lastCleanupTrash: text('1700000000'),
  })
  await apply(
    engine,
    { kind: 'delFlock', ino: 2, sid: 5, owner },
    { kind: 'delSessionLocks', sid: 5 },
    { kind: 'delSession', sid: 5 },
    { kind: 'delSustained', sid: 5, ino: 7 },
    { kind: 'delDeletedFile', ino: 8, length: 100 },
    { kind: 'delDetached', ino: 9 },
    { kind: 'delDelayedSlices', newId: 3, deleted: 1_700_000_002 },
    { kind: 'delQuota', of: 'dir', id: 2 },
    { kind: 'delQuota', of: 'user', id: 1000 },
  )
  assert.deepEqual(Object.keys(await dump(database.client)), ['lastCleanupTrash', 'nextinode', 'nextsession'])
})

test('a lock key stays on the list of its session until its last lock goes', { skip }, async (t) => {
  const database = server.database(t)
  const engine = database.open()
  t.after(() => engine.close())
  const lock = (sid: number, owner: bigint) =>
    ({ kind: 'putFlock', ino: 2, lock: { sid, owner, type: 'R' } }) as const
  await apply(engine, lock(5, 1n), lock(5, 2n), lock(55, 1n))
  await apply(engine, { kind: 'delFlock', ino: 2, sid: 5, owner: 1n })
  assert.deepEqual(await database.client.smembers('locked5'), ['lockf2'])
  await apply(engine, { kind: 'delFlock', ino: 2, sid: 5, owner: 2n })
  assert.deepEqual(await database.client.smembers('locked5'), [])
  assert.deepEqual(await database.client.hkeys('lockf2'), ['55_0000000000000001'])
})

test('ids in Redis are the last given out, in memory the next', { skip }, async (t) => {
  const database = server.database(t)
  const engine = database.open()
  t.after(() => engine.close())
  assert.equal(await engine.allocate('nextInode', 1024), 1)
  assert.equal(await engine.allocate('nextChunk', 4096), 1)
  assert.equal(await engine.allocate('nextTrash', 1), 1)
  assert.deepEqual(await dump(database.client), {
    nextinode: text('1024'),
    nextchunk: text('4096'),
    nextTrash: text('1'),
  })
})

test('a fresh volume has three keys, and destroying it leaves what is not its own', { skip }, async (t) => {
  const database = server.database(t)
  const engine = database.open()
  t.after(() => engine.close())
  const text =
    '{"Name":"v","UUID":"u","Storage":"file","Bucket":"/b/","BlockSize":4096,"TrashDays":1,"MetaVersion":1}'
  await formatVolume(engine, parseSetting(text))
  assert.deepEqual(Object.keys(await dump(database.client)), ['i1', 'i9223372032828243968', 'setting'])
  await database.client.mset('index', 'x', 'd1x', 'x', 'i', 'x', 'sessionx', 'x', 'c1_2_3', 'x')
  await apply(
    engine,
    { kind: 'putEdge', parent: 1, name: 'a', edge: { ino: 2, type: 1 } },
    { kind: 'putSession', session: { sid: 1, expire: 5, info: '{}' } },
    { kind: 'appendChunk', ino: 2, index: 0, slices: new Uint8Array(24) },
  )
  await engine.destroy()
  assert.deepEqual((await database.client.keys('*')).sort(), ['c1_2_3', 'd1x', 'i', 'index', 'sessionx'])
})

test('bytes that a newer client put behind the record survive, and are compared', { skip }, async (t) => {
  const database = server.database(t)
  const engine = database.open()
  t.after(() => engine.close())
  const future = Buffer.from(`${NODE_HEX.slice(0, -2)}0000000700000009020102030400`, 'hex')
  await database.client.set('i2', future)
  const [node] = await engine.read([{ kind: 'node', ino: 2 }])
  const chmod = { ...node!, mode: 0o600 }
  const outcome = await engine.commit(
    'test',
    [{ kind: 'nodeIs', ino: 2, is: node }],
    [
      { kind: 'putNode', ino: 2, node: chmod },
      { kind: 'touchNode', ino: 2, nlink: 1 },
    ],
  )
  assert.ok(outcome.ok)
  const stored = await database.client.getBuffer('i2')
  assert.deepEqual(stored!.subarray(71), future.subarray(71))
  // A node in memory may be newer than the bytes that came with it.
  const later = await engine.commit('test', [{ kind: 'nodeIs', ino: 2, is: { ...chmod, nlink: 2 } }], [])
  assert.ok(later.ok)
})

test('records of clients before 1.0 and odd ones are guarded as they are', { skip }, async (t) => {
  const database = server.database(t)
  const engine = database.open()
  t.after(() => engine.close())
  const old = Buffer.from(NODE_HEX, 'hex').subarray(0, 64)
  await database.client.set('i2', old)
  await database.client.hset('lockp2', '5_A', Buffer.from(`00000003${'00'.repeat(20)}`, 'hex'))
  await database.client.hset('p2', '1', '0', '7', '1')
  const [node, plocks, parents] = await engine.read([
    { kind: 'node', ino: 2 },
    { kind: 'plocks', ino: 2 },
    { kind: 'parents', ino: 2 },
  ])
  assert.equal(node?.parent, 0)
  assert.equal(plocks?.[0]?.ranges[0]?.type, 'W')
  assert.deepEqual(parents, [{ parent: 7, links: 1 }])
  const outcome = await engine.commit(
    'test',
    [
      { kind: 'nodeIs', ino: 2, is: node },
      { kind: 'recordIs', key: { kind: 'plocks', ino: 2 }, is: plocks },
      { kind: 'recordIs', key: { kind: 'parents', ino: 2 }, is: parents },
    ],
    [{ kind: 'delPlock', ino: 2, sid: 5, owner: 10n }],
  )
  assert.ok(outcome.ok)
})
