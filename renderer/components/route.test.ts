import assert from 'node:assert/strict'
import test from 'node:test'
import { hrefOf, parseRoute, volumeHref } from './route.ts'

test('a place and its address lead to each other', () => {
  const names = ['/', '/a', '/a b/ü%/#?', `/${'x'.repeat(255)}`]
  for (const path of names)
    for (const id of ['media', 'with space', 'ü/%'])
      assert.deepEqual(parseRoute(volumeHref(id, 'files', path)), { page: 'volume', id, tab: 'files', path })
  for (const page of ['volumes', 'new', 'connect', 'activity', 'settings'] as const)
    assert.deepEqual(parseRoute(hrefOf({ page })), { page })
})

test('an address without a tab is the overview, one that is wrong is nowhere', () => {
  assert.deepEqual(parseRoute('#/v/media'), { page: 'volume', id: 'media', tab: 'overview', path: '/' })
  assert.deepEqual(parseRoute('#/v/media/what'), { page: 'unknown' })
  assert.deepEqual(parseRoute('#/%E0%A4%A'), { page: 'unknown' })
  assert.deepEqual(parseRoute(''), { page: 'volumes' })
})
