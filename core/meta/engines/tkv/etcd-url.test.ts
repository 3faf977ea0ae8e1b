import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '#core/base/refusal.ts'
import { parseEtcdUrl } from './etcd-url.ts'

const hex = (url: string): string => Buffer.from(parseEtcdUrl(url).prefix, 'latin1').toString('hex')

test('the prefix is the path as bytes with all its slashes, and 0xFD', () => {
  assert.equal(hex('etcd://host:2379/jfs'), '2f6a6673fd')
  assert.equal(hex('etcd://host/p%20q/r2'), '2f7020712f7232fd')
  assert.equal(hex('etcd://host//a/b/'), '2f2f612f622ffd')
  assert.equal(hex('etcd://host'), 'fd')
  assert.equal(hex('etcd://host/'), '2ffd')
  assert.equal(hex('etcd://host/a@b?cacert=/x'), '2f614062fd')
})

test('members, user and certificates', () => {
  const url = parseEtcdUrl(
    'etcd://me:p%40s:s@h1,h2:33,[::1]:44/jfs?cacert=/ca&cert=/c&key=/k&server-name=n&insecure-skip-verify=true',
  )
  assert.deepEqual(url.endpoints, ['h1:2379', 'h2:33', '[::1]:44'])
  assert.deepEqual(url.user, { name: 'me', password: 'p@s:s' })
  const { identify, ...tls } = url.tls!
  assert.equal(typeof identify, 'function')
  assert.deepEqual(tls, { ca: '/ca', cert: '/c', key: '/k', serverName: 'n', unverified: true })
  assert.equal(url.address, 'etcd://me@h1,h2:33,[::1]:44/jfs')
  assert.equal(parseEtcdUrl('etcd://me:12/secret@host/jfs').address, 'etcd://me:****@host/jfs')
})

test('without a password nobody is signed in, and without a certificate there is no TLS', () => {
  assert.equal(parseEtcdUrl('etcd://me@host/jfs').user, undefined)
  assert.equal(parseEtcdUrl('etcd://host/jfs').user, undefined)
  assert.equal(parseEtcdUrl('etcd://host/jfs?insecure-skip-verify=true&server-name=x').tls, undefined)
  assert.equal(parseEtcdUrl('etcd://host/jfs?cacert=/x').tls?.unverified, false)
})

test('mistakes are told, without the password', () => {
  for (const url of [
    'etcd:///jfs',
    'etcd://host:x/jfs',
    'etcd://host/%2',
    'etcd://u:%zz@host/jfs',
    'etcd://u:sec/ret@host/jfs',
    'etcd://host/jfs?what=1',
    'etcd://host/jfs?cert=/y',
  ])
    assert.throws(
      () => parseEtcdUrl(url),
      (error) => error instanceof Refusal && !/sec/.test(error.message),
      url,
    )
})
