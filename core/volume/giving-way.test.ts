import assert from 'node:assert/strict'
import { pbkdf2 } from 'node:crypto'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { ManualClock } from '#core/base/clock.ts'
import { processorMs, Rests, UseWatch } from './giving-way.ts'

/** Rests by a clock moved by hand. */
function made() {
  const clock = new ManualClock()
  const work = { ms: 0 }
  const lasts: boolean[] = []
  return {
    clock,
    lasts,
    rests: new Rests(
      clock,
      () => work.ms,
      (isLast) => lasts.push(isLast) > 0,
    ),
    /** Compute for `ms`. */
    async compute(ms: number) {
      work.ms += ms
      await clock.advance(ms)
    },
    /** How long `rest` takes. */
    async took(rest: Promise<void>) {
      const from = clock.monotonicMs()
      let isOver = false
      void rest.finally(() => (isOver = true)).catch(() => {})
      for (let k = 0; k < 10_000; k++) {
        await new Promise((resolve) => setImmediate(resolve))
        if (isOver) break
        await clock.advance(1)
      }
      await rest
      return clock.monotonicMs() - from
    },
  }
}

test('work rests as long as it took, and twenty times as long while the mount is used', async () => {
  const { rests, compute, took } = made()
  rests.isUsed = false
  await compute(10)
  assert.equal(await took(rests.take()), 10)
  rests.isUsed = true
  await compute(10)
  assert.equal(await took(rests.take()), 200)
})

test('until it is known whether the mount is used, it is', async () => {
  const { rests, compute, took } = made()
  await compute(10)
  assert.equal(await took(rests.take()), 200)
})

test('work of less than a turn does not rest yet, and is rested for with what comes after', async () => {
  const { rests, compute, took } = made()
  await compute(4)
  assert.equal(await took(rests.take()), 0)
  await compute(4)
  assert.equal(await took(rests.take()), 160)
})

test('time spent waiting for a disk, a server or a processor was a rest', async () => {
  const { rests, clock, compute, took } = made()
  await compute(10)
  await clock.advance(150)
  assert.equal(await took(rests.take()), 50)
  await compute(10)
  await clock.advance(1000)
  assert.equal(await took(rests.take()), 0)
  // What was rested too much is no credit.
  await compute(10)
  assert.equal(await took(rests.take()), 200)
})

test('it comes last as long as it has to rest, and has a turn among equals when it waited for longer', async () => {
  const { rests, clock, lasts, compute, took } = made()
  rests.begin()
  await compute(10)
  await took(rests.take())
  assert.deepEqual(lasts, [true])
  await compute(10)
  await took(rests.take())
  assert.deepEqual(lasts, [true])
  await compute(10)
  await clock.advance(300)
  await took(rests.take())
  assert.deepEqual(lasts, [true, false])
  await compute(10)
  await took(rests.take())
  assert.deepEqual(lasts, [true, false, true])
  rests.begin()
  await compute(10)
  await took(rests.take())
  assert.deepEqual(lasts, [true, false, true, true], 'it was among equals meanwhile')
})

test('two that rest share what is owed', async () => {
  const { rests, compute, took } = made()
  await compute(10)
  const both = Promise.all([rests.take(), rests.take()])
  assert.equal(await took(both.then(() => {})), 200)
})

test('a rest ends soon after the mount came to rest, and with its signal', async () => {
  const { rests, compute, took } = made()
  await compute(100)
  const rest = rests.take()
  rests.isUsed = false
  const ms = await took(rest)
  assert.ok(ms <= 150, `${ms} ms`)
  await compute(1000)
  await assert.rejects(rests.take(AbortSignal.abort()), { name: 'AbortError' })
})

test('the time of all threads is counted', async () => {
  const before = { all: processorMs(), own: process.threadCpuUsage() }
  // Computed in libuv's pool.
  await promisify(pbkdf2)('some words', 'salt', 200_000, 32, 'sha256')
  const { user, system } = process.threadCpuUsage(before.own)
  const othersMs = processorMs() - before.all - (user + system) / 1000
  assert.ok(othersMs > 10, `${othersMs} ms`)
})

test('the mount is used when requests were answered since the last look', async () => {
  let served = 0
  const told: boolean[] = []
  const watch = new UseWatch(
    () => served,
    (isUsed) => told.push(isUsed),
  )
  const becomes = async (wanted: readonly boolean[]) => {
    for (let tries = 0; told.length < wanted.length; tries++) {
      assert.ok(tries < 500, `still ${told}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    assert.deepEqual(told, wanted)
  }
  watch.start()
  await becomes([false])
  served++
  await becomes([false, true, false])
  watch.stop()
  watch.start()
  await becomes([false, true, false, false])
  watch.stop()
})
