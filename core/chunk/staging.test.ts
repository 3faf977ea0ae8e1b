import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FileObjectStore } from '#core/object/file.ts'
import { MemoryObjectStore } from '#core/object/memory.ts'
import type { PutOptions } from '#core/object/store.ts'
import { KiB, readAll, testBytes, testDirectory, testStore, UUID, writeSlice } from './test-store.ts'

function stagedFiles(cache: string): string[] {
  const root = join(cache, UUID, 'rawstaging')
  if (!existsSync(root)) return []
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
}

/** A write-back store whose bucket does not answer puts. */
async function staged(t: TestContext, options: Parameters<typeof testStore>[1] = {}) {
  const cache = testDirectory(t)
  const store = await testStore(t, { cacheDirs: [cache], writeback: true, memoryCacheSize: 0, ...options })
  store.faulty.faults.ops = ['put']
  store.faulty.faults.hangs = 1
  return { ...store, cache }
}

test('a staged block is acknowledged, readable and linked before it is uploaded', async (t) => {
  const { blocks, objects, cache, metrics } = await staged(t)
  const bytes = testBytes(100 * KiB, 1)
  const slice = await writeSlice(blocks, 1, bytes)
  assert.equal(objects.objects.size, 0)
  assert.ok((await readAll(blocks, slice)).equals(bytes))
  assert.deepEqual(await blocks.locate(slice, false), ['staging', 'staging'])
  assert.deepEqual(stagedFiles(cache).sort(), ['1_0_65536', '1_1_36864'])
  const file = join(cache, UUID, 'raw/chunks/0/0/1_1_36864')
  assert.equal(statSync(file).nlink, 2)
  assert.equal(readFileSync(file).length, 36864 + 8)
  assert.equal(metrics.snapshot().staging_block_bytes, 100 * KiB)
  await blocks.evict(slice)
  assert.ok((await readAll(blocks, slice)).equals(bytes))
})

test('drain waits for staged blocks, which then are ordinary cached ones', async (t) => {
  const { blocks, objects, cache, faulty } = await staged(t, { compression: 'lz4' })
  const bytes = testBytes(100 * KiB, 1)
  faulty.faults.hangs = 0
  faulty.faults.latencyMs = 20
  const slice = await writeSlice(blocks, 1, bytes)
  await blocks.drain({ staged: true, signal: AbortSignal.timeout(5000) })
  assert.equal(objects.objects.size, 2)
  assert.deepEqual(stagedFiles(cache), [])
  assert.deepEqual(await blocks.locate(slice, false), ['disk', 'disk'])
  assert.ok((await readAll(blocks, slice)).equals(bytes))
  assert.equal(faulty.calls.get, 0)
})

test('drain of staged blocks can be given up', async (t) => {
  const { blocks } = await staged(t)
  await writeSlice(blocks, 1, testBytes(10, 1))
  await assert.rejects(blocks.drain({ staged: true, signal: AbortSignal.timeout(20) }), {
    kind: 'interrupted',
  })
})

test('any mount uploads what an earlier one left, oldest first', async (t) => {
  const { blocks, cache } = await staged(t)
  for (const id of [5, 3, 9]) {
    await writeSlice(blocks, id, testBytes(1000, id))
    await sleep(5)
  }
  await blocks.close()
  const puts: string[] = []
  class Recording extends MemoryObjectStore {
    override async put(key: string, parts: readonly Uint8Array[], options?: PutOptions): Promise<void> {
      puts.push(key)
      await super.put(key, parts, options)
    }
  }
  const next = await testStore(t, { objects: new Recording(), cacheDirs: [cache], maxUploads: 1 })
  await next.blocks.drain({ staged: true, signal: AbortSignal.timeout(5000) })
  assert.deepEqual(
    puts.map((key) => key.split('/').pop()),
    ['5_0_1000', '3_0_1000', '9_0_1000'],
  )
  assert.deepEqual(stagedFiles(cache), [])
})

test('the tier of a staged block survives a restart', async (t) => {
  const { blocks, cache } = await staged(t)
  const writer = blocks.newSlice({ tier: 2 })
  writer.setId(1)
  writer.write(0, testBytes(1000, 1))
  await writer.finish()
  await blocks.close()
  const tiers: (number | undefined)[] = []
  class Recording extends MemoryObjectStore {
    override async put(key: string, parts: readonly Uint8Array[], options?: PutOptions): Promise<void> {
      tiers.push(options?.tier)
      await super.put(key, parts, options)
    }
  }
  const next = await testStore(t, { objects: new Recording(), cacheDirs: [cache] })
  await next.blocks.drain({ staged: true, signal: AbortSignal.timeout(5000) })
  assert.deepEqual(tiers, [2])
  assert.ok((await readAll(next.blocks, { id: 1, size: 1000 })).equals(testBytes(1000, 1)))
})

test('a removed slice is never uploaded, even when its upload had begun', async (t) => {
  const { blocks, objects, cache, faulty } = await staged(t)
  const slice = await writeSlice(blocks, 1, testBytes(100 * KiB, 1))
  while (faulty.calls.put < 2) await sleep(1)
  await blocks.remove(slice)
  faulty.faults.hangs = 0
  await blocks.drain({ staged: true })
  assert.equal(objects.objects.size, 0)
  assert.deepEqual(stagedFiles(cache), [])
  await assert.rejects(blocks.read(slice, 0, 10), { kind: 'not-found' })
})

test('a store that fails at first gets the blocks later', async (t) => {
  const { blocks, objects, faulty } = await staged(t)
  faulty.faults.hangs = 0
  faulty.faults.errors = 1
  await writeSlice(blocks, 1, testBytes(1000, 1))
  while (faulty.calls.put === 0) await sleep(5)
  faulty.faults.errors = 0
  await blocks.drain({ staged: true, signal: AbortSignal.timeout(5000) })
  assert.equal(objects.objects.size, 1)
})

test('a damaged staged block is kept and not uploaded, unless it reads well later; the others are', async (t) => {
  const { blocks, objects, cache } = await staged(t)
  for (const id of [1, 2]) await writeSlice(blocks, id, testBytes(1000, id))
  await blocks.close()
  const path = join(cache, UUID, 'rawstaging/chunks/0/0/1_0_1000')
  const file = readFileSync(path)
  file[10]! ^= 1
  writeFileSync(path, file)
  const next = await testStore(t, { objects, cacheDirs: [cache] })
  await next.blocks.drain({ staged: true, signal: AbortSignal.timeout(5000) })
  assert.deepEqual([...objects.objects.keys()], ['chunks/0/0/2_0_1000'])
  assert.deepEqual(stagedFiles(cache), ['1_0_1000'])
  assert.ok(next.lines.some((line) => line.includes('error staged block is damaged')))
  file[10]! ^= 1
  writeFileSync(path, file)
  await next.blocks.drain({ staged: true, signal: AbortSignal.timeout(5000) })
  assert.deepEqual(stagedFiles(cache), [])
  assert.equal(objects.objects.size, 2)
})

test('what was acknowledged before kill -9 is uploaded by the next mount', async (t) => {
  const bucket = `${testDirectory(t)}/`
  const cache = testDirectory(t)
  const child = spawn(process.execPath, [join(import.meta.dirname, 'staging-child.ts'), bucket, cache])
  let acknowledged = 0
  child.stdout.on('data', (text: Buffer) => {
    acknowledged = Number(text.toString().trim().split('\n').pop())
    if (acknowledged >= 10) child.kill('SIGKILL')
  })
  await once(child, 'exit')
  assert.ok(acknowledged >= 10)
  const store = new FileObjectStore(bucket)
  const { blocks } = await testStore(t, { store, cacheDirs: [cache] })
  await blocks.drain({ staged: true, signal: AbortSignal.timeout(10_000) })
  assert.deepEqual(
    stagedFiles(cache).filter((name) => !name.endsWith('.tmp')),
    [],
  )
  const uncached = await testStore(t, { store })
  for (let id = 1; id <= acknowledged; id++) {
    assert.ok(
      (await readAll(uncached.blocks, { id, size: 100_000 })).equals(testBytes(100_000, id)),
      `slice ${id}`,
    )
  }
})

test('with a delay blocks go up when they are old enough, and at once for a drain', async (t) => {
  const { blocks, objects, faulty } = await staged(t, { uploadWindow: { delayMs: 2_500 } })
  faulty.faults.hangs = 0
  await writeSlice(blocks, 1, testBytes(10 * KiB, 1))
  await sleep(200)
  assert.equal(objects.objects.size, 0)
  while (objects.objects.size === 0) await sleep(20)
  await writeSlice(blocks, 2, testBytes(10 * KiB, 2))
  await blocks.drain({ staged: true, signal: AbortSignal.timeout(2_000) })
  assert.equal(objects.objects.size, 2)
})

test('outside of the hours nothing goes up; a removed slice leaves the line all the same', async (t) => {
  const hour = new Date().getHours()
  // Open in twelve hours from now, for one.
  const { blocks, objects, cache, faulty } = await staged(t, {
    uploadWindow: { delayMs: 0, hours: [(hour + 12) % 24, (hour + 13) % 24] },
  })
  faulty.faults.hangs = 0
  const slice = await writeSlice(blocks, 1, testBytes(10 * KiB, 1))
  await writeSlice(blocks, 2, testBytes(10 * KiB, 2))
  await sleep(100)
  assert.equal(objects.objects.size, 0)
  await blocks.remove(slice)
  assert.deepEqual(stagedFiles(cache), ['2_0_10240'])
  await blocks.drain({ staged: true, signal: AbortSignal.timeout(2000) })
  assert.equal(objects.objects.size, 1)
})

test('large blocks and too many at a time go up directly', async (t) => {
  const large = await staged(t, { writebackThreshold: 64 * KiB })
  large.faulty.faults.hangs = 0
  await writeSlice(large.blocks, 1, testBytes(64 * KiB, 1))
  assert.equal(large.metrics.snapshot().staging_write_bytes, 0)
  assert.equal(large.objects.objects.size, 1)
  await writeSlice(large.blocks, 2, testBytes(64 * KiB - 1, 2))
  assert.equal(large.metrics.snapshot().staging_write_bytes, 64 * KiB - 1)
  const many = await staged(t, { maxStageWrites: 1 })
  many.faulty.faults.hangs = 0
  await Promise.all([1, 2, 3, 4].map((id) => writeSlice(many.blocks, id, testBytes(10 * KiB, id))))
  assert.ok(many.metrics.snapshot().staging_write_bytes! < 40 * KiB)
  await many.blocks.drain({ staged: true })
  assert.equal(many.objects.objects.size, 4)
})
