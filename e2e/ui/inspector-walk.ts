/**
 * The inspector on a real bucket, as somebody walks through it who asks why the bucket does not shrink: an object, whose
 * file it is, where that file's blocks are, keeping it here, where the space is, the trash emptied, and less is stored.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Page } from 'playwright'
import type { TestDaemon } from '../daemon/test-daemon.ts'
import type { S3Server } from '../harness/servers.ts'
import { SHOTS } from './harness.ts'
import { shell } from './real-window.ts'

const NAME = 'reels'
const LIVE_BYTES = 9_000_000
const TRASH_BYTES = 5_000_000
const OVERWRITTEN_BYTES = 2 ** 20

export interface Walk {
  /** A signed-in window on `daemon`, which has no volume yet. */
  readonly page: Page
  readonly daemon: TestDaemon
  readonly s3: S3Server
  /** Of the screenshots' names. */
  readonly shots: string
}

export async function walkInspector({ page, daemon, s3, shots }: Walk): Promise<void> {
  const shot = (name: string) => page.screenshot({ path: join(SHOTS, `${shots}-inspect-${name}.png`) })
  const bucket = `${s3.data}/bucket/${NAME}`
  const stored = (): number =>
    Number(shell(`find ${bucket}/chunks -type f -printf '%s\\n' | awk '{n+=$1} END {print n+0}'`))
  const id = await makeVolume(daemon, s3)
  const folder = daemon.path('mounts', NAME, 'cuts')
  shell(
    `mkdir ${folder}; cd ${folder}; head -c ${LIVE_BYTES} /dev/urandom > scene.mov; head -c ${TRASH_BYTES} /dev/urandom > old.mov; sync scene.mov old.mov; rm old.mov`,
  )

  await page
    .getByRole('link', { name: new RegExp(`^${NAME}`) })
    .first()
    .click()
  await page.getByRole('link', { name: 'Inspector' }).click()
  await page.getByRole('button', { name: 'Survey the bucket' }).click()
  const row = page.getByRole('row', { name: /scene\.mov/ }).first()
  await row.click()
  await page.getByText('Part of a file.').waitFor()
  await page.getByRole('button', { name: 'Show the first bytes' }).click()
  const panel = page.getByRole('complementary', { name: 'Object' })
  const key = (await panel.getByRole('heading').first().textContent())!
  const first = shell(`head -c 4 ${bucket}/${key} | od -An -tx1`).trim()
  await page.getByText(first).waitFor()
  await shot('object')

  await page.getByRole('link', { name: 'Show in the file' }).click()
  await page.getByRole('heading', { name: '/cuts/scene.mov' }).waitFor()
  await page.getByRole('img', { name: /^3 blocks of \/cuts\/scene\.mov/ }).waitFor()
  shell(
    `dd if=/dev/urandom of=${folder}/scene.mov bs=${OVERWRITTEN_BYTES} count=1 seek=2 conv=notrunc,fsync status=none`,
  )
  await page.getByRole('img', { name: /^4 blocks of \/cuts\/scene\.mov/ }).waitFor()
  await page
    .getByRole('img', { name: /written 1st: 7\.6\sMiB of 8\.6\sMiB still seen; .*written 2nd/ })
    .waitFor()
  await page.getByRole('button', { name: 'Drop from cache' }).click()
  await page.getByRole('img', { name: /Bucket only 9\.6\sMiB, 4 blocks/ }).waitFor()
  await page.getByRole('button', { name: 'Keep here' }).click()
  await page.getByRole('img', { name: /Bucket only 0\sB, 0 blocks, Missing 0/ }).waitFor()
  const [pin] = await daemon.until(async () => {
    const pins = await daemon.trpc.files.pins.query({ id })
    return pins.length > 0 ? pins : undefined
  })
  assert.equal(pin!.path, '/cuts/scene.mov')
  await shot('file')

  await page.getByRole('link', { name: 'Space', exact: true }).click()
  const bar = page.getByRole('img', { name: /^The bucket by why/ })
  await page.getByRole('button', { name: 'Survey again' }).click()
  await page.getByRole('img', { name: /^The bucket by why.*Hidden by newer writes 1\.0\sMiB/ }).waitFor()
  assert.match((await bar.getAttribute('aria-label'))!, /Live 8\.6\sMiB, Trash 4\.8\sMiB/)
  await shot('space')

  const kept = LIVE_BYTES + OVERWRITTEN_BYTES
  assert.equal(stored(), kept + TRASH_BYTES)
  await page.getByRole('link', { name: 'Files', exact: true }).click()
  await page.getByRole('button', { name: 'Trash' }).click()
  await page.getByRole('button', { name: 'Empty the trash…' }).click()
  await page.getByLabel(/Type/).fill(NAME)
  await page.getByRole('button', { name: 'Empty the trash', exact: true }).click()
  await daemon.until(async () => (stored() === kept ? true : undefined), 60_000)
  await page.getByText('The trash is empty').waitFor()
  await page.getByRole('link', { name: 'Inspector' }).click()
  await page.getByRole('link', { name: 'Space', exact: true }).click()
  await page.getByRole('button', { name: 'Survey again' }).click()
  await page.getByRole('img', { name: /^The bucket by why.*Live 8\.6\sMiB, Trash 0\sB/ }).waitFor()
  await shot('shrunk')
}

/** Mounted, with an empty bucket and a trash. */
async function makeVolume(daemon: TestDaemon, s3: S3Server): Promise<string> {
  const task = await daemon.trpc.volumes.create.mutate({
    name: NAME,
    mountPoint: daemon.path('mounts', NAME),
    format: {
      ...{ volumeName: NAME, metaUrl: `sqlite3://${daemon.path('reels.db')}`, trashDays: 1 },
      ...{ storage: 'minio', bucket: `${s3.endpoint}/${s3.bucket}` },
    },
    secrets: { accessKey: s3.accessKey, secretKey: s3.secretKey },
    mountNow: true,
  })
  const { result } = await daemon.done(task)
  const id = result!.volumeId!
  await daemon.state(id, 'mounted')
  return id
}
