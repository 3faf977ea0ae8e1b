import assert from 'node:assert/strict'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { resolvePath } from '#core/admin/paths.ts'
import { warmup } from '#core/admin/warmup.ts'
import { rootContext } from '#core/base/context.ts'
import { nameFromText } from '#core/base/name.ts'
import { Refusal } from '#core/base/refusal.ts'
import type { Volume } from './open-volume.ts'
import type { ShownPin } from './pins.ts'
import { makeTestVolume, putDirectory, putFile, type TestVolume } from './test-volume.ts'

const KIB = 1024
const FILE = 256 * KIB

function cacheOf(made: TestVolume) {
  return { cacheDirs: [join(made.folder, 'cache')], freeSpaceRatio: 0, cacheSize: 1024 * KIB }
}

async function inoOf(volume: Volume, path: string): Promise<number> {
  return (await resolvePath(volume.meta, rootContext(), path)).ino
}

async function cachedBytes(volume: Volume, path: string): Promise<number> {
  const { places } = await warmup(volume, [path], { action: 'check', threads: 4 }, {})
  return places.disk ?? 0
}

async function warm(volume: Volume, path: string): Promise<void> {
  await warmup(volume, [path], { action: 'warmup', threads: 4 }, {})
}

/** `/kept/a` and `/kept/b`, and ten files beside them that alone fill the cache. */
async function filled(): Promise<TestVolume> {
  const made = await makeTestVolume()
  const volume = await made.open()
  await putDirectory(volume, '/kept')
  await putDirectory(volume, '/rest')
  for (const name of ['a', 'b']) await putFile(volume, `/kept/${name}`, Buffer.alloc(FILE, name))
  for (let n = 0; n < 10; n++) await putFile(volume, `/rest/${n}`, Buffer.alloc(FILE, n))
  await volume.close()
  return made
}

const whole = ({ files, bytes, cachedBytes: cached, note }: ShownPin) => ({ files, bytes, cached, note })

for (const cacheEviction of ['2-random', 'lru'] as const) {
  test(`what is pinned is fetched, outlives a full cache and a restart, and counts apart (${cacheEviction})`, async () => {
    await using made = await filled()
    const options = { ...cacheOf(made), cacheEviction }
    const first = await made.open(options)
    const [pin] = await first.pins.add([await inoOf(first, '/kept')], {})
    assert.deepEqual(whole(pin!), { files: 2, bytes: 2 * FILE, cached: 2 * FILE, note: undefined })
    await warm(first, '/rest')
    assert.equal(await cachedBytes(first, '/kept'), 2 * FILE)
    // The cache's size is for the others: three files of a MiB with what each costs besides.
    const rest = await cachedBytes(first, '/rest')
    assert.ok(rest >= 2 * FILE && rest <= 1024 * KIB, `${rest} bytes of the others`)
    await first.blocks.evict({ id: 1, size: FILE })
    assert.equal(await cachedBytes(first, '/kept'), 2 * FILE)
    await first.close()

    const second = await made.open({ ...options, mountPoint: '/nowhere', unrecorded: false })
    assert.deepEqual(
      (await second.pins.list()).map(({ path, type }) => [path, type]),
      [['/kept', 'directory']],
    )
    await warm(second, '/rest')
    await looked(second)
    await warm(second, '/rest')
    assert.equal(await cachedBytes(second, '/kept'), 2 * FILE)
    await second.close()
  })
}

/** The first look of a mount is over. */
async function looked(volume: Volume): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if ((await volume.pins.list()).every(({ asOfMs }) => asOfMs !== null)) return
    await sleep(25)
  }
  assert.fail('the pins were not looked at')
}

test('what is unpinned makes room again', async () => {
  await using made = await filled()
  const volume = await made.open(cacheOf(made))
  const ino = await inoOf(volume, '/kept')
  await volume.pins.add([ino], {})
  await volume.pins.remove([String(ino)])
  assert.deepEqual(await volume.pins.list(), [])
  for (let round = 0; round < 50 && (await cachedBytes(volume, '/kept')) > 0; round++) {
    for (let n = 0; n < 10; n++) await volume.blocks.evict({ id: n + 3, size: FILE })
    await warm(volume, '/rest')
  }
  assert.equal(await cachedBytes(volume, '/kept'), 0)
})

test('a pin follows a rename, is told to be in the trash, and ends with its file', async () => {
  await using made = await filled()
  const volume = await made.open(cacheOf(made))
  const ctx = rootContext()
  const [kept, a] = [await inoOf(volume, '/kept'), await inoOf(volume, '/kept/a')]
  await volume.pins.add([a], {})
  await volume.meta.rename(ctx, kept, nameFromText('a'), 1, nameFromText('moved'), 0)
  const paths = async () => (await volume.pins.list()).map(({ path }) => path)
  assert.deepEqual(await paths(), ['/moved'])
  await volume.vfs.unlink(ctx, 1, nameFromText('moved'), { skipTrash: false })
  assert.deepEqual(await paths(), [null])
  await putFile(volume, '/gone', 'x')
  await volume.pins.add([await inoOf(volume, '/gone')], {})
  await volume.vfs.unlink(ctx, 1, nameFromText('gone'), { skipTrash: true })
  assert.deepEqual(await paths(), [null])
})

test('without a disk cache nothing can be pinned, and a damaged list is not written over', async () => {
  await using made = await filled()
  const none = await made.open({ cacheSize: 0 })
  await assert.rejects(none.pins.add([await inoOf(none, '/kept')], {}), Refusal)
  await none.close()
  const volume = await made.open(cacheOf(made))
  await volume.pins.add([await inoOf(volume, '/kept')], {})
  await volume.close()
  const [uuid] = await readdir(join(made.folder, 'cache'))
  const list = join(made.folder, 'cache', uuid!, 'pins.json')
  assert.match(await readFile(list, 'utf8'), /"pomeloPins":1,"pins":\[\{"ino":"\d+"/)
  await writeFile(list, '{"pomeloPins"')
  const damaged = await made.open(cacheOf(made))
  await assert.rejects(damaged.pins.add([await inoOf(damaged, '/kept/a')], {}))
  assert.equal(await readFile(list, 'utf8'), '{"pomeloPins"')
})

test('a pin that cannot be fetched says why, and what is here stays', async () => {
  await using made = await filled()
  const volume = await made.open(cacheOf(made))
  await warm(volume, '/kept/a')
  await volume.close()
  const elsewhere = await made.open({ ...cacheOf(made), bucket: join(made.folder, 'empty/'), ioRetries: 1 })
  const [pin] = await elsewhere.pins.add([await inoOf(elsewhere, '/kept')], {})
  assert.deepEqual([pin!.bytes, pin!.cachedBytes], [2 * FILE, FILE])
  assert.match(pin!.note!, /ENOENT/)
})
