import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Generations } from './generations.ts'

test('what is used survives, what is not is forgotten, and the limit holds', () => {
  let forgot = 0
  const map = new Generations<number, string>(
    100,
    () => 1,
    () => forgot++,
  )
  for (let k = 0; k < 10_000; k++) {
    map.set(k, `v${k}`)
    assert.equal(map.get(0), 'v0')
    assert.ok(map.size <= 101, `${map.size} entries`)
  }
  assert.equal(map.get(9_999), 'v9999')
  assert.equal(map.get(5_000), undefined)
  assert.ok(forgot > 100)
})

test('weights count, also of entries that grow', () => {
  const map = new Generations<string, number[]>(100, (list) => list.length + 1)
  const list: number[] = []
  map.set('a', list)
  map.set('b', [])
  for (let k = 0; k < 60; k++) {
    list.push(k)
    map.grew('a', 1)
  }
  map.set('c', new Array(60).fill(0))
  assert.equal(map.peek('b'), undefined)
  assert.ok(map.peek('c') !== undefined)
})

test('what is forgotten is told: each entry once, and none that was set again', () => {
  const told: [number, string][] = []
  const map = new Generations<number, string>(
    4,
    () => 1,
    (forgotten) => told.push(...forgotten),
  )
  for (const k of [1, 2]) map.set(k, 'first')
  map.set(1, 'again')
  map.set(3, 'first')
  assert.deepEqual(told, [[2, 'first']])
  for (const k of [4, 5]) map.set(k, 'first')
  assert.deepEqual(told, [
    [2, 'first'],
    [1, 'again'],
    [3, 'first'],
  ])
})

test('delete removes from either generation', () => {
  const map = new Generations<number, number>(4)
  for (const k of [1, 2, 3]) map.set(k, k)
  map.delete(1)
  map.delete(3)
  assert.deepEqual([map.get(1), map.get(2), map.get(3)], [undefined, 2, undefined])
})
