import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { ENODATA, ENOENT } from '#core/base/errno.ts'
import { O_RDWR } from '#core/base/open-flags.ts'
import { TYPE_DIRECTORY, TYPE_FILE, TYPE_SYMLINK } from './records.ts'
import { problemsOf } from './test-invariants.ts'
import { openTestVolume, refuses } from './test-volume.ts'

const root = rootContext()

test('a removed directory answers and can be changed until the kernel forgets it', async () => {
  const { meta, engine, close } = await openTestVolume()
  meta.removed.isHeld = () => true
  const { ino } = await meta.mknod(root, 1, 'd', { type: TYPE_DIRECTORY, mode: 0o755 })
  await meta.rmdir(root, 1, 'd')
  assert.equal((await meta.getattr(root, ino)).nlink, 0)
  await meta.setattr(root, ino, { mode: 0o700, mtime: { sec: 5, nsec: 6 } })
  const { mode, mtime, mtimeNsec } = await meta.getattr(root, ino)
  assert.deepEqual([mode, mtime, mtimeNsec], [0o700, 5, 6])
  await meta.setxattr(root, ino, 'user.a', Buffer.from('1'), 0)
  assert.deepEqual(await meta.listxattr(root, ino), ['user.a'])
  assert.equal(String(await meta.getxattr(root, ino, 'user.a')), '1')
  await meta.removexattr(root, ino, 'user.a')
  await refuses(ENODATA, meta.removexattr(root, ino, 'user.a'))
  assert.deepEqual(await problemsOf(engine), [], 'nothing of it is stored')
  meta.removed.forget(ino)
  await refuses(ENOENT, meta.getattr(root, ino))
  await refuses(ENOENT, meta.setattr(root, ino, { mode: 0o755 }))
  await close()
})

test('what the kernel does not refer to is not remembered', async () => {
  const { meta, close } = await openTestVolume()
  const what = { type: TYPE_SYMLINK, mode: 0o777, target: Buffer.from('x') } as const
  const { ino } = await meta.mknod(root, 1, 's', what)
  await meta.unlink(root, 1, 's')
  await refuses(ENOENT, meta.getattr(root, ino))
  await close()
})

test('a file unlinked while open is remembered after its last close, with its attributes until then', async () => {
  const { meta, close } = await openTestVolume()
  meta.removed.isHeld = () => true
  const { ino } = await meta.create(root, 1, 'f', 0o644, O_RDWR)
  await meta.setxattr(root, ino, 'user.a', Buffer.from('1'), 0)
  await meta.unlink(root, 1, 'f')
  assert.equal(String(await meta.getxattr(root, ino, 'user.a')), '1')
  await meta.close(ino)
  assert.equal((await meta.getattr(root, ino)).nlink, 0)
  assert.equal(await meta.getxattr(root, ino, 'user.a'), undefined)
  await close()
})

test('links in the trash are not shown while held, and are again after a restore', async () => {
  const { meta, close } = await openTestVolume({ setting: { TrashDays: 1 } })
  meta.removed.isHeld = () => true
  const { ino } = await meta.mknod(root, 1, 'f', { type: TYPE_FILE, mode: 0o644 })
  await meta.link(root, ino, 1, 'g')
  const shown = async () => meta.removed.shown(ino, await meta.getattr(root, ino)).nlink
  await meta.unlink(root, 1, 'f')
  assert.equal(await shown(), 1)
  await meta.unlink(root, 1, 'g')
  assert.equal(await shown(), 0)
  await meta.setattr(root, ino, { mode: 0o600 })
  const trash = await meta.lookup(root, 1, '.trash')
  const [hour] = (await meta.readdir(root, trash!.ino, { limit: 9 }, false)).items
  const [kept] = (await meta.readdir(root, hour!.ino, { limit: 9 }, false)).items
  await meta.rename(root, hour!.ino, kept!.name, 1, 'back', 0)
  assert.equal(await shown(), 1)
  await close()
})
