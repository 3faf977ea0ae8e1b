import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeTestVolume, putDirectory, putFile } from '#core/volume/test-volume.ts'
import { IndexFile } from './index-file.ts'
import { ObjectList } from './object-list.ts'
import { survey } from './survey.ts'
import { SurveyTables } from './survey-tables.ts'
import { VolumeIndex } from './volume-index.ts'

const ALL = { firstSlice: 0, endSlice: Number.MAX_SAFE_INTEGER }

test('nothing is listed before a survey, then every object with the file that uses it', async () => {
  await using made = await makeTestVolume()
  const volume = await made.open()
  await putDirectory(volume, '/d')
  for (let k = 0; k < 5; k++) await putFile(volume, `/d/f${k}`, Buffer.alloc(100_000, k))
  const file = IndexFile.open(':memory:', volume.setting.UUID)
  const index = new VolumeIndex({ file, engine: volume.engine, clock: volume.clock })
  await index.rescan({})
  const { setting, engine, meta, blocks, store, geometry, clock } = volume
  const parts = { setting, engine, meta, blocks, store, geometry, clock, index }
  const list = new ObjectList(parts)
  assert.deepEqual(await list.page(ALL, 0, 10), { objects: [], from: 0, total: 0, listedMs: null })
  await survey(parts, {})
  const { objects, total } = await list.page(ALL, 0, 100)
  assert.equal(total, 10)
  assert.deepEqual(
    objects.map(({ path, index: block, size }) => [path, block, size]),
    [0, 1, 2, 3, 4].flatMap((k) => [
      [`/d/f${k}`, 0, 65_536],
      [`/d/f${k}`, 1, 34_464],
    ]),
  )
  for (const { key, stored } of objects) assert.equal((await store.head(key))?.size, stored)
})

test('any position of a long list is found, whole or in a folder', async () => {
  await using made = await makeTestVolume()
  const volume = await made.open()
  const file = IndexFile.open(':memory:', volume.setting.UUID)
  const index = new VolumeIndex({ file, engine: volume.engine, clock: volume.clock })
  const tables = new SurveyTables(file)
  // Slices 7, 14, …, of one to three blocks.
  const all: (readonly [number, number])[] = []
  file.atomically(() => {
    for (let slice = 7; slice <= 21_000; slice += 7)
      for (let block = 0; block < 1 + (slice % 3); block++) {
        tables.putObject({ slice, block, size: 100, stored: 10, mtimeMs: 1 }, 1)
        all.push([slice, block])
      }
    file.set('survey', JSON.stringify({ fromMs: 1, toMs: 2 }))
  })
  const { setting, engine, meta, blocks, store, geometry, clock } = volume
  const list = new ObjectList({ setting, engine, meta, blocks, store, geometry, clock, index })
  const at = async (range: typeof ALL, from: number, limit: number) => {
    const { objects, total } = await list.page(range, from, limit)
    return [total, ...objects.map(({ slice, index: block }) => [slice, block])]
  }
  for (const from of [0, 1, 999, 1000, 1001, 4321, all.length - 2, all.length, all.length + 5])
    assert.deepEqual(await at(ALL, from, 3), [all.length, ...all.slice(from, from + 3)], `from ${from}`)
  for (const firstSlice of [0, 1, 7, 8, 3000, 6999, 20_000, 21_000, 22_000]) {
    const range = { firstSlice, endSlice: firstSlice + 1000 }
    const within = all.filter(([slice]) => slice >= firstSlice && slice < range.endSlice)
    assert.deepEqual(
      await at(range, 1, 2),
      [within.length, ...within.slice(1, 3)],
      `slices from ${firstSlice}`,
    )
  }
  const folders = list.folders(ALL, 1000)
  assert.equal(folders.length, 22)
  assert.equal(
    folders.reduce((sum, { objects }) => sum + objects, 0),
    all.length,
  )
  const [first] = folders
  assert.deepEqual(first, {
    firstSlice: 0,
    endSlice: 1000,
    objects: all.filter(([s]) => s < 1000).length,
    bytes: first!.objects * 10,
  })
})
