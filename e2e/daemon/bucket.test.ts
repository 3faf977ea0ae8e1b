/** What the daemon says while a bucket fails, and that nothing is lost: with a real S3 server behind a breaking line. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FormatSpec } from '#core/api/volumes.ts'
import { type CutProxy, cutProxy } from '../harness/cut-proxy.ts'
import { freePort, type S3Server, s3Server, startS3 } from '../harness/servers.ts'
import { must, noMount } from '../harness/volume.ts'
import { TestDaemon } from './test-daemon.ts'

const { missing } = await s3Server()
const REAL = { skip: noMount || missing || false, timeout: 240_000 }

/** A daemon and an S3 server with a line between them that can be held up. */
async function around(
  work: (daemon: TestDaemon, server: S3Server, line: CutProxy, target: { port: number }) => Promise<void>,
): Promise<void> {
  const server = await startS3()
  const target = { port: Number(new URL(server.endpoint).port) }
  const line = await cutProxy(target)
  try {
    await using daemon = await TestDaemon.start()
    await work(daemon, server, line, target)
  } finally {
    await line.close()
    await server.stop()
  }
}

function formatOf(daemon: TestDaemon, { bucket }: S3Server, { port }: CutProxy): FormatSpec {
  return {
    metaUrl: `sqlite3://${daemon.path('team.db')}`,
    volumeName: 'team',
    storage: 'minio',
    bucket: `http://127.0.0.1:${port}/${bucket}`,
  }
}

test('keys are tested before anything is made: a wrong one is said, right ones are measured', REAL, () =>
  around(async (daemon, server, line) => {
    const { bucket } = formatOf(daemon, server, line)
    const keys = { accessKey: server.accessKey, secretKey: server.secretKey }
    const probe = (secrets: typeof keys) =>
      daemon.trpc.probes.bucket.query({ storage: 'minio', bucket, volumeName: 'team', secrets })
    const wrong = await probe({ ...keys, secretKey: 'wrong-key-4711' })
    assert.equal(wrong.ok, false)
    assert.match(wrong.findings[0]!.next!, /check the access key and the secret key/)
    assert.doesNotMatch(JSON.stringify(wrong), /wrong-key-4711/)
    const right = await probe(keys)
    assert.ok(right.ok && right.putMs! > 0 && right.getMs! > 0 && right.isFree === true, right.sentence)
    line.hold(true)
    const started = Date.now()
    const silent = await probe(keys)
    assert.equal(silent.ok, false)
    assert.ok(Date.now() - started < 30_000, 'a silent server is not waited for long')
    line.hold(false)
  }),
)

test(
  'a bucket that fails: pending uploads are counted with their age, unmounting can leave them here, and they go up later',
  REAL,
  () =>
    around(async (daemon, server, line, target) => {
      const { trpc } = daemon
      const task = await trpc.volumes.create.mutate({
        mountPoint: daemon.path('mounts', 'team'),
        settings: { writeback: true },
        secrets: { accessKey: server.accessKey, secretKey: server.secretKey },
        format: formatOf(daemon, server, line),
      })
      const id = (await daemon.done(task)).result!.volumeId!
      const { mountPoint } = await daemon.state(id, 'mounted')
      // The keys are in the volume's own setting: this computer needs none of its own.
      assert.deepEqual((await trpc.volumes.profile.query({ id })).secrets, [])
      line.breakAll()
      line.hold(true)
      await must('sh', ['-c', `head -c 6000000 /dev/urandom > ${mountPoint}/file && sync ${mountPoint}/file`])
      const sum = (await must('sha256sum', [`${mountPoint}/file`])).split(' ')[0]
      const uploading = await daemon.until(async () => {
        const volume = await trpc.volumes.get.query({ id })
        return volume.status.state === 'uploading' && volume.pending.bytes >= 6_000_000 ? volume : undefined
      })
      assert.ok(uploading.pending.oldestMs !== null)
      assert.equal(uploading.safeToShutDown, false)
      assert.match(uploading.status.line, /5\.7\d MiB still to upload, oldest/)
      assert.equal((await trpc.system.about.query()).safeToShutDown, false)
      // From silence to a line that nobody answers.
      const up = target.port
      target.port = await freePort()
      line.hold(false)
      line.breakAll()
      const waiting = await daemon.state(id, 'waiting', 60_000)
      assert.match(
        waiting.status.line,
        /The bucket does not answer \(since \d\d:\d\d\)\. Files in cache can be read; 5\.7\d MiB wait here safely\./,
      )
      assert.equal((await must('sha256sum', [`${mountPoint}/file`])).split(' ')[0], sum)
      await trpc.volumes.unmount.mutate({ id, waitMs: 2000 })
      const asked = await trpc.volumes.get.query({ id })
      assert.deepEqual([asked.status.state, asked.status.unmount!.step], ['unmounting', 'uploading'])
      await trpc.volumes.unmount.mutate({ id, how: 'skip-uploads' })
      await daemon.state(id, 'unmounted', 60_000)
      target.port = up
      await trpc.volumes.mount.mutate({ id, waitMs: 30_000 })
      const done = await daemon.until(async () => {
        const volume = await trpc.volumes.get.query({ id })
        return volume.status.state === 'mounted' && volume.pending.blocks === 0 ? volume : undefined
      }, 60_000)
      assert.equal(done.safeToShutDown, true)
      assert.equal((await must('sha256sum', [`${mountPoint}/file`])).split(' ')[0], sum)
      const check = await daemon.done(await trpc.tasks.start.mutate({ kind: 'fsck', id }))
      assert.equal(check.result!.sentence, 'Everything is there.')
    }),
)
