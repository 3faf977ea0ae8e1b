import assert from 'node:assert/strict'
import test from 'node:test'
import { count, percent, perSecond, plural, short } from './number.ts'

const plain = (text: string) => text.replaceAll('\u00a0', ' ')

test('counts have separators and their word agrees', () => {
  assert.equal(count(12345), '12,345')
  assert.equal(plain(plural(1, 'file')), '1 file')
  assert.equal(plain(plural(0, 'file')), '0 files')
  assert.equal(plain(plural(2, 'directory', 'directories')), '2 directories')
})

test('a hundred percent means all of it', () => {
  assert.equal(plain(percent(97, 100)), '97 %')
  assert.equal(plain(percent(9999, 10000)), '99.9 %')
  assert.equal(plain(percent(999_999, 1_000_000)), '99.9 %')
  assert.equal(plain(percent(1, 1)), '100 %')
  assert.equal(plain(percent(1, 250)), '0.4 %')
  assert.equal(plain(percent(1, 100_000)), '< 0.1 %')
  assert.equal(percent(0, 0), '–')
})

test('short counts keep two figures', () => {
  assert.equal(plain(short(940)), '940')
  assert.equal(plain(short(0.25)), '0.3')
  assert.equal(plain(short(9400)), '9.4 k')
  assert.equal(plain(short(1_200_000)), '1.2 M')
  assert.equal(plain(perSecond(12_345)), '12 k/s')
})
