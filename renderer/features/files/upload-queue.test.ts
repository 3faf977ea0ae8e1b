import assert from 'node:assert/strict'
import test from 'node:test'
import { UploadQueue } from './upload-queue.ts'

const files = (...names: readonly string[]) => names.map((name) => ({ file: new File(['x'], name), name }))
const settle = () => new Promise((resolve) => setTimeout(resolve, 5))

test('three at a time, all in the end', async () => {
  let running = 0
  let most = 0
  let idle = -1
  const queue = new UploadQueue(
    async () => {
      most = Math.max(most, ++running)
      await settle()
      running--
    },
    (uploaded) => (idle = uploaded),
  )
  queue.add(files('a', 'b', 'c', 'd', 'e'))
  assert.deepEqual(queue.progress, { done: 0, all: 5 })
  for (let turn = 0; idle < 0 && turn < 100; turn++) await settle()
  assert.equal(most, 3)
  assert.equal(idle, 5)
  assert.equal(queue.busy, false)
})

test('one that fails does not stop the others, and can be sent again', async () => {
  const sent: string[] = []
  const queue = new UploadQueue(
    async ({ name }, overwrite) => {
      if (name === 'b' && !overwrite) throw new Error('exists')
      sent.push(name)
    },
    () => undefined,
  )
  queue.add(files('a', 'b', 'c'))
  await settle()
  assert.deepEqual(sent, ['a', 'c'])
  const [failure] = queue.failures
  assert.equal(failure!.item.name, 'b')
  queue.add([failure!.item], true)
  await settle()
  assert.deepEqual(queue.failures, [])
  assert.deepEqual(sent, ['a', 'c', 'b'])
})

test('what is cancelled is no failure', async () => {
  let started = 0
  const queue = new UploadQueue(
    (_, __, signal) =>
      new Promise((_resolve, reject) => {
        started++
        signal.addEventListener('abort', () => reject(new Error('aborted')))
      }),
    () => undefined,
  )
  queue.add(files('a', 'b', 'c', 'd'))
  queue.cancel()
  await settle()
  assert.equal(started, 3)
  assert.deepEqual(queue.failures, [])
  assert.equal(queue.busy, false)
})
