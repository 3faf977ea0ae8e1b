import assert from 'node:assert/strict'
import test from 'node:test'
import { bytes, exactBytes, parseBytes, rate } from './bytes.ts'

const plain = (text: string) => text.replaceAll('\u00a0', ' ')

test('sizes have one decimal below ten and none above', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0 B'],
    [1, '1 B'],
    [999, '999 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [9.94 * 1024, '9.9 KiB'],
    [9.96 * 1024, '10 KiB'],
    [1023.4 * 1024, '1023 KiB'],
    [1023.6 * 1024, '1.0 MiB'],
    [4 * 1024 ** 2, '4.0 MiB'],
    [212 * 1024 ** 2, '212 MiB'],
    [2 * 1024 ** 5, '2.0 PiB'],
    [2 ** 60 * 8, '8.0 EiB'],
    [-2048, '−2.0 KiB'],
    [Number.NaN, '–'],
  ]
  for (const [value, text] of cases) assert.equal(plain(bytes(value)), text)
})

test('rates end in a second', () => {
  assert.equal(plain(rate(12 * 1024 ** 2)), '12 MiB/s')
})

test('exact sizes have separators', () => {
  assert.equal(plain(exactBytes(1234567)), '1,234,567 bytes')
})

test('sizes are read as people type them, and a bare number counts GiB', () => {
  assert.equal(parseBytes('512M'), 512 * 1024 ** 2)
  assert.equal(parseBytes('1.5 GiB'), 1.5 * 1024 ** 3)
  assert.equal(parseBytes('1,5 gb'), 1.5 * 1024 ** 3)
  assert.equal(parseBytes('20'), 20 * 1024 ** 3)
  assert.equal(parseBytes('300 B'), 300)
  for (const bad of ['', 'much', '-1', '1.2.3', '10 XB', '99999999999P'])
    assert.equal(parseBytes(bad), undefined, bad)
})
