/**
 * The inspector on a real bucket, as somebody walks through it who asks why the bucket does not shrink: an object, whose
 * file it is, where that file's blocks are, keeping it here, where the space is, the trash emptied, and less is stored.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { mountObstacle } from '../../scripts/system.mjs'
import { type S3Server, s3Server, startS3 } from '../harness/servers.ts'
import { SHOTS, uiObstacle } from './harness.ts'
import { type RealUi, shell, startRealUi } from './real-window.ts'

const obstacle = uiObstacle() ?? mountObstacle() ?? (await s3Server()).missing
let ui: RealUi
let s3: S3Server

before(async () => {
  if (obstacle !== undefined) return
  ;[ui, s3] = await Promise.all([startRealUi(), startS3()])
})
after(async () => {
  await ui?.close()
  await s3?.stop()
})

const name = 'reels'
const stored = (): number =>
  Number(
    shell(`find ${s3.data}/bucket/${name}/chunks -type f -printf '%s\\n' | awk '{n+=$1} END {print n+0}'`),
  )

test('from an object to its file, its blocks, the space, and a bucket that shrinks', {
  skip: obstacle ?? false,
  timeout: 180_000,
}, async () => {
  const { daemon } = ui
  const task = await daemon.trpc.volumes.create.mutate({
    name,
    mountPoint: daemon.path('mounts', name),
    format: {
      ...{ volumeName: name, metaUrl: `sqlite3://${daemon.path('reels.db')}`, trashDays: 1 },
      ...{ storage: 'minio', bucket: `${s3.endpoint}/${s3.bucket}` },
    },
    secrets: { accessKey: s3.accessKey, secretKey: s3.secretKey },
    mountNow: true,
  })
  const { result } = await daemon.done(task)
  await daemon.state(result!.volumeId!, 'mounted')
  const mounted = daemon.path('mounts', name)
  shell(
    `mkdir ${mounted}/cuts; cd ${mounted}/cuts; head -c 9000000 /dev/urandom > scene.mov; head -c 5000000 /dev/urandom > old.mov; sync scene.mov old.mov; rm old.mov`,
  )

  const { page, errors } = await ui.open()
  await page
    .getByRole('link', { name: new RegExp(`^${name}`) })
    .first()
    .click()
  await page.getByRole('link', { name: 'Inspector' }).click()
  await page.getByRole('button', { name: 'Survey the bucket' }).click()
  const row = page.getByRole('row', { name: /scene\.mov/ }).first()
  await row.click()
  await page.getByText('Part of a file.').waitFor()
  await page.getByRole('button', { name: 'Show the first bytes' }).click()
  const key = (await page
    .getByRole('complementary', { name: 'Object' })
    .getByRole('heading')
    .first()
    .textContent())!
  const first = shell(`head -c 4 ${s3.data}/bucket/${name}/${key} | od -An -tx1`).trim()
  await page.getByText(first).waitFor()
  await page.screenshot({ path: join(SHOTS, 'real-inspect-object.png') })

  await page.getByRole('link', { name: 'Show in the file' }).click()
  await page.getByRole('heading', { name: '/cuts/scene.mov' }).waitFor()
  await page.getByRole('img', { name: /^3 blocks of \/cuts\/scene\.mov/ }).waitFor()
  await page.getByRole('button', { name: 'Keep here' }).click()
  await page
    .getByText(/^Disk cache$/)
    .first()
    .waitFor()
  await daemon.until(async () => {
    const pins = await daemon.trpc.files.pins.query({ id: result!.volumeId! })
    return pins.length > 0 ? pins : undefined
  })
  await page.screenshot({ path: join(SHOTS, 'real-inspect-file.png') })

  await page.getByRole('link', { name: 'Space', exact: true }).click()
  const bar = page.getByRole('img', { name: /^The bucket by why/ })
  await bar.waitFor()
  assert.match((await bar.getAttribute('aria-label'))!, /Live 8\.6\sMiB, Trash 4\.8\sMiB/)
  await page.screenshot({ path: join(SHOTS, 'real-inspect-space.png') })

  assert.equal(stored(), 14_000_000)
  await page.getByRole('link', { name: 'Files', exact: true }).click()
  await page.getByRole('button', { name: 'Trash' }).click()
  await page.getByRole('button', { name: 'Empty the trash…' }).click()
  await page.getByLabel(/Type/).fill(name)
  await page.getByRole('button', { name: 'Empty the trash', exact: true }).click()
  await daemon.until(async () => (stored() === 9_000_000 ? true : undefined), 60_000)
  await page.getByText('The trash is empty').waitFor()
  await page.getByRole('link', { name: 'Inspector' }).click()
  await page.getByRole('link', { name: 'Space', exact: true }).click()
  await page.getByRole('button', { name: 'Survey again' }).click()
  await page.getByRole('img', { name: /^The bucket by why.*Trash 0\sB/ }).waitFor()
  assert.deepEqual(errors, [])
})
