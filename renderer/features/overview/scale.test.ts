import assert from 'node:assert/strict'
import test from 'node:test'
import { topOf } from './scale.ts'

test('the scale ends at a round number above every value', () => {
  const top = (value: number) => topOf([[0, value, null]], { least: 0.001 })
  assert.equal(top(1), 1)
  assert.equal(top(1.1), 2)
  assert.equal(top(3), 4)
  assert.equal(top(4.5), 5)
  assert.equal(top(7300), 10_000)
  assert.equal(top(0.03), 0.04)
})

test('sizes end at a power of two, or half way to the next', () => {
  assert.equal(topOf([[3000]], { least: 1024, binary: true }), 3072)
  assert.equal(topOf([[3100]], { least: 1024, binary: true }), 4096)
  assert.equal(topOf([[4096]], { least: 1024, binary: true }), 4096)
})

test('the scale has a least and may have a most', () => {
  assert.equal(topOf([[null]], { least: 10 }), 10)
  assert.equal(topOf([[0.2]], { least: 1, most: 1 }), 1)
})
