import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import {
  EACCES,
  EDQUOT,
  EEXIST,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
} from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import { O_RDWR } from '#core/base/open-flags.ts'
import { RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT } from '../api.ts'
import { FLAG_APPEND, FLAG_IMMUTABLE, TYPE_DIRECTORY, TYPE_FILE, TYPE_SYMLINK } from '../records.ts'
import { problemsOf } from '../test-invariants.ts'
import { checkedUser, openTestVolume, plainUser, refuses, type TestClient } from '../test-volume.ts'

const root = rootContext()

async function mkdir({ meta }: TestClient, parent: Ino, name: string, mode = 0o755): Promise<Ino> {
  return (await meta.mknod(root, parent, name, { type: TYPE_DIRECTORY, mode })).ino
}

async function mkfile({ meta }: TestClient, parent: Ino, name: string): Promise<Ino> {
  return (await meta.mknod(root, parent, name, { type: TYPE_FILE, mode: 0o644 })).ino
}

async function inoOf({ meta }: TestClient, parent: Ino, name: string): Promise<Ino | undefined> {
  return (await meta.lookup(root, parent, name))?.ino
}

test('a file moves: its ctime and both directories’ times are now, nothing else changes', async () => {
  const volume = await openTestVolume()
  const { meta, engine, clock, close } = volume
  const a = await mkdir(volume, 1, 'a')
  const b = await mkdir(volume, 1, 'b')
  const f = await mkfile(volume, a, 'f')
  const before = await meta.getattr(root, f)
  await clock.advance(1000)
  const { moved, target } = await meta.rename(root, a, 'f', b, 'g', 0)
  assert.equal(target, undefined)
  assert.deepEqual(
    { ...moved.node, raw: undefined },
    { ...before, parent: b, ctime: clock.nowSec(), raw: undefined },
  )
  for (const dir of [a, b]) {
    const { mtime, ctime, nlink } = await meta.getattr(root, dir)
    assert.deepEqual([mtime, ctime, nlink], [clock.nowSec(), clock.nowSec(), 2])
  }
  assert.equal(await inoOf(volume, a, 'f'), undefined)
  assert.equal(await inoOf(volume, b, 'g'), f)
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('a directory that moves takes a link from one parent to the other', async () => {
  const volume = await openTestVolume()
  const { meta, engine, close } = volume
  const a = await mkdir(volume, 1, 'a')
  const b = await mkdir(volume, 1, 'b')
  const d = await mkdir(volume, a, 'd')
  await mkfile(volume, d, 'f')
  await meta.rename(root, a, 'd', b, 'd', 0)
  assert.deepEqual([(await meta.getattr(root, a)).nlink, (await meta.getattr(root, b)).nlink], [2, 3])
  assert.equal((await meta.lookup(root, d, '..'))?.ino, b)
  await meta.rename(root, b, 'd', b, 'e', 0)
  assert.equal((await meta.getattr(root, b)).nlink, 3)
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('a target is replaced: files delete, open ones stay without a name, empty directories go', async () => {
  const volume = await openTestVolume()
  const { meta, engine, settle, close } = volume
  const f = await mkfile(volume, 1, 'f')
  const g = await mkfile(volume, 1, 'g')
  const replaced = await meta.rename(root, 1, 'f', 1, 'g', 0)
  assert.deepEqual([replaced.target?.ino, replaced.target?.gone], [g, true])
  await refuses(ENOENT, meta.getattr(root, g))
  const open = await meta.create(root, 1, 'open', 0o644, O_RDWR)
  await meta.rename(root, 1, 'g', 1, 'open', 0)
  assert.equal(await inoOf(volume, 1, 'open'), f)
  assert.equal((await meta.getattr(root, open.ino)).nlink, 0)
  await meta.close(open.ino)
  const a = await mkdir(volume, 1, 'a')
  const d = await mkdir(volume, a, 'd')
  const e = await mkdir(volume, 1, 'e')
  const swept = await meta.rename(root, a, 'd', 1, 'e', 0)
  assert.deepEqual([swept.target?.ino, swept.moved.ino], [e, d])
  assert.equal((await meta.getattr(root, 1)).nlink, 4)
  assert.deepEqual((await engine.read([{ kind: 'dirStat', ino: e }]))[0], null)
  await meta.rename(root, 1, 'e', 1, 'a', 0)
  assert.equal((await meta.getattr(root, 1)).nlink, 3)
  await settle()
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('with trash on the replaced goes there, and a hard link whose trash name is taken loses one link', async () => {
  const volume = await openTestVolume({ setting: { TrashDays: 1 } })
  const { meta, engine, close } = volume
  const f = await mkfile(volume, 1, 'f')
  for (let k = 0; k < 2; k++) {
    if (k > 0) await meta.link(root, f, 1, 'f')
    else await meta.link(root, f, 1, 'other')
    await mkfile(volume, 1, 'new')
    await meta.rename(root, 1, 'new', 1, 'f', 0)
    assert.deepEqual(await problemsOf(engine), [])
    await meta.rename(root, 1, 'f', 1, `away${k}`, 0)
  }
  assert.equal((await meta.getattr(root, f)).nlink, 2)
  await mkdir(volume, 1, 'd')
  await mkdir(volume, 1, 'e')
  assert.equal((await meta.rename(root, 1, 'd', 1, 'e', 0)).target?.gone, false)
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('refusals are those of Linux', async () => {
  const volume = await openTestVolume()
  const { meta, close } = volume
  const a = await mkdir(volume, 1, 'a')
  const b = await mkdir(volume, a, 'b')
  const c = await mkdir(volume, b, 'c')
  await mkfile(volume, 1, 'f')
  await mkfile(volume, 1, 'g')
  await refuses(ENOENT, meta.rename(root, 1, 'nope', 1, 'x', 0))
  await refuses(EINVAL, meta.rename(root, 1, 'a', a, 'x', 0))
  await refuses(EINVAL, meta.rename(root, 1, 'a', c, 'x', 0))
  await refuses(ENOTEMPTY, meta.rename(root, b, 'c', 1, 'a', 0))
  await refuses(EINVAL, meta.rename(root, b, 'c', 1, 'a', RENAME_EXCHANGE))
  await refuses(ENOTDIR, meta.rename(root, b, 'c', 1, 'f', 0))
  await refuses(EISDIR, meta.rename(root, 1, 'f', b, 'c', 0))
  await refuses(ENOTEMPTY, meta.rename(root, b, 'c', 1, 'a', 0))
  await refuses(EEXIST, meta.rename(root, 1, 'f', 1, 'g', RENAME_NOREPLACE))
  await refuses(EEXIST, meta.rename(root, 1, 'f', 1, 'f', RENAME_NOREPLACE))
  await refuses(ENOENT, meta.rename(root, 1, 'f', 1, 'x', RENAME_EXCHANGE))
  await refuses(EINVAL, meta.rename(root, 1, 'f', 1, 'x', RENAME_WHITEOUT))
  await refuses(EINVAL, meta.rename(root, 1, 'f', 1, 'g', RENAME_EXCHANGE | RENAME_NOREPLACE))
  await refuses(ENOENT, meta.rename(root, 1, 'f', 4711, 'g', 0))
  const f = await inoOf(volume, 1, 'f')
  await refuses(ENOTDIR, meta.rename(root, 1, 'g', f!, 'g', 0))
  await meta.rename(root, 1, 'f', 1, 'x', RENAME_NOREPLACE)
  await close()
})

test('two names of one file: nothing happens, and both stay', async () => {
  const volume = await openTestVolume()
  const { meta, clock, close } = volume
  const f = await mkfile(volume, 1, 'f')
  await meta.link(root, f, 1, 'g')
  const { ctime } = await meta.getattr(root, f)
  await clock.advance(1000)
  await meta.rename(root, 1, 'f', 1, 'g', 0)
  await meta.rename(root, 1, 'f', 1, 'f', 0)
  assert.deepEqual([await inoOf(volume, 1, 'f'), await inoOf(volume, 1, 'g')], [f, f])
  assert.equal((await meta.getattr(root, f)).ctime, ctime)
  await close()
})

test('a hard-linked file keeps parent 0 and its parents are counted across a move', async () => {
  const volume = await openTestVolume()
  const { meta, engine, close } = volume
  const a = await mkdir(volume, 1, 'a')
  const f = await mkfile(volume, 1, 'f')
  await meta.link(root, f, 1, 'g')
  const { moved } = await meta.rename(root, 1, 'f', a, 'f', 0)
  assert.equal(moved.node.parent, 0)
  assert.deepEqual(new Set(await meta.paths(f)), new Set(['/a/f', '/g']))
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('exchange: both entries, ctimes, parents, and links when a directory meets a file', async () => {
  const volume = await openTestVolume()
  const { meta, engine, clock, close } = volume
  const a = await mkdir(volume, 1, 'a')
  const b = await mkdir(volume, 1, 'b')
  const d = await mkdir(volume, a, 'd')
  const f = await mkfile(volume, b, 'f')
  await mkfile(volume, d, 'inside')
  await clock.advance(1000)
  const { moved, target } = await meta.rename(root, a, 'd', b, 'f', RENAME_EXCHANGE)
  assert.deepEqual([moved.ino, target?.ino, target?.gone], [d, f, false])
  assert.deepEqual([moved.node.parent, target?.node.parent], [b, a])
  assert.deepEqual([moved.node.ctime, target?.node.ctime], [clock.nowSec(), clock.nowSec()])
  assert.deepEqual([await inoOf(volume, a, 'd'), await inoOf(volume, b, 'f')], [f, d])
  assert.deepEqual([(await meta.getattr(root, a)).nlink, (await meta.getattr(root, b)).nlink], [2, 3])
  assert.deepEqual(await problemsOf(engine), [])
  await meta.rename(root, 1, 'a', 1, 'b', RENAME_EXCHANGE)
  assert.deepEqual([await inoOf(volume, 1, 'a'), await inoOf(volume, 1, 'b')], [b, a])
  assert.equal((await meta.getattr(root, 1)).nlink, 4)
  assert.deepEqual(await problemsOf(engine), [])
  const l = await meta.mknod(root, 1, 'l', { type: TYPE_SYMLINK, mode: 0o777, target: Buffer.from('x') })
  await meta.rename(root, 1, 'l', 1, 'a', RENAME_EXCHANGE)
  assert.equal(await inoOf(volume, 1, 'a'), l.ino)
  assert.equal((await meta.getattr(root, 1)).nlink, 4)
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('flags and rights decide who may move what', async () => {
  const volume = await openTestVolume()
  const { meta, close } = volume
  const a = await mkdir(volume, 1, 'a', 0o777)
  const b = await mkdir(volume, 1, 'b', 0o777)
  const f = await mkfile(volume, a, 'f')
  const g = await mkfile(volume, b, 'g')
  const set = (ino: Ino, flags: number) => meta.setattr(root, ino, { flags })
  await set(f, FLAG_IMMUTABLE)
  await refuses(EPERM, meta.rename(root, a, 'f', b, 'f', 0))
  await set(f, 0)
  await set(g, FLAG_APPEND)
  await refuses(EPERM, meta.rename(root, a, 'f', b, 'g', 0))
  await set(g, 0)
  await set(b, FLAG_APPEND)
  await refuses(EPERM, meta.rename(root, a, 'f', b, 'g', 0))
  await meta.rename(root, a, 'f', b, 'added', 0)
  await refuses(EPERM, meta.rename(root, b, 'added', a, 'f', 0))
  await set(b, 0)
  await meta.rename(root, b, 'added', a, 'f', 0)
  await set(b, FLAG_IMMUTABLE)
  await refuses(EPERM, meta.rename(root, a, 'f', b, 'added', 0))
  await set(b, 0)
  const mine = await meta.mknod(plainUser(5), a, 'mine', { type: TYPE_DIRECTORY, mode: 0o755 })
  await meta.setattr(root, a, { mode: 0o1777 })
  await refuses(EPERM, meta.rename(checkedUser(6), a, 'mine', b, 'mine', 0))
  await meta.setattr(root, a, { mode: 0o777 })
  await refuses(EACCES, meta.rename(checkedUser(6), a, 'mine', b, 'mine', 0))
  await meta.rename(checkedUser(6), a, 'mine', a, 'yours', 0)
  await meta.rename(checkedUser(5), a, 'yours', b, 'mine', 0)
  assert.equal(await inoOf(volume, b, 'mine'), mine.ino)
  await close()
})

test('a tree that changes its quota directory takes all it holds along, if it fits', async () => {
  const volume = await openTestVolume()
  const { state, meta, engine, close } = volume
  const a = await mkdir(volume, 1, 'a')
  const b = await mkdir(volume, 1, 'b')
  const d = await mkdir(volume, a, 'd')
  const quota = (id: Ino, maxInodes: number, usedInodes: number) =>
    engine.commit(
      'test',
      [],
      [
        {
          kind: 'putQuota',
          of: 'dir',
          id,
          quota: { maxSpace: -1, maxInodes, usedSpace: 4096 * usedInodes, usedInodes },
        },
      ],
    )
  await quota(a, -1, 1)
  await quota(b, 2, 0)
  await state.accounts.reload()
  await mkfile(volume, d, 'f')
  await mkfile(volume, d, 'g')
  assert.deepEqual(await problemsOf(engine), [])
  await refuses(EDQUOT, meta.rename(root, a, 'd', b, 'd', 0))
  await quota(b, 3, 0)
  await state.accounts.reload()
  await meta.rename(root, a, 'd', b, 'd', 0)
  assert.deepEqual(await problemsOf(engine), [])
  await mkfile(volume, a, 'x')
  await meta.rename(root, b, 'd', a, 'x', RENAME_EXCHANGE)
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})
