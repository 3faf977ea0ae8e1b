/** Volumes that outlive the daemon, crashes, unmounts in use: with real mounts, each by a process of its own. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { mountAt, readMounts } from '#core/volume/mount-table.ts'
import { nodeBinary } from '../../scripts/runtime.mjs'
import { must, noMount, run } from '../harness/volume.ts'
import { MAIN, TestDaemon } from './test-daemon.ts'

const REAL = { skip: noMount, timeout: 180_000 }

async function mountedNow(path: string): Promise<boolean> {
  return mountAt(await readMounts(), path) !== undefined
}

test(
  'a volume outlives a killed daemon, and the next one adopts it with the same process',
  REAL,
  async () => {
    await using daemon = await TestDaemon.start()
    const { id, mountPoint, pid } = await daemon.create('survivor')
    await must('sh', ['-c', `echo before > ${mountPoint}/file`])
    await daemon.kill()
    assert.equal(await must('cat', [join(mountPoint, 'file')]), 'before\n')
    await must('sh', ['-c', `echo while > ${mountPoint}/file`])
    await daemon.begin()
    const volume = await daemon.state(id, 'mounted')
    assert.equal(volume.pid, pid)
    assert.equal(volume.desired, 'mounted')
    assert.equal(await must('cat', [join(mountPoint, 'file')]), 'while\n')
  },
)

test(
  'a volume process that is killed shows as failed, is started again, and data are there',
  REAL,
  async () => {
    await using daemon = await TestDaemon.start()
    const { id, mountPoint, pid } = await daemon.create('crashing')
    await must('sh', ['-c', `echo kept > ${mountPoint}/file; sync ${mountPoint}/file`])
    process.kill(pid!, 'SIGKILL')
    const failed = await daemon.state(id, 'failed')
    assert.match(failed.status.line, /ended unexpectedly/)
    assert.ok(failed.status.retryAtMs! > Date.now() - 1000 && failed.status.attempt === 1)
    const again = await daemon.state(id, 'mounted', 60_000)
    assert.notEqual(again.pid, pid)
    assert.equal(await must('cat', [join(mountPoint, 'file')]), 'kept\n')
    const { events } = await daemon.trpc.events.list.query({ id, kinds: ['crashed'] })
    assert.equal(events.length, 1)
  },
)

test('a stop wins over a restart that is due, and the dead mount is gone', REAL, async () => {
  await using daemon = await TestDaemon.start()
  const { id, mountPoint, pid } = await daemon.create('stopped')
  process.kill(pid!, 'SIGKILL')
  await daemon.state(id, 'failed')
  await daemon.trpc.volumes.unmount.mutate({ id })
  await daemon.state(id, 'unmounted')
  await sleep(3000)
  const { status, desired } = await daemon.trpc.volumes.get.query({ id })
  assert.deepEqual([status.state, desired], ['unmounted', 'unmounted'])
  assert.equal(await mountedNow(mountPoint), false)
})

test(
  'what died while the daemon was away is started again; what was unmounted meanwhile is not',
  REAL,
  async () => {
    await using daemon = await TestDaemon.start()
    const dying = await daemon.create('dying')
    const leaving = await daemon.create('leaving')
    await daemon.kill()
    process.kill(dying.pid!, 'SIGKILL')
    await must('sh', [
      '-c',
      `while kill -0 ${dying.pid} 2>/dev/null && ! grep -q Z /proc/${dying.pid}/stat; do sleep 0.1; done; true`,
    ])
    assert.equal((await daemon.pomelo('umount', leaving.mountPoint)).code, 0)
    await daemon.begin()
    await daemon.state(dying.id, 'mounted', 60_000)
    const left = await daemon.trpc.volumes.get.query({ id: leaving.id })
    assert.deepEqual([left.status.state, left.desired], ['unmounted', 'unmounted'])
  },
)

test(
  'an unmount names the process and the file that hold it, goes on when they let go, and closes the folder',
  REAL,
  async () => {
    await using daemon = await TestDaemon.start()
    const { id, mountPoint } = await daemon.create('held')
    await must('sh', ['-c', `echo x > '${mountPoint}/notes.md'`])
    const holder = spawn('tail', ['-f', join(mountPoint, 'notes.md')], { stdio: 'ignore' })
    await daemon.until(async () =>
      (await readFile(`/proc/${holder.pid}/comm`, 'utf8')).trim() === 'tail' ? true : undefined,
    )
    await sleep(300)
    await daemon.trpc.volumes.unmount.mutate({ id })
    const busy = await daemon.until(async () => {
      const volume = await daemon.trpc.volumes.get.query({ id })
      return volume.status.unmount?.step === 'busy' ? volume : undefined
    })
    assert.equal(busy.status.state, 'unmounting')
    assert.match(busy.status.line, new RegExp(`^tail \\(pid ${holder.pid}\\) holds .*/notes\\.md$`))
    assert.equal(busy.status.action, 'force')
    assert.equal(busy.status.unmount!.holders[0]!.uses[0]!.path, join(mountPoint, 'notes.md'))
    assert.equal(await must('cat', [join(mountPoint, 'notes.md')]), 'x\n')
    holder.kill('SIGKILL')
    await daemon.state(id, 'unmounted')
    assert.equal((await stat(mountPoint)).mode & 0o777, 0o555)
    if (process.getuid?.() === 0) {
      await run('chmod', ['-R', 'o+x', daemon.folder])
      const { code } = await run('touch', [join(mountPoint, 'late')], { uid: 65_534, gid: 65_534 })
      assert.notEqual(code, 0)
    }
    await daemon.trpc.volumes.mount.mutate({ id, waitMs: 30_000 })
    assert.equal(await must('cat', [join(mountPoint, 'notes.md')]), 'x\n')
  },
)

test('a cancelled unmount leaves it mounted; force ends it with the file open', REAL, async () => {
  await using daemon = await TestDaemon.start()
  const { id, mountPoint, pid } = await daemon.create('forced')
  const holder = spawn('sleep', ['600'], { cwd: mountPoint, stdio: 'ignore' })
  await sleep(300)
  await daemon.trpc.volumes.unmount.mutate({ id, waitMs: 1500 })
  await daemon.trpc.volumes.cancel.mutate({ id })
  const kept = await daemon.state(id, 'mounted')
  assert.equal(kept.desired, 'mounted')
  await daemon.trpc.volumes.unmount.mutate({ id, waitMs: 1500 })
  await daemon.trpc.volumes.unmount.mutate({ id, how: 'force' })
  await daemon.state(id, 'unmounted', 40_000)
  assert.equal(await mountedNow(mountPoint), false)
  assert.throws(() => process.kill(pid!, 0))
  holder.kill('SIGKILL')
})

test('a process that hangs is called unresponsive, and a restart brings the volume back', REAL, async () => {
  await using daemon = await TestDaemon.start()
  const { id, mountPoint, pid } = await daemon.create('hanging')
  await must('sh', ['-c', `echo x > ${mountPoint}/file; sync ${mountPoint}/file`])
  process.kill(pid!, 'SIGSTOP')
  const reader = spawn('stat', [join(mountPoint, 'other')], { stdio: 'ignore' })
  await daemon.state(id, 'unresponsive', 40_000)
  // How many wait is known only where the fusectl file system is mounted.
  const counts = (await readdir('/sys/fs/fuse/connections').catch(() => [])).length > 0
  const expected = counts
    ? /^No heartbeat for \d+ s; (a program waits for it|\d requests of programs wait)\.$/
    : /^No heartbeat for \d+ s\.$/
  const hung = await daemon.until(async () => {
    const volume = await daemon.trpc.volumes.get.query({ id })
    return expected.test(volume.status.line) ? volume : undefined
  })
  assert.equal(hung.status.action, 'restart')
  await daemon.until(async () => {
    const { events } = await daemon.trpc.events.list.query({ id, kinds: ['unresponsive'] })
    return events.length === 1 || undefined
  })
  const failed = new Promise((resolve) => reader.on('exit', resolve))
  await daemon.trpc.volumes.restart.mutate({ id })
  // The abort answers whoever waited.
  assert.notEqual(await failed, 0)
  const back = await daemon.state(id, 'mounted', 60_000)
  assert.notEqual(back.pid, pid)
  assert.equal(await must('cat', [join(mountPoint, 'file')]), 'x\n')
})

test(
  'an unmount of a stopped process is ended by cutting its connection, and whoever waits is answered',
  REAL,
  async () => {
    await using daemon = await TestDaemon.start()
    const { id, mountPoint, pid } = await daemon.create('stuck')
    await must('sh', ['-c', `echo x > ${mountPoint}/file; sync ${mountPoint}/file`])
    process.kill(pid!, 'SIGSTOP')
    const reader = spawn('cat', [join(mountPoint, 'other')], { stdio: 'ignore' })
    const ended = new Promise((resolve) => reader.on('exit', resolve))
    await daemon.trpc.volumes.unmount.mutate({ id, waitMs: 1500 })
    const waiting = await daemon.trpc.volumes.get.query({ id })
    assert.equal(waiting.status.state, 'unmounting')
    assert.equal(await mountedNow(mountPoint), true)
    await daemon.trpc.volumes.unmount.mutate({ id, how: 'abort' })
    await daemon.state(id, 'unmounted', 20_000)
    assert.notEqual(await ended, 0)
    assert.equal(await mountedNow(mountPoint), false)
    assert.throws(() => process.kill(pid!, 0))
    await daemon.trpc.volumes.mount.mutate({ id, waitMs: 30_000 })
    assert.equal(await must('cat', [join(mountPoint, 'file')]), 'x\n')
  },
)

test(
  'mounts of the command line are seen within a second or so, and their unmounts too; status agrees',
  REAL,
  async () => {
    await using daemon = await TestDaemon.start()
    const { id, mountPoint } = await daemon.create('shared', { mountNow: false })
    const meta = `sqlite3://${daemon.path('shared.db')}`
    const mount = async (at: string) => {
      await must('mkdir', ['-p', at])
      const options = ['--cache-dir', daemon.path('cache', 'cli'), '--log', daemon.path('cli.log')]
      const { code, stderr } = await daemon.pomelo('mount', '-d', ...options, meta, at)
      assert.equal(code, 0, stderr)
    }
    await mount(mountPoint)
    await daemon.state(id, 'mounted', 3000)
    const listed = JSON.parse((await daemon.pomelo('volumes', '--json')).stdout) as {
      name: string
      status: { state: string }
    }[]
    assert.deepEqual(
      listed.map(({ name, status }) => [name, status.state]),
      [['shared', 'mounted']],
    )
    assert.equal((await daemon.pomelo('umount', mountPoint)).code, 0)
    const after = await daemon.state(id, 'unmounted', 3000)
    assert.equal(after.desired, 'unmounted')
    // A place no profile knows.
    const elsewhere = daemon.path('elsewhere')
    await mount(elsewhere)
    const found = await daemon.until(
      async () => (await daemon.trpc.volumes.list.query()).find(({ origin }) => origin === 'found'),
      3000,
    )
    assert.deepEqual([found.name, found.mountPoint, found.status.state], ['shared', elsewhere, 'mounted'])
    await daemon.trpc.volumes.unmount.mutate({ id: found.id })
    await daemon.until(async () => ((await daemon.trpc.volumes.list.query()).length === 1 ? true : undefined))
    assert.equal(await mountedNow(elsewhere), false)
  },
)

test('what another program has mounted at the place of a volume is never taken away', REAL, async () => {
  await using daemon = await TestDaemon.start()
  const { id, mountPoint } = await daemon.create('taken', { mountNow: false })
  await must('mkdir', ['-p', mountPoint, daemon.path('elsewhere')])
  // Its process cannot be asked from here: as if it were the reference's, whose mounts look the same.
  const other = { ...daemon.env, XDG_RUNTIME_DIR: daemon.path('elsewhere') }
  const meta = `sqlite3://${daemon.path('taken.db')}`
  const options = ['--cache-dir', daemon.path('cache', 'cli'), '--log', daemon.path('cli.log')]
  await must('chmod', ['700', daemon.path('elsewhere')])
  await must(nodeBinary()!, [MAIN, 'mount', '-d', ...options, meta, mountPoint], {
    env: other,
    timeoutMs: 60_000,
  })
  await must('sh', ['-c', `echo theirs > ${mountPoint}/file`])
  assert.equal(mountAt(await readMounts(), mountPoint)!.type, 'fuse.juicefs')
  await daemon.trpc.volumes.mount.mutate({ id, waitMs: 30_000 })
  const failed = await daemon.state(id, 'failed')
  assert.match(failed.status.line, /already mounted/)
  await daemon.trpc.volumes.unmount.mutate({ id })
  await daemon.state(id, 'unmounted')
  assert.equal(await must('cat', [`${mountPoint}/file`]), 'theirs\n')
  await must(nodeBinary()!, [MAIN, 'umount', mountPoint], { env: other })
})

test(
  'a mount that cannot be made says why, and is not tried again by itself when that would not help',
  REAL,
  async () => {
    await using daemon = await TestDaemon.start()
    const { id, mountPoint } = await daemon.create('blocked', { mountNow: false })
    await must('mkdir', ['-p', mountPoint])
    await must('sh', ['-c', `chmod 755 ${mountPoint}; echo x > ${mountPoint}/in-the-way`])
    await daemon.trpc.volumes.mount.mutate({ id, waitMs: 30_000 })
    const { status } = await daemon.trpc.volumes.get.query({ id })
    assert.equal(status.state, 'failed')
    assert.match(status.line, /not empty/)
    assert.equal(status.retryAtMs, undefined)
  },
)

test(
  'the daemon idles below 1 % of a processor and 120 MiB with a mounted volume; the volume below 0.5 %',
  REAL,
  async (t) => {
    await using daemon = await TestDaemon.start()
    const { id, pid } = await daemon.create('idle')
    // As it runs every day: started with its code cached.
    await daemon.end()
    await daemon.begin()
    await daemon.state(id, 'mounted')
    await sleep(3000)
    const ticks = async (each: number) => {
      const fields = (await readFile(`/proc/${each}/stat`, 'utf8')).split(') ')[1]!.split(' ')
      return Number(fields[11]) + Number(fields[12])
    }
    const [before, volumeBefore, started] = [await ticks(daemon.pid), await ticks(pid!), Date.now()]
    await sleep(15_000)
    const seconds = (Date.now() - started) / 1000
    const cpu = ((await ticks(daemon.pid)) - before) / seconds
    const volumeCpu = ((await ticks(pid!)) - volumeBefore) / seconds
    const rssKiB = Number(/^VmRSS:\s+(\d+)/m.exec(await readFile(`/proc/${daemon.pid}/status`, 'utf8'))![1])
    t.diagnostic(
      `daemon ${cpu.toFixed(2)} % and ${(rssKiB / 1024).toFixed(0)} MiB, volume process ${volumeCpu.toFixed(2)} %`,
    )
    assert.ok(cpu < 1, `daemon ${cpu} %`)
    assert.ok(volumeCpu < 0.5, `volume process ${volumeCpu} %`)
    assert.ok(rssKiB < 120 * 1024, `${rssKiB} KiB`)
  },
)

test('a thousand volumes are listed in less than 100 ms, and one that changes is told alone', async (t) => {
  await using daemon = await TestDaemon.start()
  const { trpc } = daemon
  const metaUrl = (n: number) => `sqlite3://${daemon.path(`none-${n}.db`)}`
  const ids: string[] = []
  for (let n = 0; n < 1000; n++) {
    const profile = {
      pomeloProfile: 1,
      name: `volume ${n}`,
      metaUrl: metaUrl(n),
      bucket: null,
      settings: {},
      needs: [],
    } as const
    ids.push((await trpc.volumes.importProfile.mutate({ ...profile, needs: [] })).id)
  }
  await trpc.volumes.list.query()
  const took: number[] = []
  for (let round = 0; round < 5; round++) {
    const start = performance.now()
    assert.equal((await trpc.volumes.list.query()).length, 1000)
    took.push(performance.now() - start)
  }
  const median = took.sort((a, b) => a - b)[2]!
  t.diagnostic(`1,000 volumes: median ${median.toFixed(0)} ms over the socket`)
  assert.ok(median < 100, `${median} ms`)
  const sizes: number[] = []
  const watch = trpc.volumes.watch.subscribe(undefined, {
    onData: (change) => sizes.push(change.volumes.length),
  })
  await daemon.until(async () => (sizes.length > 0 ? true : undefined))
  await trpc.volumes.update.mutate({ id: ids[7]!, name: 'renamed' })
  await daemon.until(async () => (sizes.length > 1 ? true : undefined))
  watch.unsubscribe()
  assert.deepEqual(sizes.slice(0, 2), [1000, 1])
})
