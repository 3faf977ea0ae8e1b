import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBytes, formatDuration, formatSize, parseDuration, parseRate, parseSize } from './units.ts'

test('sizes are 1024-based, with fractions and any spelling of the unit', () => {
  assert.equal(parseSize('128K'), 131072)
  assert.equal(parseSize('1.5G'), 1.5 * 2 ** 30)
  assert.equal(parseSize('4MiB'), 4 * 2 ** 20)
  assert.equal(parseSize('4mb'), 4 * 2 ** 20)
  assert.equal(parseSize('300', 'M'), 300 * 2 ** 20)
  assert.equal(parseSize('300B', 'M'), 300)
  for (const text of ['', 'x', '-1', '1X', '1 2', '9E', 'K'])
    assert.throws(() => parseSize(text), RangeError, text)
})

test('durations add up their parts, and a bare number is seconds', () => {
  assert.equal(parseDuration('1h2m3s'), 3723)
  assert.equal(parseDuration('2d'), 172800)
  assert.equal(parseDuration('500ms'), 0.5)
  assert.equal(parseDuration('1.5'), 1.5)
  for (const text of ['', 's', '1x', '1h 2', '-5s'])
    assert.throws(() => parseDuration(text), RangeError, text)
})

test('rates are Mbit/s, 1000-based', () => {
  assert.equal(parseRate('500'), 500)
  assert.equal(parseRate('1.5G'), 1500)
  assert.equal(parseRate('10Gbps'), 10_000)
  assert.throws(() => parseRate('fast'), RangeError)
})

test('sizes and durations print in units people read', () => {
  assert.equal(formatSize(1000), '1000 B')
  assert.equal(formatSize(1536), '1.50 KiB')
  assert.equal(formatSize(200 * 2 ** 20), '200 MiB')
  assert.equal(formatBytes(1260), '1.23 KiB (1260 Bytes)')
  assert.equal(formatDuration(0.08), '80ms')
  assert.equal(formatDuration(3723), '1h 2m')
  assert.equal(formatDuration(86400), '1d')
})
