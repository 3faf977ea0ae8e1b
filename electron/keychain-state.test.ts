import assert from 'node:assert/strict'
import test from 'node:test'
import { keychainState } from './keychain-state.ts'

test('a keyring is named', () => {
  const state = keychainState({ platform: 'linux', isEncryptionAvailable: true, backend: 'gnome_libsecret' })
  assert.equal(state.kind, 'keychain')
  assert.match(state.sentence, /Secret Service/)
  assert.equal(
    keychainState({ platform: 'darwin', isEncryptionAvailable: true, backend: undefined }).kind,
    'keychain',
  )
})

test('the fixed password of Chromium is called what it is: plain', () => {
  const basic = keychainState({ platform: 'linux', isEncryptionAvailable: true, backend: 'basic_text' })
  assert.equal(basic.kind, 'plain')
  assert.match(basic.sentence, /not encrypted/)
  const none = keychainState({ platform: 'linux', isEncryptionAvailable: false, backend: undefined })
  assert.equal(none.kind, 'plain')
  assert.ok(none.next)
})

test('a keychain that does not answer is said too', () => {
  assert.equal(
    keychainState({ platform: 'darwin', isEncryptionAvailable: false, backend: undefined }).kind,
    'none',
  )
})
