import assert from 'node:assert/strict'
import test from 'node:test'
import { KeyedStore } from './keyed-store.ts'

interface Item {
  readonly id: string
  readonly n: number
}

function filled() {
  const store = new KeyedStore<Item>(({ id }) => id)
  store.apply({
    kind: 'all',
    items: [
      { id: 'a', n: 1 },
      { id: 'b', n: 1 },
    ],
    removed: [],
  })
  return store
}

test('a change tells those who watch that item, and those who watch all', () => {
  const store = filled()
  const told: string[] = []
  store.subscribeTo('a', () => told.push('a'))
  store.subscribeTo('b', () => told.push('b'))
  store.subscribe(() => told.push('all'))
  store.apply({ kind: 'change', items: [{ id: 'b', n: 2 }], removed: [] })
  assert.deepEqual(told, ['b', 'all'])
  assert.equal(store.get('b')?.n, 2)
})

test('a whole list takes away what it does not name', () => {
  const store = filled()
  const told: string[] = []
  store.subscribeTo('a', () => told.push('a'))
  store.apply({ kind: 'all', items: [{ id: 'b', n: 3 }], removed: [] })
  assert.equal(store.get('a'), undefined)
  assert.deepEqual(told, ['a'])
  assert.deepEqual(store.list, [{ id: 'b', n: 3 }])
})

test('an item that changes keeps its place', () => {
  const store = filled()
  store.apply({ kind: 'change', items: [{ id: 'a', n: 9 }], removed: [] })
  assert.deepEqual(
    store.list.map(({ id }) => id),
    ['a', 'b'],
  )
})

test('who has left is not told', () => {
  const store = filled()
  let told = 0
  store.subscribeTo('a', () => told++)()
  store.subscribe(() => told++)()
  store.apply({ kind: 'change', items: [], removed: ['a'] })
  assert.equal(told, 0)
  assert.equal(store.loaded, true)
})
