import assert from 'node:assert/strict'
import test from 'node:test'
import type { FileEntry } from '#core/api/files.ts'
import { Listing, orderOf } from './listing.ts'

const file = (name: string, size: number, mtimeMs = 0, type = 'file') =>
  ({ name, size, mtimeMs, type }) as FileEntry
const entries = [
  file('a', 5, 3),
  file('b', 0, 0, 'directory'),
  file('c', 9, 1),
  file('d', 1, 2),
  file('e', 0, 0, 'directory'),
]
const names = (order: Uint32Array) => [...order].map((index) => entries[index]!.name).join('')

test('folders come first in every order', () => {
  assert.equal(names(orderOf(entries, { key: 'name', descending: false })), 'beacd')
  assert.equal(names(orderOf(entries, { key: 'name', descending: true })), 'ebdca')
  assert.equal(names(orderOf(entries, { key: 'size', descending: false })), 'bedac')
  assert.equal(names(orderOf(entries, { key: 'mtime', descending: true })), 'ebadc')
})

function pages(...sizes: readonly number[]) {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  let offset = 0
  return async (cursor: string | undefined) => {
    const page = Number(cursor ?? 0)
    const from = offset
    offset += sizes[page]!
    return {
      entries: Array.from({ length: sizes[page]! }, (_, at) => file(String(from + at).padStart(4, '0'), 0)),
      total,
      offset: from,
      nextCursor: page + 1 < sizes.length ? String(page + 1) : null,
    }
  }
}

test('a folder is read page after page, and its whole length is known from the first', async () => {
  const listing = new Listing()
  const seen: string[] = []
  listing.subscribe(() => seen.push(`${listing.read}/${listing.count}`))
  await listing.load(pages(3, 3, 2), new AbortController().signal)
  assert.deepEqual(seen, ['3/8', '6/8', '8/8'])
  assert.equal(listing.loading, false)
  assert.equal(listing.at(7)?.name, '0007')
  assert.equal(listing.at(8), undefined)
})

test('a failure is kept with what was read before', async () => {
  const listing = new Listing()
  const next = pages(2, 2)
  await listing.load(async (cursor) => {
    if (cursor !== undefined) throw new Error('gone')
    return next(cursor)
  }, new AbortController().signal)
  assert.equal(listing.read, 2)
  assert.equal((listing.error as Error).message, 'gone')
  assert.equal(listing.loading, false)
})

test('who left the folder is not told any more', async () => {
  const listing = new Listing()
  const stop = new AbortController()
  const next = pages(2, 2)
  await listing.load(async (cursor) => {
    if (cursor !== undefined) stop.abort()
    return next(cursor)
  }, stop.signal)
  assert.equal(listing.read, 2)
})

test('100,000 entries are put in order within a frame or two', () => {
  const many = Array.from({ length: 100_000 }, (_, at) => file(String(at), (at * 7919) % 100_003))
  const started = performance.now()
  const order = orderOf(many, { key: 'size', descending: true })
  const tookMs = performance.now() - started
  assert.equal(many[order[0]!]!.size, Math.max(...many.slice(0, 100_000).map(({ size }) => size)))
  assert.ok(tookMs < 500, `${tookMs} ms`)
})
