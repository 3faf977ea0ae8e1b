/** A volume that cannot be changed says so, why, and what helps: mounted so, or its metadata server takes no writes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redisMissing, startRedis } from '../harness/redis.ts'
import { must, noMount, run } from '../harness/volume.ts'
import { TestDaemon } from './test-daemon.ts'

const REAL = { skip: noMount, timeout: 180_000 }

test('a volume mounted read-only is called so, with the way to change that', REAL, async () => {
  await using daemon = await TestDaemon.start()
  const { id, mountPoint } = await daemon.create('library')
  await must('sh', ['-c', `echo x > ${mountPoint}/book; sync ${mountPoint}/book`])
  await daemon.trpc.volumes.update.mutate({ id, settings: { readOnly: true } })
  await daemon.trpc.volumes.unmount.mutate({ id, waitMs: 30_000 })
  await daemon.trpc.volumes.mount.mutate({ id, waitMs: 30_000 })
  const { status, readOnly, safeToShutDown } = await daemon.state(id, 'read-only')
  assert.deepEqual([readOnly, safeToShutDown], [true, true])
  assert.match(status.next!, /switch off “read-only”/)
  assert.equal(await must('cat', [`${mountPoint}/book`]), 'x\n')
  assert.match((await run('touch', [`${mountPoint}/new`])).stderr, /Read-only file system/)
  assert.equal((await daemon.trpc.files.stat.query({ id, path: '/book' })).can.change, false)
  await assert.rejects(daemon.trpc.files.chmod.mutate({ id, path: '/book', mode: 0o600 }), /EROFS/)
})

test('a Redis at its memory limit, and one that became a replica: read-only, why, and mounted again when it recovers', {
  ...REAL,
  skip: noMount || redisMissing() || false,
}, async () => {
  const server = await startRedis()
  try {
    await using daemon = await TestDaemon.start()
    const { id, mountPoint } = await daemon.create('team', { metaUrl: server.url() })
    const redis = (...words: string[]) => must('redis-cli', ['-p', String(server.port), ...words])
    const write = () => run('sh', ['-c', `echo x > ${mountPoint}/other`], { timeoutMs: 60_000 })
    await must('sh', ['-c', `echo x > ${mountPoint}/file; sync ${mountPoint}/file`])
    await redis('config', 'set', 'maxmemory', '1')
    assert.match((await write()).stderr, /No space left/)
    const full = await daemon.state(id, 'read-only')
    assert.match(full.status.line, /^The metadata server accepts no writes: it is full \(since \d\d:\d\d\)/)
    assert.match(full.status.next!, /maxmemory/)
    assert.equal(await must('cat', [`${mountPoint}/file`]), 'x\n')
    await redis('config', 'set', 'maxmemory', '0')
    // Nobody writes: the heartbeat finds out.
    await daemon.state(id, 'mounted')
    const said = await daemon.until(async () => {
      const { events } = await daemon.trpc.events.list.query({ id, kinds: ['metadata-warning', 'recovered'] })
      return events.length === 2 ? events : undefined
    })
    assert.deepEqual(
      said.map(({ kind }) => kind),
      ['recovered', 'metadata-warning'],
    )
    assert.match(said[1]!.sentence, /accepts no writes/)
    assert.equal((await write()).code, 0)
    await redis('replicaof', '127.0.0.1', '1')
    assert.notEqual((await write()).code, 0)
    const replica = await daemon.state(id, 'read-only', 40_000)
    assert.match(replica.status.line, /it is a replica/)
    assert.match(replica.status.next!, /Promote it/)
    await redis('replicaof', 'no', 'one')
    await daemon.state(id, 'mounted', 40_000)
    assert.equal((await write()).code, 0)
  } finally {
    await server.stop()
  }
})
