import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IndexedPart } from './index-file.ts'
import { layersOf, sharesOf } from './slice-shares.ts'

function part(ino: number, start: number, end: number, named = 100): IndexedPart {
  return { slice: 1, ino, idx: 0, nth: 0, size: 100, off: 0, len: named, pos: 0, shown: [{ start, end }] }
}

const STATES = { 1: 'live', 2: 'live', 3: 'trash', 4: 'gone', 5: 'loose' } as const
const stateOf = (ino: number) => STATES[ino as keyof typeof STATES]
const endless = () => Number.POSITIVE_INFINITY

test('bytes fall to live files first, and what nobody shows is shadowed', () => {
  const layers = layersOf([part(3, 0, 60), part(2, 10, 30), part(1, 20, 40)], stateOf, endless)
  assert.deepEqual(sharesOf(layers, 0, 100, 1000), [
    { state: 'live', ino: 1, bytes: 300 },
    { state: 'trash', ino: 3, bytes: 300 },
    { state: 'shadowed', ino: 1, bytes: 400 },
  ])
})

test('without a live file all of it is of the state that weighs most', () => {
  const layers = layersOf([part(4, 0, 100), part(3, 10, 20)], stateOf, endless)
  assert.deepEqual(sharesOf(layers, 0, 50, 50), [
    { state: 'trash', ino: 3, bytes: 10 },
    { state: 'gone', ino: 4, bytes: 40 },
  ])
})

test('no byte is lost by rounding, and the end of a file hides what lies behind', () => {
  for (let stored = 0; stored < 200; stored += 7) {
    const layers = layersOf([part(1, 0, 33), part(3, 20, 71)], stateOf, (ino) => (ino === 3 ? 50 : 1000))
    const shares = sharesOf(layers, 0, 97, stored)
    assert.equal(
      shares.reduce((sum, { bytes }) => sum + bytes, 0),
      stored,
    )
    const trash = shares.find(({ state }) => state === 'trash')?.bytes ?? 0
    assert.ok(Math.abs(trash - (stored * 17) / 97) <= 1)
  }
})
