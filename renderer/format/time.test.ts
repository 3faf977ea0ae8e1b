import assert from 'node:assert/strict'
import test from 'node:test'
import { about, ago, date, duration, exactTime, latency, until } from './time.ts'

const plain = (text: string) => text.replaceAll('\u00a0', ' ')
const MIN = 60_000
const HOUR = 60 * MIN
const DAY = 24 * HOUR

test('latencies choose the unit that says most', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0.0194, '19 µs'],
    [0.4, '0.4 ms'],
    [0.123, '0.12 ms'],
    [1.234, '1.2 ms'],
    [9.96, '10 ms'],
    [18.4, '18 ms'],
    [1200, '1.2 s'],
    [Number.NaN, '–'],
  ]
  for (const [ms, text] of cases) assert.equal(plain(latency(ms)), text)
})

test('durations have two units at most', () => {
  const cases: readonly (readonly [number, string])[] = [
    [400, '0.4 s'],
    [12_000, '12 s'],
    [200_000, '3 min 20 s'],
    [2 * HOUR, '2 h'],
    [2 * HOUR + 5 * MIN + 3000, '2 h 5 min'],
    [4 * DAY + 3 * HOUR, '4 d 3 h'],
  ]
  for (const [ms, text] of cases) assert.equal(plain(duration(ms)), text)
})

test('what is past is told by its distance, until the date says more', () => {
  const now = Date.parse('2026-11-26T14:00:00')
  const told = (passed: number) => plain(ago(now - passed, now))
  assert.equal(told(0), 'now')
  assert.equal(told(8_000), '8 s ago')
  assert.equal(told(119_000), '1 min ago')
  assert.equal(told(5 * HOUR), '5 h ago')
  assert.equal(told(DAY), 'yesterday')
  assert.equal(told(3 * DAY), '3 days ago')
  assert.equal(told(60 * DAY), date(now - 60 * DAY))
  assert.equal(told(-60_000), 'in 1 min')
  assert.equal(plain(until(now + 8_000, now)), 'in 8 s')
})

test('times sort as text', () => {
  assert.match(exactTime(0), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
})

test('forecasts are rough, and say so', () => {
  assert.equal(about(40 * DAY), 'in about 40 days')
  assert.equal(about(30 * HOUR), 'in about 30 hours')
  assert.equal(about(90 * MIN), 'in about 90 minutes')
  assert.equal(about(3 * 365 * DAY), 'in about 3 years')
  assert.equal(about(20 * 365 * DAY), 'in over 5 years')
  assert.equal(about(MIN), 'within 2 minutes')
})
