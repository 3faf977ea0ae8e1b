import assert from 'node:assert/strict'
import test from 'node:test'
import { absolutePath, dialogOptions } from './bridge-calls.ts'

test('options of a dialog are taken as they should be', () => {
  assert.deepEqual(dialogOptions(undefined), {})
  assert.deepEqual(
    dialogOptions({ title: 'Cache', defaultPath: '/home/me', defaultName: 'a.json', extensions: ['json'] }),
    {
      title: 'Cache',
      defaultPath: '/home/me',
      defaultName: 'a.json',
      extensions: ['json'],
    },
  )
})

test('what is none of that is refused', () => {
  for (const options of [
    7,
    { title: {} },
    { title: 'x'.repeat(201) },
    { defaultPath: 'relative' },
    { defaultName: '../x' },
    { extensions: ['*'] },
    { extensions: 'json' },
    { extensions: Array(21).fill('a') },
  ])
    assert.throws(() => dialogOptions(options), TypeError, JSON.stringify(options))
})

test('only absolute paths are revealed', () => {
  assert.equal(absolutePath('path', '/home/me'), '/home/me')
  for (const path of ['', 'x', '../x', '/a\0b', `/${'x'.repeat(5000)}`, 7, null, ['/a']])
    assert.throws(() => absolutePath('path', path), TypeError)
})
