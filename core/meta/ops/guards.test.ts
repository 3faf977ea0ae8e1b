/** What another client does between our read and our commit, one guard at a time. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { EEXIST, EINVAL, ENOENT, ENOTEMPTY, EPERM } from '#core/base/errno.ts'
import { type Ino, TRASH_INO } from '#core/base/ino.ts'
import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../api.ts'
import type { MetaEngine } from '../engine.ts'
import { FLAG_IMMUTABLE, TYPE_DIRECTORY, TYPE_FILE } from '../records.ts'
import { problemsOf } from '../test-invariants.ts'
import { openTestClients, refuses } from '../test-volume.ts'

const root = rootContext()
const dir = { type: TYPE_DIRECTORY, mode: 0o755 } as const
const file = { type: TYPE_FILE, mode: 0o644 } as const

let meanwhile: (() => Promise<unknown>) | undefined
let commits = 0

/** Before the first commit after `meanwhile` was set, that happens. Only the first client is wrapped. */
function interrupted(engine: MetaEngine): MetaEngine {
  return new Proxy(engine, {
    get(target, key) {
      const member = Reflect.get(target, key) as unknown
      if (typeof member !== 'function') return member
      return async (...args: unknown[]) => {
        const work = key === 'commit' ? meanwhile : undefined
        if (work !== undefined) meanwhile = undefined
        await work?.()
        if (key === 'commit') commits++
        return Reflect.apply(member, target, args) as unknown
      }
    },
  })
}

let wrapped = 0
const { clients, close } = await openTestClients(2, {
  wrap: (engine) => (wrapped++ === 0 ? interrupted(engine) : engine),
})
const [ours, theirs] = clients.map(({ meta }) => meta) as [
  (typeof clients)[0]['meta'],
  (typeof clients)[0]['meta'],
]
const { engine } = clients[1]!
let tests = 0

after(async () => {
  for (const client of clients) await client.settle()
  assert.deepEqual(await problemsOf(engine), [])
  await close()
})

/** An empty directory for one test. */
async function place(): Promise<Ino> {
  return (await theirs.mknod(root, 1, `test${++tests}`, dir)).ino
}

/** While `work` is between read and commit, `other` happens. */
async function during<T>(other: () => Promise<unknown>, work: () => Promise<T>): Promise<T> {
  meanwhile = other
  try {
    return await work()
  } finally {
    assert.equal(meanwhile, undefined, 'it did happen')
  }
}

test('create: the name is taken, the directory is gone or became immutable', async () => {
  const top = await place()
  const make = () => ours.mknod(root, top, 'f', file)
  await refuses(
    EEXIST,
    during(() => theirs.mknod(root, top, 'f', file), make),
  )
  const d = (await theirs.mknod(root, top, 'd', dir)).ino
  const inD = () => ours.mknod(root, d, 'f', file)
  await refuses(
    EPERM,
    during(() => theirs.setattr(root, d, { flags: FLAG_IMMUTABLE }), inD),
  )
  await theirs.setattr(root, d, { flags: 0 })
  await refuses(
    ENOENT,
    during(() => theirs.rmdir(root, top, 'd'), inD),
  )
})

test('create: neighbours made meanwhile do not make it try again', async () => {
  const top = await place()
  const before = commits
  await during(
    async () => {
      await theirs.mknod(root, top, 'neighbour', file)
      await theirs.mknod(root, top, 'subdirectory', dir)
    },
    () => ours.mknod(root, top, 'f', dir),
  )
  assert.equal((await ours.getattr(root, top)).nlink, 4)
  assert.equal(commits - before, 1)
})

test('unlink: the name points elsewhere by now, or the file got another link', async () => {
  const top = await place()
  const old = (await theirs.mknod(root, top, 'f', file)).ino
  const replace = async () => {
    await theirs.rename(root, top, 'f', top, 'kept', 0)
    await theirs.mknod(root, top, 'f', file)
  }
  const removed = await during(replace, () => ours.unlink(root, top, 'f'))
  assert.notEqual(removed.ino, old)
  assert.equal((await ours.lookup(root, top, 'kept'))?.ino, old)
  await clients[0]!.settle()
  const left = await during(
    () => theirs.link(root, old, top, 'link'),
    () => ours.unlink(root, top, 'kept'),
  )
  assert.deepEqual([left.gone, left.node.nlink], [false, 1])
  assert.equal((await theirs.lookup(root, top, 'link'))?.node.nlink, 1)
  await refuses(
    ENOENT,
    during(
      () => theirs.unlink(root, top, 'link'),
      () => ours.unlink(root, top, 'link'),
    ),
  )
})

test('rmdir: an entry appears, even without a touch of the directory', async () => {
  const top = await place()
  const { ino } = await theirs.mknod(root, top, 'd', dir)
  const put = () =>
    engine.commit(
      'test',
      [],
      [{ kind: 'putEdge', parent: ino, name: 'f', edge: { ino: 4711, type: TYPE_FILE } }],
    )
  await refuses(
    ENOTEMPTY,
    during(put, () => ours.rmdir(root, top, 'd')),
  )
  await engine.commit('test', [], [{ kind: 'delEdge', parent: ino, name: 'f' }])
  await ours.rmdir(root, top, 'd')
})

test('link: the file is gone, was linked elsewhere, or the name is taken', async () => {
  const top = await place()
  const { ino } = await theirs.mknod(root, top, 'f', file)
  const linked = await during(
    () => theirs.link(root, ino, top, 'g'),
    () => ours.link(root, ino, top, 'h'),
  )
  assert.equal(linked.nlink, 3)
  const take = () => theirs.mknod(root, top, 'i', file)
  await refuses(
    EEXIST,
    during(take, () => ours.link(root, ino, top, 'i')),
  )
  const gone = await theirs.mknod(root, top, 'gone', file)
  await refuses(
    ENOENT,
    during(
      () => theirs.unlink(root, top, 'gone'),
      () => ours.link(root, gone.ino, top, 'j'),
    ),
  )
})

test('rename: source gone, target appears, target fills, target is another file', async () => {
  const top = await place()
  await theirs.mknod(root, top, 'f', file)
  await refuses(
    EEXIST,
    during(
      () => theirs.mknod(root, top, 'g', file),
      () => ours.rename(root, top, 'f', top, 'g', RENAME_NOREPLACE),
    ),
  )
  await refuses(
    ENOENT,
    during(
      () => theirs.unlink(root, top, 'f'),
      () => ours.rename(root, top, 'f', top, 'x', 0),
    ),
  )
  await refuses(
    ENOENT,
    during(
      () => theirs.unlink(root, top, 'g'),
      async () => {
        await theirs.mknod(root, top, 'f', file)
        return ours.rename(root, top, 'f', top, 'g', RENAME_EXCHANGE)
      },
    ),
  )
  const d = await theirs.mknod(root, top, 'd', dir)
  await theirs.mknod(root, top, 'e', dir)
  await refuses(
    ENOTEMPTY,
    during(
      () => theirs.mknod(root, d.ino, 'inside', file),
      () => ours.rename(root, top, 'e', top, 'd', 0),
    ),
  )
  const target = await theirs.mknod(root, top, 'target', file)
  const { target: replaced } = await during(
    () => theirs.link(root, target.ino, top, 'saved'),
    () => ours.rename(root, top, 'f', top, 'target', 0),
  )
  assert.deepEqual([replaced?.ino, replaced?.gone, replaced?.node.nlink], [target.ino, false, 1])
})

test('rename: a directory far above the target moves below the one we move', async () => {
  const top = await place()
  const a = (await theirs.mknod(root, top, 'a', dir)).ino
  const y = (await theirs.mknod(root, a, 'y', dir)).ino
  let b = (await theirs.mknod(root, top, 'b', dir)).ino
  for (let depth = 0; depth < 6; depth++) b = (await theirs.mknod(root, b, 'x', dir)).ino
  await refuses(
    EINVAL,
    during(
      () => theirs.rename(root, top, 'b', y, 'b', 0),
      () => ours.rename(root, top, 'a', b, 'a', 0),
    ),
  )
  assert.equal((await ours.lookup(root, a, '..'))?.ino, top)
})

test('rename: the target directory is gone or became immutable, the source entry vanishes alone', async () => {
  const top = await place()
  const { ino } = await theirs.mknod(root, top, 'f', file)
  const d = (await theirs.mknod(root, top, 'd', dir)).ino
  const move = () => ours.rename(root, top, 'f', d, 'f', 0)
  await refuses(
    EPERM,
    during(() => theirs.setattr(root, d, { flags: FLAG_IMMUTABLE }), move),
  )
  await theirs.setattr(root, d, { flags: 0 })
  await refuses(
    ENOENT,
    during(() => theirs.rmdir(root, top, 'd'), move),
  )
  const edge = { parent: top, name: 'f' }
  const vanish = () => engine.commit('test', [], [{ kind: 'delEdge', ...edge }])
  await refuses(
    ENOENT,
    during(vanish, () => ours.rename(root, top, 'f', top, 'g', 0)),
  )
  await engine.commit('test', [], [{ kind: 'putEdge', ...edge, edge: { ino, type: TYPE_FILE } }])
})

test('a write that lands during a move or a link keeps its length', async () => {
  const top = await place()
  const { ino } = await theirs.mknod(root, top, 'f', file)
  const grow = (length: number) => () => theirs.truncate(root, ino, length, false)
  const { moved } = await during(grow(5000), () => ours.rename(root, top, 'f', 1, `moved${tests}`, 0))
  assert.equal(moved.node.length, 5000)
  assert.equal((await during(grow(9000), () => ours.link(root, ino, top, 'l'))).length, 9000)
  const removed = await during(grow(20_000), () => ours.unlink(root, top, 'l'))
  assert.equal(removed.node.length, 20_000)
})

test('clone: a source that is written, compacted or removed while it is copied', async () => {
  const top = await place()
  const { ino } = await theirs.mknod(root, top, 'f', file)
  const write = async (pos: number) => {
    const slice = { pos, id: await theirs.newSlice(), size: 10, off: 0, len: 10 }
    await theirs.writeSlice(ino, 0, [slice], clients[1]!.clock.now())
    return slice
  }
  const slices = [await write(0), await write(10)]
  const copy = await during(
    async () => slices.push(await write(20)),
    () => ours.clone(root, ino, top, 'copy', { preserve: false }),
  )
  assert.equal(copy.node.length, 30)
  assert.deepEqual(await ours.readChunk(copy.ino, 0), slices)
  const whole = { pos: 0, id: await theirs.newSlice(), size: 30, off: 0, len: 30 }
  const compacted = await during(
    () => theirs.commitCompaction(ino, 0, slices, 0, whole),
    () => ours.clone(root, ino, top, 'compacted', { preserve: false }),
  )
  assert.deepEqual(await ours.readChunk(compacted.ino, 0), [whole])
  await refuses(
    ENOENT,
    during(
      () => theirs.unlink(root, top, 'f'),
      () => ours.clone(root, ino, top, 'late', { preserve: false }),
    ),
  )
  assert.deepEqual(await ours.readChunk(compacted.ino, 0), [whole])
})

test('trash: the name there is taken between read and commit', async () => {
  const top = await place()
  for (const { state } of clients) state.setting = { ...state.setting, TrashDays: 1 }
  const { ino } = await theirs.mknod(root, top, 'f', file)
  await theirs.link(root, ino, top, 'g')
  await theirs.mknod(root, top, 'other', file)
  await ours.unlink(root, top, 'other')
  const hour = (await ours.readdir(root, TRASH_INO, { limit: 1 }, false)).items[0]!.ino
  const taken = { parent: hour, name: `${top}-${ino}-f` }
  const take = () =>
    engine.commit('test', [], [{ kind: 'putEdge', ...taken, edge: { ino, type: TYPE_FILE } }])
  const { node, gone } = await during(take, () => ours.unlink(root, top, 'f'))
  assert.deepEqual([node.nlink, gone], [1, false])
  await engine.commit('test', [], [{ kind: 'delEdge', ...taken }])
  for (const { state } of clients) state.setting = { ...state.setting, TrashDays: 0 }
})
