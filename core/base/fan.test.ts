import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fan } from './fan.ts'

const turn = () => new Promise<void>((done) => setImmediate(done))

test('nested work is all done, with no more at once than the width and those in line', async () => {
  const fan = new Fan(3)
  let running = 0
  let most = 0
  let done = 0
  const work = async (depth: number): Promise<void> => {
    if (depth > 0) await fan.each([1, 2, 3, 4], () => work(depth - 1))
    else {
      most = Math.max(most, ++running)
      await turn()
      running--
      done++
    }
  }
  await work(4)
  assert.equal(done, 4 ** 4)
  assert.ok(most > 1 && most <= 4, `${most} at once`)
})

test('the first failure is thrown once what runs is over, and nothing new begins', async () => {
  const fan = new Fan(2)
  const begun: number[] = []
  const ended: number[] = []
  const work = async (k: number): Promise<void> => {
    begun.push(k)
    await turn()
    if (k === 1) throw new Error('first')
    await turn()
    ended.push(k)
  }
  await assert.rejects(fan.each([0, 1, 2, 3, 4, 5, 6], work), /first/)
  assert.ok(begun.length < 7)
  assert.equal(ended.length, begun.length - 1)
  await fan.each([7, 8], work)
  assert.deepEqual(ended.slice(-2), [7, 8], 'its places are free again')
})
