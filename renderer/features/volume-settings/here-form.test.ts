import assert from 'node:assert/strict'
import test from 'node:test'
import { type Profile, updateInput } from '#core/api/volumes.ts'
import { formOf, updateOf } from './here-form.ts'

const profile: Profile = {
  id: 'v1',
  name: 'media',
  metaUrl: 'redis://h/1',
  mountPoint: '/home/me/media',
  mountAtLogin: false,
  settings: { prefetch: 3, cacheBytes: 107_374_182_401 },
  bucket: null,
  secrets: [],
  createdMs: 0,
}

test('a form that nobody touched changes no size and loses no setting', () => {
  const update = updateInput.parse(updateOf(formOf(profile), profile))
  assert.equal(update.settings!.cacheBytes, 107_374_182_401)
  assert.equal(update.settings!.prefetch, 3)
  assert.equal(update.settings!.subdir, undefined)
})

test('what was typed is sent, and empty means the default', () => {
  const typed = { ...formOf(profile), cacheText: '20 GiB', subdir: ' /a ', name: ' m ' }
  const update = updateOf(typed, profile)!
  assert.equal(update.settings!.cacheBytes, 20 * 2 ** 30)
  assert.equal(update.settings!.subdir, '/a')
  assert.equal(update.name, 'm')
  assert.equal(updateOf({ ...typed, cacheText: '' }, profile)!.settings!.cacheBytes, undefined)
})

test('a wrong field is not sent', () => {
  assert.equal(updateOf({ ...formOf(profile), cacheText: 'much' }, profile), undefined)
  assert.equal(updateOf({ ...formOf(profile), name: ' ' }, profile), undefined)
})
