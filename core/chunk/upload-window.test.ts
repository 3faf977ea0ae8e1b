import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitMs } from './upload-window.ts'

const at = (hour: number, minute = 0) => new Date(2026, 5, 1, hour, minute).getTime()

test('a block waits until it is old enough, looked at once a minute', () => {
  const window = { delayMs: 90_000 }
  assert.equal(waitMs(window, at(3), at(3)), 60_000)
  assert.equal(waitMs(window, at(3), at(3) + 80_000), 10_000)
  assert.equal(waitMs(window, at(3), at(3) + 90_000), 0)
  assert.equal(waitMs({ delayMs: 0 }, at(3), at(3)), 0)
})

test('hours hold from the first up to the second, also over midnight; equal ones are always', () => {
  const open = (hours: readonly [number, number]) =>
    Array.from({ length: 24 }, (_, hour) => hour).filter(
      (hour) => waitMs({ delayMs: 0, hours }, 0, at(hour, 59)) === 0,
    )
  assert.deepEqual(open([1, 4]), [1, 2, 3])
  assert.deepEqual(open([22, 2]), [0, 1, 22, 23])
  assert.equal(open([5, 5]).length, 24)
})
