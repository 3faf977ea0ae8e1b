import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clipSpans, joinSpans, sizeOfSpans } from './spans.ts'

test('spans are joined where they touch or overlap, in order, without empty ones', () => {
  const spans = [
    { start: 8, end: 9 },
    { start: 0, end: 4 },
    { start: 4, end: 5 },
    { start: 2, end: 3 },
    { start: 7, end: 7 },
  ]
  assert.deepEqual(joinSpans(spans), [
    { start: 0, end: 5 },
    { start: 8, end: 9 },
  ])
  assert.deepEqual(joinSpans([{ start: 1, end: 1 }]), [])
})

test('a clip keeps what lies inside of each span', () => {
  const spans = [
    { start: 0, end: 4 },
    { start: 6, end: 10 },
  ]
  assert.deepEqual(clipSpans(spans, 3, 7), [
    { start: 3, end: 4 },
    { start: 6, end: 7 },
  ])
  assert.equal(sizeOfSpans(spans), 8)
})
