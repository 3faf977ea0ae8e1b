import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLIENT_VERSION, compareVersions, parseVersion } from './version.ts'

test('versions are ordered as the format orders them', () => {
  const order = ['1.1', '1.1.1-beta', '1.1.1', '1.2.0-A', '1.2.0-beta1', '1.2.0', '1.2.1', '2']
  for (let k = 1; k < order.length; k++) {
    assert.ok(compareVersions(parseVersion(order[k - 1]!)!, parseVersion(order[k]!)!) < 0, order[k])
  }
  assert.equal(compareVersions(parseVersion('1.4.1+2026-07-30.abc')!, parseVersion('1.4.1')!), 0)
  for (const text of ['', 'x', '1.2.3.4', '1..2', '-1']) assert.equal(parseVersion(text), undefined, text)
  assert.ok(parseVersion(CLIENT_VERSION))
})
