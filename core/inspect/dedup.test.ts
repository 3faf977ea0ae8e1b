import assert from 'node:assert/strict'
import { hash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { collectGarbage } from '#core/admin/gc.ts'
import { rootContext } from '#core/base/context.ts'
import { ROOT_INO } from '#core/base/ino.ts'
import type { Volume } from '#core/volume/open-volume.ts'
import { getFile, makeTestVolume, putFile } from '#core/volume/test-volume.ts'
import { ContentFile } from './content-file.ts'
import { type ContentParts, scanContent } from './content-scan.ts'
import { dedup } from './dedup.ts'
import { duplicates } from './duplicates.ts'
import { IndexFile } from './index-file.ts'
import { VolumeIndex } from './volume-index.ts'

const KIB = 1024
const NO_TRASH = { delete: true, threads: 4, minAgeSec: 0 }

async function partsOf(volume: Volume): Promise<ContentParts> {
  const file = IndexFile.open(':memory:', volume.setting.UUID)
  const index = new VolumeIndex({ file, engine: volume.engine, clock: volume.clock })
  await index.rescan({})
  const content = ContentFile.open(':memory:', volume.setting.UUID)
  const { setting, engine, meta, blocks, store, geometry, clock } = volume
  const shareSlice = meta.shareSlice.bind(meta)
  return { setting, engine, meta, blocks, store, geometry, clock, index, content, shareSlice }
}

const volumeParts = ({ meta, blocks, state }: Volume) => ({ meta, blocks, state })

async function bucketBytes(volume: Volume): Promise<number> {
  let sum = 0
  for await (const { size } of volume.store.list('chunks/')) sum += size
  return sum
}

/** Copied, shifted and edited files; returns what each contains. */
async function fill(volume: Volume): Promise<ReadonlyMap<string, Buffer>> {
  const original = randomBytes(300 * KIB)
  const edited = Buffer.from(original)
  edited[200 * KIB]! ^= 1
  const files = new Map([
    ['/original', original],
    ['/copy', original],
    ['/copy again', original],
    ['/shifted', Buffer.concat([Buffer.from('x'), original])],
    ['/edited', edited],
    ['/small', Buffer.from('the same few bytes')],
    ['/small too', Buffer.from('the same few bytes')],
    ['/longer', Buffer.from('the same few bytes, and more')],
  ])
  for (const [path, bytes] of files) await putFile(volume, path, bytes)
  return files
}

async function unchanged(volume: Volume, files: ReadonlyMap<string, Buffer>): Promise<void> {
  for (const [path, bytes] of files)
    assert.equal(hash('sha256', await getFile(volume, path)), hash('sha256', bytes), path)
}

for (const compression of ['none', 'zstd'] as const) {
  test(`equal slices are stored once, and what that saves is what leaves the bucket: ${compression}`, async () => {
    await using made = await makeTestVolume({ trashDays: 0, compression })
    const volume = await made.open()
    const files = await fill(volume)
    const parts = await partsOf(volume)
    const scanned = await scanContent(parts)
    assert.deepEqual([scanned.slices, scanned.known, scanned.failed], [8, 8, 0])

    const report = await duplicates(parts, { from: 0, limit: 10 })
    assert.equal(report.sharableBytes, 2 * 300 * KIB + 18)
    assert.equal(
      report.repeatedBytes,
      report.sharableBytes + (3 * 64 + 44) * KIB,
      'all blocks of /edited but one',
    )
    assert.deepEqual(
      report.groups.map(({ slices }) => slices.map(({ files }) => files.map(({ paths }) => paths[0]))),
      [
        [['/original'], ['/copy'], ['/copy again']],
        [['/small'], ['/small too']],
      ],
    )

    const rest = await duplicates(parts, { from: 1, limit: 10 })
    assert.deepEqual([rest.groups, rest.sharableBytes], [report.groups.slice(1), report.sharableBytes])

    const before = await bucketBytes(volume)
    const dry = await dedup(parts, { dryRun: true })
    assert.equal(await bucketBytes(volume), before)
    const done = await dedup(parts, { dryRun: false })
    assert.deepEqual(done, dry)
    assert.deepEqual([done.groups, done.slices, done.records, done.left], [2, 3, 3, 0])
    await unchanged(volume, files)
    await collectGarbage({ ...parts, ...volumeParts(volume) }, NO_TRASH, {})
    assert.equal(before - (await bucketBytes(volume)), done.storedBytes)
    await unchanged(await made.open(), files)

    // Nothing is left to do, and any of the sharers can go.
    await parts.index.rescan({})
    assert.equal((await dedup(parts, { dryRun: true })).slices, 0)
    await volume.meta.unlink(rootContext(), ROOT_INO, 'original')
    await collectGarbage({ ...parts, ...volumeParts(volume) }, NO_TRASH, {})
    await unchanged(await made.open(), new Map([...files].filter(([path]) => path !== '/original')))
  })
}

test('a slice whose object is damaged, or a chunk that is written meanwhile, loses nothing', async () => {
  await using made = await makeTestVolume({ trashDays: 0 })
  const volume = await made.open()
  const content = randomBytes(100 * KIB)
  for (const path of ['/a', '/b', '/c']) await putFile(volume, path, content)
  const parts = await partsOf(volume)
  await scanContent(parts)
  // /b is other bytes by now, under the same names of objects: what the digests say is not trusted.
  const [b] = await volume.meta.readChunk((await volume.meta.lookup(rootContext(), ROOT_INO, 'b'))!.ino, 0)
  const key = volume.geometry.key(b!.id, 0, 64 * KIB)
  await volume.store.put(key, [Buffer.alloc(64 * KIB, 7)])
  // /c is written between the look at it and the commit.
  const { ino } = (await volume.meta.lookup(rootContext(), ROOT_INO, 'c'))!
  let writes = 0
  const shareSlice: ContentParts['shareSlice'] = async (...args) => {
    if (writes++ === 0) await volume.meta.truncate(rootContext(), ino, 10, true)
    return volume.meta.shareSlice(...args)
  }
  const done = await dedup({ ...parts, shareSlice }, { dryRun: false })
  assert.deepEqual([done.slices, done.records, done.left], [1, 1, 1])
  assert.deepEqual(await getFile(await made.open(), '/c'), content.subarray(0, 10))
})
