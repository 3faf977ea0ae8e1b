import assert from 'node:assert/strict'
import test from 'node:test'
import type { FileEntry } from '#core/api/files.ts'
import { countShares, NO_SHARES, type Shares } from './folder-shares.ts'

const entry = (name: string, size: number, type = 'file') =>
  ({ name, path: `/${name}`, size, type }) as FileEntry
const estimate = (cached: Readonly<Record<string, number>>) => async (path: string) => ({
  files: 1,
  bytes: 100,
  cachedBytes: cached[path] ?? 0,
  missingBytes: 0,
  partial: false,
})

async function counted(
  entries: readonly FileEntry[],
  cached: Readonly<Record<string, number>>,
): Promise<Shares> {
  let last = NO_SHARES
  await countShares(entries, estimate(cached), (shares) => (last = shares), new AbortController().signal)
  return last
}

test('what has most in the cache comes first', async () => {
  const { shares, counted: n } = await counted([entry('a', 1), entry('b', 1, 'directory'), entry('c', 9)], {
    '/a': 5,
    '/b': 7,
  })
  assert.deepEqual(
    shares.map(({ name }) => name),
    ['b', 'a', 'c'],
  )
  assert.equal(n, 3)
})

test('no more than forty are counted, folders and large files first, and the rest is told', async () => {
  const files = Array.from({ length: 100 }, (_, at) => entry(`f${at}`, at))
  const { toCount, left, shares } = await counted([...files, entry('folder', 0, 'directory')], {})
  assert.equal(toCount, 40)
  assert.equal(left, 60)
  assert.ok(shares.some(({ name }) => name === 'folder'))
  assert.ok(shares.some(({ name }) => name === 'f99'))
  assert.ok(!shares.some(({ name }) => name === 'f10'))
})

test('a failure ends the counting, and leaving the folder too', async () => {
  await assert.rejects(
    countShares(
      [entry('a', 1)],
      () => Promise.reject(new Error('no')),
      () => undefined,
      new AbortController().signal,
    ),
  )
  const stop = new AbortController()
  let calls = 0
  await countShares(
    [entry('a', 1), entry('b', 1), entry('c', 1), entry('d', 1)],
    async (path) => {
      stop.abort()
      return estimate({})(path)
    },
    () => calls++,
    stop.signal,
  )
  assert.equal(calls, 0)
})
