import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '#core/base/clock.ts'
import { silentLog } from '#core/base/log.ts'
import { redisMissing, startRedis } from '../../e2e/harness/redis.ts'
import { CachedEngine } from './cached-engine.ts'
import { formatVolume, openEngine } from './open-meta.ts'
import { SoleSession } from './sole-session.ts'
import { openTestClient, TEST_SETTING } from './test-volume.ts'

const skip = redisMissing() ?? false

test('alone, the cache is trusted without pushes; with company they are asked for, and it is trusted again', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const server = await startRedis({ appendonly: 'no' })
  t.after(() => server.stop())
  const bare = await openEngine(server.url(1))
  await formatVolume(bare, TEST_SETTING, systemClock)
  const options = { cache: 'hint', clock: systemClock } as const
  const ours = await openTestClient(bare, TEST_SETTING, systemClock, options)
  const { engine } = ours
  assert.ok(engine instanceof CachedEngine)
  const watch = new SoleSession(engine, systemClock, silentLog)
  await watch.start(ours.state.sid)
  assert.deepEqual([engine.cache.isListening, engine.isListening], [true, false])

  const theirs = await openTestClient(await openEngine(server.url(1)), TEST_SETTING, systemClock, options)
  for (let k = 0; k < 100 && !engine.isListening; k++) await sleep(50)
  assert.deepEqual([engine.cache.isListening, engine.isListening], [true, true])

  await theirs.close()
  await watch.stop()
  assert.equal(engine.cache.isListening, false)
  await ours.close()
})

test('a client without a recorded session is never alone', { skip, timeout: 60_000 }, async (t) => {
  const server = await startRedis({ appendonly: 'no' })
  t.after(() => server.stop())
  const bare = await openEngine(server.url(1))
  await formatVolume(bare, TEST_SETTING, systemClock)
  const ours = await openTestClient(bare, TEST_SETTING, systemClock, { cache: 'hint', clock: systemClock })
  const { engine } = ours
  assert.ok(engine instanceof CachedEngine)
  const watch = new SoleSession(engine, systemClock, silentLog)
  await watch.start(0)
  assert.equal(engine.isListening, true)
  await watch.stop()
  await ours.close()
})
