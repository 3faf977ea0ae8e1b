import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { EACCES, EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EPERM } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import { O_APPEND, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from '#core/base/open-flags.ts'
import type { MetaEngine } from '../engine.ts'
import { FLAG_APPEND, FLAG_IMMUTABLE, TYPE_DIRECTORY, TYPE_FILE, TYPE_SYMLINK } from '../records.ts'
import { problemsOf } from '../test-invariants.ts'
import { checkedUser, openTestVolume, plainUser, refuses } from '../test-volume.ts'
import { pagesOf } from './walk.ts'

const root = rootContext()
const dir = (mode = 0o755) => ({ type: TYPE_DIRECTORY, mode }) as const
const file = (mode = 0o644) => ({ type: TYPE_FILE, mode }) as const

async function deletedFiles(engine: MetaEngine): Promise<Ino[]> {
  const inos: Ino[] = []
  for await (const page of pagesOf({ engine }, { kind: 'deletedFiles' }))
    inos.push(...page.map(({ ino }) => ino))
  return inos
}

test('the last link of a file takes node, xattrs, usage and then data with it', async () => {
  const { meta, engine, clock, settle, removedSlices, close } = await openTestVolume()
  const { ino } = await meta.mknod(root, 1, 'f', file())
  await meta.setxattr(root, ino, 'user.a', Buffer.from('1'), 0)
  const id = await meta.newSlice()
  await meta.writeSlice(ino, 0, [{ pos: 0, id, size: 9000, off: 0, len: 9000 }], clock.now())
  await clock.advance(1000)
  const removed = await meta.unlink(root, 1, 'f')
  assert.deepEqual([removed.ino, removed.gone, removed.node.nlink], [ino, true, 0])
  assert.equal((await meta.getattr(root, 1)).mtime, clock.nowSec())
  assert.deepEqual(
    await engine.read([
      { kind: 'node', ino },
      { kind: 'xattr', ino, name: 'user.a' },
    ]),
    [null, null],
  )
  await settle()
  assert.deepEqual(removedSlices, [{ id, size: 9000 }])
  assert.deepEqual(await deletedFiles(engine), [])
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('a file that is open here keeps its data without a name until the last close', async () => {
  const { meta, engine, clock, settle, removedSlices, close } = await openTestVolume()
  const { ino } = await meta.create(root, 1, 'f', 0o644, O_RDWR)
  const id = await meta.newSlice()
  await meta.writeSlice(ino, 0, [{ pos: 0, id, size: 10, off: 0, len: 10 }], clock.now())
  await meta.open(root, ino, O_RDONLY)
  const { gone } = await meta.unlink(root, 1, 'f')
  assert.equal(gone, true)
  assert.equal((await meta.getattr(root, ino)).nlink, 0)
  assert.equal((await meta.readChunk(ino, 0)).length, 1)
  assert.deepEqual(await problemsOf(engine), [], 'still counted, and no entry of the directory')
  await refuses(ENOENT, meta.link(root, 4711, 1, 'x'))
  await meta.open(root, ino, O_RDONLY)
  await meta.close(ino)
  await meta.close(ino)
  assert.equal((await meta.getattr(root, ino)).length, 10)
  await meta.close(ino)
  await refuses(ENOENT, meta.getattr(root, ino))
  await settle()
  assert.deepEqual(removedSlices, [{ id, size: 10 }])
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('a session that ends deletes the files only it kept', async () => {
  const { state, meta, engine, settle, close } = await openTestVolume()
  const { ino } = await meta.create(root, 1, 'f', 0o644, O_RDWR)
  await meta.unlink(root, 1, 'f')
  const { removeSession } = await import('../sessions.ts')
  await removeSession(state, state.sid)
  await refuses(ENOENT, meta.getattr(root, ino))
  await meta.close(ino)
  await settle()
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('an open that races an unlink on the same client gets the file or ENOENT, never a dead handle', async () => {
  const { meta, engine, settle, close } = await openTestVolume()
  for (let round = 0; round < 40; round++) {
    const { ino } = await meta.mknod(root, 1, 'f', file())
    const first = round % 2 === 0 ? meta.open(root, ino, O_RDWR) : undefined
    const removing = meta.unlink(root, 1, 'f')
    const opening = first ?? meta.open(root, ino, O_RDWR)
    await removing
    const opened = await opening.catch(() => undefined)
    if (opened === undefined) await refuses(ENOENT, meta.getattr(root, ino))
    else {
      assert.equal((await meta.getattr(root, ino)).nlink, 0)
      await meta.close(ino)
    }
    await refuses(ENOENT, meta.getattr(root, ino))
  }
  await settle()
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('hard links: counts, ctime, parent 0 for good, and one name less at a time', async () => {
  const { meta, engine, clock, close } = await openTestVolume()
  const { ino } = await meta.mknod(root, 1, 'f', file())
  const d = await meta.mknod(root, 1, 'd', dir())
  await clock.advance(1000)
  const linked = await meta.link(root, ino, d.ino, 'g')
  assert.deepEqual([linked.nlink, linked.parent, linked.ctime], [2, 0, clock.nowSec()])
  assert.equal((await meta.getattr(root, d.ino)).mtime, clock.nowSec())
  assert.deepEqual(new Set(await meta.paths(ino)), new Set(['/f', '/d/g']))
  await refuses(EEXIST, meta.link(root, ino, 1, 'd'))
  await refuses(EPERM, meta.link(root, d.ino, 1, 'dir2'))
  await refuses(ENOENT, meta.link(root, ino, 4711, 'x'))
  await refuses(ENOTDIR, meta.link(root, ino, ino, 'x'))
  assert.deepEqual(await problemsOf(engine), [])
  await clock.advance(1000)
  const { gone, node } = await meta.unlink(root, 1, 'f')
  assert.deepEqual([gone, node.nlink, node.parent, node.ctime], [false, 1, 0, clock.nowSec()])
  assert.deepEqual(await problemsOf(engine), [])
  assert.equal((await meta.unlink(root, d.ino, 'g')).gone, true)
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('links to symlinks are links, and removing the last takes the target along', async () => {
  const { meta, engine, close } = await openTestVolume()
  const { ino } = await meta.mknod(root, 1, 'l', {
    type: TYPE_SYMLINK,
    mode: 0o777,
    target: Buffer.from('t'),
  })
  await meta.link(root, ino, 1, 'm')
  await meta.unlink(root, 1, 'l')
  assert.deepEqual(Buffer.from(await meta.readlink(root, ino)), Buffer.from('t'))
  await meta.unlink(root, 1, 'm')
  assert.deepEqual(await engine.read([{ kind: 'symlink', ino }]), [null])
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('unlink and rmdir refuse what is not theirs', async () => {
  const { meta, close } = await openTestVolume()
  const d = await meta.mknod(root, 1, 'd', dir())
  await meta.mknod(root, d.ino, 'f', file())
  await refuses(EISDIR, meta.unlink(root, 1, 'd'))
  await refuses(ENOENT, meta.unlink(root, 1, 'nope'))
  await refuses(ENOTDIR, meta.rmdir(root, d.ino, 'f'))
  await refuses(ENOTEMPTY, meta.rmdir(root, 1, 'd'))
  await refuses(EINVAL, meta.rmdir(root, d.ino, '.'))
  await refuses(ENOTEMPTY, meta.rmdir(root, d.ino, '..'))
  await refuses(EPERM, meta.unlink(root, 1, '.trash'))
  await refuses(EPERM, meta.rmdir(root, 1, '.trash'))
  await refuses(ENOENT, meta.unlink(root, 4711, 'f'))
  await close()
})

test('rmdir takes the link of the parent, statistics, quota and xattrs', async () => {
  const { meta, engine, clock, close } = await openTestVolume()
  const { ino } = await meta.mknod(root, 1, 'd', dir())
  await meta.setxattr(root, ino, 'user.a', Buffer.from('1'), 0)
  const quota = { maxSpace: 1 << 20, maxInodes: 5, usedSpace: 0, usedInodes: 0 }
  await engine.commit('test', [], [{ kind: 'putQuota', of: 'dir', id: ino, quota }])
  await clock.advance(1000)
  assert.equal((await meta.rmdir(root, 1, 'd')).gone, true)
  const parent = await meta.getattr(root, 1)
  assert.deepEqual([parent.nlink, parent.mtime], [2, clock.nowSec()])
  const left = await engine.read([
    { kind: 'node', ino },
    { kind: 'dirStat', ino },
    { kind: 'quota', of: 'dir', id: ino },
    { kind: 'xattr', ino, name: 'user.a' },
  ])
  assert.deepEqual(left, [null, null, null, null])
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('immutable and append-only stop removal, root included', async () => {
  const { meta, close } = await openTestVolume()
  const d = await meta.mknod(root, 1, 'd', dir())
  const f = await meta.mknod(root, d.ino, 'f', file())
  const sub = await meta.mknod(root, d.ino, 'sub', dir())
  await meta.setattr(root, f.ino, { flags: FLAG_IMMUTABLE })
  await meta.setattr(root, sub.ino, { flags: FLAG_APPEND })
  await refuses(EPERM, meta.unlink(root, d.ino, 'f'))
  await refuses(EPERM, meta.rmdir(root, d.ino, 'sub'))
  await refuses(EPERM, meta.link(root, f.ino, d.ino, 'g'))
  await refuses(EPERM, meta.open(root, f.ino, O_WRONLY))
  await meta.open(root, f.ino, O_RDONLY)
  await meta.setattr(root, f.ino, { flags: FLAG_APPEND })
  await refuses(EPERM, meta.open(root, f.ino, O_WRONLY))
  await refuses(EPERM, meta.open(root, f.ino, O_WRONLY | O_APPEND | O_TRUNC))
  await meta.open(root, f.ino, O_WRONLY | O_APPEND)
  await meta.setattr(root, f.ino, { flags: 0 })
  await meta.setattr(root, sub.ino, { flags: 0 })
  await meta.setattr(root, d.ino, { flags: FLAG_APPEND })
  await meta.mknod(root, d.ino, 'added', file())
  await refuses(EPERM, meta.unlink(root, d.ino, 'added'))
  await refuses(EPERM, meta.rmdir(root, d.ino, 'sub'))
  await close()
})

test('a checked caller needs w and x, and the sticky bit keeps others’ entries: EPERM', async () => {
  const { meta, close } = await openTestVolume()
  const d = await meta.mknod(plainUser(1), 1, 'd', dir(0o1777))
  const mine = async (uid: number, name: string) => meta.mknod(plainUser(uid), d.ino, name, file())
  await mine(2, 'two')
  await mine(3, 'three')
  await refuses(EPERM, meta.unlink(checkedUser(3), d.ino, 'two'))
  await meta.unlink(checkedUser(2), d.ino, 'two')
  await meta.unlink(checkedUser(1), d.ino, 'three')
  await mine(4, 'four')
  await meta.setattr(root, d.ino, { mode: 0o755 })
  await refuses(EACCES, meta.unlink(checkedUser(4), d.ino, 'four'))
  await meta.unlink(plainUser(4), d.ino, 'four')
  await close()
})

test('an entry whose node is missing can be seen and removed', async () => {
  const { meta, engine, close } = await openTestVolume()
  await engine.commit(
    'test',
    [],
    [
      { kind: 'putEdge', parent: 1, name: 'ghost', edge: { ino: 777, type: TYPE_FILE } },
      { kind: 'putEdge', parent: 1, name: 'dir', edge: { ino: 778, type: TYPE_DIRECTORY } },
      { kind: 'touchNode', ino: 1, nlink: 1 },
    ],
  )
  assert.equal((await meta.lookup(root, 1, 'ghost'))?.node.type, TYPE_FILE)
  await meta.unlink(root, 1, 'ghost')
  await meta.rmdir(root, 1, 'dir')
  assert.deepEqual((await meta.readdir(root, 1, { limit: 10 }, true)).items, [])
  assert.equal((await meta.getattr(root, 1)).nlink, 2)
  await close()
})
