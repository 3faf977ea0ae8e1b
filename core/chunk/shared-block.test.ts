import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { ManualClock } from '#core/base/clock.ts'
import { isPages } from '#core/base/page-buffer.ts'
import { below, seededRandom } from '#core/base/random.ts'
import { MemoryObjectStore } from '#core/object/memory.ts'
import type { ByteRange, RequestOptions } from '#core/object/store.ts'
import { BufferPool } from './buffer-pool.ts'
import { checksums } from './cache/cache-file.ts'
import { giveBack, type Lent, lend, SharedBlock } from './shared-block.ts'
import { KiB, MiB, testBytes, testDirectory, testStore, UUID, writeSlice } from './test-store.ts'

/** Puts bodies where there is room for them, as S3 does. */
class RoomyStore extends MemoryObjectStore {
  override async get(key: string, range?: ByteRange, options?: RequestOptions): Promise<Uint8Array> {
    const bytes = await super.get(key, range)
    const room = range === undefined ? options?.room?.(bytes.length) : undefined
    if (room === undefined) return bytes
    room.set(bytes)
    return room
  }
}

const BLOCK = 64 * KiB
const BLOCKS = 64

/** A cold store with one slice. */
async function cold(t: TestContext, options: Parameters<typeof testStore>[1] = {}) {
  const { blockSize = BLOCK } = options
  const objects = new RoomyStore()
  const bytes = testBytes(BLOCKS * blockSize, 5)
  const slice = await writeSlice((await testStore(t, { blockSize, objects })).blocks, 1, bytes)
  return { ...(await testStore(t, { memoryCacheSize: 4 * blockSize, ...options, objects })), slice, bytes }
}

test('the last user gives the buffer back, and nobody may come after', () => {
  const pool = new BufferPool(() => MiB, new ManualClock())
  const buffer = pool.take(64 * KiB)
  const block = new SharedBlock(buffer.subarray(0, 10), pool, buffer)
  const lent: Lent = []
  assert.equal(lend(block, lent).length, 10)
  block.release()
  assert.equal(pool.idle, 0)
  giveBack(lent)
  assert.equal(pool.idle, 64 * KiB)
  giveBack(lent)
  assert.throws(() => block.hold(), /after its buffer was given back/)
  const kept = new SharedBlock(pool.take(64 * KiB), pool)
  lend(kept, undefined)
  kept.release()
  assert.equal(pool.idle, 0, 'a view that nobody gives back')
})

test('a long read goes through few buffers, whether it waits for blocks or finds them', async (t) => {
  const { blocks, slice, bytes } = await cold(t)
  const buffers = new Set<ArrayBufferLike>()
  for (let at = 0; at < bytes.length; at += BLOCK / 2) {
    const lent: Lent = []
    const parts =
      blocks.peek(slice, at, BLOCK / 2, lent) ?? (await blocks.read(slice, at, BLOCK / 2, undefined, lent))
    assert.ok(bytes.subarray(at, at + BLOCK / 2).equals(Buffer.concat(parts)))
    for (const part of parts) buffers.add(part.buffer)
    giveBack(lent)
    await turn()
  }
  assert.ok(buffers.size < BLOCKS / 4, `${buffers.size} buffers for ${BLOCKS} blocks`)
})

test('views stay what they were until they are given back, or for ever', async (t) => {
  const seed = Date.now() % 100000
  const random = seededRandom(seed)
  for (const cacheDirs of [[], [testDirectory(t)]]) {
    const { blocks, slice, bytes } = await cold(t, { cacheDirs })
    const held: { at: number; length: number; parts: readonly Uint8Array[]; lent: Lent | undefined }[] = []
    const check = (k: number): void => {
      const { at, length, parts, lent } = held.splice(k, 1)[0]!
      const same = bytes.subarray(at, at + length).equals(Buffer.concat(parts))
      assert.ok(same, `seed ${seed}: ${length} bytes at ${at}, ${lent === undefined ? 'kept' : 'lent'}`)
      if (lent !== undefined) giveBack(lent)
    }
    const read = async (): Promise<void> => {
      const at = below(random, bytes.length)
      const length = Math.min(bytes.length - at, 1 + below(random, 2 * BLOCK))
      const lent: Lent | undefined = below(random, 4) === 0 ? undefined : []
      const parts =
        blocks.peek(slice, at, length, lent) ?? (await blocks.read(slice, at, length, undefined, lent))
      held.push({ at, length, parts, lent })
    }
    for (let round = 0; round < 200; round++) {
      blocks.prefetch(slice, below(random, bytes.length / 2), 3 * BLOCK)
      await Promise.all(Array.from({ length: 1 + below(random, 4) }, read))
      while (held.length > 12) check(below(random, held.length))
    }
    while (held.length > 0) check(0)
  }
})

test('a block that is fetched for several is held for each of them', async (t) => {
  const { blocks, slice, bytes, faulty } = await cold(t, { memoryCacheSize: 0 })
  const lents: Lent[] = [[], [], []]
  const all = await Promise.all(lents.map((lent) => blocks.read(slice, 0, BLOCK, undefined, lent)))
  assert.equal(faulty.calls.get, 1)
  giveBack(lents[0]!)
  await turn()
  for (let k = 1; k < BLOCKS; k++) {
    const lent: Lent = []
    await blocks.read(slice, k * BLOCK, BLOCK, undefined, lent)
    giveBack(lent)
    await turn()
  }
  for (const parts of all.slice(1)) assert.ok(bytes.subarray(0, BLOCK).equals(Buffer.concat(parts)))
})

test('blocks in whole pages are cached past the kernel’s cache, in the same layout', async (t) => {
  const cacheDirs = [testDirectory(t)]
  const { blocks, slice, bytes } = await cold(t, { blockSize: MiB, memoryCacheSize: 0, cacheDirs })
  const parts = await blocks.read(slice, 0, MiB)
  assert.ok(isPages(parts[0]!), 'built')
  for (let k = 0; k < 8; k++) await blocks.warm({ id: 1, size: slice.size })
  await blocks.close()
  for (let k = 0; k < BLOCKS; k++) {
    const file = readFileSync(join(cacheDirs[0]!, UUID, 'raw', blocks.key(slice, k)))
    const block = bytes.subarray(k * MiB, (k + 1) * MiB)
    assert.ok(file.equals(Buffer.concat([block, checksums(block)])), `block ${k}`)
  }
})
