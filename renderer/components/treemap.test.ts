import assert from 'node:assert/strict'
import test from 'node:test'
import { squarify } from './treemap.ts'

const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-6, `${a} is not ${b}`)

test('areas are shares, and together they are the whole', () => {
  const values = [6, 6, 4, 3, 2, 2, 1]
  const rects = squarify(values, 600, 400)
  for (const [at, { width, height }] of rects.entries()) near(width * height, (values[at]! / 24) * 240_000)
})

test('nothing lies outside and nothing overlaps', () => {
  const rects = squarify([50, 20, 10, 9, 5, 3, 2, 1], 320, 200)
  for (const [at, a] of rects.entries()) {
    assert.ok(a.x >= -1e-9 && a.y >= -1e-9 && a.x + a.width <= 320.001 && a.y + a.height <= 200.001)
    for (const b of rects.slice(at + 1)) {
      const wide = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)
      const high = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y)
      assert.ok(wide < 1e-6 || high < 1e-6)
    }
  }
})

test('as in the paper, the example is laid in columns and rows', () => {
  const [first, second] = squarify([6, 6, 4, 3, 2, 2, 1], 6, 4)
  assert.deepEqual(first, { x: 0, y: 0, width: 3, height: 2 })
  assert.deepEqual(second, { x: 0, y: 2, width: 3, height: 2 })
})

test('nothing has no area', () => {
  assert.deepEqual(squarify([0, 0], 10, 10), [
    { x: 0, y: 0, width: 0, height: 0 },
    { x: 0, y: 0, width: 0, height: 0 },
  ])
  assert.deepEqual(squarify([], 10, 10), [])
})
