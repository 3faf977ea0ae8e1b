import assert from 'node:assert/strict'
import { test } from 'node:test'
import { below, seededRandom } from '#core/base/random.ts'
import { IdTable } from './id-table.ts'

test('an id table keeps what is added for each id, through growth', () => {
  const table = new IdTable(0, 2)
  const twin = new Map<number, number>()
  const random = seededRandom(1)
  for (let k = 0; k < 20_000; k++) {
    const id = below(random, 5000) * 2 ** 33 + below(random, 3)
    table.add(table.slot(id), 1, k)
    twin.set(id, (twin.get(id) ?? 0) + k)
  }
  assert.equal(table.size, twin.size)
  assert.equal(table.below, Number.POSITIVE_INFINITY)
  for (const [id, sum] of twin) assert.equal(table.get(table.find(id), 1), sum)
  assert.equal(table.find(7), -1)
})

test('a full id table drops the highest ids, and several passes see each id once', () => {
  const random = seededRandom(2)
  const ids = Array.from({ length: 1000 }, () => 1 + below(random, 1e9))
  const seen = new Set<number>()
  let passes = 0
  for (let from = 0; from < Number.POSITIVE_INFINITY; passes++) {
    const table = new IdTable(from, 1, 64)
    for (const id of ids) {
      const slot = table.slot(id)
      if (slot >= 0) table.add(slot, 0, 1)
    }
    for (let slot = 0; slot < table.size; slot++) {
      assert.ok(!seen.has(table.id(slot)))
      assert.equal(table.find(table.id(slot)), slot)
      seen.add(table.id(slot))
    }
    assert.ok(table.below > from)
    from = table.below
  }
  assert.equal(seen.size, new Set(ids).size)
  assert.ok(passes > 10)
})

test('values of dropped ids do not show up in slots used again', () => {
  const table = new IdTable(0, 1, 4)
  for (const id of [10, 20, 30, 40]) table.set(table.slot(id), 0, id)
  assert.equal(table.slot(50), -1)
  const slot = table.slot(5)
  assert.equal(table.get(slot, 0), 0)
  assert.equal(table.get(table.find(10), 0), 10)
  assert.equal(table.find(40), -1)
})
