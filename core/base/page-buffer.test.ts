import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPages, pageBuffer } from './page-buffer.ts'

test('a page buffer has its length, begins at a page, and its views are pages where they begin and end at one', () => {
  for (const length of [4096, 65536, 4 * 2 ** 20]) {
    const bytes = pageBuffer(length)
    assert.equal(bytes.length, length)
    assert.equal(isPages(bytes), true)
  }
  const bytes = pageBuffer(65536)
  assert.equal(isPages(bytes.subarray(4096, 12288)), true)
  assert.equal(isPages(bytes.subarray(512)), false)
  assert.equal(isPages(bytes.subarray(0, 4097)), false)
})
