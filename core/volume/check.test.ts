import assert from 'node:assert/strict'
import { rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkData } from '#core/admin/check-data.ts'
import { checkTree } from '#core/admin/check-tree.ts'
import { compactTree } from '#core/admin/compact.ts'
import { type FsckOptions, fsck } from '#core/admin/fsck.ts'
import { collectGarbage, type GcOptions } from '#core/admin/gc.ts'
import { repairProblem } from '#core/admin/repair.ts'
import { restoreTrash, trashHours } from '#core/admin/trash.ts'
import { ManualClock } from '#core/base/clock.ts'
import { rootContext } from '#core/base/context.ts'
import { ROOT_INO } from '#core/base/ino.ts'
import { nameToText } from '#core/base/name.ts'
import type { NodeRecord } from '#core/meta/records.ts'
import type { Volume } from './open-volume.ts'
import { getFile, makeTestVolume, putDirectory, putFile } from './test-volume.ts'

const BLOCK = 64 * 1024
const ALL: FsckOptions = { recursive: true, syncDirStat: true }
const JUDGE: GcOptions = { delete: false, threads: 4, minAgeSec: 0 }
const REPAIR = { dirMode: 0o755, uid: 0, gid: 0 }

/** The tree check without its wait for other clients. */
function treeCheck(volume: Volume, limit?: number) {
  const clock = {
    ...new ManualClock(),
    sleep: async () => {},
    now: () => ({ sec: 1, nsec: 0 }),
    nowSec: () => 1,
    monotonicMs: () => 0,
  }
  return { state: volume.state, engine: volume.engine, clock, dirStats: true, compareDirStats: true, limit }
}

async function keys(volume: Volume): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of volume.store.list('chunks/')) found.push(key)
  return found
}

test('a whole volume passes both checks, also in passes of a few slices', async () => {
  await using made = await makeTestVolume()
  const volume = await made.open()
  await putDirectory(volume, '/d')
  for (let k = 0; k < 20; k++) await putFile(volume, `/d/f${k}`, Buffer.alloc(BLOCK + k, k))
  const report = await fsck(volume, ALL, {})
  assert.deepEqual([report.data.slices, report.data.blocks, report.data.lostBlocks], [20, 39, 0])
  assert.deepEqual(report.problems, [])
  const inPasses = await checkData({
    ...volume,
    engine: volume.engine,
    store: volume.store,
    geometry: volume.geometry,
    limit: 4,
  })
  assert.deepEqual([inPasses.slices, inPasses.blocks, inPasses.lostBlocks], [20, 39, 0])
  assert.deepEqual(await checkTree(treeCheck(volume, 4)), [])
})

test('lost blocks are reported as ranges of the files that show them', async () => {
  await using made = await makeTestVolume()
  const volume = await made.open()
  const ino = await putFile(volume, '/broken', Buffer.alloc(3 * BLOCK + 10, 1))
  await putFile(volume, '/whole', Buffer.alloc(BLOCK, 2))
  const [slice] = await volume.meta.readChunk(ino, 0)
  for (const block of [1, 3]) await rm(join(made.bucket, 'test-volume', volume.blocks.key(slice!, block)))
  for (const options of [ALL, { ...ALL, path: '/' }, { ...ALL, path: '/broken' }]) {
    const { data, paths } = await fsck(volume, options, {})
    assert.equal(data.lostBlocks, 2)
    assert.equal(data.lostBytes, BLOCK + 10)
    assert.deepEqual(data.broken, [
      {
        ino,
        ranges: [
          { start: BLOCK, end: 2 * BLOCK },
          { start: 3 * BLOCK, end: 3 * BLOCK + 10 },
        ],
      },
    ])
    assert.deepEqual(paths.get(ino), ['/broken'])
  }
})

test('wrong link counts, statistics and counters are found and put right', async () => {
  await using made = await makeTestVolume()
  const volume = await made.open()
  const dir = await putDirectory(volume, '/d')
  const file = await putFile(volume, '/d/f', 'x')
  const [node, fileNode] = await volume.engine.read([
    { kind: 'node', ino: dir },
    { kind: 'node', ino: file },
  ])
  await volume.engine.commit(
    'test',
    [],
    [
      { kind: 'putNode', ino: dir, node: { ...node!, nlink: 7 } },
      { kind: 'putNode', ino: file, node: { ...fileNode!, nlink: 3 } },
      { kind: 'putDirStat', ino: dir, stat: { length: 5, space: 5, inodes: 5 } },
      { kind: 'addUsage', space: 4096, inodes: 1 },
    ],
  )
  const check = treeCheck(volume)
  const problems = await checkTree(check)
  assert.deepEqual(problems.map(({ kind }) => kind).sort(), [
    'counter',
    'counter',
    'dirStat',
    'nlink',
    'nlink',
  ])
  for (const problem of problems) assert.equal(await repairProblem(check, problem, REPAIR), 'repaired')
  assert.deepEqual(await checkTree(check), [])
  assert.equal((await volume.meta.getattr(rootContext(), dir)).nlink, 2)
})

test('an entry without its node and a node without an entry are told apart', async () => {
  await using made = await makeTestVolume()
  const volume = await made.open()
  const dir = await putDirectory(volume, '/lost')
  await putFile(volume, '/lost/inside', 'x')
  const orphan = await putFile(volume, '/nameless', 'y')
  await volume.engine.commit(
    'test',
    [],
    [
      { kind: 'delNode', ino: dir },
      { kind: 'delEdge', parent: ROOT_INO, name: 'nameless' },
    ],
  )
  const check = treeCheck(volume)
  const problems = await checkTree(check)
  const dangling = problems.find(({ kind }) => kind === 'dangling')
  assert.deepEqual(dangling, { kind: 'dangling', parent: ROOT_INO, name: 'lost', ino: dir, directory: true })
  assert.ok(problems.some((problem) => problem.kind === 'orphan' && problem.ino === orphan))
  assert.equal(await repairProblem(check, dangling!, REPAIR), 'repaired')
  assert.equal((await volume.meta.lookup(rootContext(), dir, 'inside'))?.node.length, 1)
  assert.ok(!(await checkTree(check)).some(({ kind }) => kind === 'dangling'))
})

test('a node without an entry goes to the trash when it is old enough, whole, and can be restored', async () => {
  await using made = await makeTestVolume()
  const volume = await made.open()
  const { engine } = volume
  const file = await putFile(volume, '/nameless', 'lost and found')
  const dir = await putDirectory(volume, '/tree')
  await putFile(volume, '/tree/inside', 'y')
  const young = await putFile(volume, '/young', 'z')
  const lose = (ino: number, name: string, node: NodeRecord) =>
    engine.commit(
      'test',
      [],
      [
        { kind: 'delEdge', parent: ROOT_INO, name },
        { kind: 'putNode', ino, node: { ...node, ctime: node.ctime - 7200 } },
      ],
    )
  await lose(file, 'nameless', await volume.meta.getattr(rootContext(), file))
  await lose(dir, 'tree', await volume.meta.getattr(rootContext(), dir))
  await engine.commit('test', [], [{ kind: 'delEdge', parent: ROOT_INO, name: 'young' }])
  const report = await fsck(volume, { ...ALL, syncDirStat: true, repair: REPAIR }, {})
  const orphans = report.problems.filter(({ kind }) => kind === 'orphan')
  assert.deepEqual(
    orphans.map((problem) => [problem.kind === 'orphan' && problem.ino, problem.outcome]).sort(),
    [
      [file, 'repaired'],
      [dir, 'repaired'],
      [young, 'young'],
    ].sort(),
  )
  const again = await fsck(volume, { ...ALL, syncDirStat: true }, {})
  assert.deepEqual(
    again.problems.map((problem) => problem.kind === 'orphan' && problem.ino),
    [young],
  )
  const [hour] = await trashHours(volume)
  await restoreTrash(volume, [nameToText(hour!.name)], { inTrash: false, threads: 1 }, {})
  assert.equal((await getFile(volume, `/orphan-${file}`)).toString(), 'lost and found')
  assert.equal((await getFile(volume, `/orphan-${dir}/inside`)).toString(), 'y')
})

test('garbage collection tells leaked, replaced and live objects apart, and removes only the leaked', async () => {
  await using made = await makeTestVolume()
  const volume = await made.open()
  const file = await putFile(volume, '/live', Buffer.alloc(BLOCK * 2, 1))
  await putFile(volume, '/rewritten', Buffer.alloc(100, 1))
  const leak = join(made.bucket, 'test-volume/chunks/0/9/9999_0_77')
  const foreign = join(made.bucket, 'test-volume/chunks/notes.txt')
  const { mkdir } = await import('node:fs/promises')
  await mkdir(join(made.bucket, 'test-volume/chunks/0/9'), { recursive: true })
  await writeFile(leak, Buffer.alloc(77))
  await writeFile(foreign, 'not a block')
  const young = await collectGarbage(volume, { ...JUDGE, minAgeSec: 3600 }, {})
  assert.equal(young.skipped.count, 4)
  const old = new Date(Date.now() - 7200_000)
  await utimes(leak, old, old)
  const aged = await collectGarbage(volume, { ...JUDGE, minAgeSec: 3600, delete: true }, {})
  assert.deepEqual(
    [aged.leaked, aged.removed, aged.skipped.count],
    [{ count: 1, bytes: 77 }, { count: 1, bytes: 77 }, 3],
  )
  const rest = await collectGarbage(volume, { ...JUDGE, limit: 1 }, {})
  assert.deepEqual([rest.scanned.count, rest.valid.count, rest.leaked.count], [3, 3, 0])
  assert.equal((await volume.meta.readChunk(file, 0)).length, 1)
  assert.equal((await keys(volume)).length, 4)
})

test('compaction merges the slices of a tree; garbage collection then knows the old ones as compacted', async () => {
  await using made = await makeTestVolume()
  const volume = await made.open()
  const ctx = rootContext()
  const { fh, ino } = await volume.vfs.create(ctx, ROOT_INO, 'pieces', 0o644, 0o102)
  for (let k = 0; k < 4; k++) {
    await volume.vfs.write(ctx, fh, k * 10, Buffer.alloc(10, 97 + k))
    await volume.vfs.fsync(ctx, fh)
  }
  await volume.vfs.release(fh)
  assert.ok((await volume.meta.readChunk(ino, 0)).length > 1)
  const options = {
    compactChunk: (node: number, index: number) => volume.vfs.compactChunk(node, index),
    threads: 2,
  }
  const result = await compactTree(volume, ['/'], options, {})
  assert.deepEqual([result.chunks, result.compacted, result.failures], [1, 1, []])
  assert.equal((await volume.meta.readChunk(ino, 0)).length, 1)
  const report = await collectGarbage(volume, JUDGE, {})
  assert.deepEqual([report.valid.count, report.leaked.count], [1, 0])
  assert.ok(report.compacted.count > 0)
  assert.equal(report.delayedSlices.count, report.compacted.count)
})
