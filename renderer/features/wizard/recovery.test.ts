import assert from 'node:assert/strict'
import test from 'node:test'
import { isProven, listed, placesToAsk } from './recovery.ts'

const KEY = 'ABCDE-FGHJK-LMNPQ'

test('four different places are asked, in order', () => {
  let n = 0
  const numbers = [0.99, 0.99, 0, 0.5, 0.3]
  assert.deepEqual(
    placesToAsk(KEY, () => numbers[n++]!),
    [1, 5, 8, 15],
  )
})

test('only the characters at those places prove it, in any case and with gaps', () => {
  const places = [1, 5, 8, 15]
  assert.ok(isProven(KEY, places, 'AEHQ'))
  assert.ok(isProven(KEY, places, 'a, e h-q'))
  for (const wrong of ['', 'AEH', 'AEHQX', 'QHEA', 'ABCD']) assert.ok(!isProven(KEY, places, wrong), wrong)
  assert.ok(!isProven(KEY, [], ''))
})

test('places are listed as people say them', () => {
  assert.equal(listed([3, 11, 18, 29]), '3, 11, 18 and 29')
  assert.equal(listed([3]), '3')
})
