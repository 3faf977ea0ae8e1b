import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { EACCES, EFBIG, EINVAL, EISDIR, ENODEV, ENOENT, EOPNOTSUPP, EPERM } from '#core/base/errno.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import {
  CHUNK_SIZE,
  FLAG_APPEND,
  FLAG_IMMUTABLE,
  MAX_FILE_SIZE,
  type NodeType,
  TYPE_DIRECTORY,
  TYPE_FIFO,
  TYPE_FILE,
} from '../records.ts'
import { watched } from '../test-engine.ts'
import {
  checkedUser,
  openTestVolume,
  plainUser,
  refuses,
  type TestClient,
  type TestVolumeOptions,
} from '../test-volume.ts'

const ROOT = rootContext()
const KEEP = 1
const PUNCH = 2
const ZERO = 16

async function withFile(
  body: (client: TestClient, ino: Ino) => Promise<void>,
  type: NodeType = TYPE_FILE,
  options: TestVolumeOptions = {},
): Promise<void> {
  const client = await openTestVolume(options)
  try {
    const { ino } = await client.meta.mknod(ROOT, ROOT_INO, 'f', { type, mode: 0o644 })
    await body(client, ino)
    await client.settle()
  } finally {
    await client.close()
  }
}

/** Records of each chunk as `pos+len`, id 0 all of them. */
async function holes({ engine, meta }: TestClient, ino: Ino): Promise<Record<number, string>> {
  const page = await engine.list({ kind: 'chunks', ino }, { limit: 100 })
  const found: Record<number, string> = {}
  for (const { index } of page.items) {
    const records = await meta.readChunk(ino, index)
    assert.ok(records.every(({ id }) => id === 0))
    found[index] = records.map(({ pos, len }) => `${pos}+${len}`).join(' ')
  }
  return found
}

test('truncate leaves the zero records of the format, in existing chunks and at both ends', async () => {
  await withFile(async (client, ino) => {
    const { meta } = client
    const C = CHUNK_SIZE
    await meta.truncate(ROOT, ino, 100, true)
    assert.deepEqual(await holes(client, ino), { 0: '0+100' })
    await meta.truncate(ROOT, ino, 3 * C + 7, true)
    assert.deepEqual(await holes(client, ino), { 0: `0+100 100+${C - 100}`, 3: '0+7' })
    await meta.truncate(ROOT, ino, 5 * C, true)
    assert.deepEqual((await holes(client, ino))[3], `0+7 7+${C - 7}`)
    await meta.truncate(ROOT, ino, C + 1, true)
    assert.deepEqual(await holes(client, ino), {
      0: `0+100 100+${C - 100}`,
      1: `1+${C - 1}`,
      3: `0+7 7+${C - 7} 0+${C}`,
    })
    assert.equal((await meta.getattr(ROOT, ino)).length, C + 1)
  })
})

test('truncate sets mtime and ctime, also when the length stays as it is', async () => {
  await withFile(async ({ meta, clock }, ino) => {
    await clock.advance(5000)
    const node = await meta.truncate(ROOT, ino, 5, true)
    assert.deepEqual([node.mtime, node.ctime, node.length], [clock.nowSec(), clock.nowSec(), 5])
    await clock.advance(5000)
    const again = await meta.truncate(ROOT, ino, 5, true)
    assert.deepEqual([again.mtime, again.ctime, again.length], [node.mtime + 5, node.ctime + 5, 5])
  })
})

test('a truncate within a chunk costs one read and one commit', async () => {
  const { wrap, calls } = watched()
  await withFile(
    async ({ meta, settle }, ino) => {
      await meta.truncate(ROOT, ino, 1, true)
      await settle()
      calls.length = 0
      await meta.truncate(ROOT, ino, 5000, true)
      assert.deepEqual(calls, ['read', 'commit truncate'])
    },
    TYPE_FILE,
    { wrap },
  )
})

test('truncate refuses what Linux refuses', async () => {
  await withFile(async ({ meta }, ino) => {
    await refuses(EINVAL, meta.truncate(ROOT, ino, -1, true))
    await refuses(EFBIG, meta.truncate(ROOT, ino, MAX_FILE_SIZE, true))
    await refuses(ENOENT, meta.truncate(ROOT, 999, 0, true))
    await refuses(EACCES, meta.truncate(checkedUser(7), ino, 3, false))
    await meta.truncate(checkedUser(7), ino, 3, true)
    await meta.truncate(ROOT, ino, MAX_FILE_SIZE - 1, true)
    for (const flags of [FLAG_IMMUTABLE, FLAG_APPEND]) {
      await meta.setattr(ROOT, ino, { flags })
      await refuses(EPERM, meta.truncate(ROOT, ino, 0, true))
    }
  })
  await withFile(({ meta }, ino) => refuses(EISDIR, meta.truncate(ROOT, ino, 0, true)), TYPE_DIRECTORY)
  await withFile(({ meta }, ino) => refuses(EINVAL, meta.truncate(ROOT, ino, 0, true)), TYPE_FIFO)
})

test('writers without privilege lose set-uid and set-gid by truncate and fallocate, root does not', async () => {
  await withFile(async ({ meta }, ino) => {
    await meta.setattr(ROOT, ino, { mode: 0o6755 })
    assert.equal((await meta.truncate(ROOT, ino, 1, true)).mode, 0o6755)
    assert.equal((await meta.fallocate(ROOT, ino, 0, 0, 9)).mode, 0o6755)
    assert.equal((await meta.truncate(plainUser(5), ino, 2, true)).mode, 0o755)
    await meta.setattr(ROOT, ino, { mode: 0o6745 })
    assert.equal((await meta.fallocate({ ...plainUser(5), gid: 0 }, ino, KEEP, 0, 9)).mode, 0o2745)
    await meta.setattr(ROOT, ino, { mode: 0o6745 })
    assert.equal((await meta.fallocate(plainUser(5), ino, KEEP, 0, 9)).mode, 0o745)
  })
})

test('fallocate makes the file longer unless told to keep its size, and stores nothing for it', async () => {
  await withFile(async (client, ino) => {
    const { meta, clock } = client
    await clock.advance(3000)
    const node = await meta.fallocate(ROOT, ino, 0, 100, 50)
    assert.deepEqual([node.length, node.mtime, node.ctime], [150, clock.nowSec(), clock.nowSec()])
    assert.equal((await meta.fallocate(ROOT, ino, 0, 10, 50)).length, 150)
    assert.equal((await meta.fallocate(ROOT, ino, KEEP, 0, 5000)).length, 150)
    assert.deepEqual(await holes(client, ino), {})
  })
})

test('punching and zeroing write zero records up to the old end, over chunk borders', async () => {
  await withFile(async (client, ino) => {
    const { meta } = client
    const C = CHUNK_SIZE
    await meta.fallocate(ROOT, ino, 0, 0, C + 100)
    await meta.fallocate(ROOT, ino, PUNCH | KEEP, C - 10, 500)
    assert.deepEqual(await holes(client, ino), { 0: `${C - 10}+10`, 1: '0+100' })
    assert.equal((await meta.fallocate(ROOT, ino, ZERO | KEEP, C + 50, 500)).length, C + 100)
    assert.equal((await meta.fallocate(ROOT, ino, ZERO, C + 60, 500)).length, C + 560)
    assert.deepEqual(await holes(client, ino), { 0: `${C - 10}+10`, 1: '0+100 50+50 60+40' })
  })
})

test('fallocate refuses what it cannot do', async () => {
  await withFile(async ({ meta }, ino) => {
    const refused = (errno: number, mode: number, offset = 0, size = 4096) =>
      refuses(errno, meta.fallocate(ROOT, ino, mode, offset, size))
    await refused(EINVAL, 0, 0, 0)
    await refused(EINVAL, 0, -1)
    await refused(EFBIG, 0, MAX_FILE_SIZE - 5)
    await refused(EOPNOTSUPP, PUNCH)
    await refused(EOPNOTSUPP, PUNCH | ZERO | KEEP)
    await refused(EOPNOTSUPP, 8)
    await refused(EOPNOTSUPP, 32)
    await refused(EOPNOTSUPP, 64)
    await refuses(ENOENT, meta.fallocate(ROOT, 999, 0, 0, 1))
    await refuses(EACCES, meta.fallocate(checkedUser(7), ino, 0, 0, 1))
    await meta.setattr(ROOT, ino, { flags: FLAG_APPEND })
    await refused(EPERM, PUNCH | KEEP)
    await refused(EPERM, ZERO)
    await meta.fallocate(ROOT, ino, 0, 0, 10)
    await meta.setattr(ROOT, ino, { flags: FLAG_IMMUTABLE })
    await refused(EPERM, 0)
  })
  await withFile(({ meta }, ino) => refuses(EISDIR, meta.fallocate(ROOT, ino, 0, 0, 1)), TYPE_DIRECTORY)
  await withFile(({ meta }, ino) => refuses(ENODEV, meta.fallocate(ROOT, ino, 0, 0, 1)), TYPE_FIFO)
})
