import assert from 'node:assert/strict'
import test from 'node:test'
import { chance, noise } from './noise.ts'

test('the same second always has the same number, and all lie between 0 and 1', () => {
  for (let second = 0; second < 2000; second++) {
    const value = noise('media', second * 1000)
    assert.ok(value >= 0 && value <= 1)
    assert.equal(value, noise('media', second * 1000))
  }
})

test('another name has other numbers', () => {
  assert.notEqual(chance('a', 1), chance('b', 1))
})
