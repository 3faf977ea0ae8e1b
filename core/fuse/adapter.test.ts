import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EACCES, ESTALE } from '#core/base/errno.ts'
import { ROOT_INO } from '#core/base/ino.ts'
import { O_APPEND, O_RDONLY, O_RDWR, O_WRONLY } from '#core/base/open-flags.ts'
import { plainUser, refuses } from '#core/meta/test-volume.ts'
import {
  ManualClock,
  openTestVfs,
  openTestVfsPair,
  patterned,
  ROOT,
  type TestVfs,
  turn,
} from '#core/vfs/test-vfs.ts'
import { type AdapterOptions, fuseFileSystem } from './adapter.ts'
import type { EntryReply, FileSystem, KernelNotifier } from './filesystem.ts'

function served({ vfs, metrics }: TestVfs, options: Partial<AdapterOptions> = {}) {
  const told: string[] = []
  /** To be called when the kernel takes the notices told so far. */
  const arrivals: (() => void)[] = []
  const notify: KernelNotifier = {
    invalInode: (ino, offset, length, done) => {
      told.push(`inode ${ino} ${offset} ${length}`)
      if (done !== undefined) arrivals.push(done)
    },
    invalEntry: (parent, name) => told.push(`entry ${parent} ${name}`),
    dropAttributes: async (ino) => void told.push(`attributes ${ino}`),
  }
  const fs = fuseFileSystem(vfs, { ...options, metrics })
  fs.started(notify)
  return { fs, told, arrivals }
}

async function bytesOf(
  fs: FileSystem,
  ino: number,
  fh: number,
  offset: number,
  size: number,
): Promise<Buffer> {
  const reply = await fs.read(ROOT, ino, fh, offset, size)
  assert.equal(reply.kind, 'bytes')
  return Buffer.concat(reply.kind === 'bytes' ? reply.parts : [])
}

test('attributes are what stat(2) shows for every type', async (t) => {
  const { fs } = served(await openTestVfs(t))
  const file = await fs.create(ROOT, ROOT_INO, 'file', 0o100644, O_RDWR)
  await fs.write(ROOT, file.entry.ino, file.open.fh, 0, patterned(1000, 1), false)
  await fs.flush(ROOT, file.entry.ino, file.open.fh, 0n)
  const { attr } = await fs.getattr(ROOT, file.entry.ino, undefined)
  assert.deepEqual(
    [attr.mode, attr.size, attr.blocks, attr.nlink, attr.blksize],
    [0o100644, 1000, 2, 1, 65_536],
  )
  const dir = await fs.mkdir(ROOT, ROOT_INO, 'dir', 0o755)
  assert.deepEqual([dir.attr.mode, dir.attr.size, dir.attr.blocks, dir.attr.nlink], [0o40755, 4096, 8, 2])
  const link = await fs.symlink(ROOT, ROOT_INO, 'link', 'target')
  assert.deepEqual([link.attr.mode, link.attr.size, link.attr.blocks], [0o120777, 6, 1])
  const types = [
    [0o010600, 0],
    [0o020600, 0x0105],
    [0o060600, 0x0800],
    [0o140600, 0],
  ] as const
  for (const [mode, rdev] of types) {
    const node = await fs.mknod(ROOT, ROOT_INO, `n${mode}`, mode, rdev)
    assert.deepEqual([node.attr.mode, node.attr.rdev, node.attr.size, node.attr.blocks], [mode, rdev, 0, 0])
  }
  await fs.release(ROOT, file.entry.ino, file.open.fh, undefined)
})

test('attributes that a write overtook may not be kept, all others may', async (t) => {
  const { fs } = served(await openTestVfs(t))
  const { entry, open } = await fs.create(ROOT, ROOT_INO, 'a', 0o100644, O_RDWR)
  assert.equal(entry.attrTtl, 1)
  const asked = fs.getattr(ROOT, entry.ino, undefined)
  await fs.write(ROOT, entry.ino, open.fh, 0, patterned(10, 1), false)
  const overtaken = await asked
  assert.deepEqual([overtaken.attr.size, overtaken.attrTtl], [10, 0])
  const calm = await fs.getattr(ROOT, entry.ino, undefined)
  assert.deepEqual([calm.attr.size, calm.attrTtl], [10, 1])
  await fs.release(ROOT, entry.ino, open.fh, undefined)
})

test('absent names are cached only when a time for them is set', async (t) => {
  const test = await openTestVfs(t)
  assert.equal(await served(test).fs.lookup(ROOT, ROOT_INO, 'none'), undefined)
  const reply = await served(test, { negativeTtl: 2 }).fs.lookup(ROOT, ROOT_INO, 'none')
  assert.deepEqual([reply?.ino, reply?.entryTtl], [0, 2])
})

test('lookup counts: one for each entry given, none for . and .. or what did not fit, back with forget', async (t) => {
  const test = await openTestVfs(t)
  const { fs } = served(test)
  const known = () => test.metrics.snapshot().fuse_kernel_inodes
  const a = await fs.mknod(ROOT, ROOT_INO, 'a', 0o100644, 0)
  await fs.mknod(ROOT, ROOT_INO, 'b', 0o100644, 0)
  const { fh } = await fs.opendir(ROOT, ROOT_INO, 0)
  const shown: [string, EntryReply][] = []
  const sink = {
    add: () => false,
    addPlus: (name: string, entry: EntryReply) => shown.length < 3 && shown.push([name, entry]) > 0,
  }
  await fs.readdir(ROOT, ROOT_INO, fh, 0, 4096, sink, true)
  await fs.releasedir(ROOT, ROOT_INO, fh)
  assert.deepEqual(
    shown.map(([name, entry]) => [name, entry.ino, entry.attr.ino, entry.attr.mode]),
    [
      ['.', 0, ROOT_INO, 0o40000],
      ['..', 0, ROOT_INO, 0o40000],
      ['a', a.ino, a.ino, 0o100644],
    ],
  )
  assert.equal(known(), 2)
  fs.forget(a.ino, 1)
  assert.equal(known(), 2, 'a was also counted by the listing')
  fs.forget(a.ino, 1)
  fs.forget(a.ino + 1, 1)
  assert.equal(known(), 0)
})

test('an open drops what the kernel knew before another client changed the file, and only then', async (t) => {
  const [a, b] = await openTestVfsPair(t)
  const { fs, told } = served(a)
  const { entry, open } = await fs.create(ROOT, ROOT_INO, 'f', 0o100644, O_RDWR)
  const { ino } = entry
  const reopened = async () => {
    const { fh, flags } = await fs.open(ROOT, ino, O_RDONLY)
    await fs.release(ROOT, ino, fh, undefined)
    return { flags, told: told.splice(0) }
  }
  assert.deepEqual(await reopened(), { flags: 2, told: [] })
  await fs.write(ROOT, ino, open.fh, 0, patterned(100, 1), false)
  await fs.flush(ROOT, ino, open.fh, 0n)
  assert.deepEqual(await reopened(), { flags: 2, told: [] }, 'our own write')
  await fs.getattr(ROOT, ino, undefined)
  const foreign = await b.vfs.open(ROOT, ino, O_RDWR)
  await b.vfs.write(ROOT, foreign.fh, 0, patterned(200, 2))
  await b.vfs.release(foreign.fh)
  assert.deepEqual(await reopened(), { flags: 0, told: [`inode ${ino} 0 0`, `attributes ${ino}`] })
  assert.deepEqual(await bytesOf(fs, ino, open.fh, 0, 300), patterned(200, 2))
  await fs.getattr(ROOT, ino, undefined)
  assert.deepEqual(await reopened(), { flags: 2, told: [] })
  await fs.release(ROOT, ino, open.fh, undefined)
})

test('an append waits for the kernel to know the length: attributes that a notice overtook do not count', async (t) => {
  const [a, b] = await openTestVfsPair(t, { clock: new ManualClock() })
  const { fs, arrivals } = served(a)
  const { entry, open } = await fs.create(ROOT, ROOT_INO, 'a', 0o100644, O_RDWR)
  const { ino } = entry
  await fs.write(ROOT, ino, open.fh, 0, patterned(100, 1), false)
  await fs.flush(ROOT, ino, open.fh, 0n)
  const foreign = await b.vfs.open(ROOT, ino, O_RDWR)
  await b.vfs.write(ROOT, foreign.fh, 100, patterned(50, 2))
  await b.vfs.release(foreign.fh)
  // The kernel's question is on its way while it is told of the change: it drops the answer.
  assert.equal((await fs.getattr(ROOT, ino, undefined)).attr.size, 150)
  assert.equal(arrivals.length, 1)
  let sentBack = false
  const refused = refuses(ESTALE, fs.open(ROOT, ino, O_WRONLY | O_APPEND)).then(() => (sentBack = true))
  await turn()
  assert.equal(sentBack, false, 'the kernel would look the name up before the notice')
  arrivals.splice(0).forEach((arrived) => void arrived())
  await refused
  assert.equal((await fs.lookup(ROOT, ROOT_INO, 'a'))?.attr.size, 150)
  const appending = await fs.open(ROOT, ino, O_WRONLY | O_APPEND)
  await fs.release(ROOT, ino, appending.fh, undefined)
  await fs.release(ROOT, ino, open.fh, undefined)
})

test('squashed callers are somebody else, and checked by us', async (t) => {
  const test = await openTestVfs(t)
  await test.vfs.setattr(ROOT, ROOT_INO, { mode: 0o777 })
  const root = served(test, { rootSquash: { uid: 77, gid: 78 } }).fs
  const made = await root.mknod(ROOT, ROOT_INO, 'by-root', 0o100600, 0)
  assert.deepEqual([made.attr.uid, made.attr.gid], [77, 78])
  const byUser = await root.mknod(plainUser(1000), ROOT_INO, 'by-user', 0o100600, 0)
  assert.equal(byUser.attr.uid, 1000)
  await refuses(EACCES, root.open(ROOT, byUser.ino, O_RDONLY))
  const all = served(test, { allSquash: { uid: 5, gid: 6 }, umask: 0o077 }).fs
  const squashed = await all.mknod(plainUser(1000), ROOT_INO, 'squashed', 0o100666, 0)
  assert.deepEqual([squashed.attr.uid, squashed.attr.gid, squashed.attr.mode], [5, 6, 0o100600])
})

test('the access log shows who did what, while it is read', async (t) => {
  const clock = new ManualClock(Date.UTC(2026, 0, 2, 3, 4, 5))
  const test = await openTestVfs(t, { clock })
  const { fs } = served(test)
  const found = await fs.lookup(ROOT, ROOT_INO, '.accesslog')
  const { fh, flags } = await fs.open(ROOT, found!.ino, O_RDONLY)
  assert.equal(flags, 1, 'not cached by the kernel')
  const user = { ...plainUser(1000, 100), pid: 42 }
  const { entry, open } = await fs.create(user, ROOT_INO, 'a`\n', 0o100644, O_RDWR)
  await fs.write(user, entry.ino, open.fh, 3, patterned(10, 1), false)
  await fs.read(user, entry.ino, open.fh, 0, 100)
  await fs.lookup(user, ROOT_INO, 'none')
  await assert.rejects(fs.unlink(user, ROOT_INO, 'none'))
  await fs.setattr(user, entry.ino, { mode: 0o100600, fh: open.fh, mtime: 'now', killSuidgid: false })
  await fs.release(user, entry.ino, open.fh, undefined)
  const lines = (await bytesOf(fs, found!.ino, fh, 0, 65_536)).toString().trimEnd().split('\n')
  const sec = clock.nowSec()
  const who = '[uid:1000,gid:100,pid:42]'
  const node = (mode: string, size: number) =>
    `(${entry.ino},[${mode},1,1000,100,${sec},${sec},${sec},${size}])`
  assert.match(lines[0]!, /^\d{4}\.\d\d\.\d\d \d\d:\d\d:\d\d\.\d{6} /)
  assert.deepEqual(
    lines.map((line) => line.slice(27)),
    [
      `${who} create (1,a\`\\n,-rw-r--r--:0100644): ${node('-rw-r--r--:0100644', 0)} [fh:${open.fh}] - OK <0.000000>`,
      `${who} write (${entry.ino},10,3,${open.fh}) - OK <0.000000>`,
      `${who} read (${entry.ino},100,0,${open.fh}): (13) - OK <0.000000>`,
      `${who} lookup (1,none): - no such file or directory <0.000000>`,
      `${who} unlink (1,none) - no such file or directory <0.000000>`,
      `${who} setattr (${entry.ino}[${open.fh}],0x161,[mode=?rw-------:00600,mtime=NOW]): ` +
        `${node('-rw-------:0100600', 13)} - OK <0.000000>`,
      `[uid:0,gid:0,pid:0] release (${entry.ino},${open.fh}) - OK <0.000000>`,
    ],
  )
  await fs.release(ROOT, found!.ino, fh, undefined)
})
