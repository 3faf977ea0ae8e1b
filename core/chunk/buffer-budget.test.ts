import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { below, seededRandom } from '#core/base/random.ts'
import { BufferBudget, type Share } from './buffer-budget.ts'

const reserves = { growth: 40, payload: 50 }

test('waiters are served in the order they came, and never overtaken', async () => {
  const budget = new BufferBudget(190, reserves, () => {})
  const first = budget.tryTake(90)!
  const served: string[] = []
  const big = budget.take(80).then(() => served.push('big'))
  const small = budget.take(10).then(() => served.push('small'))
  assert.equal(budget.tryTake(5), undefined)
  budget.give(first)
  await Promise.all([big, small])
  assert.deepEqual(served, ['big', 'small'])
  assert.equal(budget.used, 90)
})

test('who holds a buffer can grow while everything is taken, one at a time', async () => {
  const budget = new BufferBudget(190, reserves, () => {})
  budget.tryTake(100)
  const grown = await budget.take(40, 'growth')
  const payload = await budget.take(50, 'payload')
  assert.equal(budget.used, 190)
  let second: Share | undefined
  const waiting = budget.take(40, 'growth').then((share) => {
    second = share
  })
  await turn()
  assert.equal(second, undefined)
  budget.give(payload)
  await turn()
  assert.equal(second, undefined)
  budget.give(grown)
  await waiting
  assert.equal(budget.used, 140)
})

test('a payload is served at once although growth is waited for', async () => {
  const budget = new BufferBudget(190, reserves, () => {})
  budget.tryTake(100)
  await budget.take(40, 'growth')
  const controller = new AbortController()
  const waiting = budget.take(40, 'growth', controller.signal)
  budget.give(await budget.take(50, 'payload'))
  controller.abort()
  await assert.rejects(waiting, { name: 'AbortError' })
})

test('a waiter can be interrupted, and those behind it move up', async () => {
  const budget = new BufferBudget(190, reserves, () => {})
  budget.tryTake(60)
  const controller = new AbortController()
  const interrupted = budget.take(90, undefined, controller.signal)
  const behind = budget.take(30)
  controller.abort()
  await assert.rejects(interrupted, { name: 'AbortError' })
  await behind
  assert.equal(budget.waiting, 0)
})

test('more than there can ever be is refused at once', async () => {
  const budget = new BufferBudget(190, reserves, () => {})
  await assert.rejects(budget.take(101), /above the budget/)
  await assert.rejects(budget.take(41, 'growth'), /above the budget/)
})

test('the owner is told while somebody waits, and not inside its own call', async () => {
  let told = 0
  const budget = new BufferBudget(190, reserves, () => told++)
  const share = budget.tryTake(100)!
  const waiting = budget.take(1)
  assert.equal(told, 0)
  await turn()
  assert.equal(told, 1)
  budget.give(share)
  await waiting
  await turn()
  assert.equal(told, 1)
})

test('the ceiling holds and everybody is served, whatever the order', async () => {
  const seed = Date.now() % 100000
  const random = seededRandom(seed)
  const budget = new BufferBudget(190, reserves, () => {})
  const work = Array.from({ length: 300 }, async () => {
    const share = await budget.take(1 + below(random, 100))
    assert.ok(budget.used <= 190, `seed ${seed}`)
    await turn()
    if (below(random, 2) === 0) budget.give(await budget.take(1 + below(random, 40), 'growth'))
    budget.give(share)
  })
  await Promise.all(work)
  assert.equal(budget.used, 0)
  assert.ok(budget.peak <= 190)
})
