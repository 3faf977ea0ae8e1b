/** The inspector on volumes in a temporary folder: why each object is there, and what is amiss. */
import assert from 'node:assert/strict'
import { cp, mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { ROOT_INO } from '#core/base/ino.ts'
import { nameFromText } from '#core/base/name.ts'
import { O_RDWR } from '#core/base/open-flags.ts'
import type {
  CachedView,
  FileMap,
  HealthReport,
  InspectProgress,
  ObjectAnswer,
  SpaceFolder,
  SpaceView,
  UnusedKeys,
} from '#core/inspect/answers.ts'
import { cleanDelayedSlices } from '#core/meta/jobs.ts'
import type { Volume } from './open-volume.ts'
import { runOperation } from './operations.ts'
import { makeTestVolume, putDirectory, putFile, type TestVolume } from './test-volume.ts'
import type { VolumeOptions } from './volume-options.ts'

const BLOCK = 64 * 1024
const HOUR_SEC = 3600
const ctx = rootContext()

async function opened(test: TestVolume, options: VolumeOptions = {}): Promise<Volume> {
  return test.open({ indexDir: join(test.folder, 'index'), ...options })
}

async function object(volume: Volume, key: string): Promise<ObjectAnswer> {
  return (await runOperation(volume, 'inspectObject', { key }, {})) as ObjectAnswer
}

async function space(volume: Volume): Promise<SpaceView> {
  return (await runOperation(volume, 'inspectSpace', {}, {})) as SpaceView
}

async function health(volume: Volume): Promise<HealthReport> {
  return (await runOperation(volume, 'inspectHealth', {}, {})) as HealthReport
}

/** Key of the first block of a file's first record. */
async function firstKey(volume: Volume, path: string): Promise<string> {
  const map = (await runOperation(volume, 'inspectFile', { path }, {})) as FileMap
  return map.chunks[0]!.blocks[0]!.key
}

/** Put an object beside the volume's own, last changed `ageSec` ago. */
async function plant(test: TestVolume, key: string, size: number, ageSec: number): Promise<void> {
  const path = join(test.bucket, 'test-volume', key)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, Buffer.alloc(size))
  await age(path, ageSec)
}

async function age(path: string, ageSec: number): Promise<void> {
  const then = Date.now() / 1000 - ageSec
  await utimes(path, then, then)
}

async function overwrite(volume: Volume, path: string, bytes: Uint8Array): Promise<void> {
  const found = await volume.meta.lookup(ctx, ROOT_INO, nameFromText(path.slice(1)))
  const { fh } = await volume.vfs.open(ctx, found!.ino, O_RDWR)
  await volume.vfs.write(ctx, fh, 0, bytes)
  await volume.vfs.flush(ctx, fh)
  await volume.vfs.release(fh)
}

test('an object is explained through all of its life', async () => {
  await using test = await makeTestVolume()
  const volume = await opened(test)
  await putFile(volume, '/a', Buffer.alloc(100_000, 1))
  const key = await firstKey(volume, '/a')
  const live = await object(volume, `test-volume/${key}`)
  assert.deepEqual(
    { reason: live.reason, block: live.block, ratio: live.ratio, complete: live.complete },
    { reason: 'live', block: { slice: 1, index: 0, size: BLOCK }, ratio: 1, complete: true },
  )
  assert.deepEqual(
    live.uses.map(({ file, ranges }) => [file.paths, ranges]),
    [[['/a'], [{ start: 0, end: BLOCK }]]],
  )

  await overwrite(volume, '/a', Buffer.alloc(80_000, 2))
  const shadowed = await object(volume, key)
  assert.equal(shadowed.reason, 'shadowed')
  assert.equal(shadowed.uses[0]!.shadowedBytes, BLOCK)

  const { ino } = (await volume.meta.lookup(ctx, ROOT_INO, 'a'))!
  assert.equal(await volume.vfs.compactChunk(ino, 0), true)
  const replaced = await object(volume, key)
  assert.equal(replaced.reason, 'replaced')
  assert.ok(Math.abs(replaced.untilMs! - Date.now() - 86_400_000) < 60_000)
  assert.equal((await space(volume)).classes.replaced, 100_000 + 80_000)

  const compacted = await firstKey(volume, '/a')
  await volume.vfs.unlink(ctx, ROOT_INO, 'a')
  const trash = await object(volume, compacted)
  assert.equal(trash.reason, 'trash')
  assert.match(trash.uses[0]!.file.paths[0]!, /^\/\.trash\/\d{4}-\d\d-\d\d-\d\d\/1-\d+-a$/)
  assert.ok(
    trash.untilMs! > Date.now() + 24 * HOUR_SEC * 1000 && trash.untilMs! < Date.now() + 27 * HOUR_SEC * 1000,
  )

  await cleanDelayedSlices(volume.state, volume.state.deletions, volume.clock.nowSec() + 10)
  assert.equal((await object(volume, key)).reason, 'gone')
})

test('a removed file that is open is sustained, and deleted files and unused slices are due', async () => {
  await using test = await makeTestVolume({ trashDays: 0 })
  const volume = await opened(test, { maxDeletes: 0, unrecorded: false })
  await putFile(volume, '/open', Buffer.alloc(5000, 1))
  await putFile(volume, '/closed', Buffer.alloc(6000, 1))
  const [open, closed] = [await firstKey(volume, '/open'), await firstKey(volume, '/closed')]
  const { ino } = (await volume.meta.lookup(ctx, ROOT_INO, 'open'))!
  const { fh } = await volume.vfs.open(ctx, ino, O_RDWR)
  await volume.vfs.unlink(ctx, ROOT_INO, 'open')
  assert.equal((await object(volume, open)).reason, 'sustained')
  await volume.vfs.release(fh)
  await volume.vfs.unlink(ctx, ROOT_INO, 'closed')
  await volume.state.tasks.drain()
  // The chunk is dropped, and the slice stays since nothing may be deleted.
  assert.equal((await object(volume, closed)).reason, 'pending')
  const { classes, bytes } = await space(volume)
  assert.deepEqual([classes.pending, classes.live, bytes], [11_000, 0, 11_036])
  const report = await health(volume)
  assert.deepEqual([report.pending.count, report.leaked.count, report.broken.length], [2, 0, 0])
})

test('what nothing knows is leaked only when it is old, was given out, and everything could be read', async () => {
  await using test = await makeTestVolume()
  const volume = await opened(test)
  await putFile(volume, '/a', Buffer.alloc(100, 1))
  const old = 2 * HOUR_SEC
  await plant(test, 'chunks/0/0/900_0_5', 5, old)
  await plant(test, 'chunks/0/0/901_0_5', 5, 10)
  await plant(test, 'chunks/1/1000/1000000_0_5', 5, old)
  await plant(test, 'chunks/0/0/1_0_99', 99, old)
  await plant(test, 'chunks/0/1/900_0_5', 7, old)
  await plant(test, 'meta/dump-2026-01-02-030405.json.gz', 11, old)
  await plant(test, 'testing/abcdefghij', 13, old)
  const wanted = {
    'chunks/0/0/900_0_5': 'leaked',
    'chunks/0/0/901_0_5': 'young',
    'chunks/1/1000/1000000_0_5': 'unallotted',
    'chunks/0/0/1_0_99': 'wrongSize',
    'chunks/0/1/900_0_5': 'foreign',
    'meta/dump-2026-01-02-030405.json.gz': 'backup',
    'testing/abcdefghij': 'probe',
    juicefs_uuid: 'marker',
    'chunks/0/0/902_0_5': 'gone',
  }
  for (const [key, reason] of Object.entries(wanted))
    assert.equal((await object(volume, key)).reason, reason, key)
  const { classes, bytes } = await space(volume)
  assert.deepEqual(classes, {
    live: 100,
    trash: 0,
    pending: 0,
    shadowed: 0,
    replaced: 0,
    young: 5,
    leaked: 5,
    other: 5 + 99 + 7 + 11 + 13 + 36,
  })
  assert.equal(bytes, 281)
  const { leaked, young, other } = await health(volume)
  assert.deepEqual(leaked, { count: 1, bytes: 5, keys: ['chunks/0/0/900_0_5'] })
  assert.equal(young.count, 1)
  assert.deepEqual(other.keys, ['chunks/0/0/1_0_99', 'chunks/1/1000/1000000_0_5'])

  // A chunk that cannot be read may name anything.
  await volume.engine.commit(
    'test',
    [],
    [{ kind: 'appendChunk', ino: 99, index: 0, slices: new Uint8Array(24).fill(255) }],
  )
  await volume.inspector.index.rescan({})
  assert.equal((await object(volume, 'chunks/0/0/900_0_5')).reason, 'unclear')
  assert.equal((await health(volume)).leaked.count, 0)
})

test('a slice that is committed while the bucket is listed is not called leaked', async () => {
  await using test = await makeTestVolume()
  const volume = await opened(test)
  await putFile(volume, '/a', Buffer.alloc(100, 1))
  const list = volume.store.list.bind(volume.store)
  volume.store.list = async function* (...args) {
    yield* list(...args)
    // Another client: the index hears nothing of it.
    const other = await test.open()
    await putFile(other, '/late', Buffer.alloc(200, 1))
    await other.flush()
    const late = await firstKey(other, '/late')
    await age(join(test.bucket, 'test-volume', late), 2 * HOUR_SEC)
    yield* list(late)
  }
  const { leaked, young } = await health(volume)
  assert.deepEqual([leaked.count, young.count, young.bytes], [0, 1, 200])
})

test('missing and wrong objects are told as files with ranges, also of clones and links', async () => {
  await using test = await makeTestVolume()
  const volume = await opened(test)
  await putFile(volume, '/a', Buffer.alloc(4 * BLOCK, 1))
  await volume.vfs.link(ctx, (await volume.meta.lookup(ctx, ROOT_INO, 'a'))!.ino, ROOT_INO, 'b')
  const source = (await volume.meta.lookup(ctx, ROOT_INO, 'a'))!.ino
  await volume.meta.clone(ctx, source, ROOT_INO, 'c', { preserve: false })
  await overwrite(volume, '/c', Buffer.alloc(BLOCK + 10, 2))
  const bucket = join(test.bucket, 'test-volume', 'chunks', '0', '0')
  for (const name of ['1_1_65536', '1_3_65536']) await rm(join(bucket, name))
  await cp(join(bucket, '1_0_65536'), join(bucket, '1_1_65535'))
  const last = () => runOperation(volume, 'inspectLastHealth', {}, {})
  assert.equal(await last(), null, 'nothing was looked through')
  const report = await health(volume)
  assert.deepEqual(await last(), report)
  const stop = new AbortController()
  const onProgress = (progress: unknown) => {
    if ((progress as InspectProgress).step === 'files') stop.abort()
  }
  const cutOff = runOperation(volume, 'inspectSpace', {}, { signal: stop.signal, onProgress })
  await assert.rejects(cutOff, { name: 'AbortError' })
  assert.equal(await last(), null, 'what is half judged is not told')
  const lastSpace = async () => (await runOperation(volume, 'inspectLastSpace', {}, {})) as SpaceView
  assert.equal((await lastSpace()).unfinished, true)
  assert.deepEqual(
    report.broken.map(({ file, ranges, missing, wrongSize }) => [
      file.paths.toSorted(),
      ranges,
      missing,
      wrongSize,
    ]),
    [
      [
        ['/a', '/b'],
        [
          { start: BLOCK, end: 2 * BLOCK },
          { start: 3 * BLOCK, end: 4 * BLOCK },
        ],
        1,
        1,
      ],
      [
        ['/c'],
        [
          { start: BLOCK + 10, end: 2 * BLOCK },
          { start: 3 * BLOCK, end: 4 * BLOCK },
        ],
        1,
        1,
      ],
    ],
  )
  await volume.blocks.evict({ id: 1, size: 4 * BLOCK })
  assert.equal((await object(volume, 'chunks/0/0/1_3_65536')).place, 'missing')
  const { missing, unfinished } = await space(volume)
  assert.deepEqual({ missing, unfinished }, { missing: { count: 2, bytes: 2 * BLOCK }, unfinished: false })
  assert.equal((await lastSpace()).unfinished, false)
})

test('all keys of a class are read a page at a time', async () => {
  await using test = await makeTestVolume()
  const volume = await opened(test)
  // Slices that were given out, and which nothing names.
  await volume.engine.allocate('nextChunk', 100)
  const planted = [3, 5, 7, 9, 11].flatMap((slice) =>
    [0, 1].map((block) => `chunks/0/0/${slice}_${block}_${BLOCK}`),
  )
  for (const key of planted) await plant(test, key, 10, 2 * HOUR_SEC)
  const page = (args: object) =>
    runOperation(volume, 'inspectUnused', { kind: 'leaked', ...args }, {}) as Promise<UnusedKeys | null>
  assert.equal(await page({}), null, 'no survey yet')
  const { leaked, listedToMs } = await health(volume)
  assert.equal(leaked.count, planted.length)
  const keys: string[] = []
  for (let more = true; more; ) {
    const found = (await page({ after: keys.at(-1), limit: 3 }))!
    assert.equal(found.listedToMs, listedToMs)
    keys.push(...found.keys)
    more = found.more
  }
  assert.deepEqual(keys, planted)
  assert.deepEqual((await page({ kind: 'young' }))!.keys, [])
  await assert.rejects(page({ after: 'no key' }), { code: 'EINVAL' })
  await assert.rejects(page({ kind: 'live' }), { code: 'EINVAL' })
})

test('folders add up, whatever they share', async () => {
  await using test = await makeTestVolume()
  const volume = await opened(test)
  for (const path of ['/x', '/x/y', '/z']) await putDirectory(volume, path)
  await putFile(volume, '/x/one', Buffer.alloc(1000, 1))
  await putFile(volume, '/x/y/two', Buffer.alloc(2000, 1))
  await putFile(volume, '/z/three', Buffer.alloc(4000, 1))
  const two = (await volume.meta.lookup(ctx, (await volume.meta.lookup(ctx, ROOT_INO, 'x'))!.ino, 'y'))!
  await volume.meta.clone(ctx, two.ino, ROOT_INO, 'copy', { preserve: false })
  assert.equal(await runOperation(volume, 'inspectFolder', { path: '/' }, {}), null)
  const { classes, owners, ages } = await space(volume)
  assert.equal(classes.live, 7000)
  assert.deepEqual([owners[0]!.bytes, ages[0]!.bytes], [7000, 7000])
  const root = (await runOperation(volume, 'inspectFolder', { path: '/' }, {})) as SpaceFolder
  assert.deepEqual(root.total, { files: 3, live: 7000, trash: 0, shadowed: 0 })
  assert.deepEqual(
    root.entries.map(({ path, live, files }) => [path, live, files]),
    [
      ['/z', 4000, 1],
      ['/x', 3000, 2],
      ['/copy', 0, 0],
    ],
  )
  const x = (await runOperation(volume, 'inspectFolder', { path: '/x', limit: 1 }, {})) as SpaceFolder
  assert.deepEqual([x.entries.map(({ name, live }) => [name, live]), x.more], [[['y', 2000]], 1])
  const rest = (await runOperation(volume, 'inspectFolder', { path: '/x', from: 1 }, {})) as SpaceFolder
  assert.deepEqual([rest.entries.map(({ name, live }) => [name, live]), rest.more], [[['one', 1000]], 0])
})

test('questions that come together wait for one build, and surveys for each other', async () => {
  await using test = await makeTestVolume()
  const volume = await opened(test)
  for (let k = 0; k < 20; k++) await putFile(volume, `/f${k}`, Buffer.alloc(1000, k))
  let scans = 0
  const list = volume.engine.list.bind(volume.engine)
  volume.engine.list = ((range, page) => {
    if (range.kind === 'allChunks' && page.after === undefined) scans++
    return list(range, page)
  }) as typeof volume.engine.list
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, k) => object(volume, `chunks/0/0/${k + 1}_0_1000`)),
  )
  assert.deepEqual(new Set(answers.map(({ reason }) => reason)), new Set(['live']))
  assert.equal(scans, 1)
  await rm(join(test.bucket, 'test-volume', 'chunks/0/0/3_0_1000'))
  const [report, ...views] = await Promise.all([health(volume), space(volume), space(volume), space(volume)])
  assert.deepEqual(
    report.broken.map(({ file }) => file.paths),
    [['/f2']],
  )
  for (const { classes, missing } of views) assert.deepEqual([classes.live, missing.count], [19_000, 1])
})

test('two processes on one volume each have an index, and one that is stopped goes on', async () => {
  await using test = await makeTestVolume()
  const volume = await opened(test)
  await putFile(volume, '/a', Buffer.alloc(100, 1))
  const stop = new AbortController()
  await assert.rejects(
    volume.inspector.index.ensure({ signal: stop.signal, onProgress: () => stop.abort() }),
    { name: 'AbortError' },
  )
  assert.equal(volume.inspector.index.status().state, 'building')
  assert.equal((await object(volume, 'chunks/0/0/1_0_100')).reason, 'live')
  const other = await opened(test)
  assert.equal((await object(other, 'chunks/0/0/1_0_100')).reason, 'live')
  assert.equal(
    (await readdir(join(test.folder, 'index'))).filter((name) => /\.db(\.\d+\.\w+)?$/.test(name)).length,
    2,
  )
  await other.close()
  assert.deepEqual(
    (await readdir(join(test.folder, 'index'))).filter((name) => /\.db\.\d/.test(name)),
    [],
  )
})

test('what is cached is told by file', async () => {
  await using test = await makeTestVolume()
  const cacheDirs = [join(test.folder, 'cache')]
  const volume = await opened(test, { cacheDirs })
  await putFile(volume, '/a', Buffer.alloc(2 * BLOCK, 1))
  await putFile(volume, '/b', Buffer.alloc(BLOCK, 1))
  await volume.flush()
  for (const path of ['/a', '/b'])
    await runOperation(volume, 'warmup', { paths: [path], action: 'evict' }, {})
  await runOperation(volume, 'warmup', { paths: ['/a'], action: 'warmup' }, {})
  const view = (await runOperation(volume, 'inspectCached', {}, {})) as CachedView
  assert.deepEqual(
    view.files.map(({ file, cachedBytes, share }) => [file.paths, cachedBytes, share]),
    [[['/a'], 2 * BLOCK, 1]],
  )
  assert.deepEqual([view.blocks, view.bytes, view.unused.count], [2, 2 * BLOCK, 0])
  await runOperation(volume, 'warmup', { paths: ['/b'], action: 'warmup' }, {})
  const pages = await Promise.all(
    [0, 1, 2].map((from) => runOperation(volume, 'inspectCached', { from, limit: 1 }, {})),
  )
  assert.deepEqual(
    (pages as CachedView[]).map(({ files, more }) => [files.map(({ file }) => file.paths[0]), more]),
    [
      [['/a'], 1],
      [['/b'], 0],
      [[], 0],
    ],
  )
  assert.deepEqual(
    view.lastUse.map(({ count }) => count),
    [2, 0, 0, 0],
  )
})
