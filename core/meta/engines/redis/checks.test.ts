import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Redis } from 'ioredis'
import { ManualClock, systemClock } from '#core/base/clock.ts'
import { rootContext } from '#core/base/context.ts'
import type { Finding } from '#core/base/finding.ts'
import { ROOT_INO } from '#core/base/ino.ts'
import { type Log, silentLog } from '#core/base/log.ts'
import { Refusal } from '#core/base/refusal.ts'
import { formatVolume } from '#core/meta/open-meta.ts'
import { TYPE_FILE } from '#core/meta/records.ts'
import { openTestClient, TEST_SETTING } from '#core/meta/test-volume.ts'
import { redisMissing, startRedis } from '../../../../e2e/harness/redis.ts'
import { type Ask, gatherFacts, judge, measureRoundTrip, parseInfo, requireVersion } from './checks.ts'
import { connectRedis } from './connect.ts'
import { fromRedis } from './errors.ts'
import { openRedis } from './open.ts'
import { ReplyError } from './replies.ts'
import { connectTo } from './test-place.ts'

const skip = redisMissing()

/** What is wrong with a server that is set so, and says of itself what INFO says. */
async function findingsOf(
  config: Readonly<Record<string, string>>,
  prepare: (client: Redis) => Promise<unknown> = async () => {},
  readOnly = false,
): Promise<Map<string, Finding>> {
  const server = await startRedis(config)
  const other = new Redis(server.port, '127.0.0.1', { protocol: 2 })
  const client = await connectTo(server)
  try {
    await prepare(other)
    const facts = await gatherFacts((send) => send(client), '')
    return new Map(judge(facts, readOnly).map((finding) => [finding.code, finding]))
  } finally {
    other.disconnect()
    client.disconnect()
    await server.stop()
  }
}

const levelOf = (findings: Map<string, Finding>, code: string) => findings.get(code)?.level ?? 'ok'

test('a server as it should be gives nothing to complain about', { skip }, async () => {
  const findings = await findingsOf({}, (client) => client.mset('i1', 'x', 'setting', 'x', 'c1_0', 'x'))
  assert.deepEqual([...new Set([...findings.values()].map(({ level }) => level))], ['ok'])
})

test('a server that forgets is told by how much', { skip }, async () => {
  const snapshots = await findingsOf({ appendonly: 'no', save: '3600 1' })
  assert.equal(levelOf(snapshots, 'redis-persistence'), 'warning')
  assert.match(snapshots.get('redis-persistence')!.sentence, /AOF is off/)
  const nothing = await findingsOf({ appendonly: 'no', save: '' })
  assert.equal(levelOf(nothing, 'redis-persistence'), 'problem')
  assert.match(nothing.get('redis-persistence')!.sentence, /whole volume is lost/)
  const lazy = await findingsOf({ appendfsync: 'no' })
  assert.equal(levelOf(lazy, 'redis-persistence'), 'warning')
})

test('eviction is a warning without a memory limit and a problem with one', { skip }, async () => {
  const free = await findingsOf({ 'maxmemory-policy': 'allkeys-lru' })
  assert.equal(levelOf(free, 'redis-eviction'), 'warning')
  const limited = await findingsOf({ 'maxmemory-policy': 'allkeys-lru', maxmemory: '500mb' })
  assert.equal(levelOf(limited, 'redis-eviction'), 'problem')
  assert.match(limited.get('redis-eviction')!.sentence, /allkeys-lru.*vanish/)
})

test('memory that runs out is told in time', { skip }, async () => {
  const findings = await findingsOf({}, async (client) => {
    const used = Number(parseInfo(await client.info('memory')).get('used_memory'))
    await client.config('SET', 'maxmemory', Math.round(used * 1.02))
  })
  assert.equal(levelOf(findings, 'redis-memory'), 'problem')
  assert.match(findings.get('redis-memory')!.sentence, /[KM]iB of its .*iB of memory.*no space left/)
})

test('a replica is a problem for who wants to write', { skip }, async () => {
  const follow = (client: Redis): Promise<unknown> => client.replicaof('127.0.0.1', '1')
  const writing = await findingsOf({}, follow)
  assert.equal(levelOf(writing, 'redis-replica'), 'problem')
  assert.match(writing.get('redis-replica')!.next!, /127\.0\.0\.1:1/)
  assert.equal(levelOf(await findingsOf({}, follow, true), 'redis-replica'), 'note')
})

test('data of something else in the database are named', { skip }, async () => {
  const findings = await findingsOf({}, (client) => client.set('celery-task-meta-1', 'x'))
  assert.match(findings.get('redis-shared')!.sentence, /celery-task-meta-1/)
})

test('missing rights are named with what to grant', { skip }, async () => {
  const server = await startRedis()
  const admin = new Redis(server.port, '127.0.0.1', { protocol: 2 })
  await admin.call('ACL', 'SETUSER', 'joe', 'on', '>pw', '~*', '+@all', '-config', '-client|kill')
  try {
    const warnings: string[] = []
    const log: Log = {
      ...silentLog,
      debug: (text) => warnings.push(text),
      warn: (text) => warnings.push(text),
    }
    const place = await connectRedis(`redis://joe:pw@127.0.0.1:${server.port}/1`, { log, env: {} })
    await place.close()
    assert.ok(
      warnings.some((text) => /may not use config\|get and client\|kill/.test(text)),
      warnings.join('\n'),
    )
  } finally {
    admin.disconnect()
    await server.stop()
  }
})

test('connecting sets a server that evicts to keep everything, and says so', { skip }, async () => {
  const server = await startRedis({ 'maxmemory-policy': 'volatile-lru', databases: '2' })
  const other = new Redis(server.port, '127.0.0.1', { db: 1 })
  await other.set('stranger', 'x')
  const warnings: string[] = []
  const log: Log = { ...silentLog, warn: (text) => warnings.push(text) }
  try {
    const reading = await connectRedis(server.url(), { log, readOnly: true, env: {} })
    await reading.close()
    assert.ok(warnings.some((text) => /volatile-lru/.test(text)))
    const place = await connectRedis(server.url(), { log, env: {} })
    assert.deepEqual(await place.repeat((client) => client.call('CONFIG', 'GET', 'maxmemory-policy')), [
      'maxmemory-policy',
      'noeviction',
    ])
    await place.close()
    warnings.length = 0
    await (await connectRedis(server.url(1), { log, env: {} })).close()
    assert.deepEqual(warnings, [])
    await (await connectRedis(server.url(1), { log, create: true, env: {} })).close()
    assert.match(warnings.join(), /stranger/)
  } finally {
    other.disconnect()
    await server.stop()
  }
})

test('versions: too old is refused, old ones are told what they lack', () => {
  const info = (version: string) => new Map([['redis_version', version]])
  const facts = (version: string) => ({
    info: info(version),
    config: new Map(),
    mayKill: true,
    foreignKey: undefined,
  })
  assert.throws(() => requireVersion(info('3.2.12')), Refusal)
  requireVersion(info('4.0.0'))
  requireVersion(undefined)
  const of = (version: string) => judge(facts(version), false).find(({ code }) => code === 'redis-version')!
  assert.equal(of('3.2.12').level, 'problem')
  assert.equal(of('5.0.14').level, 'note')
  assert.equal(of('7.0.15').level, 'ok')
  assert.equal(of('10.1').level, 'ok')
})

test('a far server is told in what it makes slow', async () => {
  const clock = new ManualClock()
  const slow: Ask = async () => {
    await clock.advance(20)
    return 'PONG' as never
  }
  const finding = await measureRoundTrip(slow, clock)
  assert.equal(finding.level, 'warning')
  assert.match(finding.sentence, /takes 20\.0 ms.*60 s/)
  assert.equal((await measureRoundTrip(async () => 'PONG' as never, clock)).level, 'ok')
})

test('the rights that a refusal asks for are enough for everything', { skip }, async () => {
  const server = await startRedis()
  const admin = new Redis(server.port, '127.0.0.1', { protocol: 2 })
  const asked = fromRedis(new ReplyError('NOPERM'), '')
  const rights = /grant it (.*) \(/.exec(String(asked))![1]!.split(' ')
  await admin.call('ACL', 'SETUSER', 'joe', 'on', '>pw', ...rights)
  await admin.call('ACL', 'LOG', 'RESET')
  try {
    const engine = await openRedis(`redis://joe:pw@127.0.0.1:${server.port}/1`, { env: {} })
    await formatVolume(engine, TEST_SETTING, systemClock)
    const heard = Promise.withResolvers<void>()
    const stop = await engine.subscribe({ changed() {}, listening: () => heard.resolve(), deaf() {} })
    await heard.promise
    const client = await openTestClient(engine, TEST_SETTING, systemClock, { clock: systemClock })
    await client.meta.mknod(rootContext(), ROOT_INO, 'a', { type: TYPE_FILE, mode: 0o644 })
    await engine.list({ kind: 'allNodes' }, { limit: 10 })
    assert.deepEqual(
      (await engine.examine()).filter(({ level }) => level !== 'ok'),
      [],
    )
    await engine.serverTimeMs()
    stop()
    await engine.destroy()
    await client.close()
    assert.deepEqual(await admin.call('ACL', 'LOG'), [])
  } finally {
    admin.disconnect()
    await server.stop()
  }
})
