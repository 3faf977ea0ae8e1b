import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyedQueue } from './keyed-queue.ts'

test('work on one key runs one after the other, and other keys do not wait for it', async () => {
  const queue = new KeyedQueue<string>()
  const log: string[] = []
  const gate = Promise.withResolvers<void>()
  const first = queue.run('a', async () => {
    await gate.promise
    log.push('a1')
  })
  const second = queue.run('a', async () => void log.push('a2'))
  await queue.run('b', async () => void log.push('b'))
  assert.equal(queue.length('a'), 2)
  gate.resolve()
  await Promise.all([first, second])
  assert.deepEqual(log, ['b', 'a1', 'a2'])
  assert.equal(queue.length('a'), 0)
})

test('a failure reaches its own caller and the next one runs', async () => {
  const queue = new KeyedQueue<number>()
  const failed = queue.run(1, () => Promise.reject(new Error('no')))
  const next = queue.run(1, async () => 7)
  await assert.rejects(failed, /no/)
  assert.equal(await next, 7)
})
