import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { BackendError, EFBIG, ENOENT, EPERM } from '#core/base/errno.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import { CHUNK_SIZE, MAX_FILE_SIZE, type SliceRecord, TYPE_DIRECTORY, TYPE_FILE } from '../records.ts'
import { type Watched, watched } from '../test-engine.ts'
import { openTestVolume, refuses, type TestClient } from '../test-volume.ts'

const ROOT = rootContext()
const TIME = { sec: 42, nsec: 7 }

async function withFile(
  body: (client: TestClient, ino: Ino, engine: Watched) => Promise<void>,
): Promise<void> {
  const engine = watched()
  const client = await openTestVolume({ wrap: engine.wrap })
  try {
    const { ino } = await client.meta.mknod(ROOT, ROOT_INO, 'f', { type: TYPE_FILE, mode: 0o644 })
    await client.settle()
    engine.calls.length = 0
    await body(client, ino, engine)
    await client.settle()
  } finally {
    await client.close()
  }
}

function piece(id: number, pos: number, len: number): SliceRecord {
  return { pos, id, size: len, off: 0, len }
}

test('a slice commit appends the record, grows the file and costs one read and one commit', async () => {
  await withFile(async ({ meta, clock, engine }, ino, { calls }) => {
    await clock.advance(1000)
    const id = await meta.newSlice()
    const { node, records, before } = await meta.writeSlice(ino, 2, [piece(id, 10, 90)], TIME)
    assert.deepEqual(calls, ['read', 'commit write'])
    assert.equal(records, 1)
    assert.equal(before!.length, 0)
    assert.deepEqual(
      [node.length, node.mtime, node.mtimeNsec, node.ctime],
      [2 * CHUNK_SIZE + 100, 42, 7, clock.nowSec()],
    )
    assert.deepEqual(await meta.getattr(ROOT, ino), node)
    assert.deepEqual(await meta.readChunk(ino, 2), [piece(id, 10, 90)])
    const [ref] = await engine.read([{ kind: 'sliceRef', id, size: 90 }])
    assert.equal(ref?.uses, 1)
    const second = await meta.writeSlice(ino, 2, [piece(await meta.newSlice(), 0, 5)], TIME)
    assert.deepEqual([second.records, second.node.length], [2, 2 * CHUNK_SIZE + 100])
  })
})

test('commits to one file that are asked for together use what the one before left, without reading', async () => {
  await withFile(async ({ meta }, ino, { calls }) => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => meta.newSlice()))
    const done = await Promise.all(
      ids.map((id, k) => meta.writeSlice(ino, k % 3, [piece(id, 10 * k, 10)], TIME)),
    )
    assert.deepEqual(calls, ['read', ...new Array<string>(20).fill('commit write')])
    assert.equal(done[19]!.node.length, 2 * CHUNK_SIZE + 180)
    assert.equal(done[19]!.records, 7)
    assert.equal((await meta.readChunk(ino, 0)).length, 7)
  })
})

test('a commit that meets a change by another client is made on top of it', async () => {
  await withFile(async ({ meta, engine }, ino, { before }) => {
    before('write', async () => {
      const node = await meta.getattr(ROOT, ino)
      await engine.commit(
        'other',
        [],
        [{ kind: 'putNode', ino, node: { ...node, length: 5000, mode: 0o600 } }],
      )
    })
    const { node, before: found } = await meta.writeSlice(ino, 0, [piece(await meta.newSlice(), 0, 10)], TIME)
    assert.deepEqual([node.length, node.mode, found!.length], [5000, 0o600, 5000])
  })
})

test('after a commit without an answer the same slice is not added twice', async () => {
  await withFile(async ({ meta, engine }, ino, { failAfter }) => {
    const slice = piece(await meta.newSlice(), 0, 10)
    failAfter('write', new BackendError('unavailable', 'connection lost'))
    await assert.rejects(meta.writeSlice(ino, 0, [slice], TIME), BackendError)
    const again = await meta.writeSlice(ino, 0, [slice], TIME)
    assert.deepEqual([again.records, again.node.length], [1, 10])
    const [ref] = await engine.read([{ kind: 'sliceRef', id: slice.id, size: 10 }])
    assert.equal(ref?.uses, 1)
  })
})

test('what cannot be written or read is refused', async () => {
  await withFile(async ({ meta }, ino) => {
    const { ino: dir } = await meta.mknod(ROOT, ROOT_INO, 'd', { type: TYPE_DIRECTORY, mode: 0o755 })
    const slice = piece(await meta.newSlice(), 0, 10)
    await refuses(ENOENT, meta.writeSlice(999, 0, [slice], TIME))
    await refuses(EPERM, meta.writeSlice(dir, 0, [slice], TIME))
    await refuses(EFBIG, meta.writeSlice(ino, MAX_FILE_SIZE / CHUNK_SIZE, [slice], TIME))
    await refuses(ENOENT, meta.readChunk(999, 0))
    await refuses(EPERM, meta.readChunk(dir, 0))
    assert.deepEqual(await meta.readChunk(ino, 7), [])
  })
})

test('the next chunk with records is found', async () => {
  await withFile(async ({ meta }, ino) => {
    await meta.writeSlice(ino, 3, [piece(await meta.newSlice(), 0, 10)], TIME)
    await meta.writeSlice(ino, 9, [piece(await meta.newSlice(), 0, 10)], TIME)
    assert.deepEqual(await Promise.all([0, 3, 4, 10].map((from) => meta.nextChunk(ino, from))), [
      3,
      3,
      9,
      undefined,
    ])
  })
})

test('every append changes the node, so that no guard of another client misses it', async () => {
  await withFile(async ({ meta, clock }, ino) => {
    const old = clock.now()
    await clock.advance(1000)
    await meta.truncate(ROOT, ino, 100, true)
    const seen = [await meta.setattr(ROOT, ino, { mtime: TIME })]
    for (let k = 0; k < 3; k++) {
      seen.push((await meta.writeSlice(ino, 0, [piece(await meta.newSlice(), k, 1)], TIME, old)).node)
    }
    assert.equal(new Set(seen.map(({ ctime, ctimeNsec }) => `${ctime} ${ctimeNsec}`)).size, 4)
    assert.deepEqual(
      seen.map(({ ctime }) => ctime),
      new Array(4).fill(clock.nowSec()),
    )
  })
})
