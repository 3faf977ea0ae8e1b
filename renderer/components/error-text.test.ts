import assert from 'node:assert/strict'
import test from 'node:test'
import { API_ERROR_KINDS } from '#core/api/errors.ts'
import { errorText, meaningOf } from './error-text.ts'

test('every kind of error says what it means for the data', () => {
  for (const kind of API_ERROR_KINDS) assert.match(meaningOf({ kind, message: 'x' }), /^[A-Z].*\.$/)
})

test('a copied error names what was done, what happened, and what helps', () => {
  const text = errorText(
    {
      kind: 'denied',
      message: '403 from the bucket.',
      next: 'Edit the key.',
      errno: 'EACCES',
      fields: { key: 'wrong' },
    },
    'Mounting media',
  )
  for (const part of ['Mounting media', '403', 'Edit the key.', 'denied', 'EACCES', 'key: wrong'])
    assert.ok(text.includes(part), part)
})
