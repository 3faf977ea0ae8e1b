import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BucketObject, BucketPage } from '#core/api/inspect.ts'
import { ObjectPages } from './object-pages.ts'

const TOTAL = 100_000

function objectAt(slice: number): BucketObject {
  return { key: String(slice), slice, index: 0, size: 1, stored: 1, mtimeMs: 0, path: null, moreFiles: 0 }
}

async function page(from: number, limit: number): Promise<BucketPage> {
  return {
    objects: Array.from({ length: limit }, (_, k) => objectAt(from + k)),
    from,
    total: TOTAL,
    listedMs: 5,
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

test('pages are read where the list is looked at, each once, and old ones are forgotten', async () => {
  const asked: number[] = []
  const pages = new ObjectPages((from, limit) => {
    asked.push(from)
    return page(from, limit)
  })
  await settled()
  assert.deepEqual([pages.total, pages.listedMs, pages.at(7)?.slice], [TOTAL, 5, 7])
  assert.equal(pages.at(50_001), undefined)
  assert.equal(pages.at(50_002), undefined)
  await settled()
  assert.equal(pages.at(50_001)?.slice, 50_001)
  assert.deepEqual(asked, [0, 50_000])
  for (let at = 1000; at < TOTAL; at += 1000) {
    pages.at(at)
    await settled()
  }
  assert.equal(pages.at(7), undefined, 'it was looked at longest ago')
  pages.close()
})

test('of what is scrolled past only the last is read, few at a time', async () => {
  const asked: number[] = []
  let [reading, most] = [0, 0]
  const pages = new ObjectPages(async (from, limit) => {
    asked.push(from)
    most = Math.max(most, ++reading)
    await settled()
    reading--
    return page(from, limit)
  })
  for (let at = 200; at <= 90_000; at += 200) pages.at(at)
  while (pages.at(90_000) === undefined) await settled()
  assert.ok(asked.length < 10, String(asked))
  assert.equal(most, 2)
  assert.equal(pages.at(45_000), undefined, 'it was never read')
  while (pages.at(45_000) === undefined) await settled()
  assert.equal(pages.at(45_000)?.slice, 45_000)
})

test('a page that could not be read is asked for again by the next look', async () => {
  let fails = true
  const pages = new ObjectPages((from, limit) =>
    fails ? Promise.reject(new Error('away')) : page(from, limit),
  )
  await settled()
  assert.match(String(pages.error), /away/)
  fails = false
  assert.equal(pages.at(3), undefined)
  await settled()
  assert.equal(pages.at(3)?.slice, 3)
  assert.equal(pages.error, null)
})
