import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AheadRange, Readahead } from './readahead.ts'

const BLOCK = 100
const MAX = 800

function reads(ahead: Readahead, from: number, to: number, size: number): AheadRange[] {
  const ranges: AheadRange[] = []
  for (let at = from; at < to; at += size) {
    const range = ahead.after(at, size, BLOCK, MAX)
    if (range !== undefined) ranges.push(range)
  }
  return ranges
}

test('a sequential reader has whole blocks fetched ahead, each once, in a window that grows to its bound', () => {
  const ranges = reads(new Readahead(), 0, 5000, 25)
  assert.deepEqual(ranges[0], { from: 25, to: 200 })
  for (const [k, { from, to }] of ranges.entries()) {
    assert.equal(to % BLOCK, 0)
    if (k > 0) assert.equal(from, ranges[k - 1]!.to)
  }
  assert.ok(ranges.at(-1)!.to >= 5000 + MAX / 2)
  assert.ok(ranges.at(-1)!.to <= 5000 + MAX + BLOCK)
})

test('two readers of one handle are told apart', () => {
  const ahead = new Readahead()
  for (let k = 0; k < 40; k++) {
    ahead.after(k * 25, 25, BLOCK, MAX)
    ahead.after(1_000_000 + k * 25, 25, BLOCK, MAX)
  }
  assert.ok(reads(ahead, 1000, 3000, 25).every(({ to }) => to < 5000))
  assert.ok(reads(ahead, 1_001_000, 1_003_000, 25).every(({ from }) => from > 1_000_000))
})

test('random reads fetch nothing ahead, and neither does anybody with a window of none', () => {
  const ahead = new Readahead()
  for (const at of [70_000, 10_000, 50_000, 30_000, 90_000]) {
    assert.equal(ahead.after(at, 10, BLOCK, MAX), undefined)
  }
  assert.equal(new Readahead().after(0, 25, BLOCK, 0), undefined)
})
