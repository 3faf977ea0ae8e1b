/** The files of a volume through the API: mounted and not, in both cases by another process than the daemon. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { must, noMount } from '../harness/volume.ts'
import { TestDaemon } from './test-daemon.ts'

/** Progress is told twice a second. */
const TELL_MS = 600
const REAL = { skip: noMount, timeout: 180_000 }

function sha(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function download(
  port: number,
  path: string,
): Promise<{ status: number; bytes: Buffer; disposition: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.on('end', () =>
        resolve({
          status: answer.statusCode!,
          bytes: Buffer.concat(parts),
          disposition: String(answer.headers['content-disposition']),
        }),
      )
      answer.on('error', reject)
    })
    asked.on('error', reject)
    asked.end()
  })
}

for (const mounted of [true, false]) {
  const how = mounted ? 'through its mount’s process' : 'without a mount'
  test(`a file goes up and comes down again as it was, ${how}`, REAL, async () => {
    await using daemon = await TestDaemon.start()
    const { id } = await daemon.create('files', { mountNow: mounted })
    const token = await daemon.token()
    const bytes = randomBytes(9 * 2 ** 20 + 12_345)
    const path = '/a folder/übung & co.bin'
    await daemon.trpc.files.mkdir.mutate({ id, path: '/a folder' })
    const put = (body: Buffer, overwrite: boolean) =>
      daemon.http('PUT', `/api/files/${id}?path=${encodeURIComponent(path)}&overwrite=${overwrite ? 1 : 0}`, {
        headers: { authorization: `Bearer ${token}`, 'content-length': String(body.length) },
        body,
      })
    assert.equal((await put(bytes, false)).status, 200)
    const stat = await daemon.trpc.files.stat.query({ id, path })
    assert.deepEqual([stat.size, stat.modeText, stat.type], [bytes.length, 'rw-r--r--', 'file'])
    const ticket = await daemon.trpc.files.download.mutate({ id, path })
    const first = await download(daemon.port, ticket.url)
    assert.equal(sha(first.bytes), sha(bytes))
    assert.equal(first.disposition, `attachment; filename*=UTF-8''${encodeURIComponent('übung & co.bin')}`)
    assert.equal((await download(daemon.port, ticket.url)).status, 401)
    const again = await put(randomBytes(10), false)
    assert.equal(again.status, 409)
    assert.match(again.body, /there is a file of that name/)
    assert.equal((await put(Buffer.from('short'), true)).status, 200)
    const replaced = await daemon.trpc.files.download.mutate({ id, path })
    assert.equal((await download(daemon.port, replaced.url)).bytes.toString(), 'short')
    const { entries } = await daemon.trpc.files.list.query({ id, path: '/a folder' })
    assert.deepEqual(
      entries.map(({ name }) => name),
      ['übung & co.bin'],
    )
    const uploads = (await daemon.trpc.tasks.list.query({})).filter(({ kind }) => kind === 'upload')
    assert.deepEqual(uploads.map(({ state }) => state).sort(), ['done', 'done', 'failed'])
  })
}

test('an upload that breaks off leaves nothing, and its task says so', REAL, async () => {
  await using daemon = await TestDaemon.start()
  const { id } = await daemon.create('broken', { mountNow: false })
  const token = await daemon.token()
  const asked = request({
    host: '127.0.0.1',
    port: daemon.port,
    method: 'PUT',
    path: `/api/files/${id}?path=/half`,
    headers: { authorization: `Bearer ${token}`, 'content-length': String(2 ** 24) },
  })
  asked.on('error', () => {})
  asked.write(randomBytes(3 * 2 ** 20))
  await daemon.until(async () =>
    (await daemon.trpc.tasks.list.query({ running: true })).find(({ progress }) => progress.done >= 2 ** 20),
  )
  asked.destroy()
  await daemon.until(async () =>
    (await daemon.trpc.tasks.list.query({ running: true })).length === 0 ? true : undefined,
  )
  const [task] = (await daemon.trpc.tasks.list.query({})).filter(({ kind }) => kind === 'upload')
  assert.equal(task!.state, 'cancelled')
  assert.deepEqual((await daemon.trpc.files.list.query({ id, path: '/' })).entries, [])
})

test(
  'what a browser of files does: rename, permissions, trash and back, names that are no text',
  REAL,
  async () => {
    await using daemon = await TestDaemon.start()
    const { id, mountPoint } = await daemon.create('browser')
    const { files } = daemon.trpc
    await must('sh', [
      '-c',
      `cd ${mountPoint} && mkdir d && echo one > d/one && printf x > "$(printf 'n\\377\\303')" && ln -s d/one link && setfattr -n user.colour -v green d/one`,
    ])
    const root = await files.list.query({ id, path: '/' })
    assert.deepEqual(
      root.entries.map(({ type }) => type),
      ['directory', 'symlink', 'file'],
    )
    const odd = root.entries[2]!
    assert.equal(odd.path, '/n\udcff\udcc3')
    assert.equal((await files.stat.query({ id, path: odd.path })).places!.memory, 1)
    const warmed = await daemon.done(
      await daemon.trpc.tasks.start.mutate({ kind: 'warm-up', id, paths: [odd.path] }),
    )
    assert.match(warmed.result!.sentence, /^1 B of 1 files/)
    await files.rename.mutate({ id, from: odd.path, to: '/even' })
    assert.equal(await must('cat', [`${mountPoint}/even`]), 'x')
    const one = await files.stat.query({ id, path: '/d/one' })
    assert.deepEqual(one.xattrs, [{ name: 'user.colour', value: 'green', encoding: 'text' }])
    assert.equal((await files.stat.query({ id, path: '/link' })).target, 'd/one')
    await files.chmod.mutate({ id, path: '/d/one', mode: 0o4710 })
    assert.equal((await files.stat.query({ id, path: '/d/one' })).modeText, 'rws--x---')
    await assert.rejects(
      files.rename.mutate({ id, from: '/even', to: '/d/one' }),
      (error: { data: { kind: string } }) => error.data.kind === 'conflict',
    )
    await assert.rejects(files.rename.mutate({ id, from: '/d', to: '/d/inside' }), /into itself/)
    await assert.rejects(
      files.stat.query({ id, path: '/nothing' }),
      (error: { data: { errno: string } }) => error.data.errno === 'ENOENT',
    )
    assert.deepEqual(await files.remove.mutate({ id, paths: ['/d/one', '/nothing'] }), [
      { path: '/d/one' },
      { path: '/nothing', error: 'ENOENT: remove: /nothing' },
    ])
    const [hour] = await files.trashHours.query({ id })
    assert.equal(hour!.entries, 1)
    const { items } = await files.trashList.query({ id, hour: hour!.hour })
    assert.deepEqual([items[0]!.name, items[0]!.from], ['one', '/d'])
    await files.restore.mutate({ id, keys: [items[0]!.key] })
    assert.equal(await must('cat', [`${mountPoint}/d/one`]), 'one\n')
  },
)

test('a folder comes down as a tar archive, and files go up into folders made on the way', REAL, async () => {
  await using daemon = await TestDaemon.start()
  const { id, mountPoint } = await daemon.create('folders')
  const long = 'x'.repeat(200)
  await must('sh', [
    '-c',
    `cd ${mountPoint} && mkdir -p t/d/${long} t/empty && echo one > t/one && echo two > t/d/${long}/zwölf && ln -s ../one t/d/link && mkfifo t/pipe && truncate -s 3M t/hole && printf end >> t/hole && chmod 640 t/one && touch -d '2024-02-03 04:05:06.789' t/one && sync`,
  ])
  const { url, name, size } = await daemon.trpc.files.download.mutate({ id, path: '/t' })
  assert.deepEqual([name, size], ['t.tar', null])
  const { bytes, disposition } = await download(daemon.port, url)
  assert.match(disposition, /t\.tar$/)
  await writeFile(daemon.path('t.tar'), bytes)
  await must('sh', [
    '-c',
    `mkdir ${daemon.path('out')} && tar -xf ${daemon.path('t.tar')} -C ${daemon.path('out')}`,
  ])
  const shown = (at: string) =>
    must('sh', ['-c', `cd ${at}/t && find . -printf '%P %y %m %s %T@ %l\\n' | grep -v ' d ' | sort`])
  assert.equal(await shown(daemon.path('out')), await shown(mountPoint))
  assert.equal(await must('diff', ['-r', '--exclude=pipe', `${daemon.path('out')}/t`, `${mountPoint}/t`]), '')
  await assert.rejects(daemon.trpc.files.download.mutate({ id, path: '/none' }), /ENOENT/)
  // Up, into folders that are not there.
  const token = await daemon.token()
  const put = (path: string) =>
    daemon.http('PUT', `/api/files/${id}?path=${encodeURIComponent(path)}&parents=1`, {
      headers: { authorization: `Bearer ${token}`, 'content-length': '2' },
      body: 'hi',
    })
  const answers = await Promise.all(['/up/a/one', '/up/a/two', '/up/b/three'].map(put))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  )
  assert.equal(await must('cat', [`${mountPoint}/up/b/three`]), 'hi')
  assert.equal((await put('/t/one/below')).status, 409)
  await daemon.trpc.files.mkdir.mutate({ id, path: '/up/c/d', parents: true })
  await daemon.trpc.files.mkdir.mutate({ id, path: '/up/c/d', parents: true })
  await assert.rejects(daemon.trpc.files.mkdir.mutate({ id, path: '/t/one', parents: true }), /no folder/)
})

test(
  'owner, attributes and ACLs are changed as a mount shows them, and refused where it has none',
  REAL,
  async () => {
    await using daemon = await TestDaemon.start()
    const { id, mountPoint } = await daemon.create('properties')
    const { files } = daemon.trpc
    await must('sh', [
      '-c',
      `mkdir ${mountPoint}/d && echo x > ${mountPoint}/d/f && ln -s f ${mountPoint}/d/l`,
    ])
    const path = '/d/f'
    const owned = await files.chown.mutate({ id, path, owner: 'nobody', group: '4242' })
    assert.deepEqual([owned.uid, owned.gid], [65_534, 4242])
    await files.chown.mutate({ id, path: '/d/l', owner: '77' })
    // The kernel is told soon after the answer, long before its time-out.
    const shows = (name: string, format: string, expected: string) =>
      daemon.until(async () => {
        const shown = (await must('stat', ['-c', format, `${mountPoint}/d/${name}`])).trim()
        return shown === expected ? true : undefined
      }, 900)
    await shows('f', '%u:%g', '65534:4242')
    await shows('l', '%u', '77')
    await assert.rejects(files.chown.mutate({ id, path, owner: 'nobody-of-this-name' }), /knows no user/)
    await assert.rejects(files.chown.mutate({ id, path }), /give an owner/)
    await files.setXattr.mutate({ id, path, name: 'user.colour', value: 'grün' })
    await files.setXattr.mutate({ id, path, name: 'user.bin', value: '00ff', encoding: 'hex' })
    assert.match(
      await must('getfattr', ['-d', '-e', 'hex', '--absolute-names', `${mountPoint}/d/f`]),
      /user.bin=0x00ff\nuser.colour=0x6772c3bc6e/,
    )
    await files.removeXattr.mutate({ id, path, name: 'user.bin' })
    const shown = await files.stat.query({ id, path })
    assert.deepEqual(shown.xattrs, [{ name: 'user.colour', value: 'grün', encoding: 'text' }])
    assert.deepEqual(shown.can, { change: true, xattrs: true, acl: false })
    await assert.rejects(files.setXattr.mutate({ id, path, name: 'system.posix_acl_access', value: '' }))
    await assert.rejects(
      files.setXattr.mutate({ id, path, name: 'security.capability', value: 'x' }),
      /NOTSUP/,
    )
    await assert.rejects(
      files.setXattr.mutate({ id, path, name: 'user.b', value: '0', encoding: 'hex' }),
      /pairs/,
    )
    const entries = [
      { tag: 'user', id: 1234, perms: 'rwx' },
      { tag: 'group', id: null, perms: 'r--' },
    ] as const
    await assert.rejects(files.setAcl.mutate({ id, path, entries: [...entries] }), /NOTSUP/)
    // The volume gets ACLs; the kernel is told with the next mount.
    await daemon.trpc.volumes.changeFormat.mutate({ id, acl: true })
    await daemon.trpc.volumes.unmount.mutate({ id, waitMs: 30_000 })
    await daemon.trpc.volumes.mount.mutate({ id, waitMs: 30_000 })
    await files.setAcl.mutate({ id, path, entries: [...entries] })
    await files.setAcl.mutate({ id, path: '/d', which: 'default', entries: [...entries] })
    const acl = await files.stat.query({ id, path })
    assert.deepEqual(acl.acl, [
      { tag: 'user', id: null, perms: 'rw-' },
      { tag: 'user', id: 1234, perms: 'rwx' },
      { tag: 'group', id: null, perms: 'r--' },
      { tag: 'mask', id: null, perms: 'rwx' },
      { tag: 'other', id: null, perms: 'r--' },
    ])
    assert.equal(acl.can.acl, true)
    await must('touch', [`${mountPoint}/d/heir`])
    const heir = await files.stat.query({ id, path: '/d/heir' })
    assert.ok(heir.acl?.some((entry) => entry.id === 1234))
    await shows('f', '%a', '674')
    await assert.rejects(files.setAcl.mutate({ id, path, which: 'default', entries: [...entries] }), /EACCES/)
    await assert.rejects(files.setAcl.mutate({ id, path, entries: [entries[0], entries[0]] }), /two entries/)
    await files.setAcl.mutate({ id, path, entries: null })
    assert.equal((await files.stat.query({ id, path })).acl, null)
  },
)

test(
  'a folder of 20,000 files comes in pages of one moment, and a page takes little time',
  REAL,
  async (t) => {
    await using daemon = await TestDaemon.start()
    const { id, mountPoint } = await daemon.create('large')
    await must(
      'python3',
      [
        '-c',
        `import os\nos.mkdir('${mountPoint}/many')\nfor n in range(20000): os.close(os.open(f'${mountPoint}/many/{n:06d}', os.O_CREAT))`,
      ],
      { timeoutMs: 120_000 },
    )
    const first = await daemon.trpc.files.list.query({ id, path: '/many', limit: 5000 })
    assert.deepEqual([first.total, first.offset, first.entries[0]!.name], [20_000, 0, '000000'])
    // What is made meanwhile does not move the pages.
    await must('touch', [`${mountPoint}/many/000000-more`])
    const names = first.entries.map(({ name }) => name)
    const took: number[] = []
    for (let cursor = first.nextCursor; cursor !== null; ) {
      const start = performance.now()
      const page = await daemon.trpc.files.list.query({ id, path: '/many', limit: 5000, cursor })
      took.push(performance.now() - start)
      assert.equal(page.offset, names.length)
      names.push(...page.entries.map(({ name }) => name))
      cursor = page.nextCursor
    }
    assert.deepEqual([names.length, new Set(names).size], [20_000, 20_000])
    t.diagnostic(`a page of 5,000: ${Math.max(...took).toFixed(0)} ms at most`)
    await assert.rejects(
      daemon.trpc.files.list.query({ id, path: '/many', cursor: '99:0' }),
      (error: { data: { kind: string } }) => error.data.kind === 'gone',
    )
  },
)

test('tasks tell their progress, are cancelled, tried again, and kept over a restart', REAL, async () => {
  await using daemon = await TestDaemon.start()
  const { id, mountPoint } = await daemon.create('tasks')
  await must('sh', [
    '-c',
    `mkdir ${mountPoint}/t && cd ${mountPoint}/t && for n in $(seq 300); do echo $n > $n; done`,
  ])
  const done = await daemon.done(await daemon.trpc.tasks.start.mutate({ kind: 'fsck', id }))
  assert.equal(done.result!.sentence, 'Everything is there.')
  assert.ok(done.result!.facts.some(({ label, value }) => label === 'Blocks' && value === 300))
  const dump = daemon.path('dump.json')
  await daemon.done(await daemon.trpc.tasks.start.mutate({ kind: 'dump', id, file: dump }))
  assert.ok((await daemon.trpc.volumes.health.query({ id })).lastBackupMs! > Date.now() - 60_000)
  // A folder that is not there: it fails, says why, and can be tried again.
  const started = await daemon.trpc.tasks.start.mutate({
    kind: 'dump',
    id,
    file: '/nowhere/at/all/dump.json',
  })
  const failed = await daemon.until(async () =>
    (await daemon.trpc.tasks.list.query({})).find(
      ({ taskId, state }) => taskId === started.taskId && state !== 'running',
    ),
  )
  assert.deepEqual([failed.state, failed.canRetry], ['failed', true])
  assert.match(failed.error!.message, /nowhere/)
  const retried = await daemon.trpc.tasks.retry.mutate({ taskId: failed.taskId })
  assert.notEqual(retried.taskId, failed.taskId)
  const gone = await daemon.trpc.tasks.start.mutate({ kind: 'gc', id })
  await daemon.trpc.tasks.cancel.mutate({ taskId: gone.taskId })
  const ended = await daemon.until(async () =>
    (await daemon.trpc.tasks.list.query({})).find(
      ({ taskId, state }) => taskId === gone.taskId && state !== 'running',
    ),
  )
  assert.ok(['cancelled', 'done'].includes(ended.state), ended.state)
  await daemon.end()
  await daemon.begin()
  const kept = await daemon.trpc.tasks.list.query({})
  assert.ok(kept.length >= 5 && kept.every(({ state }) => state !== 'running'))
})

test(
  'tasks and transfers are paused between two steps, go on, and are cancelled while they wait',
  REAL,
  async () => {
    await using daemon = await TestDaemon.start()
    const { id, mountPoint } = await daemon.create('pausing')
    await must('sh', [
      '-c',
      `mkdir ${mountPoint}/t && cd ${mountPoint}/t && for n in $(seq 3000); do echo $n > $n; done`,
    ])
    const { tasks } = daemon.trpc
    const task = (taskId: string) =>
      daemon.until(async () => (await tasks.list.query({})).find((each) => each.taskId === taskId))
    const standsStill = async (taskId: string) => {
      const before = await daemon.until(async () => {
        const first = (await task(taskId)).progress.done
        await sleep(TELL_MS)
        return (await task(taskId)).progress.done === first ? first : undefined
      })
      await sleep(TELL_MS)
      assert.equal((await task(taskId)).progress.done, before)
      return before
    }
    const warm = await tasks.start.mutate({ kind: 'warm-up', id, paths: ['/t'] })
    assert.equal(warm.canPause, true)
    const paused = await tasks.pause.mutate({ taskId: warm.taskId })
    assert.deepEqual([paused.state, paused.pausedSinceMs !== null], ['running', true])
    const at = await standsStill(warm.taskId)
    assert.ok(at < 3000, `${at} files while it was paused`)
    assert.equal((await tasks.resume.mutate({ taskId: warm.taskId })).pausedSinceMs, null)
    const done = await daemon.done(warm)
    assert.match(done.result!.sentence, /of 3,000 files are in the cache/)
    assert.deepEqual([done.canPause, done.pausedSinceMs], [false, null])
    await assert.rejects(tasks.pause.mutate({ taskId: warm.taskId }), /cannot be paused/)
    // Cancelled while it waits, then the same again.
    const check = await tasks.start.mutate({ kind: 'warm-up', id, paths: ['/t'] })
    await tasks.pause.mutate({ taskId: check.taskId })
    await tasks.cancel.mutate({ taskId: check.taskId })
    const ended = await daemon.until(async () => {
      const now = await task(check.taskId)
      return now.state === 'running' ? undefined : now
    })
    assert.deepEqual([ended.state, ended.canRetry], ['cancelled', true])
    await daemon.done(await tasks.retry.mutate({ taskId: check.taskId }))
    // A download, and it comes whole.
    const bytes = randomBytes(24 * 2 ** 20)
    await writeFile(`${mountPoint}/large`, bytes)
    const { url } = await daemon.trpc.files.download.mutate({ id, path: '/large' })
    const coming = download(daemon.port, url)
    const running = await daemon.until(async () =>
      (await tasks.list.query({ running: true })).find(({ kind }) => kind === 'download'),
    )
    await tasks.pause.mutate({ taskId: running.taskId })
    const moved = await standsStill(running.taskId)
    await tasks.resume.mutate({ taskId: running.taskId })
    assert.equal(sha((await coming).bytes), sha(bytes))
    assert.equal((await daemon.until(() => task(running.taskId))).progress.total, bytes.length)
    assert.ok(moved < bytes.length, `${moved} bytes had gone`)
  },
)

test(
  'a pinned folder is there without its bucket, after a remount and a drop from the cache',
  REAL,
  async () => {
    await using daemon = await TestDaemon.start()
    const { id, mountPoint } = await daemon.create('pinned')
    const { files, tasks, volumes, system } = daemon.trpc
    await must('sh', [
      '-c',
      `mkdir ${mountPoint}/keep && head -c 9M /dev/urandom > ${mountPoint}/keep/file && sync`,
    ])
    const sum = await must('sha256sum', [`${mountPoint}/keep/file`])
    const task = await daemon.done(await tasks.start.mutate({ kind: 'pin', id, paths: ['/keep'] }))
    assert.equal(task.result!.sentence, '9.00 MiB of 1 files are kept on this computer.')
    await daemon.done(await tasks.start.mutate({ kind: 'drop-cache', id, paths: ['/'] }))
    await volumes.unmount.mutate({ id, waitMs: 30_000 })
    // Seen without the mount, too.
    const [pin] = await files.pins.query({ id })
    assert.deepEqual([pin!.path, pin!.type], ['/keep', 'directory'])
    await volumes.mount.mutate({ id, waitMs: 30_000 })
    const looked = await daemon.until(async () =>
      (await files.pins.query({ id })).find(({ asOfMs }) => asOfMs !== null),
    )
    assert.deepEqual([looked.files, looked.bytes, looked.cachedBytes], [1, 9 * 2 ** 20, 9 * 2 ** 20])
    await daemon.until(async () => {
      const { volumes: cached } = await system.cache.query()
      return cached.find((each) => each.id === id)!.pinnedBytes >= 9 * 2 ** 20 ? true : undefined
    })
    await must('mv', [daemon.path('bucket'), daemon.path('bucket-away')])
    assert.equal(await must('sha256sum', [`${mountPoint}/keep/file`]), sum)
    await must('mv', [daemon.path('bucket-away'), daemon.path('bucket')])
    await files.unpin.mutate({ id, inos: [pin!.ino] })
    assert.deepEqual(await files.pins.query({ id }), [])
  },
)

test('a volume is destroyed only by its name, and then nothing of it is left', REAL, async () => {
  await using daemon = await TestDaemon.start()
  const { id, name } = await daemon.create('doomed')
  await assert.rejects(daemon.trpc.volumes.remove.mutate({ id, confirm: name, data: true }), /is mounted/)
  await daemon.trpc.volumes.unmount.mutate({ id, waitMs: 30_000 })
  await assert.rejects(
    daemon.trpc.volumes.remove.mutate({ id, confirm: 'other', data: true }),
    /not the name/,
  )
  await daemon.trpc.volumes.remove.mutate({ id, confirm: name, data: true })
  await daemon.until(async () => ((await daemon.trpc.volumes.list.query()).length === 0 ? true : undefined))
  const left = await must('find', [daemon.path('bucket'), '-type', 'f'])
  assert.equal(left, '')
})

test('a team’s profile goes out without secrets and comes in on another computer', REAL, async () => {
  await using here = await TestDaemon.start()
  await using there = await TestDaemon.start()
  const { id } = await here.create('team')
  await here.trpc.volumes.update.mutate({
    id,
    settings: { writeback: true, cacheDir: here.path('own') },
    secrets: { passphrase: 'x' },
  })
  const exported = await here.trpc.volumes.exportProfile.query({ id })
  assert.deepEqual(exported, {
    pomeloProfile: 1,
    name: 'team',
    metaUrl: `sqlite3://${here.path('team.db')}`,
    bucket: null,
    settings: { writeback: true },
    needs: ['passphrase'],
  })
  await writeFile(there.path('team.json'), JSON.stringify(exported))
  const volume = await there.trpc.volumes.importProfile.mutate(exported)
  assert.deepEqual([volume.name, volume.status.state], ['team', 'unmounted'])
  await there.trpc.volumes.mount.mutate({ id: volume.id, waitMs: 30_000 })
  assert.equal((await there.trpc.volumes.sessions.query({ id: volume.id })).length, 2)
})
