import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import type { OpContext } from '#core/base/context.ts'
import { BackendError, EINTR, EIO, ENODATA, ENOENT, ENOSYS, ERANGE, fail } from '#core/base/errno.ts'
import { TRASH_INO } from '#core/base/ino.ts'
import { below, seededRandom } from '#core/base/random.ts'
import * as abi from './abi.ts'
import type { FileAttr, FileSystem, ReadReply } from './filesystem.ts'
import type { Golden } from './fixtures/golden.ts'
import { MemoryFileSystem } from './memory-filesystem.ts'
import { message, settled, TestWire } from './test-wire.ts'

const attr: FileAttr = {
  ...{ ino: 7, size: 5, blocks: 1, mode: 0o100644, nlink: 1, uid: 1, gid: 2, rdev: 0, blksize: 65536 },
  ...{ atime: -2, atimeNsec: 1, mtime: 2 ** 33, mtimeNsec: 2, ctime: 3, ctimeNsec: 999_999_999 },
}

function files(methods: Partial<FileSystem>): FileSystem {
  return Object.assign(new MemoryFileSystem(), methods)
}

function readBody(fh: number, offset: number, size: number): Buffer {
  const body = Buffer.alloc(40)
  body.writeUInt32LE(fh, 0)
  body.writeUInt32LE(offset, 8)
  body.writeUInt32LE(size, 16)
  return body
}

/** A promise that a test settles. */
function held<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((done) => (resolve = done))
  return { promise, resolve }
}

test('an entry is encoded with times before 1970 and after 2106, and a trash inode in its stored form', async () => {
  const wire = new TestWire(
    files({
      lookup: async () => ({
        ino: TRASH_INO,
        entryTtl: 1.5,
        attrTtl: 0.25,
        attr: { ...attr, ino: TRASH_INO },
      }),
    }),
  )
  const unique = wire.request(abi.FUSE_LOOKUP, 1, Buffer.from('x\0'))
  await settled()
  const { body } = wire.answer(unique)!
  assert.equal(body.length, 128)
  assert.equal(body.readBigUInt64LE(0), 0x7fffffff_10000000n)
  assert.deepEqual([body.readBigUInt64LE(16), body.readUInt32LE(32)], [1n, 500_000_000])
  assert.deepEqual([body.readBigUInt64LE(24), body.readUInt32LE(36)], [0n, 250_000_000])
  assert.equal(body.readBigUInt64LE(40), 0x7fffffff_10000000n)
  assert.deepEqual([body.readBigInt64LE(64), body.readBigInt64LE(72)], [-2n, 2n ** 33n])
})

test('a missing name is ENOENT, and a negative entry has nodeid 0 and its time-out', async () => {
  const wire = new TestWire(
    files({
      lookup: async (_ctx, _parent, name) =>
        name === 'kept' ? { ino: 0, entryTtl: 3, attrTtl: 0, attr } : undefined,
    }),
  )
  const missing = wire.request(abi.FUSE_LOOKUP, 1, Buffer.from('gone\0'))
  const kept = wire.request(abi.FUSE_LOOKUP, 1, Buffer.from('kept\0'))
  await settled()
  assert.equal(wire.answer(missing)?.errno, ENOENT)
  assert.deepEqual(
    [wire.answer(kept)!.body.readBigUInt64LE(0), wire.answer(kept)!.body.readUInt32LE(16)],
    [0n, 3],
  )
})

test('the umask reaches the file system only when the kernel left it to us', async () => {
  const body = Buffer.alloc(8 + 4)
  body.writeUInt32LE(0o777, 0)
  body.writeUInt32LE(0o027, 4)
  body.write('dir\0', 8)
  for (const posixAcl of [false, true]) {
    let umask: number | undefined
    const wire = new TestWire(
      files({
        mkdir: async (ctx) => {
          umask = ctx.umask
          throw fail(ENOENT, 'mkdir')
        },
      }),
      { posixAcl },
    )
    const init = Buffer.alloc(64)
    init.writeUInt32LE(7, 0)
    init.writeUInt32LE(45, 4)
    init.writeUInt32LE(0xffffffff, 12)
    wire.request(abi.FUSE_INIT, 0, init)
    wire.request(abi.FUSE_MKDIR, 1, body)
    await settled()
    assert.equal(umask, posixAcl ? 0o027 : 0)
  }
})

test('a kernel older than 7.31 is refused', async () => {
  const wire = new TestWire(new MemoryFileSystem())
  const init = Buffer.alloc(16)
  init.writeUInt32LE(7, 0)
  init.writeUInt32LE(30, 4)
  assert.equal(wire.answer(wire.request(abi.FUSE_INIT, 0, init))?.errno, 71)
})

test('xattr sizes: 0 asks for the length, too small is ERANGE, the value fits exactly', async () => {
  const wire = new TestWire(
    files({ getxattr: async () => Buffer.from('value'), listxattr: async () => ['user.a', 'user.bc'] }),
  )
  const ask = (opcode: number, size: number): number => {
    const body = Buffer.alloc(8 + 7)
    body.writeUInt32LE(size, 0)
    body.write('user.a\0', 8)
    return wire.request(opcode, 1, opcode === abi.FUSE_GETXATTR ? body : body.subarray(0, 8))
  }
  const [length, small, exact] = [0, 4, 5].map((size) => ask(abi.FUSE_GETXATTR, size))
  const [listLength, listSmall, list] = [0, 14, 15].map((size) => ask(abi.FUSE_LISTXATTR, size))
  await settled()
  assert.equal(wire.answer(length!)!.body.readUInt32LE(0), 5)
  assert.equal(wire.answer(small!)!.errno, ERANGE)
  assert.equal(wire.answer(exact!)!.body.toString(), 'value')
  assert.equal(wire.answer(listLength!)!.body.readUInt32LE(0), 15)
  assert.equal(wire.answer(listSmall!)!.errno, ERANGE)
  assert.equal(wire.answer(list!)!.body.toString(), 'user.a\0user.bc\0')
})

test('a directory answer stops at the size the kernel gave and pads names to 8', async () => {
  const fits: boolean[] = []
  const wire = new TestWire(
    files({
      readdir: async (_ctx, _ino, _fh, _offset, _size, sink) => {
        for (const name of ['a', 'eight888', 'ninenine9']) fits.push(sink.add(name, 5, 8, 1))
      },
    }),
  )
  const unique = wire.request(abi.FUSE_READDIR, 1, readBody(1, 0, 90))
  await settled()
  const { body } = wire.answer(unique)!
  assert.deepEqual(fits, [true, true, false])
  assert.equal(body.length, 32 + 32)
  assert.deepEqual([...body.subarray(24, 32)], [97, 0, 0, 0, 0, 0, 0, 0])
  assert.equal(body.toString('latin1', 56, 64), 'eight888')
})

test('write gets its bytes while they are still there, and the kernel the count', async () => {
  let copy = ''
  const wire = new TestWire(
    files({
      write: (_ctx, _ino, _fh, offset, data) => {
        copy = `${offset}:${Buffer.from(data).toString()}`
        return Promise.resolve(data.length)
      },
    }),
  )
  const body = Buffer.concat([readBody(1, 9, 5), Buffer.from('bytes')])
  const unique = wire.request(abi.FUSE_WRITE, 1, body)
  await settled()
  assert.equal(copy, '9:bytes')
  assert.equal(wire.answer(unique)!.body.readUInt32LE(0), 5)
})

test('a read from a file range is given back once, when the pump is done with it', async () => {
  const given: boolean[] = []
  const reply: ReadReply = { kind: 'file', fd: 99, offset: 4096, length: 10, done: (ok) => given.push(ok) }
  const wire = new TestWire(files({ read: async () => reply }))
  wire.request(abi.FUSE_READ, 7, readBody(1, 0, 10))
  await settled()
  assert.deepEqual(wire.files, [{ slot: 0, fd: 99, offset: 4096, length: 10 }])
  assert.deepEqual(given, [])
  wire.dispatcher.fileSent(0, 0)
  assert.deepEqual(given, [true])
  assert.equal(wire.dispatcher.inFlight, 0)
})

test('a cache file that turns out short is reported, and the read is made once more', async () => {
  const given: boolean[] = []
  const replies: ReadReply[] = [
    { kind: 'file', fd: 99, offset: 0, length: 4, done: (ok) => given.push(ok) },
    { kind: 'bytes', parts: [Buffer.from('good')] },
  ]
  const wire = new TestWire(files({ read: async () => replies.shift()! }))
  const unique = wire.request(abi.FUSE_READ, 7, readBody(1, 0, 4))
  await settled()
  wire.dispatcher.fileSent(0, -ENODATA)
  await settled()
  assert.deepEqual(given, [false])
  assert.equal(wire.answer(unique)!.body.toString(), 'good')
})

test('an interrupted lock wait ends at once with EINTR', async () => {
  const wire = new TestWire(
    files({
      setlk: (ctx: OpContext) =>
        new Promise((_, reject) =>
          ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason), { once: true }),
        ),
    }),
  )
  const unique = wire.request(abi.FUSE_SETLKW, 7, Buffer.alloc(48))
  wire.request(abi.FUSE_INTERRUPT, 0, uniqueBody(unique))
  await settled()
  assert.equal(wire.answer(unique)?.errno, EINTR)
})

test('a read whose task lives on is not interrupted before it is a second old', async () => {
  const wire = new TestWire(files({ read: () => held<ReadReply>().promise }))
  const unique = wire.request(abi.FUSE_READ, 7, readBody(1, 0, 4))
  const started = performance.now()
  wire.request(abi.FUSE_INTERRUPT, 0, uniqueBody(unique))
  await settled()
  assert.equal(wire.answer(unique), undefined)
  while (wire.answer(unique) === undefined && performance.now() - started < 5000)
    await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(wire.answer(unique)?.errno, EINTR)
  assert.ok(performance.now() - started >= 950)
})

test('what comes after an early answer is put away: bytes are given back, a lookup is forgotten', async () => {
  const read = held<ReadReply>()
  const looked = held<Awaited<ReturnType<FileSystem['lookup']>>>()
  const forgotten: number[] = []
  let done = 0
  const wire = new TestWire(
    files({
      read: () => read.promise,
      lookup: () => looked.promise,
      forget: (ino, n) => forgotten.push(ino, n),
    }),
  )
  const first = wire.request(abi.FUSE_READ, 7, readBody(1, 0, 4))
  const second = wire.request(abi.FUSE_LOOKUP, 1, Buffer.from('x\0'))
  wire.dispatcher.interruptAll(EINTR)
  assert.deepEqual([wire.answer(first)?.errno, wire.answer(second)?.errno], [EINTR, EINTR])
  read.resolve({ kind: 'bytes', parts: [Buffer.from('late')], done: () => done++ })
  looked.resolve({ ino: 7, entryTtl: 1, attrTtl: 1, attr })
  await settled()
  assert.equal(wire.answers.length, 2)
  assert.equal(done, 1)
  assert.deepEqual(forgotten, [7, 1])
  assert.equal(wire.dispatcher.inFlight, 0)
})

test('an INTERRUPT for a request we do not have is answered EAGAIN', () => {
  const wire = new TestWire(new MemoryFileSystem())
  wire.feed(message(abi.FUSE_INTERRUPT, 0, 1001, uniqueBody(1000)))
  assert.equal(wire.answer(1001)?.errno, 11)
})

test('errors become errnos: refusals as they are, backends and bugs EIO with one log line, no EINTR unasked', async () => {
  const errors = [
    fail(ENODATA, 'x'),
    new BackendError('unavailable', 'redis: gone'),
    new TypeError('bug'),
    fail(EINTR, 'x'),
  ]
  const wire = new TestWire(
    files({
      getattr: () => {
        throw errors.shift()
      },
    }),
  )
  const asked = [...errors].map(() => wire.request(abi.FUSE_GETATTR, 1, Buffer.alloc(16)))
  await settled()
  assert.deepEqual(
    asked.map((unique) => wire.answer(unique)?.errno),
    [ENODATA, EIO, EIO, EIO],
  )
  assert.equal(wire.logged.length, 3)
  assert.match(wire.logged[1]!, /getattr failed: TypeError: bug .*stack=/)
  assert.equal(wire.metrics.snapshot().fuse_ops_io_errors_EIO, 3)
  assert.equal(wire.metrics.snapshot().fuse_ops_total_getattr, 4)
})

test('the same trouble is not logged again at once', async () => {
  const wire = new TestWire(
    files({ getattr: () => Promise.reject(new Error(`block ${Math.random()} missing`.replace(/\./, ''))) }),
  )
  for (let i = 0; i < 50; i++) wire.request(abi.FUSE_GETATTR, 1, Buffer.alloc(16))
  await settled()
  assert.equal(wire.logged.length, 1)
})

test('an answer that cannot be encoded or is too long is EIO, not a crash', async () => {
  const wire = new TestWire(
    files({
      read: async () => ({ kind: 'bytes', parts: [Buffer.alloc(11)] }),
      lookup: async () => ({ ino: 5 }) as never,
    }),
  )
  const long = wire.request(abi.FUSE_READ, 7, readBody(1, 0, 10))
  const broken = wire.request(abi.FUSE_LOOKUP, 1, Buffer.from('x\0'))
  await settled()
  assert.deepEqual([wire.answer(long)?.errno, wire.answer(broken)?.errno], [EIO, EIO])
  assert.equal(wire.dispatcher.inFlight, 0)
})

test('a COPY_FILE_RANGE of before 7.45 reports at most what 32 bits hold', async () => {
  const lengths: number[] = []
  const wire = new TestWire(
    files({
      copyFileRange: async (_ctx, _ino, _fh, _offset, _toIno, _toFh, _toOffset, length) => {
        lengths.push(length)
        return length
      },
    }),
  )
  const body = Buffer.alloc(56)
  body.writeBigUInt64LE(1n, 16)
  body.writeBigUInt64LE(5n * 2n ** 30n, 40)
  const old = wire.request(abi.FUSE_COPY_FILE_RANGE, 1, body)
  const wide = wire.request(abi.FUSE_COPY_FILE_RANGE_64, 1, body)
  await settled()
  assert.deepEqual(lengths, [2 ** 32 - 2 ** 26, 5 * 2 ** 30])
  assert.equal(wire.answer(old)!.body.readBigUInt64LE(0), 2n ** 32n - 2n ** 26n)
  assert.equal(wire.answer(wide)!.body.readBigUInt64LE(0), 5n * 2n ** 30n)
})

test('malformed names and sizes are answered EIO and logged', async () => {
  const wire = new TestWire(new MemoryFileSystem())
  const bad = [
    wire.request(abi.FUSE_LOOKUP, 1, Buffer.from('no end')),
    wire.request(abi.FUSE_LOOKUP, 1, Buffer.from('\0')),
    wire.request(abi.FUSE_LOOKUP, 1, Buffer.from('a/b\0')),
    wire.request(abi.FUSE_LOOKUP, 1, Buffer.from('a\0b\0')),
    wire.request(abi.FUSE_GETATTR, 1, Buffer.alloc(4)),
    wire.request(abi.FUSE_WRITE, 1, readBody(1, 0, 1_000_000)),
    wire.request(abi.FUSE_RENAME, 1, Buffer.from('\x01\0\0\0\0\0\0\0only one\0')),
    wire.request(abi.FUSE_GETATTR, 2 ** 53, Buffer.alloc(16)),
  ]
  await settled()
  assert.deepEqual(
    bad.map((unique) => wire.answer(unique)?.errno),
    bad.map(() => EIO),
  )
  assert.ok(wire.logged.length > 3)
  for (const opcode of [
    abi.FUSE_STATX,
    abi.FUSE_POLL,
    abi.FUSE_BMAP,
    abi.FUSE_SETUPMAPPING,
    54,
    4096,
    2 ** 31,
  ])
    assert.equal(wire.answer(wire.request(opcode, 1, Buffer.alloc(16)))?.errno, ENOSYS)
})

test('thousands of damaged requests end in answers, never in a throw', async () => {
  const { requests } = JSON.parse(
    readFileSync(new URL('./fixtures/kernel.json', import.meta.url), 'utf8'),
  ) as {
    readonly requests: readonly Golden[]
  }
  const originals = requests.map((golden) => Buffer.from(golden.request, 'hex'))
  const seed = Number(process.env.POMELO_SEED ?? 20261125)
  const random = seededRandom(seed)
  const fs = new MemoryFileSystem()
  fs.maxFile = 256 * 1024
  const wire = new TestWire(fs)
  let unhandled: unknown
  const onUnhandled = (error: unknown): void => void (unhandled = error)
  process.on('unhandledRejection', onUnhandled)
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(originals[below(random, originals.length)]!)
    for (let n = below(random, 4); n >= 0; n--) {
      const at = below(random, bytes.length)
      // Not the pid: its /proc entry is looked at.
      if (at < 32 || at >= 36)
        bytes[at] = below(random, 3) === 0 ? below(random, 256) : [0, 1, 0x2f, 0x7f, 0xff][below(random, 5)]!
    }
    const cut = below(random, 4) === 0 ? bytes.subarray(0, below(random, bytes.length + 1)) : bytes
    if (cut.length >= 4 && below(random, 2) === 0) cut.writeUInt32LE(cut.length, 0)
    try {
      wire.feed(cut)
    } catch (error) {
      assert.fail(`seed ${seed}, round ${round}: ${cut.toString('hex')}: ${(error as Error).stack}`)
    }
    if (round % 100 === 0) {
      await settled()
      wire.answers.length = wire.logged.length = 0
    }
  }
  await settled()
  process.off('unhandledRejection', onUnhandled)
  assert.equal(unhandled, undefined)
})

function uniqueBody(unique: number): Buffer {
  const body = Buffer.alloc(8)
  body.writeUInt32LE(unique, 0)
  return body
}
