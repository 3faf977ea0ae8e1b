import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackendError } from '#core/base/errno.ts'
import type { MetaEngine } from './engine.ts'
import { createIds } from './ids.ts'
import { openEngine } from './open-meta.ts'

async function memory(): Promise<MetaEngine> {
  const engine = await openEngine('sqlite3://:memory:')
  await engine.initialize()
  return engine
}

test('many at once get different numbers, from few batches, never inode 0 or 1', async (t) => {
  const engine = await memory()
  t.after(() => engine.close())
  const clients = [createIds(engine), createIds(engine)]
  const inodes = await Promise.all(Array.from({ length: 3000 }, (_, k) => clients[k % 2]!.nextInode()))
  assert.equal(new Set(inodes).size, 3000)
  assert.equal(Math.min(...inodes), 2)
  const slices = await Promise.all(Array.from({ length: 5000 }, () => clients[0]!.nextSlice()))
  assert.equal(new Set(slices).size, 5000)
  assert.equal(Math.min(...slices), 1)
  const [nextInode, nextChunk] = await engine.read([
    { kind: 'counter', name: 'nextInode' },
    { kind: 'counter', name: 'nextChunk' },
  ])
  assert.ok(nextInode! <= 2 + 6 * 1024, `${nextInode}`)
  assert.ok(nextChunk! <= 1 + 3 * 4096, `${nextChunk}`)
})

test('a failed reservation is an error for who needs it, and is tried again', async (t) => {
  const engine = await memory()
  t.after(() => engine.close())
  let failures = 2
  const flaky = new Proxy(engine, {
    get(target, key: keyof MetaEngine) {
      if (key === 'allocate' && failures-- > 0)
        return () => Promise.reject(new BackendError('unavailable', 'no answer'))
      const value = target[key]
      return typeof value === 'function' ? (value as () => unknown).bind(target) : value
    },
  })
  const ids = createIds(flaky)
  const first = await Promise.allSettled([ids.nextInode(), ids.nextInode()])
  assert.deepEqual(
    first.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  await assert.rejects(ids.nextInode(), { kind: 'unavailable' })
  assert.equal(await ids.nextInode(), 2)
})
