import { MemoryObjectStore } from './memory.ts'
import { storeSuite } from './store.suite.ts'
import { withPrefix } from './with-prefix.ts'
import { withShards } from './with-shards.ts'

storeSuite('memory', async () => new MemoryObjectStore())
storeSuite('prefix', async () => {
  const inner = new MemoryObjectStore()
  await inner.put('other', [Buffer.from('not ours')])
  await inner.put('vol', [Buffer.from('nor this')])
  return withPrefix(inner, 'vol/')
})
storeSuite('shards', async () => withShards([0, 1, 2].map(() => new MemoryObjectStore())))
