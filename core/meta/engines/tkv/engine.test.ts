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
