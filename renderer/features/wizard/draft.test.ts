import assert from 'node:assert/strict'
import test from 'node:test'
import { createInput } from '#core/api/volumes.ts'
import {
  asName,
  bucketOfDraft,
  capacityOf,
  createInputOf,
  type Draft,
  FIRST_DRAFT,
  inodesOf,
  isName,
  metaUrlOf,
  mountPointOf,
} from './draft.ts'

const places = { stateDir: '/home/me/.local/state/pomelo', mountFolder: '/home/me/Volumes' }
const draft = (change: Partial<Draft>): Draft => ({ ...FIRST_DRAFT, name: 'photos', ...change })
const key = { keyPem: 'PEM', recoveryKey: 'ABCDE-FGHJK', fingerprint: '0123' }

test('with a name alone there is a volume on this computer, and the daemon accepts it', () => {
  const input = createInput.parse(createInputOf(draft({}), places))
  assert.equal(input.format.metaUrl, 'sqlite3:///home/me/.local/state/pomelo/volumes/photos.db')
  assert.equal(input.format.bucket, '/home/me/.local/state/pomelo/volumes/photos-data')
  assert.equal(input.mountPoint, '/home/me/Volumes/photos')
  assert.deepEqual(input.secrets, {})
})

test('names are what the format takes', () => {
  assert.equal(asName('My Photos_2026!'), 'my-photos-2026')
  for (const bad of ['', 'ab', '-abc', 'abc-', 'Abc', 'a'.repeat(64)]) assert.ok(!isName(bad), bad)
  assert.ok(isName('a-1'))
  assert.equal(createInputOf(draft({ name: 'ab' }), places), undefined)
})

test('a preset makes the address of the bucket from its fields', () => {
  const aws = draft({ presetKey: 'aws', fields: { bucket: 'b' }, accessKey: ' AKIA ', secretKey: 's' })
  assert.equal(bucketOfDraft(aws, places), undefined)
  const whole = { ...aws, fields: { bucket: 'b', region: 'eu-central-1' } }
  assert.equal(bucketOfDraft(whole, places), 'https://b.s3.eu-central-1.amazonaws.com')
  assert.deepEqual(createInputOf(whole, places)!.secrets, { accessKey: 'AKIA', secretKey: 's' })
})

test('a typed address is taken, with or without its scheme', () => {
  for (const typed of ['/data/x.db', 'sqlite3:///data/x.db'])
    assert.equal(
      metaUrlOf(draft({ addresses: { ...FIRST_DRAFT.addresses, sqlite: typed } }), places),
      'sqlite3:///data/x.db',
    )
  assert.equal(mountPointOf(draft({ mountPoint: ' /mnt/x ' }), places), '/mnt/x')
})

test('a password goes along where an engine has one', () => {
  const addresses = { ...FIRST_DRAFT.addresses, postgres: 'postgres://u@h/d', tikv: ' tikv://pd:2379/team ' }
  const input = (engine: 'postgres' | 'tikv' | 'etcd') =>
    createInputOf(draft({ engine, addresses, metaPassword: 'typed before' }), places)!
  assert.equal(input('postgres').secrets!.metaPassword, 'typed before')
  assert.equal(input('etcd').secrets!.metaPassword, 'typed before')
  assert.equal(input('tikv').secrets!.metaPassword, undefined)
  assert.equal(input('tikv').format.metaUrl, 'tikv://pd:2379/team')
})

test('an encrypted volume needs the key to be proven', () => {
  assert.equal(createInputOf(draft({ encrypt: true, key }), places), undefined)
  const input = createInputOf(draft({ encrypt: true, key, keyProven: true }), places)!
  assert.equal(input.secrets!.passphrase, key.recoveryKey)
  assert.equal(input.format.encryptionKeyPem, 'PEM')
  assert.equal(
    createInputOf(draft({ encrypt: false, key, keyProven: true }), places)!.format.encryptionKeyPem,
    undefined,
  )
})

test('limits are read as people type them', () => {
  assert.equal(capacityOf(draft({ capacityText: '' })), 0)
  assert.equal(capacityOf(draft({ capacityText: '500 GiB' })), 500 * 2 ** 30)
  assert.equal(capacityOf(draft({ capacityText: 'lots' })), undefined)
  assert.equal(inodesOf(draft({ inodesText: '1,000,000' })), 1_000_000)
  assert.equal(inodesOf(draft({ inodesText: 'x' })), undefined)
})
