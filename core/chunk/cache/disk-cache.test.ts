import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FileObjectStore } from '#core/object/file.ts'
import { fixturesDir } from '#core/object/test-fixtures.ts'
import { MiB, readAll, testBytes, testDirectory, testStore, UUID, writeSlice } from '../test-store.ts'

/** A store on a directory that has `slices` of `size` bytes cached and nothing in memory. */
async function cached(
  t: TestContext,
  options: Parameters<typeof testStore>[1] = {},
  slices = 1,
  size = 1 * MiB,
) {
  const directory = testDirectory(t)
  const all = { blockSize: 1 * MiB, memoryCacheSize: 0, cacheDirs: [directory], ...options }
  const first = await testStore(t, { ...all, cacheLargeWrite: true })
  for (let id = 1; id <= slices; id++) await writeSlice(first.blocks, id, testBytes(size, id))
  await first.blocks.close()
  const store = await testStore(t, { ...all, objects: first.objects })
  const path = (id: number): string => join(directory, UUID, 'raw', store.blocks.key({ id, size }, 0))
  return { ...store, directory, path, all: { ...all, objects: first.objects } }
}

test('cached files have the layout, modes and checksums of the reference', async (t) => {
  const { path, directory } = await cached(t, {}, 1, 40000)
  const file = readFileSync(path(1))
  assert.equal(file.length, 40000 + 8)
  assert.equal(statSync(path(1)).mode & 0o777, 0o600)
  assert.equal(statSync(join(directory, UUID, 'raw')).mode & 0o777, 0o700)
  assert.match(readFileSync(join(directory, UUID, '.lock'), 'latin1'), /^[0-9a-f-]{36}$/)
})

test('blocks cached before a restart are found without the store, small parts and whole', async (t) => {
  const { blocks, faulty } = await cached(t, {}, 3)
  const slice = { id: 2, size: 1 * MiB }
  const bytes = testBytes(1 * MiB, 2)
  assert.ok((await readAll(blocks, slice, 40000, 5)).equals(bytes.subarray(40000, 40005)))
  assert.ok((await readAll(blocks, slice, 1 * MiB - 7, 7)).equals(bytes.subarray(1 * MiB - 7)))
  assert.ok((await readAll(blocks, slice)).equals(bytes))
  assert.equal(faulty.calls.get, 0)
})

test('a checked part of an open cache file can be handed out as such, until the file is touched', async (t) => {
  const { blocks, path } = await cached(t)
  const slice = { id: 1, size: 1 * MiB }
  assert.equal(blocks.peekFile(slice, 0, 4096), undefined)
  await blocks.read(slice, 0, 100)
  const range = blocks.peekFile(slice, 10, 32758)
  assert.ok(range)
  assert.deepEqual([range.offset, range.length], [10, 32758])
  assert.equal(blocks.peekFile(slice, 0, 32769), undefined)
  range.done()
  const file = readFileSync(path(1))
  file[5]! ^= 1
  writeFileSync(path(1), file)
  assert.equal(blocks.peekFile(slice, 0, 4096), undefined)
  assert.ok((await readAll(blocks, slice)).equals(testBytes(1 * MiB, 1)))
})

function flipBit(file: Buffer): Buffer {
  file[500_000]! ^= 1
  return file
}

for (const [what, damage] of [
  ['a flipped bit', flipBit],
  ['a lost tail', (file: Buffer) => file.subarray(0, 700_000)],
  ['an odd length', (file: Buffer) => file.subarray(0, file.length - 8)],
] as const) {
  test(`a cached file with ${what} is dropped and fetched again`, async (t) => {
    const { blocks, faulty, path, lines } = await cached(t)
    writeFileSync(path(1), damage(readFileSync(path(1))))
    const slice = { id: 1, size: 1 * MiB }
    assert.ok((await readAll(blocks, slice)).equals(testBytes(1 * MiB, 1)))
    assert.equal(faulty.calls.get, 1)
    assert.ok(lines.some((line) => line.includes('damaged')))
    await blocks.close()
    assert.equal(readFileSync(path(1)).length, 1 * MiB + 128)
  })
}

test('a cached file that somebody deleted is fetched again', async (t) => {
  const { blocks, path } = await cached(t)
  unlinkSync(path(1))
  assert.ok((await readAll(blocks, { id: 1, size: 1 * MiB })).equals(testBytes(1 * MiB, 1)))
})

test('checksum levels check what they say', async (t) => {
  const refetches = async (
    verifyChecksum: 'none' | 'full' | 'shrink' | 'extend',
    offset: number,
    length: number,
  ) => {
    const { blocks, path, faulty, all } = await cached(t)
    await blocks.close()
    const file = readFileSync(path(1))
    file[40_000]! ^= 1
    writeFileSync(path(1), file)
    const second = await testStore(t, { ...all, store: faulty, verifyChecksum })
    await second.blocks.read({ id: 1, size: 1 * MiB }, offset, length)
    return faulty.calls.get > 0
  }
  assert.equal(await refetches('none', 0, 1 * MiB), false)
  assert.equal(await refetches('full', 0, 500_000), false)
  assert.equal(await refetches('full', 0, 1 * MiB), true)
  assert.equal(await refetches('shrink', 33_000, 8000), false)
  assert.equal(await refetches('shrink', 32_768, 32_768), true)
  assert.equal(await refetches('extend', 33_000, 100), true)
  assert.equal(await refetches('extend', 66_000, 100), false)
})

test('a directory that cannot be made is one warning, and no error to anybody', async (t) => {
  const file = join(testDirectory(t), 'file')
  writeFileSync(file, '')
  const { blocks, lines } = await testStore(t, { cacheDirs: [join(file, 'cache')], memoryCacheSize: 0 })
  for (let id = 1; id < 5; id++) {
    const bytes = testBytes(1000, id)
    assert.ok((await readAll(blocks, await writeSlice(blocks, id, bytes))).equals(bytes))
  }
  assert.equal(lines.length, 1)
  assert.match(lines[0]!, /warn disk cache/)
})

const canMount = process.getuid?.() === 0 && process.platform === 'linux'

test('a full and then read-only disk still serves what it has', {
  skip: !canMount && 'needs root',
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'pomelo-chunk-'))
  t.after(() => {
    execFileSync('umount', ['-l', directory])
    rmdirSync(directory)
  })
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory])
  const options = {
    cacheDirs: [directory],
    memoryCacheSize: 0,
    freeSpaceRatio: 0,
  }
  const { blocks, objects, lines } = await testStore(t, options)
  for (let id = 1; id <= 30; id++) await writeSlice(blocks, id, testBytes(60_000, id))
  for (let id = 1; id <= 30; id++)
    assert.ok((await readAll(blocks, { id, size: 60_000 })).equals(testBytes(60_000, id)))
  await blocks.close()
  assert.ok(lines.length <= 1, lines.join('\n'))

  execFileSync('mount', ['-o', 'remount,ro', directory])
  const second = await testStore(t, { ...options, objects })
  for (let id = 101; id <= 131; id++) await writeSlice(second.blocks, id, testBytes(60_000, id))
  await second.blocks.drain({ staged: false })
  for (let id = 101; id <= 131; id++) {
    assert.ok((await readAll(second.blocks, { id, size: 60_000 })).equals(testBytes(60_000, id)))
  }
  const before = second.faulty.calls.get
  for (let id = 1; id <= 30; id++) {
    assert.ok((await readAll(second.blocks, { id, size: 60_000 })).equals(testBytes(60_000, id)))
  }
  assert.ok(second.faulty.calls.get - before < 20)
  assert.deepEqual(
    second.lines.map((line) => line.includes('EROFS')),
    [true],
  )
  await second.blocks.close()
})

test('limits on bytes and on blocks hold, whatever the policy', async (t) => {
  for (const cacheEviction of ['2-random', 'lru', 'none'] as const) {
    const { blocks, directory, metrics } = await cached(t, {
      cacheEviction,
      cacheSize: 10 * MiB,
      memoryCacheSize: 0,
    })
    for (let id = 10; id < 40; id++) {
      await blocks.warm(await writeSlice(blocks, id, testBytes(1 * MiB, id)))
      assert.ok(metrics.snapshot().blockcache_bytes! <= 10 * MiB, cacheEviction)
    }
    const files = readdirSync(join(directory, UUID, 'raw/chunks/0/0'))
    assert.ok(files.length <= 9 && files.length >= 8, `${cacheEviction}: ${files.length}`)
    assert.equal(files.includes('39_0_1048576'), cacheEviction !== 'none')
    assert.equal(files.includes('10_0_1048576'), cacheEviction === 'none')

    const few = await testStore(t, {
      blockSize: 1 * MiB,
      cacheDirs: [testDirectory(t)],
      cacheItems: 5,
      cacheEviction,
    })
    for (let id = 1; id < 20; id++) {
      await few.blocks.warm(await writeSlice(few.blocks, id, testBytes(1000, id)))
      assert.ok(few.metrics.snapshot().blockcache_blocks! <= 5)
    }
  }
})

test('lru keeps what was read lately', async (t) => {
  const { blocks } = await cached(t, { cacheEviction: 'lru', cacheSize: 5 * MiB }, 4)
  while ((await blocks.locate({ id: 4, size: 1 * MiB }, false))[0] !== 'disk') await sleep(5)
  await blocks.read({ id: 1, size: 1 * MiB }, 0, 10)
  for (let id = 10; id < 13; id++) await blocks.warm(await writeSlice(blocks, id, testBytes(1 * MiB, id)))
  assert.deepEqual(await blocks.locate({ id: 1, size: 1 * MiB }, false), ['disk'])
  assert.deepEqual(await blocks.locate({ id: 2, size: 1 * MiB }, false), ['store'])
})

test('two directories share the blocks, and both are found again', async (t) => {
  const cacheDirs = [testDirectory(t), testDirectory(t)]
  const first = await testStore(t, { cacheDirs, memoryCacheSize: 0 })
  const slices = []
  for (let id = 1; id <= 40; id++) slices.push(await writeSlice(first.blocks, id, testBytes(1000, id)))
  await first.blocks.close()
  for (const directory of cacheDirs)
    assert.ok(readdirSync(join(directory, UUID, 'raw/chunks/0/0')).length > 0)
  const { blocks, faulty } = await testStore(t, { cacheDirs: cacheDirs.toReversed(), objects: first.objects })
  for (const slice of slices) assert.ok((await readAll(blocks, slice)).equals(testBytes(1000, slice.id)))
  assert.equal(faulty.calls.get, 0)
})

const fixture = join(fixturesDir, 'cachedir', 'cache')

test('the cache directory of the reference is read with its checksums', {
  skip: !existsSync(fixture) && `no ${fixture}`,
}, async (t) => {
  const directory = testDirectory(t)
  cpSync(fixture, directory, { recursive: true })
  const [uuid] = readdirSync(directory)
  const data = `${join(fixturesDir, 'sqlite-basic', 'data')}/fx-sqlite-basic/`
  const files = readdirSync(join(directory, uuid!, 'raw/chunks/0/0'))
  assert.equal(files.length, 23)
  const { blocks, faulty } = await testStore(t, { uuid: uuid!, cacheDirs: [directory], blockSize: 4 * MiB })
  faulty.faults.errors = 1
  for (const file of files) {
    const [id, index, size] = file.split('_').map(Number) as [number, number, number]
    const slice = { id, size: index * 4 * MiB + size }
    const object = await new FileObjectStore(data).get(`chunks/0/0/${file}`)
    assert.ok((await readAll(blocks, slice, index * 4 * MiB, size)).equals(object), file)
  }
  await assert.rejects(blocks.read({ id: 4, size: 4 * MiB + 70000 }, 0, 4 * MiB), { kind: 'unavailable' })
})
