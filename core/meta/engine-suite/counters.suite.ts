/** Counters, gates, the setting, usage and quotas. */
import assert from 'node:assert/strict'

import { all, apply, one, type Suite } from './tools.suite.ts'

export function counterTests(suite: Suite): void {
  suite('numbers are given out once: inodes from 2, slices and sessions from 1', async (engine) => {
    const inodes = await engine.allocate('nextInode', 1024)
    assert.ok(inodes <= 2, 'the reference skips 0 and 1')
    assert.equal(await engine.allocate('nextInode', 1024), inodes + 1024)
    assert.equal(await engine.allocate('nextChunk', 4096), 1)
    assert.equal(await engine.allocate('nextChunk', 1), 4097)
    for (const counter of ['nextSession', 'nextTrash'] as const) {
      assert.equal(await engine.allocate(counter, 1), 1)
      assert.equal(await engine.allocate(counter, 3), 2)
      assert.equal(await engine.allocate(counter, 1), 5)
    }
  })

  suite('a counter of ids reads as the next one to be given out, and can be set', async (engine) => {
    for (const name of ['nextInode', 'nextChunk'] as const) {
      const first = await engine.allocate(name, 1024)
      assert.equal(await one(engine, { kind: 'counter', name }), first + 1024)
      await apply(engine, { kind: 'putCounter', name, value: 5000 })
      assert.equal(await one(engine, { kind: 'counter', name }), 5000)
      assert.equal(await engine.allocate(name, 10), 5000)
    }
    await apply(engine, { kind: 'putCounter', name: 'nextTrash', value: 7 })
    assert.equal(await engine.allocate('nextTrash', 1), 8)
  })

  suite('a gate lets one in per period', async (engine) => {
    assert.equal(await engine.claim('lastCleanupTrash', 10_000, 3240), true)
    assert.equal(await engine.claim('lastCleanupTrash', 10_001, 3240), false)
    assert.equal(await engine.claim('lastCleanupFiles', 10_001, 3240), true)
    assert.equal(await engine.claim('lastCleanupTrash', 13_239, 3240), false)
    assert.equal(await engine.claim('lastCleanupTrash', 13_240, 3240), true)
    assert.equal(await one(engine, { kind: 'counter', name: 'lastCleanupTrash' }), 13_240)
    assert.equal(await engine.claim('lastCleanupTrash', 10_001, 3240), false)
    assert.equal(
      await engine.claim('lastCleanupTrash', 10_000, 3240),
      true,
      'that was of a clock hours ahead',
    )
    assert.equal(await one(engine, { kind: 'counter', name: 'lastCleanupTrash' }), 10_000)
  })

  suite('the setting is kept as text', async (engine) => {
    const text = '{\n"Name": "é \\u003c"\n}'
    await apply(engine, { kind: 'putSetting', text })
    assert.equal(await one(engine, { kind: 'setting' }), text)
  })

  suite('usage, statistics and quotas add up; a missing statistics record says so', async (engine) => {
    const before = await engine.read([
      { kind: 'counter', name: 'usedSpace' },
      { kind: 'counter', name: 'totalInodes' },
    ])
    assert.deepEqual(before, [0, 0])
    await apply(
      engine,
      { kind: 'addUsage', space: 2 ** 50, inodes: 3 },
      { kind: 'addUsage', space: -4096, inodes: -1 },
    )
    assert.equal(await one(engine, { kind: 'counter', name: 'usedSpace' }), 2 ** 50 - 4096)
    assert.equal(await one(engine, { kind: 'counter', name: 'totalInodes' }), 2)

    const stat = { kind: 'addDirStat', ino: 2, length: 5, space: 4096, inodes: 1 } as const
    assert.deepEqual(await apply(engine, stat), [0])
    assert.equal(await one(engine, { kind: 'dirStat', ino: 2 }), null)
    await apply(engine, { kind: 'putDirStat', ino: 2, stat: { length: 1, space: 4096, inodes: 1 } })
    assert.deepEqual(await apply(engine, stat), [1])
    assert.deepEqual(await one(engine, { kind: 'dirStat', ino: 2 }), { length: 6, space: 8192, inodes: 2 })
    await apply(engine, { kind: 'delDirStat', ino: 2 })
    assert.equal(await one(engine, { kind: 'dirStat', ino: 2 }), null)

    const use = { kind: 'addQuotaUsage', space: 4096, inodes: 1 } as const
    await apply(
      engine,
      { ...use, of: 'dir', id: 2 },
      { ...use, of: 'user', id: 0 },
      { ...use, of: 'user', id: 0 },
    )
    assert.equal(await one(engine, { kind: 'quota', of: 'dir', id: 2 }), null)
    const user = await one(engine, { kind: 'quota', of: 'user', id: 0 })
    assert.equal(user?.usedSpace, 8192)
    assert.ok(user.maxSpace <= 0 && user.maxInodes <= 0)
    assert.equal(await one(engine, { kind: 'quota', of: 'group', id: 0 }), null)
    const quota = { maxSpace: 2 ** 45, maxInodes: -1, usedSpace: 10, usedInodes: 1 }
    await apply(
      engine,
      { kind: 'putQuota', of: 'dir', id: 2, quota },
      { kind: 'putQuota', of: 'group', id: 3_000_000_000, quota },
    )
    await apply(engine, { ...use, of: 'dir', id: 2 }, { ...use, of: 'group', id: 3_000_000_000, space: -10 })
    assert.deepEqual(await one(engine, { kind: 'quota', of: 'dir', id: 2 }), {
      ...quota,
      usedSpace: 4106,
      usedInodes: 2,
    })
    assert.deepEqual(await all(engine, { kind: 'quotas', of: 'group' }), [
      { id: 3_000_000_000, ...quota, usedSpace: 0, usedInodes: 2 },
    ])
    await apply(engine, { kind: 'delQuota', of: 'dir', id: 2 }, { kind: 'delQuota', of: 'user', id: 0 })
    assert.deepEqual(await all(engine, { kind: 'quotas', of: 'dir' }), [])
  })
}
