import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import { silentLog } from '#core/base/log.ts'
import { DataDeletions } from './deletions.ts'
import { cleanDelayedSlices, cleanDeletedFiles, cleanDetached, cleanUnusedSlices, Jobs } from './jobs.ts'
import { makeNode } from './node.ts'
import { TYPE_DIRECTORY } from './records.ts'
import { countsEverySlice, openTestVolume, pass, type TestClient, until } from './test-volume.ts'

const ctx = rootContext()
const MIB = 2 ** 20

/** A closed file of three slices in two chunks. */
async function makeFile({ meta, clock }: TestClient, name: string): Promise<Ino> {
  const { ino } = await meta.create(ctx, ROOT_INO, name, 0o644, 0)
  for (const [index, pos] of [
    [0, 0],
    [0, MIB],
    [7, 0],
  ] as const) {
    const id = await meta.newSlice()
    await meta.writeSlice(ino, index, [{ pos, id, size: MIB, off: 0, len: MIB }], clock.now())
  }
  await meta.close(ino)
  return ino
}

async function left({ engine }: TestClient) {
  const limit = 1000
  return {
    files: (await engine.list({ kind: 'deletedFiles' }, { limit })).items.length,
    chunks: (await engine.list({ kind: 'allChunks' }, { limit })).items.length,
    refs: (await engine.list({ kind: 'sliceRefs' }, { limit })).items.length,
  }
}

/** Of a file that nobody shares. */
const REFS = countsEverySlice ? 3 : 0
const NOTHING = { files: 0, chunks: 0, refs: 0 }

test('an unlinked file loses its chunks, references, objects and record', async (t) => {
  const client = await openTestVolume()
  t.after(() => client.close())
  await makeFile(client, 'a')
  assert.deepEqual(await left(client), { files: 0, chunks: 2, refs: REFS })
  await client.meta.unlink(ctx, ROOT_INO, 'a')
  await client.settle()
  assert.deepEqual(await left(client), NOTHING)
  assert.deepEqual(client.removedSlices.map(({ id }) => id).sort(), [1, 2, 3])
})

test('objects go only after the metadata that no longer name them are durable', async (t) => {
  const order: string[] = []
  const client = await openTestVolume({
    wrap: (engine) =>
      new Proxy(engine, {
        get(target, key) {
          const value = Reflect.get(target, key) as unknown
          if (typeof value !== 'function') return value
          return (...args: unknown[]) => {
            if (key === 'sync' || args[0] === 'delete chunk')
              order.push(key === 'sync' ? 'sync' : 'delete chunk')
            return value.apply(target, args)
          }
        },
      }),
  })
  t.after(() => client.close())
  const ino = await makeFile(client, 'a')
  const deletions = new DataDeletions(client.state, async () => void order.push('objects'))
  const [node] = await client.engine.read([{ kind: 'node', ino }])
  await client.engine.commit('test', [], [{ kind: 'delNode', ino }])
  await deletions.removeFile(ino, node!.length)
  assert.equal(order[0], 'delete chunk')
  assert.ok(order.indexOf('sync') < order.indexOf('objects'), order.join())
})

test('a slice that another file uses too stays until the last one goes', async (t) => {
  const client = await openTestVolume()
  t.after(() => client.close())
  const from = await makeFile(client, 'a')
  const { ino: to } = await client.meta.create(ctx, ROOT_INO, 'b', 0o644, 0)
  await client.meta.copyFileRange(ctx, from, 0, to, 0, 2 * MIB)
  await client.meta.close(to)
  await client.meta.unlink(ctx, ROOT_INO, 'a')
  await client.settle()
  assert.deepEqual(client.removedSlices, [{ id: 3, size: MIB }])
  await client.meta.unlink(ctx, ROOT_INO, 'b')
  await client.settle()
  assert.deepEqual(client.removedSlices.map(({ id }) => id).sort(), [1, 2, 3])
  assert.deepEqual(await left(client), NOTHING)
})

test('with maxDeletes 0 objects and references are left for another client', async (t) => {
  const client = await openTestVolume({ options: { maxDeletes: 0 } })
  t.after(() => client.close())
  await makeFile(client, 'a')
  await client.meta.unlink(ctx, ROOT_INO, 'a')
  await client.settle()
  assert.deepEqual(await left(client), { files: 0, chunks: 0, refs: 3 })
  assert.deepEqual(client.removedSlices, [])
  const state = { ...client.state, options: { ...client.state.options, maxDeletes: 1 } }
  const removed: number[] = []
  const deletions = new DataDeletions(state, async (id) => void removed.push(id))
  assert.equal(await cleanUnusedSlices(state, deletions), 3)
  assert.deepEqual(removed.sort(), [1, 2, 3])
  assert.deepEqual(await left(client), NOTHING)
})

test('objects that cannot be removed keep their reference, and the file its place in the list', async (t) => {
  const client = await openTestVolume()
  t.after(() => client.close())
  await makeFile(client, 'a')
  client.state.deletions.stop()
  await client.meta.unlink(ctx, ROOT_INO, 'a')
  await client.settle()
  assert.deepEqual(await left(client), { files: 1, chunks: 2, refs: REFS }, 'a stopped client leaves it')
  const failing = new DataDeletions(client.state, () => Promise.reject(new Error('no answer')))
  const now = client.clock.nowSec()
  assert.equal(await cleanDeletedFiles(client.state, failing, now + 1), 0)
  assert.equal((await left(client)).files, 1)
  const working = new DataDeletions(client.state, async () => {})
  assert.equal(await cleanDeletedFiles(client.state, working, now), 0, 'younger than asked for')
  assert.equal(await cleanDeletedFiles(client.state, working, now + 1), 1)
  assert.equal(await cleanUnusedSlices(client.state, working), 2, 'left by the failed try')
  assert.deepEqual(await left(client), NOTHING)
})

test('a slice that got a user again in time is kept; so are the data of a file that still exists', async (t) => {
  const client = await openTestVolume()
  t.after(() => client.close())
  const ino = await makeFile(client, 'a')
  await client.state.deletions.removeSlice(1, MIB)
  assert.deepEqual(client.removedSlices, [])
  const file = { ino, length: 8 * 64 * MIB, deleted: 1 }
  await client.engine.commit('test', [], [{ kind: 'putDeletedFile', file }])
  await cleanDeletedFiles(client.state, client.state.deletions, client.clock.nowSec())
  assert.deepEqual(await left(client), { files: 1, chunks: 2, refs: REFS })
})

test('more deleted files than fit in the queue are found again once it is empty', async (t) => {
  const client = await openTestVolume()
  t.after(() => client.close())
  const files = Array.from({ length: 10_500 }, (_, k) => ({ ino: 1000 + k, length: 0, deleted: 1 }))
  for (let at = 0; at < files.length; at += 100) {
    const some = files.slice(at, at + 100)
    await client.engine.commit(
      'test',
      [],
      some.map((file) => ({ kind: 'putDeletedFile', file }) as const),
    )
  }
  for (const { ino, length } of files.slice(0, 10_100)) client.state.deletions.file(ino, length)
  await client.settle()
  assert.equal((await left(client)).files, 0)
})

test('delayed slices are let go after their time, by one client only', async (t) => {
  const client = await openTestVolume()
  t.after(() => client.close())
  await makeFile(client, 'a')
  const deleted = client.clock.nowSec()
  // Slice 1 is used by the chunk and by the record, as after a compaction with the trash on.
  const record = {
    newId: 50,
    deleted,
    slices: [
      { id: 1, size: MIB },
      { id: 9, size: 5 },
      { id: 9, size: 5 },
    ],
  }
  await client.engine.commit(
    'test',
    [],
    [
      { kind: 'addSliceRef', id: 1, size: MIB, add: 1 },
      { kind: 'newSliceRef', id: 9, size: 5 },
      { kind: 'addSliceRef', id: 9, size: 5, add: 1 },
      { kind: 'putDelayedSlices', record },
    ],
  )
  assert.equal(await cleanDelayedSlices(client.state, client.state.deletions, deleted), 0)
  await Promise.all([
    cleanDelayedSlices(client.state, client.state.deletions, deleted + 1),
    cleanDelayedSlices(client.state, client.state.deletions, deleted + 1),
  ])
  assert.deepEqual(client.removedSlices, [{ id: 9, size: 5 }])
  const [used, gone] = await client.engine.read([
    { kind: 'sliceRef', id: 1, size: MIB },
    { kind: 'sliceRef', id: 9, size: 5 },
  ])
  // Where a slice of one user has no record, one that is gone looks the same.
  assert.deepEqual([used?.uses, gone?.uses], [1, countsEverySlice ? undefined : 1])
})

test('an abandoned clone goes with everything below it', async (t) => {
  const client = await openTestVolume()
  t.after(() => client.close())
  const node = makeNode({ type: TYPE_DIRECTORY, mode: 0o755, parent: ROOT_INO }, client.clock.now())
  const added = client.clock.nowSec()
  await client.engine.commit(
    'test',
    [],
    [
      { kind: 'putNode', ino: 500, node },
      { kind: 'putDetached', ino: 500, added },
      { kind: 'addUsage', space: 4096, inodes: 1 },
    ],
  )
  const { ino } = await client.meta.mknod(ctx, 500, 'sub', { type: TYPE_DIRECTORY, mode: 0o755 })
  await client.meta.mknod(ctx, ino, 'file', { type: 1, mode: 0o600 })
  assert.equal(await cleanDetached(client.state, added), 0)
  assert.equal(await cleanDetached(client.state, added + 1), 1)
  await client.settle()
  const [left, inodes] = await client.engine.read([
    { kind: 'node', ino: 500 },
    { kind: 'counter', name: 'totalInodes' },
  ])
  assert.deepEqual([left, inodes], [null, 0])
})

test('the hourly jobs run on one client per hour and stop when told', async () => {
  const client = await openTestVolume({ options: { noBackgroundJobs: false } })
  client.state.deletions.stop()
  await makeFile(client, 'a')
  await client.meta.unlink(ctx, ROOT_INO, 'a')
  const working = new DataDeletions(client.state, async () => {})
  const jobs = new Jobs(client.state, working)
  jobs.start()
  await client.clock.advance(30 * 60_000)
  assert.equal((await left(client)).files, 1)
  await until(async () => {
    await pass(client.clock, 10 * 60_000)
    const { files, refs } = await left(client)
    return files === 0 && refs === 0
  })
  assert.deepEqual(await left(client), NOTHING)
  const now = client.clock.nowSec()
  for (const gate of ['lastCleanupFiles', 'nextCleanupSlices', 'lastCleanupTrash'] as const)
    assert.equal(await client.engine.claim(gate, now, 2 * 3600), false, gate)
  await jobs.stop()
  await client.close()

  const idle = await openTestVolume({ log: silentLog })
  new Jobs(idle.state, idle.state.deletions).start()
  await idle.clock.advance(3 * 3600_000)
  assert.equal(await idle.engine.claim('lastCleanupFiles', idle.clock.nowSec(), 3240), true, 'nobody ran')
  await idle.close()
})
