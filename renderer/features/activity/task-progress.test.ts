import assert from 'node:assert/strict'
import test from 'node:test'
import type { Task } from '#core/api/tasks.ts'
import { amountOf, leftMs, progressLine, shareOf } from './task-progress.ts'

const plain = (text: string) => text.replaceAll('\u00a0', ' ')
const task = (done: number, total: number | null, unit = 'bytes', more: object = {}) =>
  ({
    state: 'running',
    startedMs: 0,
    endedMs: null,
    pausedSinceMs: null,
    progress: { step: 'fetching', done, total, unit },
    ...more,
  }) as Task

test('progress is told in its unit', () => {
  assert.equal(plain(amountOf(task(2 ** 20, 4 * 2 ** 20))), '1.0 MiB of 4.0 MiB')
  assert.equal(plain(amountOf(task(1200, null, 'files'))), '1,200 files')
})

test('what is left is reckoned from the rate so far, and not too soon', () => {
  assert.equal(leftMs(task(25, 100), 10_000), 30_000)
  assert.equal(leftMs(task(25, 100), 1000), undefined)
  assert.equal(leftMs(task(25, null), 10_000), undefined)
  assert.equal(leftMs(task(0, 100), 10_000), undefined)
  assert.equal(
    plain(progressLine(task(25, 100, 'objects'), 10_000)),
    'fetching, 25 of 100 objects, about 30 s left',
  )
})

test('a task that has ended says how long it took', () => {
  assert.equal(
    plain(progressLine(task(1, 1, 'files', { state: 'done', endedMs: 65_000 }), 0)),
    'took 1 min 5 s',
  )
})

test('a share is never more than all', () => {
  assert.equal(shareOf(task(200, 100)), 1)
  assert.equal(shareOf(task(1, 0)), undefined)
})

test('what is paused says since when, and nothing of what is left', () => {
  const paused = task(25, 100, 'objects', { pausedSinceMs: 8000 })
  assert.equal(plain(progressLine(paused, 10_000)), 'paused for 2 s, 25 of 100 objects')
})
