import assert from 'node:assert/strict'
import test from 'node:test'
import { keyedIndex, TypeAhead } from './list-keys.ts'

test('arrows, pages and ends stay within the list', () => {
  assert.equal(keyedIndex('ArrowDown', -1, 3, 10), 0)
  assert.equal(keyedIndex('ArrowDown', 2, 3, 10), 2)
  assert.equal(keyedIndex('ArrowUp', 0, 3, 10), 0)
  assert.equal(keyedIndex('PageDown', 5, 100, 10), 15)
  assert.equal(keyedIndex('PageDown', 95, 100, 10), 99)
  assert.equal(keyedIndex('PageUp', 5, 100, 10), 0)
  assert.equal(keyedIndex('End', 0, 100, 10), 99)
  assert.equal(keyedIndex('x', 0, 100, 10), undefined)
  assert.equal(keyedIndex('ArrowDown', -1, 0, 10), undefined)
})

const names = ['apple', 'banana', 'bean', 'berry', 'cherry']
const at = (index: number) => names[index]!

test('letters typed quickly make one word', () => {
  const ahead = new TypeAhead()
  assert.equal(ahead.find('b', -1, 5, at, 0), 1)
  assert.equal(ahead.find('e', 1, 5, at, 100), 2)
  assert.equal(ahead.find('r', 2, 5, at, 200), 3)
})

test('the same letter again goes on to the next, and around', () => {
  const ahead = new TypeAhead()
  assert.equal(ahead.find('b', -1, 5, at, 0), 1)
  assert.equal(ahead.find('b', 1, 5, at, 100), 2)
  assert.equal(ahead.find('b', 2, 5, at, 200), 3)
  assert.equal(ahead.find('B', 3, 5, at, 300), 1)
})

test('after a pause a new word begins, and what nobody is called is not found', () => {
  const ahead = new TypeAhead()
  assert.equal(ahead.find('b', -1, 5, at, 0), 1)
  assert.equal(ahead.find('c', 1, 5, at, 5000), 4)
  assert.equal(ahead.find('z', 4, 5, at, 10_000), undefined)
})
