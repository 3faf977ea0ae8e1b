import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { type Ino, ROOT_INO } from '#core/base/ino.ts'
import { TYPE_FILE } from '../records.ts'
import type { MetaOptions } from '../state.ts'
import { watched } from '../test-engine.ts'
import { openTestVolume, type TestClient } from '../test-volume.ts'

const ROOT = rootContext()

/** The file's atime in seconds after the reads at these times; all its times are 0 at the start. */
async function atimeAfter(options: Partial<MetaOptions>, ...readAtSec: number[]): Promise<number> {
  return withFile(options, async ({ meta, clock, settle }, ino) => {
    const start = clock.nowSec()
    for (const sec of readAtSec) {
      await clock.advance((start + sec) * 1000 - clock.monotonicMs())
      meta.touchAtime(ino, await meta.getattr(ROOT, ino))
      await settle()
    }
    const node = await meta.getattr(ROOT, ino)
    assert.equal(node.ctime, start)
    return node.atime - start
  })
}

async function withFile<T>(
  options: Partial<MetaOptions>,
  body: (client: TestClient, ino: Ino, calls: string[]) => Promise<T>,
): Promise<T> {
  const { wrap, calls } = watched()
  const client = await openTestVolume({ options, wrap })
  try {
    const { ino } = await client.meta.mknod(ROOT, ROOT_INO, 'f', { type: TYPE_FILE, mode: 0o644 })
    await client.settle()
    return await body(client, ino, calls)
  } finally {
    await client.close()
  }
}

test('noatime and read-only mounts never touch atime', async () => {
  assert.equal(await atimeAfter({ atimeMode: 'noatime' }, 100_000), 0)
})

test('relatime updates what is a day old or older than the last change', async () => {
  assert.equal(await atimeAfter({ atimeMode: 'relatime' }, 86_399), 0)
  assert.equal(await atimeAfter({ atimeMode: 'relatime' }, 86_400), 86_400)
  await withFile({ atimeMode: 'relatime' }, async ({ meta, clock, settle }, ino) => {
    await clock.advance(1000)
    const node = await meta.setattr(ROOT, ino, { mode: 0o600 })
    await clock.advance(1000)
    meta.touchAtime(ino, node)
    await settle()
    assert.equal((await meta.getattr(ROOT, ino)).atime, clock.nowSec())
  })
})

test('strictatime updates what is a second old', async () => {
  assert.equal(await atimeAfter({ atimeMode: 'strictatime' }, 0.9), 0)
  assert.equal(await atimeAfter({ atimeMode: 'strictatime' }, 1, 1.5, 3), 3)
})

test('many reads at once are one commit, made on what is known, and a stale guess is no failure', async () => {
  await withFile({ atimeMode: 'strictatime' }, async ({ meta, clock, settle }, ino, calls) => {
    const old = await meta.getattr(ROOT, ino)
    await clock.advance(5000)
    calls.length = 0
    for (let k = 0; k < 9; k++) meta.touchAtime(ino, old)
    await settle()
    assert.deepEqual(calls, ['commit atime'])
    await meta.setattr(ROOT, ino, { mode: 0o600 })
    await clock.advance(5000)
    meta.touchAtime(ino, old)
    await settle()
    const node = await meta.getattr(ROOT, ino)
    assert.deepEqual([node.atime, node.mode], [clock.nowSec(), 0o600])
  })
})
