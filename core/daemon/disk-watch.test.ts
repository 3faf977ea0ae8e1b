import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DiskWatch } from './disk-watch.ts'

test('a cache disk with too little free is told once, and again after it had enough', async () => {
  let free = 0.04
  const watch = new DiskWatch(async () => ({ bsize: 4096, blocks: 1000, bavail: 1000 * free }))
  const places = [{ dir: join(tmpdir(), 'not', 'made', 'yet'), freeSpaceRatio: 0.1 }]
  const look = async (part: number) => {
    free = part
    return (await watch.look(places)).map(({ kind }) => kind)
  }
  // Short means less than half of what is to be left free.
  assert.deepEqual(await look(0.04), ['disk-low'])
  assert.deepEqual(await look(0.04), [])
  assert.deepEqual(await look(0.07), [])
  assert.deepEqual(await look(0.04), [])
  assert.deepEqual(await look(0.11), [])
  assert.deepEqual(await look(0.04), ['disk-low'])
})
