import assert from 'node:assert/strict'
import test from 'node:test'
import { fitWindow, parseWindowState } from './window-state.ts'

const SCREEN = { x: 0, y: 0, width: 1920, height: 1040 }
const SECOND = { x: 1920, y: 0, width: 1280, height: 1000 }

test('the first window is centred on the primary screen', () => {
  assert.deepEqual(fitWindow(undefined, [SCREEN]), {
    x: 320,
    y: 110,
    width: 1280,
    height: 820,
    maximized: false,
  })
})

test('a window comes back where it was, also on the second screen', () => {
  const saved = { x: 2000, y: 50, width: 1000, height: 700, maximized: true }
  assert.deepEqual(fitWindow(saved, [SCREEN, SECOND]), saved)
})

test('a window on a screen that is gone comes to the primary one', () => {
  const saved = { x: 2000, y: 50, width: 1000, height: 700, maximized: false }
  assert.deepEqual(fitWindow(saved, [SCREEN]), { x: 460, y: 170, width: 1000, height: 700, maximized: false })
})

test('a window is no larger than its screen and no smaller than the interface allows', () => {
  const large = fitWindow({ x: 0, y: 0, width: 5000, height: 5000, maximized: false }, [SCREEN])
  assert.deepEqual([large.width, large.height], [1920, 1040])
  const small = fitWindow({ x: 0, y: 0, width: 10, height: 10, maximized: false }, [SCREEN])
  assert.deepEqual([small.width, small.height], [900, 600])
  const tiny = fitWindow(undefined, [{ x: 0, y: 0, width: 800, height: 480 }])
  assert.deepEqual([tiny.width, tiny.height], [800, 480])
})

test('what was not saved by us is not trusted', () => {
  assert.equal(parseWindowState('{"x":1}'), undefined)
  assert.equal(parseWindowState('null'), undefined)
  assert.equal(parseWindowState('not json'), undefined)
  assert.equal(parseWindowState('{"x":1e300,"y":0,"width":1,"height":1}'), undefined)
  assert.deepEqual(parseWindowState('{"x":1.4,"y":0,"width":900,"height":600,"maximized":"yes"}'), {
    x: 1,
    y: 0,
    width: 900,
    height: 600,
    maximized: false,
  })
})
