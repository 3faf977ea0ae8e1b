import assert from 'node:assert/strict'
import test from 'node:test'
import { readProfile } from './read-profile.ts'

test('a profile is read, and what it leaves out has its default', () => {
  const profile = readProfile(
    '{"pomeloProfile":1,"name":"media","metaUrl":"redis://h/1","needs":["secretKey"]}',
  )
  assert.equal(profile.metaUrl, 'redis://h/1')
  assert.deepEqual(profile.settings, {})
  assert.deepEqual(profile.needs, ['secretKey'])
})

test('what is no profile says so and says what is', () => {
  for (const bad of ['', 'x', '{}', '[]', '{"pomeloProfile":2,"name":"a","metaUrl":"b"}'])
    assert.throws(
      () => readProfile(bad),
      (error: Error & { data?: { next?: string } }) =>
        /file is not/.test(error.message) && /Export profile/.test(error.data?.next ?? ''),
    )
})
