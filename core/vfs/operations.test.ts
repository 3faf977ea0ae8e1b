import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  EACCES,
  EAGAIN,
  EEXIST,
  EINVAL,
  ENAMETOOLONG,
  ENODATA,
  ENOTSUP,
  ENOTTY,
  ENXIO,
  EPERM,
} from '#core/base/errno.ts'
import { ROOT_INO } from '#core/base/ino.ts'
import { O_RDONLY, O_RDWR, O_WRONLY } from '#core/base/open-flags.ts'
import type { Meta } from '#core/meta/api.ts'
import { CHUNK_SIZE, TYPE_DIRECTORY, TYPE_FILE } from '#core/meta/records.ts'
import { checkedUser, plainUser, refuses } from '#core/meta/test-volume.ts'
import { SEEK_DATA, SEEK_HOLE } from './ops/space.ts'
import { ManualClock, openTestVfs, openTestVfsPair, patterned, ROOT, readBytes, turn } from './test-vfs.ts'

test('lseek finds data and holes, stored or not', async (t) => {
  const { vfs, file } = await openTestVfs(t, { clock: new ManualClock() })
  const { ino, fh } = await file('a')
  const seek = (offset: number, whence: number) => vfs.lseek(ROOT, fh, offset, whence)
  await refuses(ENXIO, seek(0, SEEK_DATA))
  await refuses(ENXIO, seek(0, SEEK_HOLE))
  await vfs.write(ROOT, fh, 10_000, patterned(1000, 1))
  for (const stored of [false, true]) {
    if (stored) await vfs.flush(ROOT, fh)
    assert.equal(await seek(0, SEEK_DATA), 10_000)
    assert.equal(await seek(0, SEEK_HOLE), 0)
    assert.equal(await seek(10_500, SEEK_DATA), 10_500)
    assert.equal(await seek(10_500, SEEK_HOLE), 11_000)
    await refuses(ENXIO, seek(11_000, SEEK_DATA))
  }
  const far = 1000 * CHUNK_SIZE + 5
  await vfs.setattr(ROOT, ino, { size: far + 2000 }, fh)
  await vfs.write(ROOT, fh, far, patterned(1000, 2))
  for (const stored of [false, true]) {
    if (stored) await vfs.flush(ROOT, fh)
    assert.equal(await seek(11_000, SEEK_DATA), far)
    assert.equal(await seek(far, SEEK_HOLE), far + 1000)
    await refuses(ENXIO, seek(far + 1000, SEEK_DATA))
    assert.equal(await seek(far + 1500, SEEK_HOLE), far + 1500)
  }
  await vfs.fallocate(ROOT, fh, 3, 10_200, 100)
  assert.equal(await seek(10_000, SEEK_HOLE), 10_200)
  assert.equal(await seek(10_200, SEEK_DATA), 10_300)
  await refuses(EINVAL, seek(0, 7))
  await vfs.release(fh)
})

test('a copied range shares its slices and outlives its source', async (t) => {
  const { vfs, file } = await openTestVfs(t)
  const source = await file('source')
  const target = await file('target')
  await vfs.write(ROOT, source.fh, 0, patterned(5000, 1))
  const copied = await vfs.copyFileRange(
    ROOT,
    { fh: source.fh, offset: 100 },
    { fh: target.fh, offset: 7 },
    10_000,
  )
  assert.equal(copied, 4900)
  await vfs.release(source.fh)
  await vfs.unlink(ROOT, ROOT_INO, 'source')
  assert.deepEqual(await readBytes(vfs, target.fh, 7, 4900), patterned(5000, 1).subarray(100))
  await refuses(
    EINVAL,
    vfs.copyFileRange(ROOT, { fh: target.fh, offset: 0 }, { fh: target.fh, offset: 5 }, 10),
  )
  const readOnly = await vfs.open(ROOT, target.ino, O_RDONLY)
  const to = { fh: readOnly.fh, offset: 0 }
  await refuses(EACCES, vfs.copyFileRange(ROOT, { fh: target.fh, offset: 0 }, to, 10))
  await vfs.release(readOnly.fh)
  await vfs.release(target.fh)
})

test('a BSD lock belongs to one open, a POSIX lock goes with any close of its owner', async (t) => {
  const [a, b] = await openTestVfsPair(t)
  const { ino, fh } = await a.file('a')
  const other = await a.vfs.open(ROOT, ino, O_RDWR)
  const remote = await b.vfs.open(ROOT, ino, O_RDWR)
  const everything = { start: 0n, end: 2n ** 63n - 1n, pid: 1 }
  await a.vfs.flock(ROOT, fh, 5n, 'W', false)
  await refuses(EAGAIN, a.vfs.flock(ROOT, other.fh, 5n, 'W', false))
  await refuses(EAGAIN, b.vfs.flock(ROOT, remote.fh, 5n, 'R', false))
  await a.vfs.release(fh, 5n)
  await b.vfs.flock(ROOT, remote.fh, 5n, 'W', false)
  await b.vfs.flock(ROOT, remote.fh, 5n, 'U', false)

  const again = await a.vfs.open(ROOT, ino, O_RDWR)
  await a.vfs.setlk(ROOT, again.fh, 77n, { ...everything, type: 'W' }, false)
  await refuses(EAGAIN, b.vfs.setlk(ROOT, remote.fh, 77n, { ...everything, type: 'R' }, false))
  assert.equal((await b.vfs.getlk(ROOT, remote.fh, 77n, { ...everything, type: 'R' })).type, 'W')
  await a.vfs.flush(ROOT, other.fh, 78n)
  await refuses(EAGAIN, b.vfs.setlk(ROOT, remote.fh, 77n, { ...everything, type: 'R' }, false))
  await a.vfs.flush(ROOT, other.fh, 77n)
  await b.vfs.setlk(ROOT, remote.fh, 77n, { ...everything, type: 'W' }, false)
  await b.vfs.release(remote.fh)
  await a.vfs.setlk(ROOT, again.fh, 79n, { ...everything, type: 'W' }, false)
  await a.vfs.release(again.fh)
  const last = await b.vfs.open(ROOT, ino, O_RDWR)
  await b.vfs.setlk(ROOT, last.fh, 1n, { ...everything, type: 'W' }, false)
  await b.vfs.release(last.fh)
  await a.vfs.release(other.fh)
})

test('a lock asked for right after a close finds the closed open’s lock given back, however slow the server is', async (t) => {
  const { vfs, file } = await openTestVfs(t, {
    meta: (meta) =>
      new Proxy(meta, {
        get(target, name: keyof Meta) {
          const value = target[name]
          if (typeof value !== 'function') return value
          if (name !== 'flock' && name !== 'setlk') return value.bind(target)
          return async (...args: readonly unknown[]) => {
            await turn()
            return Reflect.apply(value, target, args)
          }
        },
      }),
  })
  const { ino, fh } = await file('a')
  const everything = { start: 0n, end: 2n ** 63n - 1n, pid: 1 }
  await vfs.flock(ROOT, fh, 5n, 'W', false)
  await vfs.setlk(ROOT, fh, 77n, { ...everything, type: 'W' }, false)
  const { fh: other } = await vfs.open(ROOT, ino, O_RDWR)
  const released = vfs.release(fh, 5n)
  const [found] = await Promise.all([
    vfs.getlk(ROOT, other, 78n, { ...everything, type: 'W' }),
    vfs.flock(ROOT, other, 6n, 'W', false),
    vfs.setlk(ROOT, other, 78n, { ...everything, type: 'R' }, false),
  ])
  assert.equal(found.type, 'U')
  await released
  await vfs.release(other, 6n)
})

test('names of virtual files cannot be made, removed or renamed', async (t) => {
  const { vfs } = await openTestVfs(t)
  const file = { type: TYPE_FILE, mode: 0o644 } as const
  await refuses(EEXIST, vfs.mknod(ROOT, ROOT_INO, '.stats', file))
  await refuses(EEXIST, vfs.create(ROOT, ROOT_INO, '.trash', 0o644, O_RDWR))
  await refuses(EPERM, vfs.unlink(ROOT, ROOT_INO, '.config'))
  await refuses(EPERM, vfs.rmdir(ROOT, ROOT_INO, '.trash'))
  await vfs.mknod(ROOT, ROOT_INO, 'a', file)
  await refuses(EPERM, vfs.rename(ROOT, ROOT_INO, 'a', ROOT_INO, '.accesslog', 0))
  await refuses(ENAMETOOLONG, vfs.mknod(ROOT, ROOT_INO, 'x'.repeat(256), file))
  const { ino: dir } = await vfs.mknod(ROOT, ROOT_INO, 'd', { type: TYPE_DIRECTORY, mode: 0o755 })
  await vfs.mknod(ROOT, dir, '.stats', file)
  const control = await vfs.lookup(ROOT, dir, '.control')
  assert.equal(control?.node.mode, 0o666)
})

test('.stats and .config are read from the start, .accesslog answers within a second', async (t) => {
  const clock = new ManualClock()
  const { vfs, metrics } = await openTestVfs(t, { clock, vfs: { config: () => ({ Name: 'test', n: 1 }) } })
  const open = async (name: string) => {
    const found = await vfs.lookup(ROOT, ROOT_INO, name)
    await refuses(EACCES, vfs.open(ROOT, found!.ino, O_WRONLY))
    return (await vfs.open(ROOT, found!.ino, O_RDONLY)).fh
  }
  metrics.counter('tiny').add(1e-7)
  const stats = await open('.stats')
  assert.match((await readBytes(vfs, stats, 0, 65_536)).toString(), /^juicefs_tiny 0\.0000001$/m)
  const config = await open('.config')
  assert.equal((await readBytes(vfs, config, 0, 65_536)).toString(), '{\n "Name": "test",\n "n": 1\n}\n')
  assert.equal(vfs.accessLog.active, false)
  const log = await open('.accesslog')
  assert.equal(vfs.accessLog.active, true)
  const empty = readBytes(vfs, log, 0, 4096)
  await clock.advance(1000)
  assert.equal((await empty).toString(), '#\n')
  const waiting = readBytes(vfs, log, 0, 4096)
  vfs.accessLog.add('one\n')
  assert.equal((await waiting).toString(), 'one\n')
  for (let k = 0; k < 20_000; k++) vfs.accessLog.add(`${'x'.repeat(99)}\n`)
  let bytes = 0
  for (let k = 0; k < 1000; k++) bytes += (await readBytes(vfs, log, 0, 1024)).length
  assert.equal(bytes, 1000 * 1024, 'lines are cut where the reader ends')
  for (const fh of [stats, config, log]) await vfs.release(fh)
  assert.equal(vfs.accessLog.active, false)
})

test('inode flags through ioctl: set, shown, kept apart by family, root only', async (t) => {
  const { vfs, file } = await openTestVfs(t)
  const { ino, fh } = await file('a')
  const word = (value: number, size = 4) => {
    const bytes = Buffer.alloc(size)
    bytes.writeUInt32LE(value)
    return bytes
  }
  const get = async (command = 0x80046601, size = 4) =>
    Buffer.from((await vfs.ioctl(ROOT, ino, command, Buffer.alloc(0), size)).out).readUInt32LE()
  assert.equal(await get(), 0)
  await vfs.ioctl(ROOT, ino, 0x40086602, word(0x21, 8), 0)
  assert.equal(await get(), 0x21)
  assert.equal(await get(0x801c581f, 28), 0x10)
  await vfs.ioctl(ROOT, ino, 0x401c5820, word(0x8, 28), 0)
  assert.equal(await get(0x80086601, 8), 0x11)
  await refuses(EPERM, vfs.ioctl(plainUser(1000), ino, 0x40046602, word(0), 0))
  await refuses(EPERM, vfs.ioctl(checkedUser(1000), ino, 0x40046602, word(0x10), 0))
  await refuses(ENOTSUP, vfs.ioctl(ROOT, ino, 0x40046602, word(0x800000), 0))
  await refuses(EINVAL, vfs.ioctl(ROOT, ino, 0x40046602, word(0, 5), 0))
  await refuses(ENOTTY, vfs.ioctl(ROOT, ino, 0x1234, Buffer.alloc(0), 0))
  await vfs.ioctl(ROOT, ino, 0x40046602, word(0), 0)
  assert.equal(await get(), 0)
  await vfs.release(fh)
})

test('xattrs: kept bytes, refused names, and nothing on virtual files', async (t) => {
  const { vfs, file } = await openTestVfs(t)
  const { ino, fh } = await file('a')
  const value = Buffer.from([0, 1, 255])
  const set = vfs.setxattr(ROOT, ino, 'user.a', value)
  value.fill(7)
  await set
  assert.deepEqual(Buffer.from(await vfs.getxattr(ROOT, ino, 'user.a')), Buffer.from([0, 1, 255]))
  assert.deepEqual(await vfs.listxattr(ROOT, ino), ['user.a'])
  await refuses(ENODATA, vfs.getxattr(ROOT, ino, 'security.capability'))
  await refuses(ENOTSUP, vfs.setxattr(ROOT, ino, 'security.selinux', Buffer.from('x')))
  await vfs.removexattr(ROOT, ino, 'user.a')
  await refuses(ENODATA, vfs.getxattr(ROOT, ino, 'user.a'))
  const stats = await vfs.lookup(ROOT, ROOT_INO, '.stats')
  await refuses(EPERM, vfs.setxattr(ROOT, stats!.ino, 'user.a', value))
  await refuses(ENODATA, vfs.getxattr(ROOT, stats!.ino, 'user.a'))
  await vfs.release(fh)
})

test('a write takes security.capability away where that is kept', async (t) => {
  const { vfs, file } = await openTestVfs(t, { vfs: { capabilities: true } })
  const { ino, fh } = await file('a')
  await vfs.write(ROOT, fh, 0, Buffer.from('x'))
  await vfs.setxattr(ROOT, ino, 'security.capability', Buffer.from('cap'))
  await vfs.write(ROOT, fh, 0, Buffer.from('x'))
  await refuses(ENODATA, vfs.getxattr(ROOT, ino, 'security.capability'))
  await vfs.release(fh)
})

test('compaction makes one record of many and keeps every byte, beside a reader and a writer', async (t) => {
  const { vfs, file, client } = await openTestVfs(t, { vfs: { compaction: 'off' } })
  const { ino, fh } = await file('a')
  const wanted = Buffer.alloc(300_000)
  for (let k = 0; k < 40; k++) {
    const piece = patterned(10_000, k)
    piece.copy(wanted, k * 7000)
    await vfs.write(ROOT, fh, k * 7000, piece)
    await vfs.flush(ROOT, fh)
  }
  const length = 39 * 7000 + 10_000
  assert.equal((await client.meta.readChunk(ino, 0)).length, 40)
  const late = patterned(500, 99)
  await vfs.write(ROOT, fh, 1000, late)
  late.copy(wanted, 1000)
  assert.equal(await vfs.compactChunk(ino, 0), true)
  assert.equal((await client.meta.readChunk(ino, 0)).length, 1)
  await vfs.flush(ROOT, fh)
  assert.deepEqual(await readBytes(vfs, fh, 0, length), wanted.subarray(0, length))
  assert.equal(await vfs.compactChunk(ino, 0), true)
  assert.equal(await vfs.compactChunk(ino, 0), false)
  assert.deepEqual(await readBytes(vfs, fh, 0, length), wanted.subarray(0, length))
  await vfs.release(fh)
})

test('background compaction does not write a large slice again for the sake of a few small ones', async (t) => {
  const { vfs, file, client } = await openTestVfs(t)
  for (const [name, size, compacted] of [
    ['large', 9 * 2 ** 20, false],
    ['small', 2 ** 20, true],
  ] as const) {
    const { ino, fh } = await file(name)
    await vfs.write(ROOT, fh, 0, patterned(size, 1))
    await vfs.flush(ROOT, fh)
    const [first] = await client.meta.readChunk(ino, 0)
    for (let k = 0; k < 105; k++) {
      await vfs.write(ROOT, fh, 1000 * k, patterned(10, k))
      await vfs.flush(ROOT, fh)
    }
    await vfs.release(fh)
    for (let k = 0; k < 20; k++) await turn()
    const records = await client.meta.readChunk(ino, 0)
    assert.equal(records.length < 50, compacted, `${name}: ${records.length} records`)
    assert.equal(records[0]!.id !== first!.id, compacted)
    assert.equal(await vfs.compactChunk(ino, 0), true, 'when asked for, at any cost')
    assert.equal((await client.meta.readChunk(ino, 0)).length, 1)
  }
})
