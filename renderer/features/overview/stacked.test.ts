import assert from 'node:assert/strict'
import test from 'node:test'
import { stacked } from './stacked.ts'

test('parts stand on each other, what is no part stands by itself', () => {
  const drawn = stacked(
    [
      [1, 2],
      [10, 20],
      [5, 5],
    ],
    2,
  )
  assert.deepEqual(drawn, [
    [1, 2],
    [11, 22],
    [5, 5],
  ])
})

test('where nothing was measured is a gap, where one part was not it adds nothing', () => {
  assert.deepEqual(
    stacked(
      [
        [null, 1, null],
        [null, null, 3],
      ],
      2,
    ),
    [
      [null, 1, null],
      [null, 1, 3],
    ],
  )
})

test('without parts everything is as it was', () => {
  assert.deepEqual(stacked([[1], [2]], 0), [[1], [2]])
})
