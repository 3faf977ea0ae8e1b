import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TRASH_INO } from '#core/base/ino.ts'
import { hasScope, scopeOf } from './scopes.ts'

const scope = (key: string, prefix = '') => scopeOf(Buffer.from(key), Buffer.from(prefix))

test('keys of cached records are told from all others with the same first letter', () => {
  assert.deepEqual(scope('i1'), { kind: 'node', ino: 1 })
  assert.deepEqual(scope('i9223372032828243968'), { kind: 'node', ino: TRASH_INO })
  assert.deepEqual(scope('d4503599627370496'), { kind: 'entries', parent: 2 ** 52 })
  assert.deepEqual(scope('c12_345'), { kind: 'chunk', ino: 12, index: 345 })
  assert.deepEqual(scope('x7'), { kind: 'xattrs', ino: 7 })
  assert.deepEqual(scope('s7'), { kind: 'symlink', ino: 7 })
  assert.deepEqual(scope('setting'), { kind: 'setting' })
  const others =
    'i d c12 c12_ c_1 c1_x p7 session7 sessions sessionInfos sliceRef delfiles dirQuota detachedNodes i1x id1 k1_4096 ' +
    'lockf7 lockp7 locked7 usedSpace nextinode i99999999999999999999 d18446744073709551615 xattr settings {1}i1'
  for (const key of [...others.split(' '), '']) assert.equal(scope(key), undefined, key)
})

test('in a cluster only keys under the tag count', () => {
  assert.deepEqual(scope('{1}i5', '{1}'), { kind: 'node', ino: 5 })
  assert.deepEqual(scope('{1}setting', '{1}'), { kind: 'setting' })
  for (const key of ['i5', '{2}i5', '{1}', '{1}session5']) assert.equal(scope(key, '{1}'), undefined, key)
})

test('what a commit may write is sorted alike', () => {
  for (const prefix of ['', '{1}'])
    for (const key of [
      'i1',
      'd1',
      'c1_0',
      'x1',
      's1',
      'setting',
      'session1',
      'sliceRef',
      'p1',
      'usedSpace',
      'lockf1',
    ])
      assert.equal(
        hasScope(prefix + key, prefix.length),
        scope(prefix + key, prefix) !== undefined,
        `${prefix}${key}`,
      )
})

test('fifty thousand keys take a fraction of a second', () => {
  const keys = Array.from({ length: 50_000 }, (_, k) => Buffer.from(`${'idcxs'[k % 5]}${1000 + k}_${k}`))
  const since = process.cpuUsage()
  for (const key of keys) scopeOf(key, Buffer.alloc(0))
  const tookMs = process.cpuUsage(since).user / 1000
  assert.ok(tookMs < 250, `${tookMs} ms`)
})
