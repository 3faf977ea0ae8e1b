import assert from 'node:assert/strict'
import test from 'node:test'
import { keyNames, matches } from './key-names.ts'

const press = (key: string, held = '') => ({
  key,
  ctrlKey: held.includes('c'),
  metaKey: held.includes('m'),
  shiftKey: held.includes('s'),
  altKey: held.includes('a'),
})

test('the same shortcut is named as each platform names its keys', () => {
  assert.deepEqual(keyNames('mod+shift+k', false), ['Ctrl', 'Shift', 'K'])
  assert.deepEqual(keyNames('mod+shift+k', true), ['⌘', '⇧', 'K'])
})

test('a shortcut needs its modifiers and no other', () => {
  assert.ok(matches(press('k', 'c'), 'mod+k', false))
  assert.ok(matches(press('k', 'm'), 'mod+k', true))
  assert.ok(!matches(press('k', 'm'), 'mod+k', false))
  assert.ok(!matches(press('k'), 'mod+k', false))
  assert.ok(!matches(press('K', 'cs'), 'mod+k', false))
  assert.ok(!matches(press('k', 'ca'), 'mod+k', false))
  assert.ok(matches(press('K', 'cs'), 'mod+shift+k', false))
})

test('a sign may need Shift on some keyboards', () => {
  assert.ok(matches(press('?', 's'), '?', false))
  assert.ok(matches(press('/'), '/', false))
})
