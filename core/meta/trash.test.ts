import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { ENOENT, EPERM } from '#core/base/errno.ts'
import { TRASH_INO } from '#core/base/ino.ts'
import { O_RDONLY, O_RDWR, O_WRONLY } from '#core/base/open-flags.ts'
import { RENAME_NOREPLACE, RENAME_RESTORE } from './api.ts'
import { emptyTree } from './ops/remove-tree.ts'
import { FLAG_SKIP_TRASH, TYPE_DIRECTORY, TYPE_FILE } from './records.ts'
import { problemsOf } from './test-invariants.ts'
import { checkedUser, openTestVolume, plainUser, refuses, type TestClient } from './test-volume.ts'
import { expireTrash } from './trash.ts'
import { hourStart, trashName } from './trash-hour.ts'

const root = rootContext()
const dir = { type: TYPE_DIRECTORY, mode: 0o755 } as const
const file = { type: TYPE_FILE, mode: 0o644 } as const
/** 1,700,000,000 s, where the test clock starts. */
const HOUR = '2023-11-14-22'

const open = () => openTestVolume({ setting: { TrashDays: 1 } })

async function list({ meta }: TestClient, ino: number): Promise<string[]> {
  return (await meta.readdir(root, ino, { limit: 1000 }, false)).items.map(({ name }) => name)
}

test('an unlinked file moves to this hour’s directory with nlink kept, ctime now and its parent there', async () => {
  const volume = await open()
  const { meta, engine, clock, close } = volume
  const d = await meta.mknod(root, 1, 'd', dir)
  const { ino } = await meta.mknod(root, d.ino, 'f', file)
  await clock.advance(1000)
  const removed = await meta.unlink(root, d.ino, 'f')
  assert.equal(removed.gone, false)
  assert.deepEqual(await list(volume, TRASH_INO), [HOUR])
  const hour = (await meta.lookup(root, TRASH_INO, HOUR))!
  assert.deepEqual(
    [hour.ino, hour.node.mode, hour.node.uid, hour.node.nlink, hour.node.parent],
    [TRASH_INO + 1, 0o555, 0, 2, TRASH_INO],
  )
  assert.deepEqual(await list(volume, hour.ino), [`${d.ino}-${ino}-f`])
  const node = await meta.getattr(root, ino)
  assert.deepEqual([node.nlink, node.parent, node.ctime], [1, hour.ino, clock.nowSec()])
  assert.deepEqual(await meta.paths(ino), [`/.trash/${HOUR}/${d.ino}-${ino}-f`])
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('a removed directory moves too; neither hour directory nor trash root count it as a link', async () => {
  const volume = await open()
  const { meta, engine, close } = volume
  const { ino } = await meta.mknod(root, 1, 'd', dir)
  await meta.rmdir(root, 1, 'd')
  assert.deepEqual(await list(volume, TRASH_INO + 1), [`1-${ino}-d`])
  assert.equal((await meta.getattr(root, TRASH_INO + 1)).nlink, 2)
  assert.equal((await meta.getattr(root, TRASH_INO)).nlink, 2)
  assert.equal((await meta.getattr(root, 1)).nlink, 2)
  await refuses(ENOENT, meta.mknod(root, ino, 'x', file))
  await refuses(ENOENT, meta.rename(root, 1, 'nope', ino, 'x', 0))
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('names in the trash are cut to 255 bytes', () => {
  const name = trashName(1, 12, 'n'.repeat(255))
  assert.equal(name.length, 255)
  assert.ok(name.startsWith('1-12-nnn'))
})

test('skip-trash, the caller’s wish, and a trash name that is taken by a hard link delete for good', async () => {
  const volume = await open()
  const { meta, engine, close } = volume
  const skipping = await meta.mknod(root, 1, 'skipping', file)
  await meta.setattr(root, skipping.ino, { flags: FLAG_SKIP_TRASH })
  assert.equal((await meta.unlink(root, 1, 'skipping')).gone, true)
  await meta.mknod(root, 1, 'wished', file)
  assert.equal((await meta.unlink(root, 1, 'wished', { skipTrash: true })).gone, true)
  const { ino } = await meta.mknod(root, 1, 'a', file)
  await meta.link(root, ino, 1, 'b')
  assert.equal((await meta.unlink(root, 1, 'a')).node.nlink, 2)
  assert.deepEqual(await problemsOf(engine), [])
  await meta.link(root, ino, 1, 'a')
  const again = await meta.unlink(root, 1, 'a')
  assert.deepEqual([again.node.nlink, again.gone], [2, false])
  assert.deepEqual(await list(volume, TRASH_INO + 1), [`1-${ino}-a`])
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('what lies in the trash is read-only, and only root takes it out or away', async () => {
  const { meta, engine, settle, close } = await open()
  const { ino } = await meta.mknod(plainUser(5), 1, 'f', { type: TYPE_FILE, mode: 0o666 })
  await meta.unlink(root, 1, 'f')
  const hour = TRASH_INO + 1
  const name = `1-${ino}-f`
  await refuses(EPERM, meta.open(root, ino, O_WRONLY))
  await refuses(EPERM, meta.open(root, ino, O_RDWR))
  await meta.open(root, ino, O_RDONLY)
  await meta.close(ino)
  await refuses(EPERM, meta.setattr(root, ino, { mode: 0o600 }))
  await refuses(EPERM, meta.unlink(plainUser(5), hour, name))
  await refuses(EPERM, meta.rename(plainUser(5), hour, name, 1, 'f', 0))
  await refuses(EPERM, meta.rename(root, 1, 'x', hour, 'x', 0))
  await refuses(EPERM, meta.rename(root, 1, 'x', 1, '.trash', 0))
  await refuses(EPERM, meta.link(root, ino, hour, 'x'))
  await refuses(EPERM, meta.rmdir(root, TRASH_INO, HOUR))
  await refuses(EPERM, meta.rename(root, TRASH_INO, HOUR, 1, 'hour', 0))
  await refuses(EPERM, meta.mknod(checkedUser(0), hour, 'x', file))
  assert.equal((await meta.unlink(root, hour, name)).gone, true)
  await settle()
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('restore: out of the trash to where it was, also into a directory that lies there too', async () => {
  const { meta, engine, close } = await open()
  const d = await meta.mknod(root, 1, 'd', dir)
  const f = await meta.mknod(root, d.ino, 'f', file)
  await meta.unlink(root, d.ino, 'f')
  await meta.rmdir(root, 1, 'd')
  const hour = TRASH_INO + 1
  const name = `${d.ino}-${f.ino}-f`
  await refuses(ENOENT, meta.rename(root, hour, name, d.ino, 'f', RENAME_NOREPLACE))
  await meta.rename(root, hour, name, d.ino, 'f', RENAME_NOREPLACE | RENAME_RESTORE)
  assert.deepEqual(await problemsOf(engine), [])
  await meta.rename(root, hour, `1-${d.ino}-d`, 1, 'd', RENAME_NOREPLACE)
  assert.deepEqual(await meta.paths(f.ino), ['/d/f'])
  assert.equal((await meta.getattr(root, 1)).nlink, 3)
  await meta.open(root, f.ino, O_RDWR)
  await meta.close(f.ino)
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('a file that is open stays a normal node in the trash, and goes with its last close once purged', async () => {
  const { state, meta, engine, clock, settle, close } = await open()
  const { ino } = await meta.create(root, 1, 'f', 0o644, O_RDWR)
  assert.equal((await meta.unlink(root, 1, 'f')).gone, false)
  await meta.truncate(root, ino, 100, true)
  await clock.advance(27 * 3600_000)
  await expireTrash(state, clock.nowSec() - 26 * 3600)
  assert.equal((await meta.getattr(root, ino)).nlink, 0)
  await meta.close(ino)
  await refuses(ENOENT, meta.getattr(root, ino))
  await settle()
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('expiry takes whole hours, oldest first, and leaves young ones; new hours get new directories', async () => {
  const volume = await open()
  const { state, meta, engine, clock, settle, close } = volume
  for (let hour = 0; hour < 3; hour++) {
    for (let k = 0; k < 130; k++) {
      await meta.mknod(root, 1, `f${k}`, file)
      await meta.unlink(root, 1, `f${k}`)
    }
    await meta.mknod(root, 1, 'd', dir)
    await meta.rmdir(root, 1, 'd')
    await clock.advance(3600_000)
  }
  const names = await list(volume, TRASH_INO)
  assert.deepEqual(names, ['2023-11-14-22', '2023-11-14-23', '2023-11-15-00'])
  assert.equal(await expireTrash(state, hourStart(names[2]!)!), 2 * 132)
  assert.deepEqual(await list(volume, TRASH_INO), ['2023-11-15-00'])
  await settle()
  assert.deepEqual(await problemsOf(engine), [])
  await emptyTree(state, root, TRASH_INO + 3, { skipTrash: true })
  assert.deepEqual(await list(volume, TRASH_INO + 3), [])
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('a volume that lacks the trash root gets one when it is needed', async () => {
  const volume = await openTestVolume()
  const { state, meta, engine, close } = volume
  assert.equal((await meta.lookup(root, 1, '.trash'))?.node.mode, 0o555)
  assert.deepEqual(await list(volume, TRASH_INO), [])
  state.setting = { ...state.setting, TrashDays: 1 }
  await meta.mknod(root, 1, 'f', file)
  await meta.unlink(root, 1, 'f')
  assert.deepEqual(await list(volume, TRASH_INO), [HOUR])
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})
