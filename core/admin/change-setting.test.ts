import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '#core/base/refusal.ts'
import { changeSetting } from './change-setting.ts'
import { type FormatWishes, newSetting } from './format.ts'

const WISHES: FormatWishes = {
  name: 'team',
  storage: 'file',
  bucket: '/data',
  blockSize: 4 * 2 ** 20,
  compression: 'none',
  shards: 0,
  hashPrefix: false,
  capacity: 0,
  inodes: 0,
  trashDays: 1,
  enableAcl: false,
  encryptAlgo: 'aes256gcm-rsa',
}

test('a local bucket becomes an absolute directory that ends in one slash', () => {
  assert.equal(newSetting(WISHES).Bucket, '/data/')
  assert.equal(newSetting({ ...WISHES, bucket: 'file:///a/b//' }).Bucket, '/a/b/')
  assert.equal(newSetting({ ...WISHES, bucket: '/' }).Bucket, '/')
  assert.equal(newSetting({ ...WISHES, storage: 'S3', bucket: 'https://x/y' }).Bucket, 'https://x/y')
})

test('a block size is rounded down to a power of two from 64 KiB to 16 MiB', () => {
  const kib = (blockSize: number) => newSetting({ ...WISHES, blockSize }).BlockSize
  assert.deepEqual([kib(1), kib(100 * 1024), kib(5 * 2 ** 20), kib(2 ** 30)], [64, 64, 4096, 16384])
})

test('names, storages, shards and tags that cannot be are refused', () => {
  for (const name of ['ab', 'Team', '-team', 'team-', 'te_am', 'a'.repeat(64)]) {
    assert.throws(() => newSetting({ ...WISHES, name }), Refusal, name)
  }
  assert.throws(() => newSetting({ ...WISHES, storage: 'ceph' }), /unknown storage/)
  assert.throws(() => newSetting({ ...WISHES, storage: 's3', shards: 4, bucket: 'https://x' }), /%d/)
  assert.throws(() => newSetting({ ...WISHES, tag: 'novalue' }), /KEY=VALUE/)
})

test('ACLs raise the oldest client version, and never lower it', () => {
  assert.equal(newSetting({ ...WISHES, enableAcl: true }).MinClientVersion, '1.2.0-A')
  const { setting } = changeSetting(newSetting(WISHES), { EnableACL: true })
  assert.equal(setting.MinClientVersion, '1.2.0-A')
  const newer = changeSetting({ ...newSetting(WISHES), MinClientVersion: '1.3.0' }, { EnableACL: true })
  assert.equal(newer.setting.MinClientVersion, '1.3.0')
  assert.throws(() => changeSetting(setting, { EnableACL: false }), /switched off/)
  assert.throws(() => changeSetting(setting, { MinClientVersion: '1.1.0' }), /lowered/)
})

test('changes are listed, secrets without their value, and equal ones are none', () => {
  const before = newSetting({ ...WISHES, secretKey: 'old' })
  const { lines, storageChanged } = changeSetting(before, { TrashDays: 3, SecretKey: 'new', Capacity: 0 })
  assert.deepEqual(lines, ['trash-days: 1 -> 3', 'secret-key: updated'])
  assert.ok(storageChanged)
  assert.deepEqual(changeSetting(before, { TrashDays: 1, Inodes: 0, SecretKey: 'old' }).lines, [])
})

test('switching the change log on gives it an age limit', () => {
  const { setting } = changeSetting(newSetting(WISHES), { ChangeLog: true })
  assert.equal(setting.ChangeLogMaxAge, 7200)
})
