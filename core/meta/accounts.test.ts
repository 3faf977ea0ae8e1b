import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { EDQUOT, ENOSPC } from '#core/base/errno.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import type { VolumeSpace } from './api.ts'
import type { MetaEngine } from './engine.ts'
import { type QuotaKind, TYPE_DIRECTORY, TYPE_FILE } from './records.ts'
import { watched } from './test-engine.ts'
import {
  openTestClients,
  openTestVolume,
  plainUser,
  refuses,
  type TestClient,
  type TestVolumeOptions,
  until,
} from './test-volume.ts'

const ROOT = rootContext()
const KIB4 = 4096

async function withVolume(
  options: TestVolumeOptions,
  body: (client: TestClient) => Promise<void>,
): Promise<void> {
  const client = await openTestVolume(options)
  try {
    await body(client)
    await client.settle()
  } finally {
    await client.close()
  }
}

async function make({ meta }: TestClient, parent: Ino, name: string, uid = 0): Promise<Ino> {
  return (await meta.mknod(plainUser(uid), parent, name, { type: TYPE_FILE, mode: 0o666 })).ino
}

async function makeDir({ meta }: TestClient, parent: Ino, name: string): Promise<Ino> {
  return (await meta.mknod(ROOT, parent, name, { type: TYPE_DIRECTORY, mode: 0o777 })).ino
}

/** Limits in bytes and inodes, usage as given. */
async function putQuota(
  engine: MetaEngine,
  of: QuotaKind,
  id: number,
  maxSpace: number,
  maxInodes = -1,
  usedSpace = 0,
  usedInodes = 0,
): Promise<void> {
  const quota = { maxSpace, maxInodes, usedSpace, usedInodes }
  await engine.commit('quota', [], [{ kind: 'putQuota', of, id, quota }])
}

async function usage(engine: MetaEngine, of: QuotaKind, id: number): Promise<[number, number]> {
  const [quota] = await engine.read([{ kind: 'quota', of, id }])
  return [quota?.usedSpace ?? 0, quota?.usedInodes ?? 0]
}

test('a full volume refuses growth with ENOSPC and lets files shrink', async () => {
  await withVolume({ setting: { Capacity: 10 * KIB4, Inodes: 3 } }, async (client) => {
    const { meta } = client
    const ino = await make(client, ROOT_INO, 'f')
    await meta.truncate(ROOT, ino, 10 * KIB4, true)
    await refuses(ENOSPC, meta.truncate(ROOT, ino, 10 * KIB4 + 1, true))
    await refuses(ENOSPC, meta.fallocate(ROOT, ino, 0, 0, 11 * KIB4))
    const id = await meta.newSlice()
    const slice = { pos: 10 * KIB4, id, size: 1, off: 0, len: 1 }
    await refuses(ENOSPC, meta.writeSlice(ino, 0, [slice], { sec: 1, nsec: 0 }))
    await refuses(ENOSPC, make(client, ROOT_INO, 'g'))
    await meta.truncate(ROOT, ino, 5, true)
    await make(client, ROOT_INO, 'g')
    await make(client, ROOT_INO, 'h')
    await refuses(ENOSPC, make(client, ROOT_INO, 'i'))
    await meta.unlink(ROOT, ROOT_INO, 'g')
    await make(client, ROOT_INO, 'i')
  })
})

test('growth far from a limit is checked without asking the engine', async () => {
  const { wrap, calls } = watched()
  await withVolume({ setting: { Capacity: 1000 * KIB4 }, wrap }, async (client) => {
    const ino = await make(client, ROOT_INO, 'f')
    await client.settle()
    calls.length = 0
    await client.meta.truncate(ROOT, ino, 800 * KIB4, true)
    assert.deepEqual(calls, ['read', 'commit truncate'])
    await client.meta.truncate(ROOT, ino, 950 * KIB4, true)
    assert.deepEqual(calls.slice(2), ['read', 'read', 'commit truncate'])
  })
})

test('usage by other clients counts as soon as a limit comes near', async () => {
  await withVolume({ setting: { Capacity: 100 * KIB4 } }, async (client) => {
    const ino = await make(client, ROOT_INO, 'f')
    await client.engine.commit('other', [], [{ kind: 'addUsage', space: 50 * KIB4, inodes: 1 }])
    await refuses(ENOSPC, client.meta.truncate(ROOT, ino, 95 * KIB4, true))
    await client.meta.truncate(ROOT, ino, 50 * KIB4, true)
    await refuses(ENOSPC, client.meta.truncate(ROOT, ino, 51 * KIB4, true))
  })
})

test('users and groups are held to their quotas, others are not', async () => {
  await withVolume({}, async (client) => {
    const { meta, state, engine } = client
    await putQuota(engine, 'user', 7, 3 * KIB4, 2)
    await putQuota(engine, 'group', 8, 2 * KIB4)
    await state.accounts.reload()
    const ino = await make(client, ROOT_INO, 'f', 7)
    await refuses(EDQUOT, meta.truncate(ROOT, ino, 4 * KIB4, true))
    await meta.truncate(ROOT, ino, 2 * KIB4, true)
    await make(client, ROOT_INO, 'g', 7)
    await refuses(EDQUOT, make(client, ROOT_INO, 'h', 7))
    const grouped = await make(client, ROOT_INO, 'i', 8)
    await refuses(EDQUOT, meta.truncate(ROOT, grouped, 3 * KIB4, true))
    const free = await make(client, ROOT_INO, 'j', 9)
    await meta.truncate(ROOT, free, 100 * KIB4, true)
    assert.deepEqual(await usage(engine, 'user', 7), [3 * KIB4, 2])
    assert.deepEqual(await usage(engine, 'group', 8), [KIB4, 1])
  })
})

test('a directory quota counts and limits the whole tree below it, and every quota above too', async () => {
  await withVolume({}, async (client) => {
    const { meta, state, engine } = client
    const outer = await makeDir(client, ROOT_INO, 'outer')
    const inner = await makeDir(client, outer, 'inner')
    const deep = await makeDir(client, inner, 'deep')
    await putQuota(engine, 'dir', outer, 10 * KIB4, 6, 2 * KIB4, 2)
    await putQuota(engine, 'dir', inner, 100 * KIB4, -1, KIB4, 1)
    await state.accounts.reload()
    const ino = await make(client, deep, 'f')
    await meta.truncate(ROOT, ino, 5 * KIB4, true)
    assert.deepEqual(await usage(engine, 'dir', inner), [6 * KIB4, 2])
    assert.deepEqual(await usage(engine, 'dir', outer), [7 * KIB4, 3])
    await refuses(EDQUOT, meta.truncate(ROOT, ino, 9 * KIB4, true))
    await make(client, outer, 'g')
    await refuses(EDQUOT, meta.truncate(ROOT, ino, 8 * KIB4, true))
    await meta.truncate(ROOT, await make(client, ROOT_INO, 'outside'), 99 * KIB4, true)
    assert.equal(await state.accounts.nearestQuota(deep), inner)
    assert.equal(await state.accounts.nearestQuota(outer), outer)
    assert.equal(await state.accounts.nearestQuota(ROOT_INO), undefined)
    await meta.unlink(ROOT, deep, 'f')
    assert.deepEqual(await usage(engine, 'dir', inner), [KIB4, 1])
    assert.deepEqual(await usage(engine, 'dir', outer), [3 * KIB4, 3])
  })
})

test('a directory that moved is charged where it is now, whoever moved it', async () => {
  await withVolume({}, async (client) => {
    const { meta, state, engine } = client
    const [a, b] = [await makeDir(client, ROOT_INO, 'a'), await makeDir(client, ROOT_INO, 'b')]
    const moving = await makeDir(client, a, 'moving')
    const sub = await makeDir(client, moving, 'sub')
    await putQuota(engine, 'dir', a, 100 * KIB4)
    await putQuota(engine, 'dir', b, 100 * KIB4)
    await state.accounts.reload()
    const ino = await make(client, sub, 'f')
    const node = await meta.getattr(ROOT, moving)
    await engine.commit(
      'other client',
      [],
      [
        { kind: 'delEdge', parent: a, name: 'moving' },
        { kind: 'putEdge', parent: b, name: 'moving', edge: { ino: moving, type: TYPE_DIRECTORY } },
        { kind: 'putNode', ino: moving, node: { ...node, parent: b } },
      ],
    )
    await meta.truncate(ROOT, ino, 3 * KIB4, true)
    assert.deepEqual(await usage(engine, 'dir', a), [KIB4, 1])
    assert.deepEqual(await usage(engine, 'dir', b), [2 * KIB4, 0])
  })
})

test('the way up is read once for check and charge, and not at all without directory quotas', async () => {
  const { wrap, calls } = watched()
  await withVolume({ wrap }, async (client) => {
    const { meta, state, engine, settle } = client
    const dir = await makeDir(client, await makeDir(client, ROOT_INO, 'a'), 'b')
    const ino = await make(client, dir, 'f')
    await settle()
    calls.length = 0
    await meta.truncate(ROOT, ino, 5 * KIB4, true)
    assert.deepEqual(calls, ['read', 'commit truncate'])
    await putQuota(engine, 'dir', dir, 100 * KIB4)
    await state.accounts.reload()
    await meta.truncate(ROOT, ino, 6 * KIB4, true)
    calls.length = 0
    await meta.truncate(ROOT, ino, 7 * KIB4, true)
    assert.deepEqual(calls, ['read', 'read', 'commit truncate'])
  })
})

test('a hard linked file is charged to each directory, once for every entry', async () => {
  await withVolume({}, async (client) => {
    const { meta, state, engine, settle } = client
    const [a, b] = [await makeDir(client, ROOT_INO, 'a'), await makeDir(client, ROOT_INO, 'b')]
    await putQuota(engine, 'dir', ROOT_INO, 14 * KIB4, -1, 2 * KIB4, 2)
    await state.accounts.reload()
    const ino = await make(client, a, 'f')
    await meta.link(ROOT, ino, a, 'g')
    await meta.link(ROOT, ino, b, 'h')
    await meta.truncate(ROOT, ino, 4 * KIB4, true)
    await settle()
    const [statA, statB] = await engine.read([
      { kind: 'dirStat', ino: a },
      { kind: 'dirStat', ino: b },
    ])
    assert.deepEqual(statA, { length: 8 * KIB4, space: 8 * KIB4, inodes: 2 })
    assert.deepEqual(statB, { length: 4 * KIB4, space: 4 * KIB4, inodes: 1 })
    assert.deepEqual(await usage(engine, 'dir', ROOT_INO), [14 * KIB4, 5])
    await refuses(EDQUOT, meta.truncate(ROOT, ino, 5 * KIB4, true))
    assert.deepEqual(await usage(engine, 'user', 0), [6 * KIB4, 3])
  })
})

test('an open file without a name is charged to its owner, not to the directory it was in', async () => {
  await withVolume({}, async (client) => {
    const { meta, engine, settle } = client
    const dir = await makeDir(client, ROOT_INO, 'd')
    const ino = await make(client, dir, 'f')
    await meta.open(ROOT, ino, 2)
    await meta.unlink(ROOT, dir, 'f')
    await meta.truncate(ROOT, ino, 3 * KIB4, true)
    const [stat] = await engine.read([{ kind: 'dirStat', ino: dir }])
    assert.deepEqual(stat, { length: 0, space: 0, inodes: 0 })
    assert.deepEqual(await usage(engine, 'user', 0), [4 * KIB4, 2])
    await meta.close(ino)
    await settle()
    assert.deepEqual(await usage(engine, 'user', 0), [KIB4, 1])
  })
})

test('directory statistics that are missing are counted anew, and none are kept when they are off', async () => {
  await withVolume({}, async (client) => {
    const { meta, engine, settle } = client
    const dir = await makeDir(client, ROOT_INO, 'd')
    const ino = await make(client, dir, 'f')
    await make(client, dir, 'g')
    await engine.commit('lose', [], [{ kind: 'delDirStat', ino: dir }])
    await meta.truncate(ROOT, ino, 5000, true)
    await meta.truncate(ROOT, ino, 6000, true)
    await settle()
    assert.deepEqual(await engine.read([{ kind: 'dirStat', ino: dir }]), [
      { length: 6000, space: 12288, inodes: 2 },
    ])
  })
  await withVolume({ setting: { DirStats: false } }, async (client) => {
    const ino = await make(client, ROOT_INO, 'f')
    await client.meta.truncate(ROOT, ino, 5000, true)
    await client.settle()
    assert.deepEqual(await client.engine.read([{ kind: 'dirStat', ino: ROOT_INO }]), [null])
  })
})

test('what another client owed a record when it was counted is taken out again, once nothing moves', async () => {
  const { clients, close } = await openTestClients(2)
  try {
    const client = clients[0]!
    const { engine, clock, state } = client
    const dir = await makeDir(client, ROOT_INO, 'd')
    await engine.commit('lose', [], [{ kind: 'delDirStat', ino: dir }])
    const stored = async () => (await engine.read([{ kind: 'dirStat', ino: dir }]))[0]
    await makeDir(client, dir, 'e')
    await until(() => clock.sleeping === 1)
    assert.deepEqual(await stored(), { length: 0, space: 4096, inodes: 1 })
    await engine.commit('owed', [], [{ kind: 'addDirStat', ino: dir, length: 0, space: 4096, inodes: 1 }])
    await makeDir(client, dir, 'f')
    await clock.advance(2000)
    await until(() => clock.sleeping === 1)
    assert.deepEqual(await stored(), { length: 0, space: 12288, inodes: 3 })
    await clock.advance(2000)
    await state.tasks.drain()
    assert.deepEqual(await stored(), { length: 0, space: 8192, inodes: 2 })
  } finally {
    await close()
  }
})

test('statistics counted anew are exact even when a file grows meanwhile', async () => {
  const { wrap, before } = watched()
  await withVolume({ wrap }, async (client) => {
    const { meta, engine, settle } = client
    const dir = await makeDir(client, ROOT_INO, 'd')
    const ino = await make(client, dir, 'f')
    await engine.commit('lose', [], [{ kind: 'delDirStat', ino: dir }])
    before('syncDirStat', () => meta.truncate(ROOT, ino, 9000, true))
    await meta.truncate(ROOT, ino, 5000, true)
    await settle()
    assert.deepEqual(await engine.read([{ kind: 'dirStat', ino: dir }]), [
      { length: 9000, space: 12288, inodes: 1 },
    ])
  })
})

test('without user and group quotas in the setting no usage of owners is kept', async () => {
  await withVolume({ setting: { UserGroupQuota: false } }, async (client) => {
    await make(client, ROOT_INO, 'f', 7)
    assert.deepEqual(await client.engine.read([{ kind: 'quota', of: 'user', id: 7 }]), [null])
  })
})

test('statfs shows the capacity, or room that grows with what is used', async () => {
  const space = async (setting: TestVolumeOptions['setting'], used: number, inodes: number) => {
    let shown: VolumeSpace | undefined
    await withVolume({ setting }, async ({ meta, engine }) => {
      await engine.commit('use', [], [{ kind: 'addUsage', space: used, inodes }])
      shown = await meta.statfs(ROOT, ROOT_INO)
    })
    const { totalSpace, availableSpace, usedInodes, availableInodes } = shown!
    return [totalSpace, availableSpace, usedInodes, availableInodes]
  }
  const PIB = 2 ** 50
  const M10 = 10 * 2 ** 20
  assert.deepEqual(await space({}, 4096, 1), [PIB, PIB - 4096, 1, M10])
  assert.deepEqual(await space({}, (PIB * 15) / 16, 5 * M10), [2 * PIB, (PIB * 17) / 16, 5 * M10, 2 * M10])
  assert.deepEqual(await space({ Capacity: 8192, Inodes: 7 }, 4096, 3), [8192, 4096, 3, 4])
  assert.deepEqual(await space({ Capacity: 8192, Inodes: 7 }, 12288, 9), [12288, 0, 9, 0])
})

test('statfs below quotas shows the nearest usage and the least room', async () => {
  await withVolume({ setting: { Capacity: 1000 * KIB4 } }, async (client) => {
    const { meta, state, engine } = client
    const outer = await makeDir(client, ROOT_INO, 'outer')
    const inner = await makeDir(client, outer, 'inner')
    await putQuota(engine, 'dir', outer, 20 * KIB4, 100, 15 * KIB4, 10)
    await putQuota(engine, 'dir', inner, 50 * KIB4, 20, 5 * KIB4, 4)
    await state.accounts.reload()
    const ino = await make(client, inner, 'f')
    const expected = { totalSpace: 10 * KIB4, availableSpace: 4 * KIB4, usedInodes: 5, availableInodes: 15 }
    assert.deepEqual(await meta.statfs(ROOT, inner), expected)
    assert.deepEqual(await meta.statfs(ROOT, ino), expected)
    const { availableSpace } = await meta.statfs(ROOT, ROOT_INO)
    assert.equal(availableSpace, (1000 - 3) * KIB4)
  })
})

test('statfs answers with the last known figures when the engine fails', async () => {
  const { wrap } = watched()
  let broken = false
  const failing = (engine: MetaEngine) =>
    new Proxy(wrap(engine), {
      get(target, key: keyof MetaEngine) {
        if (key === 'read' && broken) return () => Promise.reject(new Error('down'))
        return target[key]
      },
    })
  await withVolume({ wrap: failing }, async (client) => {
    await make(client, ROOT_INO, 'f')
    await client.meta.statfs(ROOT, ROOT_INO)
    broken = true
    assert.equal((await client.meta.statfs(ROOT, ROOT_INO)).usedInodes, 1)
    broken = false
  })
})
