import { storeSuite } from './ordered-store.suite.ts'
import { MemoryPlace, MemoryStore } from './test-store.ts'

storeSuite('memory', async () => {
  const place = new MemoryPlace()
  return { open: async () => new MemoryStore(place), prefix: 'p\xfd' }
})
