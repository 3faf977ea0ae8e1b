import assert from 'node:assert/strict'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { silentLog } from '#core/base/log.ts'
import { makeTestVolume, putFile } from './test-volume.ts'

async function until(what: () => unknown, limitMs = 20_000): Promise<void> {
  for (const end = performance.now() + limitMs; !(await what()); await sleep(20))
    assert.ok(performance.now() < end, 'it did not come in time')
}

test('a volume backs its metadata up while it is used, and goes on when the bucket refuses', async () => {
  await using place = await makeTestVolume()
  const folder = join(place.bucket, 'test-volume', 'meta')
  // In the way of the backups' folder.
  await writeFile(folder, 'no folder')
  const errors: string[] = []
  const volume = await place.open(
    { noBackgroundJobs: false, unrecorded: false, backupMetaSec: 2 },
    { ...silentLog, error: (text) => void errors.push(text) },
  )
  await putFile(volume, '/file', 'words')
  await until(() => volume.backup?.error !== undefined)
  assert.ok(errors.some((text) => text.includes('could not be backed up')))
  await rm(folder)
  await until(() => volume.backup?.name !== undefined)
  assert.ok((await readdir(folder)).includes(volume.backup!.name!))
  await putFile(volume, '/more', 'words')
  await volume.close()
  const count = (await readdir(folder)).length
  await sleep(300)
  assert.equal((await readdir(folder)).length, count)
})

test('read-only clients, clients without background jobs and those that were not asked make none', async () => {
  await using place = await makeTestVolume()
  const folder = join(place.bucket, 'test-volume', 'meta')
  await mkdir(folder)
  for (const options of [
    { readOnly: true, backupMetaSec: 1 },
    { noBackgroundJobs: true, backupMetaSec: 1 },
    { noBackgroundJobs: false },
    { noBackgroundJobs: false, backupMetaSec: 0 },
  ]) {
    const volume = await place.open({ noBackgroundJobs: false, ...options })
    await sleep(400)
    assert.equal(volume.backup, undefined)
    await volume.close()
  }
  assert.deepEqual(await readdir(folder), [])
})
