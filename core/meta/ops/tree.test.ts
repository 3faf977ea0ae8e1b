import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { EACCES, EDQUOT, EEXIST, EINVAL, ENOENT, ENOTDIR, EPERM } from '#core/base/errno.ts'
import { type Ino, TRASH_INO } from '#core/base/ino.ts'
import type { Meta } from '../api.ts'
import { FLAG_IMMUTABLE, TYPE_DIRECTORY, TYPE_FILE, TYPE_SYMLINK } from '../records.ts'
import { problemsOf } from '../test-invariants.ts'
import {
  checkedUser,
  openTestVolume,
  plainUser,
  refuses,
  SMALLEST_VALUE,
  type TestClient,
} from '../test-volume.ts'

const root = rootContext()
const dir = { type: TYPE_DIRECTORY, mode: 0o755 } as const
const file = { type: TYPE_FILE, mode: 0o644 } as const

/** src/{d0..d2}/{f0..f149, l, deep/deeper/x}, where every f has `length` bytes. Returns src. */
async function plant({ meta, clock }: TestClient, files: number, length = 0): Promise<Ino> {
  const { ino: src } = await meta.mknod(root, 1, 'src', dir)
  for (let k = 0; k < 3; k++) {
    const { ino: d } = await meta.mknod(root, src, `d${k}`, dir)
    for (let n = 0; n < files; n++) {
      const { ino } = await meta.mknod(root, d, `f${n}`, file)
      if (length === 0) continue
      const id = await meta.newSlice()
      await meta.writeSlice(ino, 0, [{ pos: 0, id, size: length, off: 0, len: length }], clock.now())
    }
    await meta.mknod(root, d, 'l', { type: TYPE_SYMLINK, mode: 0o777, target: Buffer.from('f0') })
    const deep = await meta.mknod(root, d, 'deep', dir)
    const deeper = await meta.mknod(root, deep.ino, 'deeper', dir)
    await meta.mknod(root, deeper.ino, 'x', file)
  }
  return src
}

async function names(meta: Meta, ino: Ino): Promise<string[]> {
  return (await meta.readdir(root, ino, { limit: 10_000 }, false)).items.map(({ name }) => name)
}

test('readdir lists names in byte order, page by page, with nodes when asked', async () => {
  const { meta, close } = await openTestVolume()
  const { ino } = await meta.mknod(root, 1, 'd', dir)
  for (const name of ['b', 'a\xff', 'a', 'A', 'ab']) await meta.mknod(root, ino, name, file)
  const first = await meta.readdir(root, ino, { limit: 2 }, false)
  assert.deepEqual(
    first.items.map(({ name, node }) => [name, node]),
    [
      ['A', null],
      ['a', null],
    ],
  )
  const rest = await meta.readdir(root, ino, { after: 'a', limit: 10 }, true)
  assert.deepEqual(
    rest.items.map(({ name, node }) => [name, node?.mode]),
    [
      ['ab', 0o644],
      ['a\xff', 0o644],
      ['b', 0o644],
    ],
  )
  assert.equal(rest.next, undefined)
  assert.deepEqual((await meta.readdir(root, ino, { after: 'b', limit: 10 }, true)).items, [])
  await refuses(ENOENT, meta.readdir(root, 4711, { limit: 10 }, false))
  await refuses(ENOTDIR, meta.readdir(root, rest.items[0]!.ino, { limit: 10 }, false))
  await meta.setattr(root, ino, { mode: 0o744 })
  await meta.readdir(checkedUser(3), ino, { limit: 10 }, false)
  await refuses(EACCES, meta.readdir(checkedUser(3), ino, { limit: 10 }, true))
  await close()
})

test('lookup: dots, the trash, x on the directory, and undefined for what is not there', async () => {
  const { meta, close } = await openTestVolume()
  const { ino } = await meta.mknod(root, 1, 'd', { ...dir, mode: 0o700 })
  const sub = await meta.mknod(root, ino, 'sub', dir)
  assert.equal((await meta.lookup(root, sub.ino, '.'))?.ino, sub.ino)
  assert.equal((await meta.lookup(root, sub.ino, '..'))?.ino, ino)
  assert.equal((await meta.lookup(root, 1, '..'))?.ino, 1)
  assert.equal((await meta.lookup(root, 1, '.trash'))?.ino, TRASH_INO)
  assert.equal((await meta.lookup(root, TRASH_INO, '..'))?.ino, 1)
  assert.equal(await meta.lookup(root, ino, '.trash'), undefined)
  assert.equal(await meta.lookup(root, ino, 'nope'), undefined)
  await refuses(EACCES, meta.lookup(checkedUser(5), ino, 'sub'))
  await close()
})

test('access follows the first class the caller is in, or the ACL', async () => {
  const { meta, close } = await openTestVolume()
  const { ino } = await meta.mknod(plainUser(5, 50), 1, 'f', { type: TYPE_FILE, mode: 0o074 })
  await refuses(EACCES, meta.access(checkedUser(5, 50), ino, 4))
  await meta.access(checkedUser(6, 6, [6, 50]), ino, 7)
  await meta.access(checkedUser(7), ino, 4)
  await refuses(EACCES, meta.access(checkedUser(7), ino, 1))
  await meta.access(checkedUser(0), ino, 7)
  await meta.access(plainUser(7), ino, 7)
  const users = [{ id: 7, perm: 7 }]
  await meta.setAcl(root, ino, 'access', { owner: 6, group: 4, mask: 5, other: 0, users, groups: [] })
  await meta.access(checkedUser(7), ino, 5)
  await refuses(EACCES, meta.access(checkedUser(7), ino, 2))
  await refuses(EACCES, meta.access(checkedUser(8), ino, 4))
  await close()
})

test('a tree is removed whole: counts, progress, accounts, and hard links in one directory', async () => {
  const volume = await openTestVolume()
  const { meta, engine, settle, close } = volume
  const src = await plant(volume, 150)
  const twin = (await meta.lookup(root, src, 'd0'))!
  const f0 = (await meta.lookup(root, twin.ino, 'f0'))!
  for (let k = 0; k < 5; k++) await meta.link(root, f0.ino, twin.ino, `g${k}`)
  await meta.link(root, f0.ino, 1, 'outside')
  const progress: number[] = []
  const removed = await meta.removeTree(root, 1, 'src', { onProgress: (n) => progress.push(n) })
  assert.equal(removed, 3 * (150 + 1 + 1 + 1 + 1 + 1) + 5 + 1)
  assert.equal(progress.at(-1), removed)
  assert.deepEqual(await names(meta, 1), ['outside'])
  assert.equal((await meta.getattr(root, f0.ino)).nlink, 1)
  await settle()
  assert.deepEqual(await problemsOf(engine), [])
  assert.equal(await meta.removeTree(root, 1, 'outside', {}), 1)
  await refuses(ENOENT, meta.removeTree(root, 1, 'outside', {}))
  await close()
})

test('a tree goes to the trash flat, and root empties an hour of it', async () => {
  const volume = await openTestVolume({ setting: { TrashDays: 1 } })
  const { meta, engine, settle, close } = volume
  await plant(volume, 5)
  const removed = await meta.removeTree(root, 1, 'src', {})
  const hour = TRASH_INO + 1
  assert.equal((await names(meta, hour)).length, removed)
  assert.deepEqual(await problemsOf(engine), [])
  const [name] = await names(meta, TRASH_INO)
  await refuses(EPERM, meta.removeTree(plainUser(5), TRASH_INO, name!, {}))
  assert.equal(await meta.removeTree(root, TRASH_INO, name!, {}), removed)
  assert.deepEqual(await names(meta, hour), [])
  await plant(volume, 1)
  await refuses(EPERM, meta.removeTree(plainUser(5), 1, 'src', { skipTrash: true }))
  await meta.removeTree(root, 1, 'src', { skipTrash: true })
  assert.deepEqual(await names(meta, hour), [])
  await settle()
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('removal stops at a signal and at what is not allowed, keeping the rest', async () => {
  const volume = await openTestVolume()
  const { meta, engine, settle, close } = volume
  const src = await plant(volume, 120)
  const d1 = (await meta.lookup(root, src, 'd1'))!
  await meta.setattr(root, d1.ino, { flags: FLAG_IMMUTABLE })
  await refuses(EPERM, meta.removeTree(root, 1, 'src', {}))
  assert.deepEqual((await names(meta, d1.ino)).length, 122)
  await refuses(EACCES, meta.removeTree(checkedUser(9), src, 'd1', {}))
  await meta.setattr(root, d1.ino, { flags: 0 })
  const stop = new AbortController()
  const onProgress = () => stop.abort(new Error('enough'))
  await assert.rejects(meta.removeTree(root, 1, 'src', { signal: stop.signal, onProgress }), /enough/)
  await settle()
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('summary: fast and strict agree; a file is itself; not recursive is one level', async () => {
  const volume = await openTestVolume()
  const { meta, close } = volume
  const src = await plant(volume, 10, 5000)
  const expected = {
    length: 3 * 10 * 5000,
    space: 4096 * (1 + 3 * (1 + 10 * 2 + 1 + 2 + 1)),
    files: 3 * 12,
    dirs: 1 + 3 * 3,
  }
  assert.deepEqual(await meta.summary(root, src, { recursive: true, strict: true }), expected)
  assert.deepEqual(await meta.summary(root, src, { recursive: true, strict: false }), expected)
  const shallow = { length: 0, space: 4 * 4096, files: 0, dirs: 4 }
  assert.deepEqual(await meta.summary(root, src, { recursive: false, strict: true }), shallow)
  assert.deepEqual(await meta.summary(root, src, { recursive: false, strict: false }), shallow)
  const { ino } = (await meta.lookup(root, (await meta.lookup(root, src, 'd0'))!.ino, 'f0'))!
  const one = { length: 5000, space: 8192, files: 1, dirs: 0 }
  assert.deepEqual(await meta.summary(root, ino, { recursive: true, strict: true }), one)
  await close()
})

test('a cloned tree has the same content under new numbers, shares slices, and is counted', async () => {
  const volume = await openTestVolume()
  const { meta, engine, settle, removedSlices, close } = volume
  const src = await plant(volume, 120, 100)
  const d0 = (await meta.lookup(root, src, 'd0'))!
  const f0 = (await meta.lookup(root, d0.ino, 'f0'))!
  await meta.setxattr(root, f0.ino, 'user.least', SMALLEST_VALUE, 0)
  await meta.setxattr(root, d0.ino, 'user.d', Buffer.from('d'), 0)
  let done = 0
  const copy = await meta.clone(plainUser(5, 50), src, 1, 'copy', {
    preserve: false,
    onProgress: (n) => {
      done = n
    },
  })
  assert.equal(done, 1 + 3 * (120 + 5))
  assert.deepEqual([copy.node.uid, copy.node.gid, copy.node.nlink, copy.node.parent], [5, 50, 5, 1])
  assert.equal((await meta.getattr(root, 1)).nlink, 4)
  const c0 = (await meta.lookup(root, copy.ino, 'd0'))!
  assert.deepEqual(await names(meta, c0.ino), await names(meta, d0.ino))
  const g0 = (await meta.lookup(root, c0.ino, 'f0'))!
  assert.notEqual(g0.ino, f0.ino)
  assert.deepEqual(await meta.readChunk(g0.ino, 0), await meta.readChunk(f0.ino, 0))
  assert.deepEqual(
    Buffer.from((await meta.getxattr(root, g0.ino, 'user.least'))!),
    Buffer.from(SMALLEST_VALUE),
  )
  assert.deepEqual(Buffer.from((await meta.getxattr(root, c0.ino, 'user.d'))!), Buffer.from('d'))
  assert.deepEqual(
    Buffer.from(await meta.readlink(root, (await meta.lookup(root, c0.ino, 'l'))!.ino)),
    Buffer.from('f0'),
  )
  assert.deepEqual((await engine.list({ kind: 'detached' }, { limit: 10 })).items, [])
  assert.deepEqual(await problemsOf(engine), [])
  await meta.removeTree(root, 1, 'src', {})
  await settle()
  assert.deepEqual(removedSlices, [], 'the copy still uses every slice')
  await meta.removeTree(root, 1, 'copy', {})
  await settle()
  assert.equal(removedSlices.length, 3 * 120)
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('a cloned file: preserve keeps owner, mode and times, otherwise the caller makes it', async () => {
  const { meta, engine, clock, close } = await openTestVolume()
  const { ino } = await meta.mknod(plainUser(7, 8), 1, 'f', { type: TYPE_FILE, mode: 0o666 })
  await meta.link(root, ino, 1, 'twin')
  await clock.advance(5000)
  const kept = await meta.clone(root, ino, 1, 'kept', { preserve: true })
  const source = await meta.getattr(root, ino)
  assert.deepEqual(kept.node, { ...source, nlink: 1, parent: 1, raw: undefined })
  const ctx = { ...plainUser(9, 9), umask: 0o022 }
  const own = await meta.clone(ctx, ino, 1, 'own', { preserve: false })
  assert.deepEqual(
    [own.node.uid, own.node.mode, own.node.mtime, own.node.nlink],
    [9, 0o644, clock.nowSec(), 1],
  )
  await refuses(EEXIST, meta.clone(root, ino, 1, 'own', { preserve: false }))
  await refuses(EPERM, meta.clone(root, ino, TRASH_INO, 'x', { preserve: false }))
  await refuses(ENOENT, meta.clone(root, 4711, 1, 'x', { preserve: false }))
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('a clone that is refused leaves nothing behind, also of immutable sources', async () => {
  const volume = await openTestVolume()
  const { state, meta, engine, settle, close } = volume
  const src = await plant(volume, 20)
  const d2 = (await meta.lookup(root, src, 'd2'))!
  const d0 = (await meta.lookup(root, src, 'd0'))!
  await refuses(EINVAL, meta.clone(root, src, d0.ino, 'x', { preserve: false }))
  await meta.setattr(root, d0.ino, { flags: FLAG_IMMUTABLE })
  await meta.setattr(root, d2.ino, { mode: 0o700 })
  await refuses(EACCES, meta.clone(checkedUser(5), src, src, 'x', { preserve: false }))
  await meta.setattr(root, src, { mode: 0o777 })
  await refuses(EINVAL, meta.clone(checkedUser(5), src, src, 'x', { preserve: false }))
  const { ino: target } = await meta.mknod(root, 1, 'target', { ...dir, mode: 0o777 })
  await refuses(EACCES, meta.clone(checkedUser(5), src, target, 'x', { preserve: false }))
  await settle()
  assert.deepEqual(await names(meta, target), [])
  assert.deepEqual((await engine.list({ kind: 'detached' }, { limit: 10 })).items, [])
  assert.deepEqual(await problemsOf(engine), [])
  const quota = { maxSpace: -1, maxInodes: 20, usedSpace: 0, usedInodes: 0 }
  await engine.commit('test', [], [{ kind: 'putQuota', of: 'dir', id: target, quota }])
  await state.accounts.reload()
  await refuses(EDQUOT, meta.clone(root, src, target, 'x', { preserve: false }))
  await engine.commit(
    'test',
    [],
    [{ kind: 'putQuota', of: 'dir', id: target, quota: { ...quota, maxInodes: 100 } }],
  )
  await meta.clone(root, src, target, 'x', { preserve: true })
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

test('paths name every link from the caller’s root, and nothing for what is outside', async () => {
  const { state, meta, close } = await openTestVolume()
  const a = await meta.mknod(root, 1, 'a', dir)
  const b = await meta.mknod(root, a.ino, 'b\xc3\xa9', dir)
  const f = await meta.mknod(root, b.ino, 'f', file)
  assert.deepEqual(await meta.paths(f.ino), ['/a/bé/f'])
  assert.deepEqual(await meta.paths(1), ['/'])
  assert.deepEqual(await meta.paths(TRASH_INO), ['/.trash'])
  assert.deepEqual(await meta.paths(4711), [])
  const other = await meta.mknod(root, 1, 'other', file)
  state.rootIno = a.ino
  assert.deepEqual(await meta.paths(f.ino), ['/bé/f'])
  assert.deepEqual(await meta.paths(other.ino), [])
  await close()
})
