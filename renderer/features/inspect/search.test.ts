import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placeOfSearch } from './search.ts'

test('keys, slices and paths are told apart, with the volume’s name before a key or without', () => {
  const key = 'chunks/0/12/12345_3_4194304'
  assert.equal(placeOfSearch(key), `/bucket/${key}`)
  assert.equal(placeOfSearch(` team/${key} `), `/bucket/${key}`)
  assert.equal(placeOfSearch('chunks/0F/12/12345_3_1'), '/bucket/chunks/0F/12/12345_3_1')
  assert.equal(placeOfSearch('12345'), '/bucket/slice/12345')
  assert.equal(placeOfSearch('12345_3_4194304'), '/bucket/slice/12345')
  assert.equal(placeOfSearch('/photos/a b.jpg'), '/file/photos/a b.jpg')
  for (const wrong of ['', '/', 'photo.jpg', 'chunks/0/12', '-1'])
    assert.equal(placeOfSearch(wrong), undefined)
})
