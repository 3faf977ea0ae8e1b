import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import {
  EACCES,
  EEXIST,
  EINVAL,
  EISDIR,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  EPERM,
  EROFS,
} from '#core/base/errno.ts'
import { TRASH_INO } from '#core/base/ino.ts'
import { O_EXCL, O_RDWR, O_WRONLY } from '#core/base/open-flags.ts'
import {
  ACL_UNSET,
  FLAG_APPEND,
  FLAG_IMMUTABLE,
  FLAG_SKIP_TRASH,
  TYPE_CHAR,
  TYPE_DIRECTORY,
  TYPE_FIFO,
  TYPE_FILE,
  TYPE_SYMLINK,
} from '../records.ts'
import { problemsOf } from '../test-invariants.ts'
import { checkedUser, openTestVolume, plainUser, refuses } from '../test-volume.ts'

const root = rootContext()
const dir = (mode = 0o755) => ({ type: TYPE_DIRECTORY, mode }) as const
const file = (mode = 0o644) => ({ type: TYPE_FILE, mode }) as const

test('a new directory has two links, its parent one more, and both times of the parent move', async () => {
  const { meta, clock, engine, close } = await openTestVolume()
  await clock.advance(5000)
  const { ino, node } = await meta.mknod(root, 1, 'd', dir())
  assert.equal(node.nlink, 2)
  assert.equal(node.length, 4096)
  const parent = await meta.getattr(root, 1)
  assert.equal(parent.nlink, 3)
  assert.equal(parent.mtime, clock.nowSec())
  assert.equal(parent.ctime, clock.nowSec())
  assert.equal((await meta.lookup(root, 1, 'd'))?.ino, ino)
  assert.deepEqual((await engine.read([{ kind: 'dirStat', ino }]))[0], { length: 0, space: 0, inodes: 0 })
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('a new file gets the type, mode, rdev and times asked for, and a name that is taken is refused', async () => {
  const { meta, clock, close } = await openTestVolume()
  const { node } = await meta.mknod({ ...plainUser(7, 8), umask: 0o022 }, 1, 'f', file(0o4777))
  assert.deepEqual([node.mode, node.uid, node.gid, node.nlink, node.length], [0o4755, 7, 8, 1, 0])
  assert.deepEqual([node.atime, node.mtime, node.ctime], new Array(3).fill(clock.nowSec()))
  const device = await meta.mknod(root, 1, 'tty', { type: TYPE_CHAR, mode: 0o600, rdev: 0x103 })
  assert.equal(device.node.rdev, 0x103)
  const fifo = await meta.mknod(root, 1, 'pipe', { type: TYPE_FIFO, mode: 0o600, rdev: 0x103 })
  assert.equal(fifo.node.rdev, 0)
  await refuses(EEXIST, meta.mknod(root, 1, 'f', file()))
  await refuses(EEXIST, meta.mknod(root, 1, 'f', dir()))
  await close()
})

test('names and places that no entry can have are refused', async () => {
  const { meta, close } = await openTestVolume()
  const f = await meta.mknod(root, 1, 'f', file())
  await meta.mknod(root, 1, 'n'.repeat(255), file())
  await refuses(ENAMETOOLONG, meta.mknod(root, 1, 'n'.repeat(256), file()))
  await refuses(EEXIST, meta.mknod(root, 1, '.', dir()))
  await refuses(EEXIST, meta.mknod(root, 1, '..', dir()))
  await refuses(EINVAL, meta.mknod(root, 1, '', dir()))
  await refuses(EINVAL, meta.mknod(root, 1, 'a/b', dir()))
  await refuses(EINVAL, meta.mknod(root, 1, 'a\0b', dir()))
  await refuses(ENOENT, meta.mknod(root, 4711, 'x', file()))
  await refuses(ENOTDIR, meta.mknod(root, f.ino, 'x', file()))
  await refuses(EPERM, meta.mknod(root, 1, '.trash', dir()))
  await refuses(EPERM, meta.mknod(root, TRASH_INO, 'x', file()))
  await refuses(EPERM, meta.mknod(root, TRASH_INO + 1, 'x', file()))
  await close()
})

test('a symlink has mode 0777 whatever the umask, its length is its target, and targets have limits', async () => {
  const { meta, close } = await openTestVolume()
  const link = (length: number) =>
    ({ type: TYPE_SYMLINK, mode: 0o644, target: Buffer.alloc(length, 'x') }) as const
  const { ino, node } = await meta.mknod({ ...root, umask: 0o077, interrupted: false }, 1, 'l', link(4095))
  assert.equal(node.mode, 0o777)
  assert.equal(node.length, 4095)
  assert.equal((await meta.readlink(root, ino)).length, 4095)
  await refuses(ENAMETOOLONG, meta.mknod(root, 1, 'long', link(4096)))
  await refuses(ENOENT, meta.mknod(root, 1, 'none', link(0)))
  const nul = { type: TYPE_SYMLINK, mode: 0o777, target: Buffer.from('a\0b') } as const
  await refuses(EINVAL, meta.mknod(root, 1, 'nul', nul))
  await refuses(EINVAL, meta.readlink(root, 1))
  await refuses(ENOENT, meta.readlink(root, 99))
  await close()
})

test('in a setgid directory the group is the directory’s, and directories are setgid too', async () => {
  const { meta, close } = await openTestVolume()
  const { ino } = await meta.mknod(plainUser(1, 50), 1, 'd', dir(0o2777))
  const user = plainUser(2, 60)
  const sub = await meta.mknod(user, ino, 'sub', dir(0o755))
  assert.deepEqual([sub.node.gid, sub.node.mode], [50, 0o2755])
  const kept = await meta.mknod(user, ino, 'kept', file(0o2755))
  assert.deepEqual(
    [kept.node.gid, kept.node.mode],
    [50, 0o2755],
    'the kernel has dropped what must be dropped',
  )
  const stranger = await meta.mknod(checkedUser(2, 60), ino, 'stranger', file(0o2755))
  assert.equal(stranger.node.mode, 0o755)
  const member = await meta.mknod(checkedUser(2, 60, [60, 50]), ino, 'member', file(0o2755))
  assert.equal(member.node.mode, 0o2755)
  const unexecutable = await meta.mknod(checkedUser(2, 60), ino, 'locking', file(0o2644))
  assert.equal(unexecutable.node.mode, 0o2644)
  await close()
})

test('a default ACL rules instead of the umask and goes down to directories', async () => {
  const { meta, close } = await openTestVolume()
  const { ino } = await meta.mknod(root, 1, 'd', dir(0o777))
  const rule = { owner: 7, group: 5, mask: 7, other: 0, users: [{ id: 9, perm: 6 }], groups: [] }
  await meta.setAcl(root, ino, 'default', rule)
  const ctx = { ...root, umask: 0o077, interrupted: false }
  const f = await meta.mknod(ctx, ino, 'f', file(0o664))
  assert.equal(f.node.mode, 0o660)
  assert.equal(f.node.defaultAcl, 0)
  assert.deepEqual(await meta.getAcl(root, f.ino, 'access'), { ...rule, owner: 6, mask: 6, other: 0 })
  const sub = await meta.mknod(ctx, ino, 'sub', dir(0o777))
  assert.deepEqual(await meta.getAcl(root, sub.ino, 'default'), rule)
  const link = await meta.mknod(ctx, ino, 'l', { type: TYPE_SYMLINK, mode: 0o777, target: Buffer.from('x') })
  assert.deepEqual([link.node.mode, link.node.accessAcl], [0o777, 0])
  const minimal = { owner: 7, group: 5, mask: ACL_UNSET, other: 1, users: [], groups: [] }
  await meta.setAcl(root, ino, 'default', minimal)
  const plain = await meta.mknod(ctx, ino, 'plain', file(0o666))
  assert.deepEqual([plain.node.mode, plain.node.accessAcl], [0o640, 0])
  await close()
})

test('skip-trash and tier are inherited, other flags are not', async () => {
  const { meta, engine, close } = await openTestVolume()
  const made = await meta.mknod(root, 1, 'd', dir())
  const node = { ...made.node, flags: FLAG_SKIP_TRASH | FLAG_APPEND, tier: 2 }
  await engine.commit('test', [], [{ kind: 'putNode', ino: made.ino, node }])
  const child = await meta.mknod(root, made.ino, 'f', file())
  assert.deepEqual([child.node.flags, child.node.tier], [FLAG_SKIP_TRASH, 2])
  await meta.setattr(root, made.ino, { flags: FLAG_IMMUTABLE })
  await refuses(EPERM, meta.mknod(root, made.ino, 'g', file()))
  await close()
})

test('create opens: the new file, or the file that is there', async () => {
  const { meta, close } = await openTestVolume()
  const made = await meta.create(root, 1, 'f', 0o600, O_RDWR)
  assert.equal(made.created, true)
  assert.equal(meta.isOpen(made.ino), true)
  const again = await meta.create(root, 1, 'f', 0o644, O_WRONLY)
  assert.deepEqual([again.created, again.ino, again.node.mode], [false, made.ino, 0o600])
  await meta.close(made.ino)
  assert.equal(meta.isOpen(made.ino), true)
  await meta.close(made.ino)
  assert.equal(meta.isOpen(made.ino), false)
  await refuses(EEXIST, meta.create(root, 1, 'f', 0o644, O_EXCL))
  await refuses(EACCES, meta.create(checkedUser(5), 1, 'f', 0o644, O_RDWR))
  assert.equal(meta.isOpen(made.ino), false)
  await meta.mknod(root, 1, 'd', dir())
  await refuses(EISDIR, meta.create(root, 1, 'd', 0o644, O_RDWR))
  await meta.mknod(root, 1, 'p', { type: TYPE_FIFO, mode: 0o644 })
  await refuses(EEXIST, meta.create(root, 1, 'p', 0o644, O_RDWR))
  await close()
})

test('a checked caller needs w and x on the directory, and learns of names that exist first', async () => {
  const { meta, close } = await openTestVolume()
  const { ino } = await meta.mknod(plainUser(1), 1, 'd', dir(0o755))
  await meta.mknod(root, ino, 'f', file())
  await refuses(EACCES, meta.mknod(checkedUser(2), ino, 'g', file()))
  await refuses(EEXIST, meta.mknod(checkedUser(2), ino, 'f', file()))
  await meta.setattr(root, ino, { mode: 0o766 })
  await refuses(EACCES, meta.mknod(checkedUser(2), ino, 'f', file()))
  await meta.setattr(root, ino, { mode: 0o733 })
  await meta.mknod(checkedUser(2), ino, 'g', file())
  await close()
})

test('a read-only client is refused every change', async () => {
  const { state, meta, close } = await openTestVolume({ options: { readOnly: true } })
  assert.equal(state.sid, 0)
  await refuses(EROFS, meta.mknod(root, 1, 'f', file()))
  await refuses(EROFS, meta.create(root, 1, 'f', 0o644, O_RDWR))
  await refuses(EROFS, meta.rename(root, 1, 'a', 1, 'b', 0))
  await refuses(EROFS, meta.unlink(root, 1, 'a'))
  await refuses(EROFS, meta.setattr(root, 1, { mode: 0 }))
  await meta.open(root, 1, 0)
  await meta.close(1)
  await close()
})

test('O_TMPFILE: a file without a name that its last close deletes, unless it was linked', async () => {
  const { meta, engine, settle, close } = await openTestVolume()
  const gone = await meta.tmpfile(root, 1, 0o600)
  assert.equal(gone.node.nlink, 0)
  assert.deepEqual(await problemsOf(engine), [])
  await meta.close(gone.ino)
  await refuses(ENOENT, meta.getattr(root, gone.ino))
  const kept = await meta.tmpfile(root, 1, 0o600)
  const named = await meta.link(root, kept.ino, 1, 'kept')
  assert.deepEqual([named.nlink, named.parent], [1, 1])
  await meta.close(kept.ino)
  assert.equal((await meta.lookup(root, 1, 'kept'))?.ino, kept.ino)
  await settle()
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('--subdir: inode 1 is the sub-directory, .. stays in it, and there is no .trash', async () => {
  const { state, meta, close } = await openTestVolume()
  const { ino } = await meta.mknod(root, 1, 'd', dir())
  state.rootIno = ino
  const child = await meta.mknod(root, 1, 'child', dir())
  assert.equal(child.node.parent, ino)
  assert.equal((await meta.lookup(root, child.ino, '..'))?.ino, 1)
  assert.equal((await meta.lookup(root, 1, '..'))?.ino, 1)
  assert.equal(await meta.lookup(root, 1, '.trash'), undefined)
  await meta.mknod(root, 1, '.trash', file())
  assert.deepEqual(await meta.paths(child.ino), ['/child'])
  await close()
})
