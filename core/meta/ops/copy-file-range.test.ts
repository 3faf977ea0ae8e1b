import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { EACCES, EFBIG, EINVAL, EISDIR, ENOENT, EPERM } from '#core/base/errno.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import {
  CHUNK_SIZE,
  FLAG_APPEND,
  FLAG_IMMUTABLE,
  MAX_FILE_SIZE,
  TYPE_DIRECTORY,
  TYPE_FILE,
} from '../records.ts'
import { type Watched, watched } from '../test-engine.ts'
import { checkedUser, openTestVolume, plainUser, refuses, type TestClient } from '../test-volume.ts'
import { planCompaction } from './compaction.ts'

const ROOT = rootContext()

interface Two {
  readonly from: Ino
  readonly to: Ino
  readonly engine: Watched
}

async function withTwo(body: (client: TestClient, two: Two) => Promise<void>): Promise<void> {
  const engine = watched()
  const client = await openTestVolume({ wrap: engine.wrap })
  try {
    const make = async (name: string) =>
      (await client.meta.mknod(ROOT, ROOT_INO, name, { type: TYPE_FILE, mode: 0o644 })).ino
    await body(client, { from: await make('from'), to: await make('to'), engine })
    await client.settle()
  } finally {
    await client.close()
  }
}

async function write(
  { meta, clock }: TestClient,
  ino: Ino,
  index: number,
  pos: number,
  len: number,
): Promise<number> {
  const id = await meta.newSlice()
  await meta.writeSlice(ino, index, [{ pos, id, size: len, off: 0, len }], clock.now())
  return id
}

test('a copy over chunk borders points at the same slices, cut where a chunk ends, and holds a use for each record', async () => {
  await withTwo(async (client, { from, to }) => {
    const { meta, engine, clock } = client
    const C = CHUNK_SIZE
    const a = await write(client, from, 0, C - 100, 100)
    const b = await write(client, from, 1, 50, 100)
    await clock.advance(1000)
    const { copied, node } = await meta.copyFileRange(ROOT, from, C - 60, to, C - 30, 1000)
    assert.equal(copied, 210)
    assert.deepEqual([node.length, node.mtime, node.ctime], [C + 180, clock.nowSec(), clock.nowSec()])
    assert.deepEqual(await meta.readChunk(to, 0), [{ pos: C - 30, id: a, size: 100, off: 40, len: 30 }])
    assert.deepEqual(await meta.readChunk(to, 1), [
      { pos: 0, id: a, size: 100, off: 70, len: 30 },
      { pos: 80, id: b, size: 100, off: 0, len: 100 },
    ])
    const [refA, refB] = await engine.read([
      { kind: 'sliceRef', id: a, size: 100 },
      { kind: 'sliceRef', id: b, size: 100 },
    ])
    assert.deepEqual([refA?.uses, refB?.uses], [3, 2])
    assert.equal((await meta.getattr(ROOT, from)).atime, clock.nowSec() - 1)
  })
})

test('a copied hole hides what the target had, and none is stored past its end', async () => {
  await withTwo(async (client, { from, to }) => {
    const { meta } = client
    await write(client, from, 0, 0, 10)
    await meta.truncate(ROOT, from, 100, true)
    const old = await write(client, to, 0, 0, 40)
    await meta.copyFileRange(ROOT, from, 0, to, 20, 100)
    const [first, ...rest] = await meta.readChunk(to, 0)
    assert.equal(first?.id, old)
    assert.deepEqual(
      rest.map(({ pos, len, id }) => [pos, len, id === 0]),
      [
        [20, 10, false],
        [30, 90, true],
      ],
    )
    assert.equal((await meta.getattr(ROOT, to)).length, 120)
  })
})

test('a source that ends before the range is copied as far as it goes, past its end nothing is', async () => {
  await withTwo(async (client, { from, to }) => {
    const { meta } = client
    await write(client, from, 0, 0, 10)
    const before = await meta.getattr(ROOT, to)
    assert.deepEqual(await meta.copyFileRange(ROOT, from, 10, to, 0, 5), { copied: 0, node: before })
    assert.deepEqual(await meta.copyFileRange(ROOT, from, 2 ** 40, to, 0, 5), { copied: 0, node: before })
    assert.deepEqual(await meta.copyFileRange(ROOT, from, 0, to, 0, 0), { copied: 0, node: before })
    assert.equal((await meta.copyFileRange(ROOT, from, 7, to, 0, 100)).copied, 3)
  })
})

test('a copy longer than a commit may be is cut short at 4 GiB', async () => {
  await withTwo(async ({ meta }, { from, to }) => {
    await meta.truncate(ROOT, from, 2 ** 40, true)
    const { copied, node } = await meta.copyFileRange(ROOT, from, 0, to, 0, 2 ** 40)
    assert.deepEqual([copied, node.length], [2 ** 32, 2 ** 32])
  })
})

test('ranges of one file may touch, not overlap', async () => {
  await withTwo(async (client, { from }) => {
    const { meta } = client
    await write(client, from, 0, 0, 10)
    await refuses(EINVAL, meta.copyFileRange(ROOT, from, 0, from, 5, 10))
    await refuses(EINVAL, meta.copyFileRange(ROOT, from, 5, from, 5, 5))
    assert.equal((await meta.copyFileRange(ROOT, from, 0, from, 10, 10)).node.length, 20)
    assert.equal((await meta.copyFileRange(ROOT, from, 15, from, 5, 100)).copied, 5)
  })
})

test('what cannot be copied is refused', async () => {
  await withTwo(async (client, { from, to }) => {
    const { meta } = client
    await write(client, from, 0, 0, 10)
    const { ino: dir } = await meta.mknod(ROOT, ROOT_INO, 'd', { type: TYPE_DIRECTORY, mode: 0o755 })
    await refuses(ENOENT, meta.copyFileRange(ROOT, 999, 0, to, 0, 5))
    await refuses(EISDIR, meta.copyFileRange(ROOT, dir, 0, to, 0, 5))
    await refuses(EISDIR, meta.copyFileRange(ROOT, from, 0, dir, 0, 5))
    await refuses(EINVAL, meta.copyFileRange(ROOT, from, -1, to, 0, 5))
    await refuses(EFBIG, meta.copyFileRange(ROOT, from, 0, to, MAX_FILE_SIZE - 3, 5))
    await refuses(EACCES, meta.copyFileRange(checkedUser(5), from, 0, to, 0, 5))
    for (const flags of [FLAG_APPEND, FLAG_IMMUTABLE]) {
      await meta.setattr(ROOT, to, { flags })
      await refuses(EPERM, meta.copyFileRange(ROOT, from, 0, to, 0, 5))
    }
    await meta.setattr(ROOT, to, { flags: 0 })
    await meta.setattr(ROOT, to, { mode: 0o4755 })
    assert.equal((await meta.copyFileRange(plainUser(5), from, 0, to, 0, 5)).node.mode, 0o755)
  })
})

test('a compaction between read and commit makes the copy start over, on the new slice', async () => {
  await withTwo(async (client, { from, to, engine }) => {
    const { meta } = client
    const old = [await write(client, from, 0, 0, 10), await write(client, from, 0, 5, 10)]
    const compacted = await meta.newSlice()
    engine.before('copy_file_range', async () => {
      const { prefix, skipped, pos, size } = planCompaction(await meta.readChunk(from, 0))!
      assert.ok(
        await meta.commitCompaction(from, 0, prefix, skipped, {
          pos,
          id: compacted,
          size,
          off: 0,
          len: size,
        }),
      )
    })
    await meta.copyFileRange(ROOT, from, 0, to, 0, 15)
    assert.deepEqual(await meta.readChunk(to, 0), [{ pos: 0, id: compacted, size: 15, off: 0, len: 15 }])
    const refs = await client.engine.read([
      { kind: 'sliceRef', id: compacted, size: 15 },
      { kind: 'sliceRef', id: old[0]!, size: 10 },
      { kind: 'sliceRef', id: old[1]!, size: 10 },
    ])
    assert.deepEqual(
      refs.map((ref) => ref?.uses),
      [2, 0, 0],
    )
  })
})
