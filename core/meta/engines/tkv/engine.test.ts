import assert from 'node:assert/strict'
import { test } from 'node:test'
import { engineSuite } from '#core/meta/engine.suite.ts'
import { TkvEngine } from './engine.ts'
import { MemoryPlace, MemoryStore } from './test-store.ts'

engineSuite('tkv in memory', {
  place: async () => {
    const place = new MemoryPlace()
    return { open: async () => new TkvEngine({ store: new MemoryStore(place), prefix: 'jfs\xfd' }) }
  },
  shared: true,
  countsEverySlice: false,
  noEmptyValues: true,
})

test('a place where something else is stored is left alone', async () => {
  const place = new MemoryPlace()
  const store = new MemoryStore(place)
  await (await store.begin()).commit([], new Map([['jfs\xfdhello', Buffer.from('world')]]))
  const engine = new TkvEngine({ store, prefix: 'jfs\xfd' })
  await assert.rejects(engine.initialize(), {
    kind: 'invalid',
    message: /keys of something else.*another name/,
  })
  const neighbour = new TkvEngine({ store: new MemoryStore(place), prefix: 'jfs2\xfd' })
  await neighbour.initialize()
  await engine.close()
  await neighbour.close()
})
