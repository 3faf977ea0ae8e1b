import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BackendError, ENOTEMPTY, FsError, fail } from '#core/base/errno.ts'
import { Refusal } from '#core/base/refusal.ts'
import { callControl, serveControl } from './control-socket.ts'
import { findHolders } from './holders.ts'
import { LogFile } from './log-file.ts'
import { completeMetaUrl, parseLocation, sqliteFile } from './meta-url.ts'
import { refuseInside } from './mount-checks.ts'
import { connectionOf, isInside, mountAt, mountOf, parseMounts } from './mount-table.ts'

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'pomelo-parts-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test('a place in a volume is split at the first colon and slash after the scheme', () => {
  assert.deepEqual(parseLocation('sqlite3:///x.db:/a/b'), { metaUrl: 'sqlite3:///x.db', path: '/a/b' })
  assert.deepEqual(parseLocation('redis://:pw@host:6379/1:/a//./b/'), {
    metaUrl: 'redis://:pw@host:6379/1',
    path: '/a/b',
  })
  assert.deepEqual(parseLocation('redis://host/1'), { metaUrl: 'redis://host/1', path: '/' })
  assert.deepEqual(parseLocation('sqlite3:///x.db:/a:/b'), { metaUrl: 'sqlite3:///x.db', path: '/a:/b' })
  assert.equal(parseLocation('/local/path'), undefined)
  assert.equal(parseLocation('c:/x'), undefined)
})

test('the password of the environment goes into addresses that have none', () => {
  assert.equal(completeMetaUrl('redis://host/1', 'p@w'), 'redis://:p%40w@host/1')
  assert.equal(completeMetaUrl('postgres://me@host/db', 'x'), 'postgres://me:x@host/db')
  assert.equal(completeMetaUrl('redis://:own@host/1', 'x'), 'redis://:own@host/1')
  assert.equal(completeMetaUrl('sqlite3:///x.db', 'x'), 'sqlite3:///x.db')
  assert.equal(completeMetaUrl('host:6379/1', undefined), 'redis://host:6379/1')
  assert.equal(sqliteFile('sqlite3:///a/b.db?x=1'), '/a/b.db')
  assert.equal(sqliteFile('redis://host'), undefined)
})

test('the mount table is read with its escapes, and finds the mount of a path', () => {
  const mounts = parseMounts(
    [
      '21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw',
      '40 21 0:52 / /mnt/my\\040team rw,nosuid - fuse.juicefs JuiceFS:team ro,user_id=0',
      '41 21 0:53 / /mnt/my\\040team rw - fuse.juicefs JuiceFS:other rw',
      '',
    ].join('\n'),
  )
  assert.equal(mountAt(mounts, '/mnt/my team')?.source, 'JuiceFS:other')
  assert.equal(mountOf(mounts, '/mnt/my team/a/b')?.id, 41)
  assert.equal(mountOf(mounts, '/mnt/my teams')?.id, 21)
  assert.equal(connectionOf(mounts[1]!), 52)
  assert.ok(mounts[1]!.options.includes('ro'))
  assert.ok(isInside('/a/b', '/a') && isInside('/a', '/') && !isInside('/ab', '/a'))
})

test('a control socket answers, tells of progress, hands errors over whole, and is private', () =>
  withFolder(async (folder) => {
    const path = join(folder, 's.sock')
    const server = await serveControl(path, async ({ op, args, progress }) => {
      if (op === 'count') {
        for (let k = 0; k < 3; k++) progress({ k })
        return args
      }
      if (op === 'refuse') throw new Refusal('no', 'try that')
      if (op === 'errno') throw fail(ENOTEMPTY, 'rmdir', 'x')
      throw new BackendError('denied', 'redis://:pw@h: no')
    })
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    const seen: unknown[] = []
    assert.deepEqual(
      await callControl(path, 'count', { a: 1 }, { onProgress: (value) => seen.push(value) }),
      { a: 1 },
    )
    assert.deepEqual(seen, [{ k: 0 }, { k: 1 }, { k: 2 }])
    await assert.rejects(
      callControl(path, 'refuse'),
      (error) => error instanceof Refusal && error.next === 'try that',
    )
    await assert.rejects(
      callControl(path, 'errno'),
      (error) => error instanceof FsError && error.errno === ENOTEMPTY,
    )
    await assert.rejects(
      callControl(path, 'other'),
      (error) => error instanceof BackendError && error.message === 'redis://:****@h: no',
    )
    await server.close()
    await assert.rejects(
      callControl(path, 'count'),
      (error) => error instanceof BackendError && error.kind === 'not-found',
    )
  }))

test('a client that goes away cancels its request, and garbage ends a conversation only', () =>
  withFolder(async (folder) => {
    const path = join(folder, 's.sock')
    let cancelled = false
    const server = await serveControl(path, ({ op, signal }) => {
      if (op !== 'wait') return Promise.resolve('fine')
      return new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          cancelled = true
          reject(signal.reason)
        }),
      )
    })
    await assert.rejects(callControl(path, 'wait', {}, { signal: AbortSignal.timeout(50) }))
    await assert.rejects(callControl(path, 'wait', {}, { silenceMs: 50 }), /gives no answer/)
    for (let k = 0; k < 50 && !cancelled; k++) await sleep(10)
    assert.ok(cancelled)
    const socket = connect(path)
    socket.end('not json\n')
    await new Promise((resolve) => socket.on('close', resolve))
    assert.equal(await callControl(path, 'other'), 'fine')
    await server.close()
  }))

test('a log file turns over at its limit, also when another process turned it first', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'deep', 'x.log')
    const [one, two] = [new LogFile(path, 100), new LogFile(path, 100)]
    for (let k = 0; k < 5; k++) one.write('a'.repeat(30))
    for (let k = 0; k < 3; k++) two.write('b'.repeat(30))
    assert.ok((await stat(path)).size <= 100)
    assert.match(await readFile(`${path}.1`, 'utf8'), /^a/)
    assert.match(await readFile(path, 'utf8'), /b/)
    one.close()
    two.close()
  }))

test('whoever works in a folder is found by name, with what they use', () =>
  withFolder(async (folder) => {
    const child = spawn('sleep', ['30'], { cwd: folder, stdio: 'ignore' })
    try {
      let holders = await findHolders(folder)
      for (let k = 0; k < 50 && holders.length === 0; k++) {
        await sleep(20)
        holders = await findHolders(folder)
      }
      const holder = holders.find(({ pid }) => pid === child.pid)
      assert.ok(holder)
      assert.deepEqual(holder.uses, [{ how: 'working directory', path: folder }])
      assert.deepEqual(await findHolders(folder, [child.pid!]), [])
    } finally {
      child.kill()
    }
  }))

test('a cache or metadata file inside the mount point is refused, through symlinks too', () =>
  withFolder(async (folder) => {
    const mountPoint = join(folder, 'mnt')
    await mkdir(mountPoint)
    await symlink(mountPoint, join(folder, 'alias'))
    await writeFile(join(folder, 'x.db'), '')
    await assert.rejects(refuseInside(mountPoint, 'the cache', join(mountPoint, 'a/b')), Refusal)
    await assert.rejects(refuseInside(mountPoint, 'the cache', join(folder, 'alias/new')), Refusal)
    await refuseInside(mountPoint, 'the metadata file', join(folder, 'x.db'))
    await refuseInside(mountPoint, 'the cache', `${mountPoint}-cache`)
  }))
