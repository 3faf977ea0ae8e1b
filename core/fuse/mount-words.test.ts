import assert from 'node:assert/strict'
import test from 'node:test'
import { mountWords } from './mount-words.ts'
import { parseMountinfo, topMount } from './mountinfo.ts'

const plain = { allowOther: false, readOnly: false, defaultPermissions: true, maxRead: 4096, extra: [] }

test('a plain mount is nosuid and nodev and leaves permissions to the kernel', () => {
  const { flags, data, readOnly } = mountWords(plain)
  assert.deepEqual([flags, data, readOnly], [2 | 4, ['max_read=4096', 'default_permissions'], false])
})

test('words become flags, data or nothing', () => {
  const extra = [
    'noexec,suid',
    '_netdev,x-systemd.automount,nofail',
    'context=a',
    'writeback_cache',
    'fsname=evil,fd=0,nonempty',
  ]
  const words = mountWords({ ...plain, allowOther: true, extra })
  assert.equal(words.flags, 4 | 8)
  assert.deepEqual(words.data, ['max_read=4096', 'default_permissions', 'allow_other', 'context=a'])
  assert.deepEqual(words.words, ['noexec', 'suid', ...words.data])
  assert.deepEqual([words.writebackCache, words.asyncDio, words.nonempty], [true, false, true])
})

test('rw does not undo a read-only mount', () => {
  const words = mountWords({ ...plain, readOnly: true, extra: ['rw'] })
  assert.equal(words.readOnly, true)
  assert.deepEqual(words.words.includes('rw'), false)
})

test('mountinfo is read with its escapes, optional fields and stacked mounts', () => {
  const mounts = parseMountinfo(
    [
      '36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue',
      '40 36 0:50 / /mnt/a\\040b rw - fuse.juicefs JuiceFS:one rw',
      '41 40 0:51 / /mnt/a\\040b rw,relatime - fuse.juicefs JuiceFS:two\\134x rw,user_id=0',
      'nonsense',
      '',
    ].join('\n'),
  )
  assert.equal(mounts.length, 3)
  assert.deepEqual(topMount(mounts, '/mnt/a b'), {
    device: '0:51',
    mountpoint: '/mnt/a b',
    type: 'fuse.juicefs',
    source: 'JuiceFS:two\\x',
  })
})
