import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '#core/base/refusal.ts'
import { parseTikvUrl } from './url.ts'

const hex = (url: string): string => Buffer.from(parseTikvUrl(url).prefix, 'latin1').toString('hex')

test('the prefix is the path as bytes, and 0xFD', () => {
  assert.equal(hex('tikv://pd:2379/jfs'), '6a6673fd')
  assert.equal(hex('tikv://pd/p%20q/r2'), '7020712f7232fd')
  assert.equal(hex('tikv://pd//a/b/'), '612f622ffd')
  assert.equal(hex('tikv://pd'), 'fd')
  assert.equal(hex('tikv://pd/%ff%25'), 'ff25fd')
  assert.equal(hex('tikv://pd/é?ca=/x'), 'c3a9fd')
})

test('members, port and certificates', () => {
  const url = parseTikvUrl(
    'tikv://pd1,pd2:33,[::1]:44/jfs?ca=/ca&cert=/c&key=/k&verify-cn=a,b&gc-interval=1h',
  )
  assert.deepEqual(url.pdAddresses, ['pd1:2379', 'pd2:33', '[::1]:44'])
  assert.deepEqual(url.security, { ca: '/ca', cert: '/c', key: '/k', verifyCn: ['a', 'b'] })
  assert.equal(url.address, 'tikv://pd1,pd2:33,[::1]:44/jfs')
  assert.equal(parseTikvUrl('tikv://pd/jfs').security, undefined)
})

test('mistakes are told', () => {
  for (const url of [
    'tikv:///jfs',
    'tikv://u@pd/jfs',
    'tikv://pd:x/jfs',
    'tikv://pd/%2',
    'tikv://pd/jfs?what=1',
    'tikv://pd/jfs?ca=/x&cert=/y',
    'tikv://pd/jfs?cert=/y&key=/z',
  ])
    assert.throws(() => parseTikvUrl(url), Refusal, url)
})
