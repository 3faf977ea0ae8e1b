/** The path-based face over a file system in memory; no kernel, no library. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { EBADF, EEXIST, ENODATA, ENOENT, ENOTDIR, ENOTEMPTY } from '#core/base/errno.ts'
import { lineLog } from '#core/base/log.ts'
import { MemoryFileSystem } from '../memory-filesystem.ts'
import { nativeStat, nativeStatfs } from './attributes.ts'
import { NativeOperations } from './operations.ts'

function setUp() {
  const fs = new MemoryFileSystem()
  return {
    fs,
    ops: new NativeOperations(
      fs,
      rootContext(),
      lineLog(() => undefined),
    ),
  }
}

/** Call an operation; resolves with its result and first value. */
function call<T>(start: (done: (result: number, value?: T) => void) => void) {
  return new Promise<[number, T | undefined]>((resolve) => start((result, value) => resolve([result, value])))
}

/** Lookup counts the kernel side still holds, beyond the root's. */
function held(fs: MemoryFileSystem): number {
  return [...fs.nodes.values()].filter((node) => node.ino !== 1).reduce((sum, node) => sum + node.lookups, 0)
}

async function makeFile(ops: NativeOperations, path: string, text: string): Promise<void> {
  const [, fd] = await call<number>((done) => ops.create(path, 0o644, done))
  const bytes = Buffer.from(text)
  assert.deepEqual(await call((done) => ops.write(path, fd!, bytes, bytes.length, 0, done)), [
    bytes.length,
    undefined,
  ])
  assert.equal((await call((done) => ops.release(path, fd!, done)))[0], 0)
}

test('a file is made, written, read and found by its path', async () => {
  const { ops } = setUp()
  await call((done) => ops.mkdir('/d', 0o755, done))
  await makeFile(ops, '/d/f', 'hello')
  const [, stat] = await call<{ size: number; mode: number }>((done) => ops.getattr('/d/f', done))
  assert.equal(stat!.size, 5)
  assert.equal(stat!.mode, 0o100644)
  const [, fd] = await call<number>((done) => ops.open('/d/f', 0, done))
  const buffer = Buffer.alloc(100)
  assert.equal((await call((done) => ops.read('/d/f', fd!, buffer, 100, 1, done)))[0], 4)
  assert.equal(buffer.toString('latin1', 0, 4), 'ello')
})

test('errors are negative errnos', async () => {
  const { ops } = setUp()
  await makeFile(ops, '/f', '')
  await call((done) => ops.mkdir('/d', 0o755, done))
  await makeFile(ops, '/d/x', '')
  assert.equal((await call((done) => ops.getattr('/none', done)))[0], -ENOENT)
  assert.equal((await call((done) => ops.getattr('/f/x', done)))[0], -ENOTDIR)
  assert.equal((await call((done) => ops.mkdir('/d', 0o755, done)))[0], -EEXIST)
  assert.equal((await call((done) => ops.rmdir('/d', done)))[0], -ENOTEMPTY)
  assert.equal((await call((done) => ops.getxattr('/f', 'user.none', 0, done)))[0], -ENODATA)
  assert.equal((await call((done) => ops.flush('/f', 77, done)))[0], -EBADF)
})

test('every lookup count is given back, also when the operation fails', async () => {
  const { fs, ops } = setUp()
  await call((done) => ops.mkdir('/a', 0o755, done))
  await call((done) => ops.mkdir('/a/b', 0o755, done))
  await makeFile(ops, '/a/b/f', 'x')
  await call((done) => ops.link('/a/b/f', '/a/g', done))
  await call((done) => ops.symlink('b/f', '/a/s', done))
  await call((done) => ops.getattr('/a/b/none', done))
  await call((done) => ops.open('/a/b/none', 0, done))
  await call((done) => ops.rename('/a/b/f', '/a/none/f', done))
  await call((done) => ops.readdir('/a', done))
  assert.equal(held(fs), 0)
  assert.equal(fs.openHandles, 0)
  const [, fd] = await call<number>((done) => ops.open('/a/g', 0, done))
  assert.equal(held(fs), 1, 'an open file holds its inode')
  await call((done) => ops.release('/a/g', fd!, done))
  assert.equal(held(fs), 0)
  assert.deepEqual(ops.gauges(), { ...ops.gauges(), inFlight: 0, openFiles: 0 })
})

test('a listing is whole, with types', async () => {
  const { ops } = setUp()
  for (let i = 0; i < 300; i++) await makeFile(ops, `/f${i}`, '')
  await call((done) => ops.mkdir('/d', 0o755, done))
  const [names, stats] = await new Promise<[string[], { mode: number }[]]>((resolve) =>
    ops.readdir('/', (_result, all, modes) => resolve([all!, modes as { mode: number }[]])),
  )
  const listed = new Map(names.map((name, at) => [name, stats[at]!.mode]))
  assert.equal(names.filter((name) => /^f\d+$/.test(name)).length, 300)
  assert.equal(listed.get('d'), 0o040000)
  assert.equal(listed.get('f7'), 0o100000)
})

test('names are UTF-8 outside and bytes inside', async () => {
  const { fs, ops } = setUp()
  await makeFile(ops, '/größe', '')
  assert.ok(fs.nodes.get(1)!.children.has(Buffer.from('größe').toString('latin1')))
  assert.equal((await call((done) => ops.getattr('/größe', done)))[0], 0)
})

test('times are told in milliseconds, and none before 1970', () => {
  const attr = { ino: 2, size: 0, blocks: 0, mode: 0, nlink: 1, uid: 0, gid: 0, rdev: 0, blksize: 0 }
  const times = { atime: 1, atimeNsec: 999_999_999, mtime: -5, mtimeNsec: 0, ctime: 2 ** 33, ctimeNsec: 0 }
  const stat = nativeStat({ ...attr, ...times })
  assert.deepEqual([stat.atime, stat.mtime, stat.ctime], [1999, 0, 2 ** 33 * 1000])
})

test('a petabyte is told in blocks that 32 bits can count', () => {
  const told = nativeStatfs({
    blocks: 2 ** 40,
    bfree: 2 ** 39,
    bavail: 2 ** 39,
    files: 2 ** 40,
    ffree: 5,
    bsize: 4096,
    frsize: 4096,
    namelen: 255,
  })
  assert.ok(told.blocks < 2 ** 32)
  assert.equal(told.blocks * told.frsize, 2 ** 40 * 4096)
  assert.equal(told.files, 2 ** 32 - 1)
  assert.equal(told.ffree, 5)
})
