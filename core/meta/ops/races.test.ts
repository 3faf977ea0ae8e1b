import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '#core/base/clock.ts'
import { rootContext } from '#core/base/context.ts'
import { BackendError, EEXIST, EINVAL, ENOENT, ENOTEMPTY, errnoName, FsError } from '#core/base/errno.ts'
import { type Ino, TRASH_INO } from '#core/base/ino.ts'
import { O_EXCL, O_RDWR } from '#core/base/open-flags.ts'
import { below, type Random, seededRandom } from '#core/base/random.ts'
import { RENAME_EXCHANGE } from '../api.ts'
import type { MetaEngine } from '../engine.ts'
import { TYPE_DIRECTORY, TYPE_FILE } from '../records.ts'
import { problemsOf } from '../test-invariants.ts'
import { openTestClients, openTestVolume, refuses, type TestClient } from '../test-volume.ts'
import type { VolumeMeta } from '../volume-meta.ts'

const root = rootContext()
const dir = { type: TYPE_DIRECTORY, mode: 0o755 } as const
const file = { type: TYPE_FILE, mode: 0o644 } as const

/** The engine, with every answer late by up to three turns of the event loop. */
function slow(engine: MetaEngine, random: Random): MetaEngine {
  const late = async () => {
    for (let turns = below(random, 4); turns > 0; turns--) await new Promise((done) => setImmediate(done))
  }
  return new Proxy(engine, {
    get(target, key) {
      const member = Reflect.get(target, key) as unknown
      if (typeof member !== 'function') return member
      return async (...args: unknown[]) => {
        await late()
        const result: unknown = await Reflect.apply(member, target, args)
        await late()
        return result
      }
    },
  })
}

async function twoClients(seed: number, setting = {}) {
  const random = seededRandom(seed)
  const { clients, close } = await openTestClients(2, {
    clock: systemClock,
    random,
    setting,
    wrap: (engine) => slow(engine, random),
  })
  const [a, b] = clients as [TestClient<typeof systemClock>, TestClient<typeof systemClock>]
  return { a, b, random, close }
}

/** Errno names of those refused, `ok` for the others. Anything but a refusal is thrown. */
async function outcomes(promises: Promise<unknown>[]): Promise<string[]> {
  return (await Promise.allSettled(promises)).map((result) => {
    if (result.status === 'fulfilled') return 'ok'
    if (!(result.reason instanceof FsError)) throw result.reason
    return errnoName(result.reason.errno)
  })
}

async function settled({ a, b }: { a: TestClient<never>; b: TestClient<never> }): Promise<void> {
  await Promise.all([a.settle(), b.settle()])
  assert.deepEqual(await problemsOf(a.engine), [])
}

test('O_EXCL has one winner for every name, and neighbours do not disturb each other', async () => {
  const { a, b, close } = await twoClients(11)
  const tries: Promise<unknown>[] = []
  for (let k = 0; k < 30; k++)
    for (const { meta } of [a, b]) tries.push(meta.create(root, 1, `f${k}`, 0o644, O_EXCL | O_RDWR))
  const all = await outcomes(tries)
  for (let k = 0; k < 30; k++) assert.deepEqual(all.slice(2 * k, 2 * k + 2).sort(), ['EEXIST', 'ok'])
  await settled({ a, b } as never)
  await close()
})

test('directories made and removed by both at once leave exact link counts', async () => {
  const { a, b, close } = await twoClients(12)
  await outcomes(Array.from({ length: 60 }, (_, k) => (k % 2 ? a : b).meta.mknod(root, 1, `d${k}`, dir)))
  assert.equal((await a.meta.getattr(root, 1)).nlink, 62)
  await outcomes(Array.from({ length: 60 }, (_, k) => (k % 3 ? a : b).meta.rmdir(root, 1, `d${k}`)))
  assert.equal((await a.meta.getattr(root, 1)).nlink, 2)
  await settled({ a, b } as never)
  await close()
})

test('crossing renames of directories never detach a tree', async () => {
  const { a, b, random, close } = await twoClients(13)
  for (let round = 0; round < 25; round++) {
    const made = await a.meta.mknod(root, 1, `r${round}`, dir)
    const chain = async (name: string): Promise<Ino[]> => {
      const inos = [(await a.meta.mknod(root, made.ino, name, dir)).ino]
      for (let k = below(random, 4); k > 0; k--)
        inos.push((await a.meta.mknod(root, inos.at(-1)!, 'x', dir)).ino)
      return inos
    }
    const [left, right] = [await chain('A'), await chain('B')]
    const all = await outcomes([
      a.meta.rename(root, made.ino, 'A', right.at(-1)!, 'A', 0),
      b.meta.rename(root, made.ino, 'B', left.at(-1)!, 'B', 0),
    ])
    assert.equal(all.filter((outcome) => outcome === 'ok').length, 1, `round ${round}: ${all}`)
    assert.ok(all.includes('EINVAL') || all.includes('ENOENT'), `round ${round}: ${all}`)
  }
  await settled({ a, b } as never)
  await close()
})

test('three directories that chase each other stay one tree', async () => {
  const { a, b, close } = await twoClients(14)
  for (let round = 0; round < 15; round++) {
    const top = (await a.meta.mknod(root, 1, `r${round}`, dir)).ino
    const [x, y, z] = await Promise.all(
      ['x', 'y', 'z'].map(async (name) => (await a.meta.mknod(root, top, name, dir)).ino),
    )
    await outcomes([
      a.meta.rename(root, top, 'x', y!, 'x', 0),
      b.meta.rename(root, top, 'y', z!, 'y', 0),
      a.meta.rename(root, top, 'z', x!, 'z', 0),
      b.meta.rename(root, top, 'x', z!, 'y', RENAME_EXCHANGE),
    ])
  }
  await settled({ a, b } as never)
  await close()
})

test('rmdir against create: a directory that got an entry stays, one that went takes none', async () => {
  const { a, b, close } = await twoClients(15)
  for (let round = 0; round < 30; round++) {
    const { ino } = await a.meta.mknod(root, 1, 'd', dir)
    const [made, removed] = await outcomes([a.meta.mknod(root, ino, 'f', file), b.meta.rmdir(root, 1, 'd')])
    if (made === 'ok') {
      assert.equal(removed, errnoName(ENOTEMPTY))
      await a.meta.unlink(root, ino, 'f')
      await a.meta.rmdir(root, 1, 'd')
    } else assert.deepEqual([made, removed], [errnoName(ENOENT), 'ok'])
  }
  await settled({ a, b } as never)
  await close()
})

test('a storm of renames, links and removals on few names keeps every count exact', async () => {
  for (const [seed, TrashDays] of [
    [21, 0],
    [22, 1],
  ] as const) {
    const { a, b, random, close } = await twoClients(seed, { TrashDays })
    const dirs = [1]
    for (let k = 0; k < 3; k++) dirs.push((await a.meta.mknod(root, 1, `d${k}`, dir)).ino)
    const pick = <T>(list: readonly T[]) => list[below(random, list.length)]!
    const name = () => pick(['p', 'q', 'r', 's'])
    const act = (meta: VolumeMeta): Promise<unknown> => {
      switch (below(random, 8)) {
        case 0:
          return meta.mknod(root, pick(dirs), name(), file)
        case 1:
          return meta.mknod(root, pick(dirs), name(), dir)
        case 2:
          return meta.unlink(root, pick(dirs), name())
        case 3:
          return meta.rmdir(root, pick(dirs), name())
        case 4:
          return meta.lookup(root, pick(dirs), name()).then(async (found) => {
            if (found?.node.type === TYPE_FILE) await meta.link(root, found.ino, pick(dirs), name())
          })
        case 5:
          return meta.rename(root, pick(dirs), name(), pick(dirs), name(), RENAME_EXCHANGE)
        default:
          return meta.rename(root, pick(dirs), name(), pick(dirs), name(), 0)
      }
    }
    for (let wave = 0; wave < 40; wave++) await outcomes([act(a.meta), act(b.meta), act(a.meta), act(b.meta)])
    await settled({ a, b } as never)
    await close()
  }
})

test('two clients make one trash directory for the hour', async () => {
  const { a, b, close } = await twoClients(16, { TrashDays: 1 })
  await outcomes(Array.from({ length: 10 }, (_, k) => a.meta.mknod(root, 1, `f${k}`, file)))
  const all = await outcomes(
    Array.from({ length: 10 }, (_, k) => (k % 2 ? a : b).meta.unlink(root, 1, `f${k}`)),
  )
  assert.deepEqual(new Set(all), new Set(['ok']))
  const hours = await a.meta.readdir(root, TRASH_INO, { limit: 10 }, false)
  assert.ok(hours.items.length <= 2, 'one, or two when the hour changes right now')
  await settled({ a, b } as never)
  await close()
})

test('a file unlinked by another client is gone for us; our close does not fail', async () => {
  const { a, b, close } = await twoClients(17)
  const { ino } = await a.meta.create(root, 1, 'f', 0o644, O_RDWR)
  await b.meta.unlink(root, 1, 'f')
  await refuses(ENOENT, a.meta.getattr(root, ino))
  await refuses(ENOENT, a.meta.open(root, ino, O_RDWR))
  await a.meta.close(ino)
  await settled({ a, b } as never)
  await close()
})

test('a removal of a tree and creations in it end in one state', async () => {
  const { a, b, random, close } = await twoClients(18)
  const { ino } = await a.meta.mknod(root, 1, 'tree', dir)
  const subs = await Promise.all(
    Array.from({ length: 5 }, async (_, k) => (await a.meta.mknod(root, ino, `s${k}`, dir)).ino),
  )
  for (let k = 0; k < 60; k++) await a.meta.mknod(root, subs[k % 5]!, `f${k}`, file)
  const filling = Array.from({ length: 40 }, (_, k) =>
    b.meta.mknod(root, subs[below(random, 5)]!, `late${k}`, file),
  )
  const [removed] = await outcomes([a.meta.removeTree(root, 1, 'tree', {}), ...filling])
  assert.equal(removed, 'ok')
  assert.equal(await b.meta.lookup(root, 1, 'tree'), undefined)
  await settled({ a, b } as never)
  await close()
})

test('a commit without an answer is reported and not repeated', async () => {
  let commits = 0
  let broken = false
  const { meta, close } = await openTestVolume({
    wrap: (engine) =>
      new Proxy(engine, {
        get(target, key) {
          const member = Reflect.get(target, key) as unknown
          if (typeof member !== 'function') return member
          return async (...args: unknown[]) => {
            const result: unknown = await Reflect.apply(member, target, args)
            if (key !== 'commit' || args[0] !== 'rename' || !broken) return result
            commits++
            throw new BackendError('unavailable', 'no answer')
          }
        },
      }),
  })
  await meta.mknod(root, 1, 'f', file)
  broken = true
  await assert.rejects(meta.rename(root, 1, 'f', 1, 'g', 0), { kind: 'unavailable' })
  assert.equal(commits, 1)
  broken = false
  assert.notEqual(await meta.lookup(root, 1, 'g'), undefined, 'it had been applied')
  await refuses(EEXIST, meta.mknod(root, 1, 'g', file))
  await refuses(EINVAL, meta.rmdir(root, 1, '.'))
  await close()
})
