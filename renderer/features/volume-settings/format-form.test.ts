import assert from 'node:assert/strict'
import test from 'node:test'
import { formatChange, type VolumeFormat } from '#core/api/volumes.ts'
import { changeOf, formOfFormat } from './format-form.ts'

const format = { capacityBytes: 1234567890123, inodes: 1_000_000, trashDays: 1, acl: false } as VolumeFormat

test('a form that nobody touched changes nothing', () => {
  assert.deepEqual(changeOf(formOfFormat(format), format), {})
})

test('only what was changed is sent, and empty takes a limit away', () => {
  const change = changeOf({ capacityText: '', inodesText: '2,000,000', trashDays: 7, acl: true }, format)!
  assert.deepEqual(formatChange.parse({ id: 'v', ...change }), {
    id: 'v',
    capacityBytes: 0,
    inodes: 2_000_000,
    trashDays: 7,
    acl: true,
  })
})

test('a wrong field sends nothing', () => {
  assert.equal(changeOf({ ...formOfFormat(format), capacityText: 'big' }, format), undefined)
  assert.equal(changeOf({ ...formOfFormat(format), inodesText: 'many' }, format), undefined)
})
