import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock, systemClock } from '#core/base/clock.ts'
import { BackendError } from '#core/base/errno.ts'
import { seededRandom } from '#core/base/random.ts'
import { compareKeys } from './keys.ts'
import { MemoryObjectStore } from './memory.ts'
import { failsWith, keysOf, randomBytes, storeSuite } from './store.suite.ts'
import { withFaults } from './with-faults.ts'
import { TokenBucket, withLimit } from './with-limit.ts'
import { type RetryOptions, retryOptions, withRetry } from './with-retry.ts'
import { fnv1a, shardBuckets, withShards } from './with-shards.ts'

const noPause = {
  ...systemClock,
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms >= 1000 ? ms : 0, signal),
}
const patient = (own: Partial<RetryOptions> = {}): RetryOptions =>
  retryOptions({ clock: noPause, random: seededRandom(3), pauseMs: 1, maxPauseMs: 1, ...own })

storeSuite('retry over a store that fails half of the time', async () =>
  withRetry(
    withFaults(new MemoryObjectStore(), {
      errors: 0.3,
      lostAnswers: 0.2,
      latencyMs: 1,
      ops: ['get', 'put', 'delete', 'head', 'list'],
    }),
    patient({ attempts: 40 }),
  ),
)
storeSuite('limit', async () =>
  withLimit(new MemoryObjectStore(), {
    maxUploads: 2,
    maxDownloads: 2,
    uploadLimit: 8000,
    downloadLimit: 8000,
    clock: systemClock,
  }),
)

test('what cannot change is tried once, damage three times, the rest up to the limit', async () => {
  const tries = async (kind: BackendError['kind'], attempts = 7): Promise<number> => {
    const faulty = withFaults(new MemoryObjectStore(), { errors: 1, kind })
    await assert.rejects(withRetry(faulty, patient({ attempts })).get('x'), failsWith(kind))
    return faulty.calls.get
  }
  for (const kind of ['denied', 'not-found', 'invalid', 'no-space', 'closed', 'interrupted'] as const) {
    assert.equal(await tries(kind), 1, kind)
  }
  assert.equal(await tries('corrupt'), 3)
  assert.equal(await tries('corrupt', 2), 2)
  assert.equal(await tries('unavailable'), 7)
  assert.equal(await tries('conflict'), 7)
  const faulty = withFaults(new MemoryObjectStore(), { errors: 1 })
  await assert.rejects(withRetry(faulty, patient()).put('x', [], { attempts: 1 }), failsWith('unavailable'))
  assert.equal(faulty.calls.put, 1)
})

test('a hanging attempt ends at its time limit and is tried again', async () => {
  const clock = new ManualClock()
  const faulty = withFaults(new MemoryObjectStore(), { hangs: 1 })
  const store = withRetry(faulty, retryOptions({ clock, attempts: 2, getTimeoutMs: 5000, pauseMs: 100 }))
  const failed = assert.rejects(store.get('x'), /no end after 5 s/)
  for (let k = 0; k < 12; k++) await clock.advance(1000)
  await failed
  assert.equal(faulty.calls.get, 2)
})

test('no attempt starts after the deadline; pauses double, with jitter, up to the most', async () => {
  const pauses: number[] = []
  const clock = new ManualClock()
  const noting = {
    ...clock,
    now: () => clock.now(),
    nowSec: () => clock.nowSec(),
    monotonicMs: () => clock.monotonicMs(),
  }
  const sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    if (ms === 60_000) return clock.sleep(ms, signal)
    pauses.push(ms)
    await clock.advance(ms)
  }
  const faulty = withFaults(new MemoryObjectStore(), { errors: 1 })
  const options = {
    clock: { ...noting, sleep },
    random: { next: () => 1 },
    attempts: 100,
    deadlineMs: 10_000,
    maxPauseMs: 2000,
  }
  await assert.rejects(withRetry(faulty, retryOptions(options)).get('x'), failsWith('unavailable'))
  assert.deepEqual(pauses, [100, 200, 400, 800, 1600, 2000, 2000, 2000])
})

test('the caller’s signal ends an attempt and a pause', async () => {
  for (const faults of [{ hangs: 1 }, { errors: 1 }]) {
    const store = withRetry(withFaults(new MemoryObjectStore(), faults), retryOptions({ pauseMs: 60_000 }))
    const start = performance.now()
    await assert.rejects(
      store.get('x', undefined, { signal: AbortSignal.timeout(50) }),
      failsWith('interrupted'),
    )
    assert.ok(performance.now() - start < 5000)
  }
})

test('a listing that breaks goes on after the last key', async () => {
  const inner = new MemoryObjectStore()
  for (let n = 0; n < 50; n++) await inner.put(`k${String(n).padStart(2, '0')}`, [])
  const store = withRetry(
    withFaults(inner, { errors: 0.5, ops: ['list'] }, seededRandom(9)),
    patient({ attempts: 50 }),
  )
  assert.deepEqual(await keysOf(store, 'k'), await keysOf(inner, 'k'))
})

test('no more uploads run at a time than allowed; waiting ends with the signal', async () => {
  let running = 0
  let most = 0
  class Slow extends MemoryObjectStore {
    override async put(key: string, parts: readonly Uint8Array[]): Promise<void> {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running--
      return super.put(key, parts)
    }
  }
  const store = withLimit(new Slow(), { maxUploads: 3, clock: systemClock })
  const puts = Array.from({ length: 12 }, (_, n) => store.put(`k${n}`, []))
  await assert.rejects(store.put('late', [], { signal: AbortSignal.timeout(1) }), failsWith('interrupted'))
  await Promise.all(puts)
  assert.equal(most, 3)
  assert.equal((await keysOf(store, '')).length, 12)
})

test('a token bucket lets bytes pass at its rate, in order, after a burst', async () => {
  const clock = new ManualClock()
  const bucket = new TokenBucket(1000, 100, clock)
  const passed: number[] = []
  const take = async (n: number): Promise<void> => {
    await bucket.take(n)
    passed.push(clock.monotonicMs() - start)
  }
  const start = clock.monotonicMs()
  const all = Promise.all([take(100), take(500), take(500)])
  await clock.advance(0)
  await clock.advance(2000)
  await all
  assert.deepEqual(passed.map(Math.round), [0, 500, 1000])
  const given = assert.rejects(bucket.take(5000, AbortSignal.abort()), failsWith('interrupted'))
  await given
  await clock.advance(100)
  await take(100)
})

test('uploads and downloads are slowed to 0.85 of the limit', async () => {
  const clock = new ManualClock()
  // 8 Mbit/s: 1,000,000 bytes/s, 850,000 of them used, a burst of 100,000.
  const store = withLimit(new MemoryObjectStore(), { uploadLimit: 8, downloadLimit: 8, clock })
  let done = 0
  const start = clock.monotonicMs()
  const work = store
    .put('x', [Buffer.alloc(950_000)])
    .then(() => store.get('x'))
    .then(() => (done = clock.monotonicMs() - start))
  for (let k = 0; k < 30; k++) await clock.advance(100)
  await work
  assert.equal(Math.round(done / 100) * 100, 2000)
})

test('shards: hashes, buckets and where a key goes', async () => {
  const keys: readonly [string, number, number][] = [
    ['jfstest/chunks/0/0/1_0_4194304', 2758478258, 2],
    ['jfstest/chunks/0/0/1_1_4194304', 8536769, 1],
    ['jfstest/chunks/0/0/1_2_2097152', 614033181, 1],
    ['jfstest/juicefs_uuid', 3754129052, 0],
  ]
  const stores = [0, 1, 2, 3].map(() => new MemoryObjectStore())
  const sharded = withShards(stores)
  for (const [key, hash, place] of keys) {
    assert.equal(fnv1a(key), hash)
    await sharded.put(key, [Buffer.from('x')])
    assert.ok(stores[place]!.objects.has(key))
  }
  await sharded.sync(keys.map(([key]) => key))
  assert.deepEqual(
    stores.map(({ synced }) => synced.length),
    [1, 2, 1, 0],
  )
  assert.deepEqual(shardBuckets('http://b%d.host/x', 2), ['http://b0.host/x', 'http://b1.host/x'])
  assert.throws(() => shardBuckets('http://b.host', 2), failsWith('invalid'))
  assert.throws(() => shardBuckets('b%d', 257), failsWith('invalid'))
})

test('keys compare as their UTF-8 bytes', () => {
  const random = seededRandom(5)
  const alphabet = ['a', 'b', '/', 'é', '\ud7ff', '\ue000', '\uffee', '😀', '𐀀']
  const word = (): string =>
    Array.from({ length: 4 }, () => alphabet[Math.floor(random.next() * alphabet.length)]).join('')
  for (let k = 0; k < 2000; k++) {
    const [a, b] = [word(), word()]
    assert.equal(Math.sign(compareKeys(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)), `${a} ${b}`)
  }
})

test('faults: a lost answer was done, a truncated body is shorter', async () => {
  const inner = new MemoryObjectStore()
  const store = withFaults(inner, { lostAnswers: 1 })
  await assert.rejects(store.put('x', [randomBytes(10)]), BackendError)
  assert.ok(inner.objects.has('x'))
  store.faults.lostAnswers = 0
  store.faults.truncated = 1
  assert.equal((await store.get('x')).length, 5)
})
