import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checksumLength, checksums, checksumsMatch, fileShape, footerTier, tierFooter } from './cache-file.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('checksums are those of the reference', () => {
  assert.equal(hex(checksums(Buffer.from('hello'))), '9a71bb4c')
  assert.equal(hex(checksums(Uint8Array.from({ length: 40000 }, (_, k) => k % 251))), '2ad60827b1d50d34')
  assert.equal(checksumLength(4 * 2 ** 20), 512)
})

test('a part that starts at a piece border is checked by its own checksums', () => {
  const bytes = Uint8Array.from({ length: 70000 }, (_, k) => k % 251)
  const sums = checksums(bytes)
  assert.ok(checksumsMatch(bytes.subarray(32768, 65536), sums, 1))
  assert.ok(checksumsMatch(bytes.subarray(65536), sums, 2))
  assert.ok(!checksumsMatch(bytes.subarray(32768, 65535), sums, 1))
})

test('tier footers are those of the reference and read back', () => {
  assert.equal(hex(tierFooter(1, true)), '4653001082a474696572cc01a3706164c4020000')
  assert.equal(hex(tierFooter(1, false)), '4653000e82a474696572cc01a3706164c400')
  assert.equal(tierFooter(0, true).length, 0)
  for (const sums of [true, false]) assert.equal(footerTier(tierFooter(3, sums)), 3)
  assert.equal(footerTier(tierFooter(4, true)), 0)
  assert.equal(footerTier(Buffer.from('4653001182a474696572cc01a3706164c4020000', 'hex')), undefined)
})

test('the length of a file says what it is made of', () => {
  const sums = checksumLength(40000)
  assert.equal(fileShape(39999, 40000), undefined)
  assert.deepEqual(fileShape(40000, 40000), { hasChecksums: false, footerAt: undefined })
  assert.equal(fileShape(40004, 40000), undefined)
  assert.deepEqual(fileShape(40000 + sums, 40000), { hasChecksums: true, footerAt: undefined })
  assert.deepEqual(fileShape(40000 + sums + 20, 40000), { hasChecksums: true, footerAt: 40000 + sums })
  assert.deepEqual(fileShape(40018, 40000), { hasChecksums: false, footerAt: 40000 })
})
