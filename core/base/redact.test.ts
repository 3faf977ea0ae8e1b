import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redactText, redactUrl } from './redact.ts'

test('passwords in addresses never show, whatever characters they have', () => {
  assert.equal(redactUrl('redis://user:p@ss/w0rd:x@host:6379/1'), 'redis://user:****@host:6379/1')
  assert.equal(redactUrl('redis://:pw@host/1'), 'redis://:****@host/1')
  assert.equal(
    redactUrl('postgres://u@h/db?sslmode=disable&password=abc&x=1'),
    'postgres://u@h/db?sslmode=disable&password=****&x=1',
  )
  for (const plain of ['sqlite3:///a/b.db', 'redis://host:6379/1', 'https://bucket.s3.amazonaws.com/x']) {
    assert.equal(redactUrl(plain), plain)
  }
})

test('addresses inside of a text are redacted too', () => {
  assert.equal(
    redactText('cannot reach redis://:secret@host/1: timed out'),
    'cannot reach redis://:****@host/1: timed out',
  )
})
