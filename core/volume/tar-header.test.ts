import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { padding, TAR_BLOCK, TAR_END, tarHeader } from './tar-header.ts'

const plain = { type: '0', size: 0, mode: 0o644, uid: 1, gid: 2, mtime: 1_700_000_000, mtimeNsec: 0 } as const

test('a plain entry is one block that tar lists as it is', () => {
  const header = tarHeader({ ...plain, path: 'a/b', size: 3 })
  assert.equal(header.length, TAR_BLOCK)
  const archive = Buffer.concat([header, Buffer.from('xyz'), padding(3), TAR_END])
  const listed = execFileSync('tar', ['-tv', '--numeric-owner', '--utc'], { input: archive }).toString()
  assert.equal(listed.replace(/ +/g, ' '), '-rw-r--r-- 1/2 3 2023-11-14 22:13 a/b\n')
})

test('what ustar has no room for goes into a pax header: long names, ids, sizes, fractions, times before 1970', () => {
  const path = `${'d'.repeat(99)}/${'f'.repeat(120)}`
  const target = 't'.repeat(300)
  const link = tarHeader({
    ...plain,
    type: '2',
    path,
    target,
    uid: 2 ** 31,
    mtime: -5,
    mtimeNsec: 250_000_000,
  })
  const archive = Buffer.concat([link, TAR_END])
  // (GNU tar extracts such a time rightly but lists it wrongly: Python's reader is asked.)
  const reader =
    'import sys, tarfile\nfor m in tarfile.open(fileobj=sys.stdin.buffer, mode="r|"): print(m.name, m.linkname, m.uid, m.mtime)'
  const listed = execFileSync('python3', ['-c', reader], { input: archive }).toString()
  assert.equal(listed, `${path} ${target} 2147483648 -4.75\n`)
  const large = Buffer.from(tarHeader({ ...plain, path: 'large', size: 2 ** 40 })).toString('latin1')
  assert.match(large, /22 size=1099511627776\n/)
})
