import assert from 'node:assert/strict'
import { readdirSync, readSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '#core/base/clock.ts'
import { FileObjectStore } from '#core/object/file.ts'
import type { ObjectStore } from '#core/object/store.ts'
import { withLimit } from '#core/object/with-limit.ts'
import { withPrefix } from '#core/object/with-prefix.ts'
import { liesBeside } from './local-objects.ts'
import { KiB, MiB, readAll, testBytes, testDirectory, testStore, UUID, writeSlice } from './test-store.ts'

const SIZE = 2.5 * MiB
const KEY = 'chunks/0/0/1_0_1'

interface Local {
  readonly root: string
  readonly store: ObjectStore
  readonly cache: string
}

function local(t: TestContext): Local {
  const folder = testDirectory(t)
  const root = `${join(folder, 'bucket')}/`
  return { root, store: withPrefix(new FileObjectStore(root), 'volume/'), cache: join(folder, 'cache') }
}

/** A store that wrote slice 1, and one that has nothing in memory. */
async function opened(t: TestContext, { store, cache }: Local) {
  const options = { store, blockSize: 1 * MiB, cacheDirs: [cache], memoryCacheSize: 0 }
  const bytes = testBytes(SIZE, 1)
  const first = await testStore(t, options)
  await writeSlice(first.blocks, 1, bytes)
  await first.blocks.close()
  return { bytes, ...(await testStore(t, options)) }
}

function cachedFiles(cache: string): string[] {
  const paths = readdirSync(join(cache, UUID), { recursive: true }).map(String)
  return paths.filter((path) => statSync(join(cache, UUID, path)).isFile() && path.startsWith('raw/'))
}

test('an object on the disk of the cache is read where it is, and not copied', async (t) => {
  const place = local(t)
  const { blocks, bytes, metrics } = await opened(t, place)
  const before = cachedFiles(place.cache).length
  const slice = { id: 1, size: SIZE }
  assert.equal(blocks.peekFile(slice, 10, 20), undefined, 'not open yet')
  assert.ok((await readAll(blocks, slice)).equals(bytes))
  const range = blocks.peekFile(slice, MiB + 5, 1000)!
  const read = Buffer.alloc(range.length)
  readSync(range.fd, read, 0, range.length, range.offset)
  range.done()
  assert.ok(read.equals(bytes.subarray(MiB + 5, MiB + 1005)))
  assert.equal(cachedFiles(place.cache).length, before, 'the cache holds no more')
  assert.equal(metrics.counter('object_local_read_bytes').value, SIZE + 1000)
})

test('what is to come of a stream is opened ahead of its reads', async (t) => {
  const { blocks, bytes } = await opened(t, local(t))
  blocks.prefetch({ id: 1, size: SIZE }, MiB, MiB)
  for (let tries = 0; tries < 500; tries++) {
    const range = blocks.peekFile({ id: 1, size: SIZE }, MiB, 10)
    if (range === undefined) await systemClock.sleep(10)
    else {
      const read = Buffer.alloc(10)
      readSync(range.fd, read, 0, 10, range.offset)
      range.done()
      assert.ok(read.equals(bytes.subarray(MiB, MiB + 10)))
      return
    }
  }
  assert.fail('the block was never opened')
})

test('objects that are gone or cut short are errors, before and after they were opened', async (t) => {
  const place = local(t)
  const { blocks } = await opened(t, place)
  const path = (index: number, size: number) => join(place.root, `volume/chunks/0/0/1_${index}_${size}`)
  truncateSync(path(0, MiB), 1000)
  await assert.rejects(blocks.read({ id: 1, size: SIZE }, 0, 4 * KiB), { kind: 'corrupt' })
  assert.equal((await blocks.read({ id: 1, size: SIZE }, MiB, 10))[0]!.length, 10)
  truncateSync(path(1, MiB), 1000)
  await assert.rejects(blocks.read({ id: 1, size: SIZE }, MiB + 2000, 4 * KiB), { kind: 'corrupt' })
  await blocks.remove({ id: 1, size: SIZE })
  assert.equal(blocks.peekFile({ id: 1, size: SIZE }, MiB, 10), undefined)
  await assert.rejects(blocks.read({ id: 1, size: SIZE }, 2 * MiB, 10), { kind: 'not-found' })
})

test('objects elsewhere, or with a limit on their bytes, are not read in place', async (t) => {
  const { store, cache, root } = local(t)
  assert.equal(store.localPath?.(KEY), `${root}volume/${KEY}`)
  assert.equal(await liesBeside(store, KEY, [cache]), true)
  assert.equal(await liesBeside(store, KEY, [cache, '/proc/self']), false, 'another device')
  const limited = withLimit(store, { downloadLimit: 8, clock: systemClock })
  assert.equal(limited.localPath?.(KEY), undefined)
  const { faulty } = await testStore(t)
  assert.equal(await liesBeside(faulty, KEY, []), false)
})
