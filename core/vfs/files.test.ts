import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '#core/base/clock.ts'
import { rootContext } from '#core/base/context.ts'
import { EBADF, EFBIG, EINTR, EIO, ENOENT, ENOSPC, FsError, fail, toErrno } from '#core/base/errno.ts'
import { ROOT_INO } from '#core/base/ino.ts'
import { O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from '#core/base/open-flags.ts'
import type { BlockStore, SliceId } from '#core/chunk/api.ts'
import type { Meta } from '#core/meta/api.ts'
import { CHUNK_SIZE } from '#core/meta/records.ts'
import { refuses } from '#core/meta/test-volume.ts'
import { BLOCK, openTestVfs, openTestVfsPair, patterned, ROOT, readBytes, turn } from './test-vfs.ts'

test('a write is readable at once through every handle, before anything is stored', async (t) => {
  const { vfs, file, client, faulty } = await openTestVfs(t, { clock: new ManualClock() })
  const { ino, fh } = await file('a')
  const other = await vfs.open(ROOT, ino, O_RDONLY)
  const data = patterned(BLOCK + 100, 1)
  assert.equal(await vfs.write(ROOT, fh, 10, data), data.length)
  assert.deepEqual(await readBytes(vfs, other.fh, 10, data.length), data)
  assert.deepEqual(
    await readBytes(vfs, other.fh, 0, 12),
    Buffer.from([...Buffer.alloc(10), ...data.subarray(0, 2)]),
  )
  assert.equal((await vfs.getattr(ROOT, ino)).length, data.length + 10)
  assert.equal((await client.meta.getattr(ROOT, ino)).length, 0)
  assert.equal((await client.meta.readChunk(ino, 0)).length, 0)
  assert.equal(faulty.calls.get, 0)
  await vfs.release(fh)
  await vfs.release(other.fh)
  assert.equal((await client.meta.getattr(ROOT, ino)).length, data.length + 10)
})

test('a small file is one object and one record', async (t) => {
  const { vfs, file, client, faulty } = await openTestVfs(t)
  const { ino, fh } = await file('a')
  for (let k = 0; k < 10; k++) await vfs.write(ROOT, fh, k * 100, patterned(100, k))
  await vfs.flush(ROOT, fh)
  assert.equal(faulty.calls.put, 1)
  const records = await client.meta.readChunk(ino, 0)
  assert.deepEqual(
    records.map(({ pos, size, off, len }) => ({ pos, size, off, len })),
    [{ pos: 0, size: 1000, off: 0, len: 1000 }],
  )
  await vfs.release(fh)
})

test('overlapping small writes to an open slice are merged before they are stored', async (t) => {
  const { vfs, file, client } = await openTestVfs(t, { clock: new ManualClock() })
  const { ino, fh } = await file('a')
  await vfs.write(ROOT, fh, 0, patterned(8192, 1))
  await vfs.write(ROOT, fh, 100, patterned(50, 2))
  await vfs.write(ROOT, fh, 8000, patterned(1000, 3))
  await vfs.flush(ROOT, fh)
  assert.equal((await client.meta.readChunk(ino, 0)).length, 1)
  await vfs.release(fh)
})

test('small writes all over a chunk are one object and one commit', async (t) => {
  const { vfs, file, client, faulty } = await openTestVfs(t, { clock: new ManualClock() })
  const { ino, fh } = await file('a')
  const expected = patterned(4 * BLOCK, 1)
  await vfs.write(ROOT, fh, 0, expected)
  await vfs.flush(ROOT, fh)
  const [puts, before] = [faulty.calls.put, (await client.meta.readChunk(ino, 0)).length]
  const scatter = async (at: number, length: number, seed: number): Promise<void> => {
    const data = patterned(length, seed)
    await vfs.write(ROOT, fh, at, data)
    data.copy(expected, at)
  }
  await scatter(150_000, 100, 2)
  await scatter(10_000, 100, 3)
  await scatter(9_990, 50, 4) // over a part of the one before
  await scatter(150_020, 30, 5) // inside the first
  await scatter(200_000, 5000, 6)
  assert.deepEqual(await readBytes(vfs, fh, 0, expected.length), expected, 'before it is stored')
  await vfs.flush(ROOT, fh)
  assert.equal(faulty.calls.put, puts + 1)
  assert.deepEqual(await readBytes(vfs, fh, 0, expected.length), expected, 'after')
  const records = (await client.meta.readChunk(ino, 0)).slice(before)
  assert.deepEqual(
    records.map(({ pos, off, len }) => ({ pos, off, len })),
    [
      { pos: 9_990, off: 200, len: 50 },
      { pos: 10_040, off: 140, len: 60 },
      { pos: 150_000, off: 0, len: 100 },
      { pos: 200_000, off: 250, len: 5000 },
    ],
  )
  assert.equal(new Set(records.map(({ id }) => id)).size, 1)
  await vfs.release(fh)
})

test('a stream beside scattered writes keeps a slice of its own, and writes past the end are never packed', async (t) => {
  const { vfs, file, client } = await openTestVfs(t, { clock: new ManualClock() })
  const { ino, fh } = await file('a')
  await vfs.write(ROOT, fh, 0, patterned(4 * BLOCK, 1))
  await vfs.flush(ROOT, fh)
  const before = (await client.meta.readChunk(ino, 0)).length
  for (let k = 0; k < 50; k++) {
    await vfs.write(ROOT, fh, 100_000 + 100 * k, patterned(100, k))
    await vfs.write(ROOT, fh, 200_000 - 1000 * k, patterned(10, k))
  }
  await vfs.write(ROOT, fh, 5 * BLOCK, patterned(10, 7))
  await vfs.write(ROOT, fh, 7 * BLOCK, patterned(10, 8))
  await vfs.flush(ROOT, fh)
  const records = (await client.meta.readChunk(ino, 0)).slice(before)
  assert.ok(
    records.some(({ off, len, size }) => off === 0 && len > 4800 && len === size),
    'the stream',
  )
  assert.equal(
    new Set(records.map(({ id }) => id)).size,
    4,
    'pack, stream, and two that made the file longer',
  )
  await vfs.release(fh)
})

test('an idle slice is stored after a second, an old one after five, without a flush', async (t) => {
  const clock = new ManualClock()
  const { vfs, file, client } = await openTestVfs(t, { clock })
  const { ino, fh } = await file('a')
  const records = async () => (await client.meta.readChunk(ino, 0)).length
  const pass = async (ms: number) => {
    for (let k = 0; k < ms / 100; k++) await clock.advance(100)
    for (let k = 0; k < 20; k++) await turn()
  }
  await vfs.write(ROOT, fh, 0, patterned(100, 1))
  await pass(900)
  assert.equal(await records(), 0)
  await pass(300)
  assert.equal(await records(), 1)
  for (let k = 0; k < 12; k++) {
    await vfs.write(ROOT, fh, 100 + k, Buffer.from([k]))
    await pass(400)
    assert.equal(await records(), 1)
  }
  await pass(400)
  assert.equal(await records(), 2)
  await vfs.release(fh)
})

test('the length never grows over bytes that are not stored, across a chunk border', async (t) => {
  const { vfs, file, client, faulty } = await openTestVfs(t, { clock: new ManualClock() })
  const { ino, fh } = await file('a')
  faulty.faults.ops = ['put']
  faulty.faults.latencyMs = 20
  await vfs.write(ROOT, fh, CHUNK_SIZE - BLOCK, patterned(2 * BLOCK, 1))
  const lengths = new Set<number>()
  const flushed = vfs.flush(ROOT, fh)
  let done = false
  void flushed.then(() => {
    done = true
  })
  while (!done) {
    const { length } = await client.meta.getattr(ROOT, ino)
    const [low] = await client.meta.readChunk(ino, 0)
    if (length > CHUNK_SIZE) assert.ok(low !== undefined, 'grew past the chunk before its bytes were there')
    lengths.add(length)
    await turn()
  }
  assert.equal((await client.meta.getattr(ROOT, ino)).length, CHUNK_SIZE + BLOCK)
  await vfs.release(fh)
})

test('modification time is that of the last write, also after the commit, and utimes on unstored data holds', async (t) => {
  const clock = new ManualClock()
  const { vfs, file } = await openTestVfs(t, { clock })
  const { ino, fh } = await file('a')
  await clock.advance(5000)
  await vfs.write(ROOT, fh, 0, patterned(10, 1))
  const written = clock.now()
  assert.deepEqual((await vfs.getattr(ROOT, ino)).mtime, written.sec)
  await clock.advance(500)
  await vfs.flush(ROOT, fh)
  const stored = await vfs.getattr(ROOT, ino)
  assert.deepEqual({ sec: stored.mtime, nsec: stored.mtimeNsec }, written)
  await vfs.write(ROOT, fh, 10, patterned(10, 1))
  await vfs.setattr(ROOT, ino, { mtime: { sec: 1234, nsec: 5678 } })
  await vfs.flush(ROOT, fh)
  const set = await vfs.getattr(ROOT, ino)
  assert.deepEqual([set.mtime, set.mtimeNsec, set.length], [1234, 5678, 20])
  await vfs.release(fh)
})

test('open with O_TRUNC empties the file', async (t) => {
  const { vfs, file } = await openTestVfs(t)
  const { ino, fh } = await file('a')
  await vfs.write(ROOT, fh, 0, patterned(1000, 1))
  const { fh: again } = await vfs.open(ROOT, ino, O_WRONLY | O_TRUNC)
  assert.equal((await vfs.getattr(ROOT, ino)).length, 0)
  assert.equal((await readBytes(vfs, fh, 0, 10)).length, 0)
  await vfs.release(again)
  await vfs.release(fh)
})

test('handles are checked: unknown, wrong direction, too far', async (t) => {
  const { vfs, file } = await openTestVfs(t)
  const { ino, fh } = await file('a')
  const reader = await vfs.open(ROOT, ino, O_RDONLY)
  const writer = await vfs.open(ROOT, ino, O_WRONLY)
  const byte = Buffer.alloc(1)
  await refuses(EBADF, vfs.read(ROOT, 99, 0, 1))
  await refuses(EBADF, vfs.write(ROOT, 99, 0, byte))
  await refuses(EBADF, vfs.flush(ROOT, 99))
  await refuses(EBADF, vfs.release(99))
  await refuses(EBADF, vfs.write(ROOT, reader.fh, 0, byte))
  await refuses(EBADF, vfs.read(ROOT, writer.fh, 0, 1))
  await refuses(EFBIG, vfs.write(ROOT, fh, Number.MAX_SAFE_INTEGER, byte))
  const dir = await vfs.opendir(ROOT, ROOT_INO, 0)
  await refuses(EBADF, vfs.read(ROOT, dir, 0, 1))
  for (const handle of [fh, reader.fh, writer.fh, dir]) await vfs.release(handle)
})

test('a file stays readable and writable after its name is gone, and leaves nothing behind', async (t) => {
  const { vfs, file, client } = await openTestVfs(t)
  const { ino, fh } = await file('a')
  await vfs.write(ROOT, fh, 0, patterned(1000, 1))
  await vfs.unlink(ROOT, ROOT_INO, 'a')
  await vfs.write(ROOT, fh, 1000, patterned(1000, 2))
  await vfs.flush(ROOT, fh)
  assert.equal((await vfs.getattr(ROOT, ino)).nlink, 0)
  assert.deepEqual(await readBytes(vfs, fh, 1000, 1000), patterned(1000, 2))
  await vfs.release(fh)
  await refuses(ENOENT, vfs.getattr(ROOT, ino))
  await client.settle()
  assert.equal(client.removedSlices.length, 1)
})

test('a failed upload is told by write, flush and fsync until the last handle is closed', async (t) => {
  const { vfs, file, faulty } = await openTestVfs(t)
  const { ino, fh } = await file('a')
  await vfs.write(ROOT, fh, 0, patterned(100, 1))
  await vfs.flush(ROOT, fh)
  faulty.faults.errors = 1
  faulty.faults.ops = ['put']
  await vfs.write(ROOT, fh, 0, patterned(100, 2))
  await refuses(EIO, vfs.flush(ROOT, fh))
  faulty.faults.errors = 0
  await refuses(EIO, vfs.write(ROOT, fh, 0, patterned(100, 3)))
  await refuses(EIO, vfs.fsync(ROOT, fh))
  const other = await vfs.open(ROOT, ino, O_RDWR)
  await refuses(EIO, vfs.flush(ROOT, other.fh))
  assert.deepEqual(await readBytes(vfs, other.fh, 0, 100), patterned(100, 1))
  await vfs.release(fh)
  await vfs.release(other.fh)
  const fresh = await vfs.open(ROOT, ino, O_RDWR)
  await vfs.write(ROOT, fresh.fh, 0, patterned(100, 4))
  await vfs.flush(ROOT, fresh.fh)
  assert.deepEqual(await readBytes(vfs, fresh.fh, 0, 100), patterned(100, 4))
  await vfs.release(fresh.fh)
})

test('a full volume is ENOSPC at flush, and the unused object is removed', async (t) => {
  const refuse = (meta: Meta): Meta =>
    new Proxy(meta, {
      get(target, key) {
        if (key === 'writeSlice') return async () => Promise.reject(fail(ENOSPC, 'write'))
        const value = Reflect.get(target, key) as unknown
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  const { vfs, file, objects } = await openTestVfs(t, { meta: refuse })
  const { ino, fh } = await file('a')
  await vfs.write(ROOT, fh, 0, patterned(100, 1))
  await refuses(ENOSPC, vfs.flush(ROOT, fh))
  await refuses(ENOSPC, vfs.flush(ROOT, fh))
  assert.equal((await vfs.getattr(ROOT, ino)).length, 0)
  await vfs.release(fh)
  for (let k = 0; k < 20; k++) await turn()
  const left: string[] = []
  for await (const { key } of objects.list('')) left.push(key)
  assert.deepEqual(left, [])
})

/** Notes calls of `names` in `order`; sync as `<label> sync`. */
function noted<T extends object>(order: string[], label: string, inner: T, names: readonly string[]): T {
  return new Proxy(inner, {
    get(target, key) {
      const value = Reflect.get(target, key) as unknown
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        if (names.includes(String(key))) order.push(key === 'sync' ? `${label} sync` : String(key))
        return value.apply(target, args)
      }
    },
  })
}

test('fsync uploads, commits, makes objects durable and then the metadata, in that order', async (t) => {
  const order: string[] = []
  const { vfs, file } = await openTestVfs(t, {
    meta: (meta) => noted(order, 'meta', meta, ['sync', 'writeSlice']),
    store: (blocks): BlockStore => noted(order, 'blocks', blocks, ['sync']),
  })
  const { ino, fh } = await file('a')
  await vfs.write(ROOT, fh, 0, patterned(100, 1))
  await vfs.fsync(ROOT, fh)
  assert.deepEqual(order, ['writeSlice', 'blocks sync', 'meta sync'])
  order.length = 0
  await vfs.write(ROOT, fh, 0, patterned(100, 2))
  await vfs.release(fh)
  const again = await vfs.open(ROOT, ino, O_RDONLY)
  await vfs.fsync(ROOT, again.fh)
  assert.deepEqual(order, ['writeSlice', 'blocks sync', 'meta sync'], 'data written before this open too')
  await vfs.release(again.fh)
})

test('fsync of a copy makes the slices durable that it shares with a file nobody synced', async (t) => {
  const synced: number[] = []
  const { vfs, file, client } = await openTestVfs(t, { store: (blocks) => noteSynced(synced, blocks) })
  const source = await file('source')
  const copy = await file('copy')
  await vfs.write(ROOT, source.fh, 0, patterned(100, 1))
  await vfs.copyFileRange(ROOT, { fh: source.fh, offset: 0 }, { fh: copy.fh, offset: 0 }, 100)
  await vfs.fsync(ROOT, copy.fh)
  const [record] = await client.meta.readChunk(copy.ino, 0)
  assert.deepEqual(synced, [record!.id])
  await vfs.fsync(ROOT, source.fh)
  assert.deepEqual(synced, [record!.id], 'and once is enough')
  await vfs.release(source.fh)
  await vfs.release(copy.fh)
})

function noteSynced(synced: number[], blocks: BlockStore): BlockStore {
  return new Proxy(blocks, {
    get(target, key) {
      const value = Reflect.get(target, key) as unknown
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        if (key === 'sync') synced.push(...(args[0] as SliceId[]).map(({ id }) => id))
        return value.apply(target, args)
      }
    },
  })
}

test('compaction makes its slice durable before the records name it', async (t) => {
  const order: string[] = []
  const { vfs, file } = await openTestVfs(t, {
    meta: (meta) => noted(order, 'meta', meta, ['commitCompaction']),
    store: (blocks): BlockStore => noted(order, 'blocks', blocks, ['sync']),
    vfs: { compaction: 'off' },
  })
  const { ino, fh } = await file('a')
  for (let k = 0; k < 3; k++) {
    await vfs.write(ROOT, fh, k * 50, patterned(100, k))
    await vfs.flush(ROOT, fh)
  }
  assert.equal(await vfs.compactChunk(ino, 0), true)
  assert.deepEqual(order, ['blocks sync', 'commitCompaction'])
  await vfs.release(fh)
})

test('an object that cannot be made durable is told to the file that wrote it, and tried again', async (t) => {
  const { vfs, file, faulty } = await openTestVfs(t)
  const mine = await file('mine')
  const other = await file('other')
  await vfs.write(ROOT, mine.fh, 0, patterned(100, 1))
  await vfs.flush(ROOT, mine.fh)
  faulty.faults.ops = ['sync']
  faulty.faults.errors = 1
  await vfs.fsync(ROOT, other.fh)
  await assert.rejects(vfs.fsync(ROOT, mine.fh), (error) => toErrno(error) === EIO)
  faulty.faults.errors = 0
  await vfs.fsync(ROOT, mine.fh)
  await vfs.release(mine.fh)
  await vfs.release(other.fh)
})

test('nothing but the file itself waits for a hung upload, and an interrupt ends that wait', async (t) => {
  const storeClock = new ManualClock()
  const { vfs, file, faulty } = await openTestVfs(t, { storeClock })
  const hung = await file('hung')
  const other = await file('other')
  await vfs.write(ROOT, other.fh, 0, patterned(100, 1))
  await vfs.flush(ROOT, other.fh)
  faulty.faults.latencyMs = 1e9
  faulty.faults.ops = ['put']
  await vfs.write(ROOT, hung.fh, 0, patterned(100, 2))
  const stop = new AbortController()
  const fsync = vfs.fsync(rootContext(stop.signal), hung.fh)
  await turn()
  assert.equal((await vfs.getattr(ROOT, hung.ino)).length, 100)
  assert.deepEqual(await readBytes(vfs, hung.fh, 0, 100), patterned(100, 2))
  assert.deepEqual(await readBytes(vfs, other.fh, 0, 100), patterned(100, 1))
  assert.equal(await vfs.write(ROOT, other.fh, 0, patterned(10, 3)), 10)
  assert.equal(await vfs.write(ROOT, hung.fh, 0, patterned(10, 3)), 10)
  await vfs.setattr(ROOT, hung.ino, { mode: 0o600 })
  await vfs.rename(ROOT, ROOT_INO, 'hung', ROOT_INO, 'renamed', 0)
  assert.equal((await vfs.lookup(ROOT, ROOT_INO, 'renamed'))?.node.length, 100)
  stop.abort()
  await refuses(EINTR, fsync)
  faulty.faults.latencyMs = 0
  await storeClock.advance(1e9)
  await vfs.fsync(ROOT, hung.fh)
})

test('what one client closed, another that opens afterwards reads', async (t) => {
  const [a, b] = await openTestVfsPair(t)
  const { ino, fh } = await a.file('a')
  let seen = await b.vfs.open(ROOT, ino, O_RDWR)
  for (let round = 0; round < 12; round++) {
    const [from, to] = round % 3 === 2 ? [b, a] : [a, b]
    const writer = await from.vfs.open(ROOT, ino, O_RDWR)
    await from.vfs.write(ROOT, writer.fh, (round % 4) * 1000, patterned(5000, round))
    await from.vfs.flush(ROOT, writer.fh)
    const reader = await to.vfs.open(ROOT, ino, O_RDONLY)
    assert.equal(reader.keepCache, false)
    assert.deepEqual(await readBytes(to.vfs, reader.fh, (round % 4) * 1000, 5000), patterned(5000, round))
    await from.vfs.release(writer.fh)
    await to.vfs.release(reader.fh)
  }
  await a.vfs.release(fh)
  await b.vfs.release(seen.fh)
  seen = await b.vfs.open(ROOT, ino, O_RDONLY)
  await b.vfs.release(seen.fh)
})

test('the kernel may keep pages of an unchanged file, also after our own writes, and not after foreign ones', async (t) => {
  const [a, b] = await openTestVfsPair(t)
  const { ino, fh } = await a.file('a')
  const keeps = async (): Promise<boolean> => {
    const opened = await a.vfs.open(ROOT, ino, O_RDONLY)
    await a.vfs.release(opened.fh)
    return opened.keepCache
  }
  assert.equal(await keeps(), true, 'created here')
  await a.vfs.write(ROOT, fh, 0, patterned(100, 1))
  await a.vfs.flush(ROOT, fh)
  assert.equal(await keeps(), true, 'our own write')
  const foreign = await b.vfs.open(ROOT, ino, O_RDWR)
  await b.vfs.write(ROOT, foreign.fh, 0, patterned(100, 2))
  await b.vfs.release(foreign.fh)
  await a.vfs.write(ROOT, fh, 50, patterned(10, 3))
  let told = 0
  a.vfs.onRemoteChange(() => told++)
  await a.vfs.flush(ROOT, fh)
  assert.equal(told, 1, 'the commit met a foreign change')
  assert.equal(await keeps(), false, 'foreign bytes under our own write')
  assert.equal(await keeps(), true)
  assert.deepEqual(await readBytes(a.vfs, fh, 0, 50), patterned(100, 2).subarray(0, 50))
  await a.vfs.release(fh)
})

test('suid and sgid go with a write that asks for it', async (t) => {
  const { vfs, file } = await openTestVfs(t)
  const { ino, fh } = await file('a')
  await vfs.setattr(ROOT, ino, { mode: 0o6775 })
  await vfs.write(ROOT, fh, 0, Buffer.from('x'), false)
  assert.equal((await vfs.getattr(ROOT, ino)).mode, 0o6775)
  await vfs.write(ROOT, fh, 0, Buffer.from('x'), true)
  assert.equal((await vfs.getattr(ROOT, ino)).mode, 0o775)
  await vfs.setattr(ROOT, ino, { mode: 0o6745 })
  await vfs.setattr(ROOT, ino, { size: 0, killSuidgid: true }, fh)
  assert.equal((await vfs.getattr(ROOT, ino)).mode, 0o2745, 'sgid without group execute is a lock mark')
  await vfs.release(fh)
})

test('an attribute answer that a local change overtook is known to be stale', async (t) => {
  const { vfs, file } = await openTestVfs(t)
  const { ino, fh } = await file('a')
  const before = vfs.sequence
  assert.equal(vfs.changedSince(ino, before), false)
  await vfs.write(ROOT, fh, 0, Buffer.from('x'))
  assert.equal(vfs.changedSince(ino, before), true)
  assert.equal(vfs.changedSince(ino, vfs.sequence), false)
  await vfs.release(fh)
  assert.equal(vfs.changedSince(ino, before), true, 'also when it is not open any more')
})

test('a memory budget smaller than the data slows writers down and loses nothing', async (t) => {
  const { vfs, file, faulty, metrics } = await openTestVfs(t, { blocks: { bufferSize: 32 * 2 ** 20 } })
  faulty.faults.ops = ['put']
  faulty.faults.latencyMs = 3
  const files = await Promise.all(Array.from({ length: 6 }, (_, k) => file(`f${k}`)))
  const piece = 128 * 1024
  const pieces = 64
  await Promise.all(
    files.map(async ({ fh }, k) => {
      for (let p = 0; p < pieces; p++) {
        const data = Buffer.alloc(piece, (p * 6 + k) & 0xff)
        const written = vfs.write(ROOT, fh, p * piece, data)
        data.fill(0xee)
        assert.equal(await written, piece)
      }
      await vfs.flush(ROOT, fh)
    }),
  )
  for (const [k, { fh }] of files.entries()) {
    for (let p = 0; p < pieces; p += 7) {
      const got = await readBytes(vfs, fh, p * piece, piece)
      assert.ok(got.equals(Buffer.alloc(piece, (p * 6 + k) & 0xff)), `file ${k} piece ${p}`)
    }
    await vfs.release(fh)
  }
  assert.equal(metrics.snapshot().vfs_open_slices, 0)
})

test('an object that vanished under an old view is looked up again, and is EIO when it is really gone', async (t) => {
  const [a, b] = await openTestVfsPair(t, { vfs: { compaction: 'off' } })
  const { ino, fh } = await a.file('a')
  for (let k = 0; k < 6; k++) {
    await a.vfs.write(ROOT, fh, k * 100, patterned(100, k))
    await a.vfs.flush(ROOT, fh)
  }
  const reader = await b.vfs.open(ROOT, ino, O_RDONLY)
  await readBytes(b.vfs, reader.fh, 0, 10)
  const replaced = await a.client.meta.readChunk(ino, 0)
  assert.ok(await a.vfs.compactChunk(ino, 0))
  for (const { id, size } of replaced) {
    await a.blocks.remove({ id, size })
    await b.blocks.evict({ id, size })
  }
  assert.deepEqual(await readBytes(b.vfs, reader.fh, 500, 100), patterned(100, 5))
  const [now] = await a.client.meta.readChunk(ino, 0)
  await a.blocks.remove({ id: now!.id, size: now!.size })
  await b.blocks.evict({ id: now!.id, size: now!.size })
  await assert.rejects(
    readBytes(b.vfs, reader.fh, 500, 100),
    (error) => error instanceof FsError && error.errno === EIO,
  )
  await b.vfs.release(reader.fh)
  await a.vfs.release(fh)
})

test('a file that another client cuts between our open and our read ends early: it does not read as zeros', async (t) => {
  const [a, b] = await openTestVfsPair(t)
  const { ino, fh: theirs } = await b.file('f')
  await b.vfs.write(ROOT, theirs, 0, patterned(1000, 1))
  await b.vfs.flush(ROOT, theirs)
  const { fh } = await a.vfs.open(ROOT, ino, O_RDWR)
  await b.vfs.setattr(ROOT, ino, { size: 0 })
  assert.equal((await readBytes(a.vfs, fh, 0, 4096)).length, 0)

  await b.vfs.write(ROOT, theirs, 0, patterned(2000, 2))
  await b.vfs.flush(ROOT, theirs)
  const { fh: again } = await a.vfs.open(ROOT, ino, O_RDWR)
  await b.vfs.setattr(ROOT, ino, { size: 0 })
  await b.vfs.write(ROOT, theirs, 0, patterned(500, 3))
  await b.vfs.flush(ROOT, theirs)
  assert.deepEqual(await readBytes(a.vfs, again, 0, 4096), patterned(500, 3))
})
