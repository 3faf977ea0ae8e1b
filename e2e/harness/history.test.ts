import assert from 'node:assert/strict'
import { test } from 'node:test'
import { below, seededRandom } from '#core/base/random.ts'
import { impossible, type Operation } from './history.ts'

const read = (value: string, from: number, to: number): Operation => ({
  who: 'r',
  kind: 'read',
  value,
  from,
  to,
})
const write = (value: string, from: number, to: number): Operation => ({
  who: 'w',
  kind: 'write',
  value,
  from,
  to,
})

test('what overlaps a write may see the value before or after it, in any order that is possible', () => {
  assert.equal(
    impossible([write('a', 1, 10), read('0', 2, 3), read('a', 4, 5), read('a', 11, 12)], '0'),
    undefined,
  )
  assert.equal(
    impossible([write('a', 1, 10), write('b', 2, 9), read('b', 11, 12), read('b', 13, 14)], '0'),
    undefined,
  )
  assert.equal(impossible([write('a', 1, Number.POSITIVE_INFINITY), read('0', 20, 30)], '0'), undefined)
  assert.equal(
    impossible([write('a', 1, Number.POSITIVE_INFINITY), read('0', 5, 6), read('a', 20, 30)], '0'),
    undefined,
  )
})

test('old values, values that come back, and values from nowhere or from the future are found', () => {
  assert.match(impossible([write('a', 1, 2), read('0', 3, 4)], '0') ?? '', /saw 0 \[3, 4\]/)
  assert.match(impossible([write('a', 1, 10), read('a', 2, 3), read('0', 4, 5)], '0') ?? '', /again r saw 0/)
  assert.match(impossible([read('x', 3, 4)], '0') ?? '', /nobody ever wrote/)
  assert.match(impossible([read('a', 1, 2), write('a', 3, 4)], '0') ?? '', /before w wrote a/)
  const lost = [write('a', 1, 2), write('b', 3, 4), read('a', 5, 6)]
  assert.match(impossible(lost, '0') ?? '', /then w wrote b/)
})

test('of random histories those of a real register pass, and those with one stale read do not', () => {
  const random = seededRandom(7)
  for (let round = 0; round < 200; round++) {
    const history: Operation[] = []
    const values = ['0']
    // Each operation happens at its own moment; calls and returns lie around it at random.
    for (let at = 10; at < 400; at += 10) {
      const [from, to] = [at - 1 - below(random, 60), at + 1 + below(random, 60)]
      if (random.next() < 0.4) {
        values.push(`v${at}`)
        history.push(write(`v${at}`, from, to))
      } else history.push(read(values.at(-1)!, from, to))
    }
    history.sort(() => random.next() - 0.5)
    assert.equal(impossible(history, '0'), undefined, `round ${round}`)
    if (values.length < 4) continue
    history.push(read(values[1]!, 600, 601), read(values.at(-1)!, 602, 603))
    assert.notEqual(impossible(history, '0'), undefined, `round ${round}`)
  }
})
