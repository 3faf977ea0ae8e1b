import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock, systemClock } from '#core/base/clock.ts'
import { Metrics } from '#core/base/metrics.ts'
import { seededRandom } from '#core/base/random.ts'
import { MemoryObjectStore } from './memory.ts'
import { failsWith, storeSuite } from './store.suite.ts'
import { withFaults } from './with-faults.ts'
import { withHedge } from './with-hedge.ts'

storeSuite('hedge', async () => withHedge(new MemoryObjectStore(), systemClock, undefined))

/** A hedging store that knows how long requests take, which is no time. */
async function experienced() {
  const clock = new ManualClock()
  const metrics = new Metrics()
  const faulty = withFaults(new MemoryObjectStore(), {}, seededRandom(1), clock)
  const store = withHedge(faulty, clock, metrics)
  await store.put('x', [Buffer.from('bytes')])
  for (let k = 0; k < 40; k++) await store.get('x')
  faulty.calls.get = 0
  return { clock, faulty, store, hedged: metrics.counter('object_request_hedged') }
}

test('a request that hangs is asked again, once, and the second answer is taken', async () => {
  const { clock, faulty, store, hedged } = await experienced()
  faulty.faults.hangs = 1
  const bytes = store.get('x')
  await clock.advance(50)
  assert.equal(faulty.calls.get, 1)
  faulty.faults.hangs = 0
  await clock.advance(50)
  assert.equal(Buffer.from(await bytes).toString(), 'bytes')
  await clock.advance(10_000)
  assert.deepEqual([faulty.calls.get, hedged.value], [2, 1])
})

test('a store that is slow as a whole is not asked twice as much', async () => {
  const { clock, faulty, store, hedged } = await experienced()
  faulty.faults.hangs = 1
  const stop = new AbortController()
  const reads = Array.from({ length: 20 }, () =>
    assert.rejects(store.get('x', undefined, { signal: stop.signal }), failsWith('interrupted')),
  )
  await clock.advance(1000)
  assert.ok(hedged.value >= 1 && hedged.value <= 4, `${hedged.value} hedges`)
  assert.equal(faulty.calls.get, 20 + hedged.value)
  stop.abort()
  await Promise.all(reads)
})

test('who gives up before that is answered at once', async () => {
  const { faulty, store, hedged } = await experienced()
  faulty.faults.hangs = 1
  const stop = new AbortController()
  const read = assert.rejects(store.get('x', undefined, { signal: stop.signal }), failsWith('interrupted'))
  stop.abort()
  await read
  assert.deepEqual([faulty.calls.get, hedged.value], [1, 0])
})

test('a request that fails is not hedged: its error is told at once', async () => {
  const { faulty, store, hedged } = await experienced()
  faulty.faults.errors = 1
  await assert.rejects(store.get('x'), failsWith('unavailable'))
  assert.deepEqual([faulty.calls.get, hedged.value], [1, 0])
})
