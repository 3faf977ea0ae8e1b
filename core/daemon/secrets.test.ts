import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { Refusal } from '#core/base/refusal.ts'
import { seal, unseal } from './sealing.ts'
import { FileSecretStore, LockedSecrets } from './secrets.ts'

function place(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'secrets-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'secrets.json')
}

test('what is sealed opens with its key only, and not when a bit of it is another', () => {
  const key = randomBytes(32)
  const sealed = seal(key, 'größe')
  assert.equal(unseal(key, sealed), 'größe')
  assert.equal(unseal(randomBytes(32), sealed), undefined)
  const bytes = Buffer.from(sealed, 'base64')
  bytes[20]! ^= 1
  assert.equal(unseal(key, bytes.toString('base64')), undefined)
  assert.equal(unseal(key, ''), undefined)
  assert.notEqual(seal(key, 'a'), seal(key, 'a'))
})

test('a key seals the file: no secret in it, names stay known', (t) => {
  const path = place(t)
  const key = randomBytes(32)
  const store = new FileSecretStore(path)
  store.change('a', { secretKey: 'planted-secret' })
  assert.equal(store.kind, 'file')
  store.protect(key)
  assert.equal(store.kind, 'keychain')
  store.change('b', { passphrase: 'planted-too' })
  const text = readFileSync(path, 'utf8')
  assert.ok(!text.includes('planted'))
  assert.equal(statSync(path).mode & 0o777, 0o600)

  const next = new FileSecretStore(path)
  assert.equal(next.kind, 'keychain')
  assert.deepEqual(next.names('a'), ['secretKey'])
  assert.deepEqual(next.get('a'), {})
  assert.throws(() => next.check('a'), LockedSecrets)
  assert.throws(() => next.change('a', { secretKey: 'x' }), LockedSecrets)
  next.check('no-secrets')
  next.protect(key)
  next.check('a')
  assert.deepEqual(next.get('a'), { secretKey: 'planted-secret' })
  assert.deepEqual(next.get('b'), { passphrase: 'planted-too' })
})

test('another key is refused and changes nothing', (t) => {
  const path = place(t)
  const key = randomBytes(32)
  const store = new FileSecretStore(path)
  store.change('a', { secretKey: 's' })
  store.protect(key)
  const before = readFileSync(path, 'utf8')
  const next = new FileSecretStore(path)
  assert.throws(() => next.protect(randomBytes(32)), Refusal)
  assert.throws(() => store.protect(randomBytes(32)), Refusal)
  assert.equal(readFileSync(path, 'utf8'), before)
  next.protect(key)
  assert.deepEqual(next.get('a'), { secretKey: 's' })
})

test('a volume removed while locked leaves no secret behind', (t) => {
  const path = place(t)
  const key = randomBytes(32)
  const store = new FileSecretStore(path)
  store.change('a', { secretKey: 's' })
  store.change('b', { secretKey: 't' })
  store.protect(key)
  const locked = new FileSecretStore(path)
  locked.remove('a')
  const next = new FileSecretStore(path)
  assert.deepEqual(next.names('a'), [])
  next.protect(key)
  assert.deepEqual(next.get('a'), {})
  assert.deepEqual(new Map([['b', next.get('b')]]), new Map([['b', { secretKey: 't' }]]))
})
