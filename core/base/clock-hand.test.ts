import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClockHand } from './clock-hand.ts'
import { below, seededRandom } from './random.ts'

interface Entry {
  used: boolean
}

function mayGo(entry: Entry): boolean {
  const { used } = entry
  entry.used = false
  return !used
}

test('the oldest goes first, and who was used since is spared once', () => {
  const entries = new Map(['a', 'b', 'c'].map((key) => [key, { used: key === 'a' }]))
  const hand = new ClockHand(entries)
  assert.equal(hand.next(mayGo), 'b')
  entries.delete('b')
  entries.set('d', { used: true })
  assert.equal(hand.next(mayGo), 'c')
  entries.delete('c')
  assert.equal(hand.next(mayGo), 'a', 'd is spared')
  entries.delete('a')
  assert.equal(hand.next(mayGo), 'd')
})

test('when none may go, and when there is none, it says so', () => {
  const entries = new Map([['a', 1]])
  const hand = new ClockHand(entries)
  assert.equal(
    hand.next(() => false),
    undefined,
  )
  entries.clear()
  assert.equal(
    hand.next(() => true),
    undefined,
  )
  entries.set('b', 2)
  assert.equal(
    hand.next(() => true),
    'b',
  )
})

test('it goes on from where it stopped, however the map has grown and shrunk', () => {
  const random = seededRandom(1)
  const entries = new Map<number, Entry>()
  const hand = new ClockHand(entries)
  let added = 0
  for (let turn = 0; turn < 20_000; turn++) {
    const wanted = 1 + below(random, turn < 10_000 ? 500 : 20)
    while (entries.size < wanted) entries.set(added++, { used: below(random, 3) === 0 })
    const key = hand.next(mayGo)
    assert.ok(key !== undefined && entries.delete(key))
  }
  // Everybody had at most two chances: nobody is left behind.
  const oldest = Math.min(...entries.keys(), added)
  assert.ok(added - oldest < 3 * 500, `${oldest} of ${added} is still there`)
})
