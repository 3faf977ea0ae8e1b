import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { giveWay, UseWatch } from './giving-way.ts'

const never = new AbortController().signal

async function took(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

test('work rests as long as it took, and twenty times as long while the mount is used', async () => {
  const flag = new Int32Array(new SharedArrayBuffer(4))
  const idleMs = await took(() => giveWay(flag, 10, never))
  assert.ok(idleMs >= 9, `${idleMs} ms`)
  flag[0] = 1
  const usedMs = await took(() => giveWay(flag, 10, never))
  assert.ok(usedMs >= 195, `${usedMs} ms`)
})

test('a rest ends soon after the mount came to rest, and with its signal', async () => {
  const flag = new Int32Array(new SharedArrayBuffer(4))
  flag[0] = 1
  setTimeout(() => Atomics.store(flag, 0, 0), 50)
  const ms = await took(() => giveWay(flag, 100, never))
  assert.ok(ms < 2000, `${ms} ms`)
  flag[0] = 1
  await assert.rejects(giveWay(flag, 1000, AbortSignal.timeout(20)), { name: 'AbortError' })
})

test('the mount is used when requests were answered since the last look', async () => {
  let served = 0
  const watch = new UseWatch(() => served)
  const flag = new Int32Array(watch.memory)
  const becomes = async (wanted: number) => {
    for (let tries = 0; Atomics.load(flag, 0) !== wanted; tries++) {
      assert.ok(tries < 500, `still ${flag[0]}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  watch.start()
  served++
  await becomes(1)
  await becomes(0)
  watch.stop()
})

test('a thread that comes last leaves the others where they are', {
  skip: process.platform !== 'linux',
}, async () => {
  const module = JSON.stringify(new URL('./giving-way.ts', import.meta.url).href)
  const code = `
    const { getPriority } = require('node:os')
    const { readlinkSync } = require('node:fs')
    import(${module}).then(({ comeLast }) => {
      comeLast()
      const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1))
      require('node:worker_threads').parentPort.postMessage([getPriority(thread), getPriority(process.pid)])
    })`
  const worker = new Worker(code, { eval: true })
  const [own, main] = await new Promise<number[]>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  assert.equal(own, 19)
  assert.notEqual(main, 19)
  await worker.terminate()
})
