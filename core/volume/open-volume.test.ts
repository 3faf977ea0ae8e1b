import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeSetting } from '#core/admin/change-setting.ts'
import { checkQuotas, deleteQuota, listQuotas, setQuota } from '#core/admin/quota.ts'
import { volumeStatus } from '#core/admin/status.ts'
import { restoreTrash, trashEntries, trashHours } from '#core/admin/trash.ts'
import { rootContext } from '#core/base/context.ts'
import { EDQUOT, FsError } from '#core/base/errno.ts'
import { ROOT_INO } from '#core/base/ino.ts'
import { Refusal } from '#core/base/refusal.ts'
import { loadSetting, updateSetting } from '#core/meta/open-meta.ts'
import { serializeSetting } from '#core/meta/setting.ts'
import { expireTrash } from '#core/meta/trash.ts'
import { openVolume } from './open-volume.ts'
import { runOperation } from './operations.ts'
import { getFile, makeTestVolume, namesIn, putDirectory, putFile } from './test-volume.ts'

test('what one client wrote another reads, and nothing is left open or pending', async () => {
  await using made = await makeTestVolume({ compression: 'lz4' })
  const bytes = Buffer.from('pomelo '.repeat(50_000))
  const writer = await made.open({ unrecorded: false })
  await putFile(writer, '/file', bytes)
  assert.equal((await volumeStatus(writer)).Sessions.length, 1)
  await writer.close()
  const reader = await made.open({ readOnly: true })
  assert.deepEqual(await getFile(reader, '/file'), bytes)
  assert.equal((await volumeStatus(reader)).Sessions.length, 0)
  assert.equal(reader.pendingBytes(), 0)
  await assert.rejects(putFile(reader, '/no', 'x'), { code: 'EROFS' })
})

test('a sub-directory can be the root, and is made when it is missing', async () => {
  await using made = await makeTestVolume()
  const inside = await made.open({ subdir: '/team/photos' })
  await putFile(inside, '/a', 'x')
  const whole = await made.open()
  assert.deepEqual(await namesIn(whole, '/team/photos'), ['a'])
  assert.deepEqual(await namesIn(inside, '/'), ['a'])
  await assert.rejects(made.open({ subdir: '/missing', readOnly: true }), { code: 'EROFS' })
})

test('a volume that is missing, too new or unknown is refused by name', async () => {
  await assert.rejects(openVolume('sqlite3:///nonexistent-folder/x.db'))
  await assert.rejects(openVolume('carrier-pigeon://loft'), Refusal)
  await using made = await makeTestVolume()
  const volume = await made.open()
  const setting = await loadSetting(volume.engine)
  const store = (changed: object) =>
    volume.engine.commit(
      'test',
      [],
      [{ kind: 'putSetting', text: serializeSetting({ ...setting, ...changed }) }],
    )
  await store({ MetaVersion: 2 })
  await assert.rejects(openVolume(made.metaUrl), /MetaVersion/)
  await store({ MinClientVersion: '9.0.0' })
  await assert.rejects(openVolume(made.metaUrl), /MinClientVersion/)
  await store({ Compression: 'brotli' })
  await assert.rejects(openVolume(made.metaUrl), /Compression/)
  await store({ Storage: 'hologram' })
  await assert.rejects(openVolume(made.metaUrl), /Storage/)
})

test('a changed bucket is adopted while the volume is open', async () => {
  await using made = await makeTestVolume()
  const volume = await made.open({ unrecorded: false, heartbeatSec: 1 })
  const moved = `${made.folder}/elsewhere/`
  const { setting } = changeSetting(volume.setting, { Bucket: moved })
  await updateSetting(volume.engine, setting)
  for (let wait = 0; wait < 50 && volume.setting.Bucket !== moved; wait++) {
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  await new Promise((resolve) => setTimeout(resolve, 50))
  await volume.store.create()
  await putFile(volume, '/new', 'x')
  assert.match(volume.store.address, /elsewhere/)
  let objects = 0
  for await (const _ of volume.store.list('chunks/')) objects++
  assert.equal(objects, 1)
})

test('a directory quota counts what is there, refuses more, and its usage can be repaired', async () => {
  await using made = await makeTestVolume()
  const volume = await made.open()
  await putDirectory(volume, '/d')
  await putFile(volume, '/d/a', Buffer.alloc(10_000))
  const target = { kind: 'dir', path: '/d' } as const
  const row = (await runOperation(volume, 'quotaSet', { target, maxSpace: 20_000 }, {})) as {
    usedSpace: number
    usedInodes: number
  }
  assert.deepEqual([row.usedSpace, row.usedInodes], [12_288, 1])
  await assert.rejects(
    putFile(volume, '/d/b', Buffer.alloc(10_000)),
    (error) => error instanceof FsError && error.errno === EDQUOT,
  )
  assert.deepEqual(await checkQuotas(volume, target, false, {}), [])
  const { ino } = (await volume.meta.lookup(rootContext(), ROOT_INO, 'd'))!
  await volume.engine.commit(
    'test',
    [],
    [{ kind: 'addQuotaUsage', of: 'dir', id: ino, space: 4096, inodes: 1 }],
  )
  const [difference] = await checkQuotas(volume, undefined, true, {})
  assert.deepEqual([difference?.usedInodes, difference?.realInodes], [2, 1])
  assert.deepEqual(await checkQuotas(volume, undefined, false, {}), [])
  await deleteQuota(volume, target)
  assert.deepEqual(await listQuotas(volume), [])
  await assert.rejects(setQuota(volume, { kind: 'dir', path: '/none' }, { maxSpace: 1 }, {}), Refusal)
})

test('the first user quota counts what every user has', async () => {
  await using made = await makeTestVolume()
  const volume = await made.open()
  const ino = await putFile(volume, '/mine', Buffer.alloc(5000))
  await volume.vfs.setattr(rootContext(), ino, { uid: 1000, gid: 1000 })
  await setQuota(volume, { kind: 'user', id: 1000 }, { maxSpace: 2 ** 30 }, {})
  const [row] = await listQuotas(volume)
  assert.deepEqual([row?.name, row?.usedSpace, row?.usedInodes], ['uid:1000', 8192, 1])
  assert.equal((await loadSetting(volume.engine)).UserGroupQuota, true)
  assert.deepEqual(await checkQuotas(volume, undefined, false, {}), [])
})

test('a removed tree goes back where it was; what has a namesake stays in the trash', async () => {
  await using made = await makeTestVolume()
  const volume = await made.open()
  await putDirectory(volume, '/d')
  await putDirectory(volume, '/d/e')
  await putFile(volume, '/d/e/f', 'old')
  await putFile(volume, '/g', 'old')
  await runOperation(volume, 'rmr', { path: '/d' }, {})
  await volume.vfs.unlink(rootContext(), ROOT_INO, 'g')
  await putFile(volume, '/g', 'new')
  const hours = await trashHours(volume)
  const entries: string[] = []
  for (const hour of hours) for await (const { name } of trashEntries(volume, hour)) entries.push(name)
  assert.deepEqual(entries.sort(), ['d', 'e', 'f', 'g'])
  const names = hours.map(({ name }) => name)
  const result = await restoreTrash(volume, names, { inTrash: false, threads: 3 }, {})
  assert.deepEqual([result.restored, result.conflicts, result.failures], [3, 1, []])
  assert.equal(String(await getFile(volume, '/d/e/f')), 'old')
  assert.equal(String(await getFile(volume, '/g')), 'new')
  await expireTrash(volume.state, volume.clock.nowSec() + 3600)
  assert.deepEqual(await trashHours(volume), [])
})

test('a clone shares its data, and refuses to land inside of itself or on something', async () => {
  await using made = await makeTestVolume()
  const volume = await made.open()
  await putDirectory(volume, '/d')
  await putFile(volume, '/d/f', Buffer.alloc(70_000, 7))
  assert.deepEqual(
    await runOperation(volume, 'clone', { path: '/d', to: '/copies' }, {}).then(
      (made) => (made as { path: string }).path,
    ),
    '/copies',
  )
  assert.deepEqual(await getFile(volume, '/copies/f'), Buffer.alloc(70_000, 7))
  let objects = 0
  for await (const _ of volume.store.list('chunks/')) objects++
  assert.equal(objects, 2)
  await assert.rejects(runOperation(volume, 'clone', { path: '/d', to: '/d/in' }, {}), { code: 'EINVAL' })
  await assert.rejects(runOperation(volume, 'clone', { path: '/d', to: '/copies' }, {}), { code: 'EEXIST' })
})
