import assert from 'node:assert/strict'
import test from 'node:test'
import { linePath } from './line-path.ts'

test('the newest value is at the right edge and the largest at the top', () => {
  assert.equal(linePath([0, 10], 10, 59, 20), 'M58.0 19.0L59.0 1.0')
})

test('one value is no line', () => {
  assert.equal(linePath([5], 10, 59, 20), '')
  assert.equal(linePath([], 10, 59, 20), '')
})

test('what is above the scale stays inside the drawing', () => {
  assert.match(linePath([99, 99], 10, 59, 20), / 1\.0$/)
})
