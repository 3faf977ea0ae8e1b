import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '#core/base/clock.ts'
import { ROOT_INO, TRASH_INO } from '#core/base/ino.ts'
import { formatVolume, loadSetting, openEngine, updateSetting } from './open-meta.ts'
import type { VolumeSetting } from './setting.ts'

const setting: VolumeSetting = {
  Name: 'test',
  UUID: '9a3b6e64-6f0c-4bd0-8f4e-3d0a5f0c9d11',
  Storage: 'file',
  Tiers: { '0': { ID: 0, StorageClass: '', Tag: '' } },
  Bucket: '/b/',
  BlockSize: 4096,
  Compression: 'none',
  TrashDays: 0,
  MetaVersion: 1,
  MinClientVersion: '1.1.0-A',
  EnableACL: false,
}

test('addresses of engines that are not here are refused with those that are, and without passwords', async () => {
  const refusals: readonly [string, RegExp][] = [
    ['fdb://:secret@h/1', /"fdb" is not in this version yet/],
    ['mysql://h', /"mysql" is not in this version yet/],
    ['ftp://u:secret@h', /"ftp" is not known/],
    ['/some/path', /no metadata address/],
  ]
  for (const [url, message] of refusals)
    await assert.rejects(openEngine(url), (error: Error & { next?: string }) => {
      assert.match(error.message, message)
      assert.match(error.next ?? '', /sqlite3/)
      return !error.message.includes('secret')
    })
})

test('a new volume has a root, its setting and counters at zero; with trash a trash root', async (t) => {
  const clock = new ManualClock(1_700_000_000_123)
  for (const TrashDays of [0, 7]) {
    const engine = await openEngine('sqlite3://:memory:')
    t.after(() => engine.close())
    await assert.rejects(loadSetting(engine), /not formatted/)
    await formatVolume(engine, { ...setting, TrashDays }, clock)
    assert.deepEqual(await loadSetting(engine), { ...setting, TrashDays })
    const [root, trash, usedSpace, session] = await engine.read([
      { kind: 'node', ino: ROOT_INO },
      { kind: 'node', ino: TRASH_INO },
      { kind: 'counter', name: 'usedSpace' },
      { kind: 'counter', name: 'nextSession' },
    ])
    assert.deepEqual(
      [root?.type, root?.mode, root?.nlink, root?.length, root?.parent, root?.mtime, root?.mtimeNsec],
      [2, 0o777, 2, 4096, 1, 1_700_000_000, 123_000_000],
    )
    assert.deepEqual([trash?.mode, trash?.parent], TrashDays > 0 ? [0o555, 1] : [undefined, undefined])
    assert.deepEqual([usedSpace, session], [0, 0])
    await assert.rejects(formatVolume(engine, setting, clock), { kind: 'invalid' })
  }
})

test('a setting is changed within bounds; what begins to count starts anew', async (t) => {
  const engine = await openEngine('sqlite3://:memory:')
  t.after(() => engine.close())
  await formatVolume(engine, setting)
  const quota = { maxSpace: 1, maxInodes: 1, usedSpace: 1, usedInodes: 1 }
  await engine.commit(
    'test',
    [],
    [
      { kind: 'putDirStat', ino: ROOT_INO, stat: { length: 1, space: 1, inodes: 1 } },
      { kind: 'putQuota', of: 'user', id: 5, quota },
      { kind: 'putQuota', of: 'dir', id: 5, quota },
    ],
  )
  for (const change of [{ Name: 'other' }, { BlockSize: 1024 }, { HashPrefix: true }, { Compression: 'lz4' }])
    await assert.rejects(
      updateSetting(engine, { ...setting, ...change }),
      new RegExp(Object.keys(change)[0]!),
    )
  await assert.rejects(updateSetting(engine, { ...setting, UUID: 'x' }, { force: true }), /UUID/)
  assert.deepEqual(await loadSetting(engine), setting)

  const wanted = { ...setting, TrashDays: 3, DirStats: true, UserGroupQuota: true, Capacity: 2 ** 40 }
  await updateSetting(engine, wanted)
  assert.deepEqual(await loadSetting(engine), wanted)
  const [trash, stat, user, dir] = await engine.read([
    { kind: 'node', ino: TRASH_INO },
    { kind: 'dirStat', ino: ROOT_INO },
    { kind: 'quota', of: 'user', id: 5 },
    { kind: 'quota', of: 'dir', id: 5 },
  ])
  assert.equal(trash?.mode, 0o555)
  assert.deepEqual([stat, user, dir], [null, null, quota])
  await updateSetting(engine, { ...wanted, BlockSize: 1024 }, { force: true })
  assert.equal((await loadSetting(engine)).BlockSize, 1024)
})
