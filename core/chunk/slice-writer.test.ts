import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { below, seededRandom } from '#core/base/random.ts'
import { KiB, MiB, readAll, testBytes, testStore, writeAt, writeSlice } from './test-store.ts'

test('a slice of 10 MiB becomes the objects of the reference', async (t) => {
  const { blocks, objects } = await testStore(t, { blockSize: 4 * MiB })
  const bytes = testBytes(10485760, 1)
  await writeSlice(blocks, 1, bytes)
  assert.deepEqual([...objects.objects.keys()].sort(), [
    'chunks/0/0/1_0_4194304',
    'chunks/0/0/1_1_4194304',
    'chunks/0/0/1_2_2097152',
  ])
  assert.ok(bytes.subarray(8 * MiB).equals(objects.objects.get('chunks/0/0/1_2_2097152')!.bytes))
  assert.equal(blocks.key({ id: 1, size: 10485760 }, 2), 'chunks/0/0/1_2_2097152')
})

const STEPS = 30
const LONGEST = 100 * KiB

test('random overwrites of the unfinished tail end up in the objects', async (t) => {
  const seed = Date.now() % 100000
  const random = seededRandom(seed)
  for (let id = 1; id <= 20; id++) {
    const { blocks } = await testStore(t)
    const writer = blocks.newSlice()
    const model = Buffer.alloc(STEPS * LONGEST)
    if (id % 2 === 0) writer.setId(id)
    for (let step = 0; step < STEPS; step++) {
      const from = writer.frozenBelow
      const at = below(random, 2) === 0 ? writer.length : from + below(random, writer.length - from + 1)
      const bytes = testBytes(1 + below(random, LONGEST), seed + step)
      model.set(bytes, at)
      await writeAt(writer, at, bytes)
      assert.ok(
        Buffer.concat(writer.peek(from, writer.length - from)!).equals(model.subarray(from, writer.length)),
        `seed ${seed} slice ${id} step ${step}`,
      )
    }
    if (id % 2 === 1) writer.setId(id)
    await writer.finish()
    const slice = { id, size: writer.length }
    assert.ok(
      (await readAll(blocks, slice)).equals(model.subarray(0, slice.size)),
      `seed ${seed} slice ${id}`,
    )
  }
})

test('complete blocks go up while later ones are written, and not before the id is known', async (t) => {
  const { blocks, objects } = await testStore(t)
  const writer = blocks.newSlice()
  await writeAt(writer, 0, testBytes(100 * KiB, 1))
  await turn()
  assert.equal(objects.objects.size, 0)
  assert.equal(writer.frozenBelow, 0)
  writer.setId(7)
  assert.equal(writer.frozenBelow, 64 * KiB)
  await blocks.drain({ staged: false })
  assert.deepEqual([...objects.objects.keys()], ['chunks/0/0/7_0_65536'])
  await assert.rejects(async () => await writer.write(0, Buffer.alloc(1)), /frozen below 65536/)
  await writer.finish()
})

test('sent blocks are read from memory while they are uploaded', async (t) => {
  const { blocks, faulty } = await testStore(t, { memoryCacheSize: 0 })
  faulty.faults.latencyMs = 50
  const bytes = testBytes(200 * KiB, 1)
  const writer = blocks.newSlice()
  writer.setId(3)
  await writeAt(writer, 0, bytes)
  assert.equal(writer.frozenBelow, 192 * KiB)
  assert.ok(Buffer.concat(writer.peek(1000, 199 * KiB)!).equals(bytes.subarray(1000, 1000 + 199 * KiB)))
  assert.ok(
    (await readAll(blocks, { id: 3, size: 200 * KiB }, 0, 192 * KiB)).equals(bytes.subarray(0, 192 * KiB)),
  )
  assert.equal(faulty.calls.get, 0)
  await writer.finish()
  assert.equal(writer.peek(0, 10), undefined)
})

test('an aborted slice leaves no object, not even its short last block', async (t) => {
  const { blocks, objects, metrics } = await testStore(t)
  await writeSlice(blocks, 1, testBytes(150 * KiB, 1))
  const finished = blocks.newSlice()
  finished.setId(2)
  await writeAt(finished, 0, testBytes(150 * KiB, 2))
  await finished.finish()
  assert.equal(objects.objects.size, 6)
  finished.abort()
  const open = blocks.newSlice()
  open.setId(3)
  await writeAt(open, 0, testBytes(150 * KiB, 3))
  open.abort()
  await assert.rejects(async () => await open.write(150 * KiB, Buffer.alloc(1)), /aborted/)
  await blocks.drain({ staged: false })
  assert.deepEqual(
    [...objects.objects.keys()].map((key) => key.includes('/1_')),
    [true, true, true],
  )
  assert.equal(metrics.snapshot().used_buffer_size_bytes, 0)
})

test('a failed upload fails the slice, frees its buffers and leaves nothing behind', async (t) => {
  const { blocks, objects, faulty, metrics } = await testStore(t)
  const writer = blocks.newSlice()
  writer.setId(5)
  await writeAt(writer, 0, testBytes(64 * KiB, 1))
  await blocks.drain({ staged: false })
  assert.equal(objects.objects.size, 1)
  faulty.faults.ops = ['put']
  faulty.faults.errors = 1
  await writeAt(writer, 64 * KiB, testBytes(100 * KiB, 2))
  await assert.rejects(writer.finish(), { kind: 'unavailable' })
  await assert.rejects(async () => await writer.write(164 * KiB, Buffer.alloc(1)), { kind: 'unavailable' })
  await blocks.drain({ staged: false })
  assert.equal(objects.objects.size, 0)
  assert.equal(metrics.snapshot().used_buffer_size_bytes, 0)
})

test('writers wait at the ceiling, never pass it, and are all served', async (t) => {
  const blockSize = 4 * MiB
  let pressed = 0
  const { blocks, faulty, metrics } = await testStore(t, {
    ...{ blockSize, bufferSize: 32 * MiB, memoryCacheSize: 8 * MiB, compression: 'lz4' as const },
    onPressure: () => pressed++,
  })
  faulty.faults.latencyMs = 3
  const limit = 32 * MiB
  let peak = 0
  const write = async (id: number): Promise<void> => {
    const bytes = testBytes(6 * MiB + id, id)
    const writer = blocks.newSlice()
    writer.setId(id)
    for (let at = 0; at < bytes.length; at += 300 * KiB) {
      await writeAt(writer, at, bytes.subarray(at, at + 300 * KiB))
      peak = Math.max(peak, metrics.snapshot().used_buffer_size_bytes!)
      await turn()
    }
    await writer.finish()
    assert.ok((await readAll(blocks, { id, size: bytes.length })).equals(bytes))
  }
  await Promise.all(Array.from({ length: 8 }, (_, k) => write(k + 1)))
  assert.ok(peak <= limit, `${peak}`)
  assert.ok(peak > limit / 2 && pressed > 0)
  assert.equal(metrics.snapshot().used_buffer_size_bytes, 0)
})

test('a write that waits can be interrupted and leaves the slice as it was', async (t) => {
  const { blocks, faulty, metrics } = await testStore(t, { blockSize: 4 * MiB, bufferSize: 32 * MiB })
  faulty.faults.hangs = 1
  const hog = blocks.newSlice()
  hog.setId(1)
  const piece = testBytes(4 * MiB, 1)
  let full: Promise<void> | undefined
  for (let at = 0; full === undefined; at += piece.length) full = hog.write(at, piece)
  const writer = blocks.newSlice()
  const controller = new AbortController()
  const waiting = writer.write(0, Buffer.alloc(10), controller.signal)
  assert.ok(waiting)
  controller.abort()
  await assert.rejects(waiting, { name: 'AbortError' })
  assert.equal(writer.length, 0)
  assert.ok(metrics.snapshot().used_buffer_size_bytes! <= 32 * MiB)
  hog.abort()
  await assert.rejects(full, /aborted/)
  await writeAt(writer, 0, Buffer.alloc(10))
  assert.equal(writer.length, 10)
  writer.abort()
  faulty.faults.hangs = 0
})

test('a small slice takes a small buffer', async (t) => {
  const { blocks, metrics } = await testStore(t, { blockSize: 4 * MiB })
  const writers = Array.from({ length: 100 }, () => blocks.newSlice())
  for (const writer of writers) assert.equal(writer.write(0, Buffer.alloc(4096)), undefined)
  assert.equal(metrics.snapshot().used_buffer_size_bytes, 100 * 64 * KiB)
  for (const writer of writers) writer.abort()
  assert.equal(metrics.snapshot().used_buffer_size_bytes, 0)
})
