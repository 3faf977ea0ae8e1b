import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { below, seededRandom } from '#core/base/random.ts'
import { FileObjectStore } from '#core/object/file.ts'
import {
  KiB,
  MiB,
  randomRange,
  readAll,
  testBytes,
  testDirectory,
  testStore,
  writeSlice,
} from './test-store.ts'

for (const compression of ['none', 'lz4', 'zstd'] as const) {
  for (const kind of ['memory', 'file'] as const) {
    test(`slices of every size read back through every cache: ${compression} on ${kind}`, async (t) => {
      const seed = Date.now() % 100000
      const random = seededRandom(seed)
      const cacheDirs = [testDirectory(t)]
      const store = kind === 'file' ? { store: new FileObjectStore(`${testDirectory(t)}/`) } : {}
      const options = { ...store, compression, hashPrefix: below(random, 2) === 0 }
      const { blocks, objects } = await testStore(t, { ...options, cacheDirs, memoryCacheSize: 1 * MiB })
      const sizes = [1, 100, 32768, 65535, 65536, 65537, 300001, 64 * 64 * KiB]
      const slices = sizes.map((size, k) => ({ id: k + 1, size, bytes: testBytes(size, seed + k) }))
      for (const slice of slices) await writeSlice(blocks, slice.id, slice.bytes)

      const check = async (store: typeof blocks): Promise<void> => {
        for (const slice of slices) {
          for (let n = 0; n < 10; n++) {
            const [offset, length] = randomRange(random, slice.size, 64 * KiB)
            const expected = slice.bytes.subarray(offset, offset + length)
            const actual = await readAll(store, slice, offset, length)
            assert.ok(actual.equals(expected), `seed ${seed}: slice ${slice.id} [${offset}, +${length})`)
          }
          if (slice.size < MiB) assert.ok((await readAll(store, slice)).equals(slice.bytes))
        }
      }
      await check(blocks)
      await blocks.close()
      const uncached = await testStore(t, { ...options, objects, memoryCacheSize: 0 })
      await check(uncached.blocks)
      const onDisk = await testStore(t, { ...options, objects, cacheDirs, memoryCacheSize: 0 })
      for (const slice of slices) await onDisk.blocks.warm(slice)
      const gets = onDisk.faulty.calls.get
      await check(onDisk.blocks)
      assert.equal(onDisk.faulty.calls.get, gets)
    })
  }
}

test('a slice of 64 MiB in blocks of 4 MiB reads back whole', async (t) => {
  const { blocks, objects } = await testStore(t, { blockSize: 4 * MiB, compression: 'zstd' })
  const bytes = testBytes(64 * MiB, 9)
  const slice = await writeSlice(blocks, 12, bytes)
  assert.equal(objects.objects.size, 16)
  assert.ok((await readAll(blocks, slice)).equals(bytes))
})

test('the largest compressed block fits the smallest budget', async (t) => {
  const options = { blockSize: 16 * MiB, compression: 'lz4' as const, bufferSize: 1, memoryCacheSize: 0 }
  const { blocks } = await testStore(t, options)
  const bytes = testBytes(17 * MiB, 1)
  assert.ok((await readAll(blocks, await writeSlice(blocks, 1, bytes))).equals(bytes))
})

test('peek shows no byte beyond the slice', async (t) => {
  const { blocks } = await testStore(t)
  const slice = await writeSlice(blocks, 1, testBytes(65 * KiB, 1))
  assert.equal(blocks.peek(slice, 64 * KiB, 1 * KiB)?.[0]?.length, 1 * KiB)
  assert.equal(blocks.peek(slice, 64 * KiB, 1 * KiB + 1), undefined)
  assert.equal(blocks.peek(slice, 63 * KiB, 2 * KiB + 1), undefined)
})

test('many who want one cold block make one request', async (t) => {
  const { objects } = await filled(t)
  const { blocks, faulty } = await testStore(t, { objects })
  faulty.faults.latencyMs = 20
  const slice = { id: 1, size: 64 * KiB }
  const reads = Array.from({ length: 10 }, (_, k) => blocks.read(slice, k * KiB, 60 * KiB - k * KiB))
  assert.deepEqual(
    (await Promise.all(reads)).map((parts) => parts[0]!.length),
    Array.from({ length: 10 }, (_, k) => (60 - k) * KiB),
  )
  assert.equal(faulty.calls.get, 1)
})

test('who waits for a shared fetch can be interrupted alone; the last one stops it', async (t) => {
  const { objects } = await filled(t)
  const { blocks, faulty, metrics } = await testStore(t, { objects })
  faulty.faults.latencyMs = 100
  const slice = { id: 1, size: 64 * KiB }
  const one = new AbortController()
  const interrupted = blocks.read(slice, 0, 64 * KiB, one.signal)
  const served = blocks.read(slice, 0, 64 * KiB)
  one.abort()
  await assert.rejects(interrupted, { kind: 'interrupted' })
  assert.equal((await served)[0]!.length, 64 * KiB)
  assert.equal(faulty.calls.get, 1)

  faulty.faults.hangs = 1
  const other = { id: 2, size: 64 * KiB }
  const last = new AbortController()
  const both = [blocks.read(other, 0, 64 * KiB, last.signal), blocks.read(other, 0, 64 * KiB, last.signal)]
  await turn()
  last.abort()
  for (const read of both) await assert.rejects(read, { kind: 'interrupted' })
  await turn()
  assert.equal(metrics.snapshot().used_buffer_size_bytes, 0)
  faulty.faults.hangs = 0
  assert.equal((await blocks.read(other, 0, 64 * KiB))[0]!.length, 64 * KiB)
})

test('a store that hangs holds up only those who need it', async (t) => {
  const cacheDirs = [testDirectory(t)]
  const { objects, blocks: first } = await filled(t, { cacheDirs })
  await first.warm({ id: 1, size: 64 * KiB })
  await first.close()
  const { blocks, faulty } = await testStore(t, { objects, cacheDirs, bufferSize: 32 * MiB })
  faulty.faults.hangs = 1
  const hung = new AbortController()
  const cold = blocks.read({ id: 2, size: 64 * KiB }, 0, 64 * KiB, hung.signal)
  const writer = blocks.newSlice()
  writer.setId(99)
  let waiting: Promise<void> | undefined
  for (let at = 0; waiting === undefined && at < 64 * MiB; at += 64 * KiB)
    waiting = writer.write(at, Buffer.alloc(64 * KiB))
  assert.ok(waiting)
  assert.equal((await blocks.read({ id: 1, size: 64 * KiB }, 0, 64 * KiB))[0]!.length, 64 * KiB)
  assert.equal(blocks.peek({ id: 1, size: 64 * KiB }, 5, 5)?.[0]?.length, 5)
  hung.abort()
  await assert.rejects(cold)
  writer.abort()
  await assert.rejects(waiting)
  faulty.faults.hangs = 0
})

test('a damaged object is an error for its block only, and the log names it', async (t) => {
  for (const compression of ['none', 'lz4', 'zstd'] as const) {
    const { objects } = await filled(t, { compression })
    const { blocks, lines } = await testStore(t, { objects, compression })
    const object = objects.objects.get('chunks/0/0/3_1_65536')!
    objects.objects.set('chunks/0/0/3_1_65536', { ...object, bytes: object.bytes.subarray(0, 1000) })
    const slice = { id: 3, size: 200 * KiB }
    await assert.rejects(blocks.read(slice, 60 * KiB, 100 * KiB), { kind: 'corrupt' })
    assert.ok(lines.some((line) => line.includes('chunks/0/0/3_1_65536')))
    assert.equal((await readAll(blocks, slice, 0, 64 * KiB)).length, 64 * KiB)
    assert.equal((await readAll(blocks, slice, 128 * KiB, 72 * KiB)).length, 72 * KiB)
  }
})

test('a missing object says so, and only that', async (t) => {
  const { objects } = await filled(t)
  const { blocks } = await testStore(t, { objects })
  objects.objects.delete('chunks/0/0/3_2_65536')
  const slice = { id: 3, size: 200 * KiB }
  await assert.rejects(blocks.read(slice, 130 * KiB, 10), { kind: 'not-found' })
  await assert.rejects(blocks.read(slice, 130 * KiB, 60 * KiB), { kind: 'not-found' })
  assert.deepEqual(await blocks.locate(slice, true), ['store', 'store', 'missing', 'store'])
})

test('a small part of a cold block is fetched alone the first time; a second brings the block', async (t) => {
  const objects = (await testStore(t)).objects
  const bytes = testBytes(4 * MiB, 1)
  objects.objects.set('chunks/0/0/1_0_4194304', { bytes, mtimeMs: 0 })
  const { blocks, faulty, metrics } = await testStore(t, { objects, blockSize: 4 * MiB })
  const slice = { id: 1, size: 4 * MiB }
  assert.ok((await readAll(blocks, slice, MiB, 4096)).equals(bytes.subarray(MiB, MiB + 4096)))
  await turn()
  assert.equal(metrics.snapshot().blockcache_miss_bytes, 4096)
  assert.ok((await readAll(blocks, slice, 2 * MiB, 4096)).equals(bytes.subarray(2 * MiB, 2 * MiB + 4096)))
  while (blocks.peek(slice, 0, 10) === undefined) await turn()
  assert.equal(faulty.calls.get, 3)
  assert.equal(blocks.peek(slice, 0, 4 * MiB)?.[0]?.length, 4 * MiB)
})

test('without a cache only what is read is fetched', async (t) => {
  const { objects } = await filled(t)
  const { blocks, metrics } = await testStore(t, { objects, memoryCacheSize: 0 })
  for (let n = 0; n < 5; n++) await blocks.read({ id: 1, size: 64 * KiB }, 100, 50 * KiB)
  assert.equal(metrics.snapshot().blockcache_miss_bytes, 5 * 50 * KiB)
})

test('prefetched blocks are in memory when they are read; too many are dropped', async (t) => {
  const { blocks, objects, faulty } = await testStore(t, {
    blockSize: 1 * MiB,
    bufferSize: 32 * MiB,
    memoryCacheSize: 64 * MiB,
  })
  const bytes = testBytes(64 * MiB, 1)
  const slice = await writeSlice(blocks, 1, bytes)
  await blocks.close()
  const { blocks: cold } = await testStore(t, {
    objects,
    store: faulty,
    blockSize: 1 * MiB,
    bufferSize: 32 * MiB,
    memoryCacheSize: 64 * MiB,
  })
  faulty.faults.latencyMs = 5
  cold.prefetch(slice, 0, 64 * MiB)
  while (cold.peek(slice, 3 * MiB - 5, 10) === undefined) await turn()
  const before = faulty.calls.get
  assert.ok(before <= 64)
  assert.ok((await readAll(cold, slice)).equals(bytes))
})

test('removing a slice removes objects and cached copies; evicting only the copies', async (t) => {
  const cacheDirs = [testDirectory(t)]
  const { blocks, objects, metrics } = await filled(t, { cacheDirs })
  const slice = { id: 3, size: 200 * KiB }
  await blocks.warm(slice)
  assert.deepEqual(await blocks.locate(slice, false), ['disk', 'disk', 'disk', 'disk'])
  await blocks.evict(slice)
  assert.deepEqual(await blocks.locate(slice, true), ['store', 'store', 'store', 'store'])
  assert.ok((await readAll(blocks, slice)).length > 0)
  await blocks.warm(slice)
  const before = objects.objects.size
  await blocks.remove(slice)
  await blocks.remove(slice)
  assert.equal(objects.objects.size, before - 4)
  assert.deepEqual(await blocks.locate(slice, true), ['missing', 'missing', 'missing', 'missing'])
  assert.equal(metrics.snapshot().blockcache_blocks, 0)
})

test('reads of what a slice does not have are refused', async (t) => {
  const { blocks } = await testStore(t)
  await assert.rejects(blocks.read({ id: 0, size: 10 }, 0, 10), { kind: 'invalid' })
  await assert.rejects(blocks.read({ id: 1, size: 10 }, 5, 6), { kind: 'invalid' })
  await assert.rejects(testStore(t, { blockSize: 65537 }), { kind: 'invalid' })
  await assert.rejects(testStore(t, { writeback: true }), /needs a disk cache/)
})

/** A store with slices 1 and 2 of one block and 3 of four. */
async function filled(t: Parameters<typeof testStore>[0], options: Parameters<typeof testStore>[1] = {}) {
  const store = await testStore(t, options)
  await writeSlice(store.blocks, 1, testBytes(64 * KiB, 1))
  await writeSlice(store.blocks, 2, testBytes(64 * KiB, 2))
  await writeSlice(store.blocks, 3, testBytes(200 * KiB, 3))
  return store
}
