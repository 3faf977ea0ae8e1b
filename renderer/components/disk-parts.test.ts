import assert from 'node:assert/strict'
import test from 'node:test'
import { diskParts } from './disk-parts.ts'

const overview = {
  dir: '/c',
  limitBytes: 50,
  reserveBytes: 10,
  diskBytes: 100,
  diskFreeBytes: 40,
  volumes: [
    { id: 'a', name: 'a', cachedBytes: 20, pinnedBytes: 4, stagedBytes: 2 },
    { id: 'b', name: 'b', cachedBytes: 8, pinnedBytes: 0, stagedBytes: 0 },
    { id: null, name: 'gone', cachedBytes: 5, pinnedBytes: 0, stagedBytes: 0 },
  ],
}
const parts = (change: object) =>
  Object.fromEntries(diskParts({ ...overview, ...change }, 'a').map(({ part, size }) => [part, size]))

test('the parts of the disk are the whole disk', () => {
  assert.deepEqual(parts({}), {
    here: 16,
    pinned: 4,
    staged: 2,
    others: 13,
    rest: 25,
    free: 30,
    reserve: 10,
  })
})

test('a disk with less than the reserve has nothing free for the cache', () => {
  assert.deepEqual(parts({ diskFreeBytes: 4 }), {
    here: 16,
    pinned: 4,
    staged: 2,
    others: 13,
    rest: 61,
    free: 0,
    reserve: 4,
  })
})
