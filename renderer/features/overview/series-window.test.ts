import assert from 'node:assert/strict'
import test from 'node:test'
import type { Sample } from '#core/api/metrics.ts'
import { SeriesWindow } from './series-window.ts'

const sample = (sec: number, opsPerSec: number) =>
  ({ atMs: sec * 1000, values: { opsPerSec } }) as unknown as Sample

function filled() {
  const window = new SeriesWindow(['opsPerSec', 'hitRate'], 10_000)
  window.fill({ stepMs: 1000, atMs: [1000, 2000, 3000], series: { opsPerSec: [1, 2, 3] } })
  return window
}

test('history comes in columns, and a series it does not have is empty', () => {
  assert.deepEqual(filled().data(['opsPerSec', 'hitRate']), [
    [1, 2, 3],
    [1, 2, 3],
    [null, null, null],
  ])
})

test('live samples go on where history ends, none twice', () => {
  const window = filled()
  let told = 0
  window.subscribe(() => told++)
  window.push(sample(3, 99))
  window.push(sample(3.2, 99))
  window.push(sample(4, 4))
  assert.deepEqual(window.data(['opsPerSec']), [
    [1, 2, 3, 4],
    [1, 2, 3, 4],
  ])
  assert.equal(told, 1)
})

test('the window moves on and never grows', () => {
  const window = filled()
  for (let sec = 4; sec <= 500; sec++) window.push(sample(sec, sec))
  assert.equal(window.length, 11)
  assert.equal(window.at('opsPerSec', -1), 500)
  assert.equal(window.timeMs(0), 490_000)
})

test('a time without samples is a gap, not a line', () => {
  const window = filled()
  window.push(sample(9, 9))
  assert.deepEqual(window.data(['opsPerSec']), [
    [1, 2, 3, 4, 9],
    [1, 2, 3, null, 9],
  ])
})
