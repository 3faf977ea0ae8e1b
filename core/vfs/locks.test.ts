import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { EIO } from '#core/base/errno.ts'
import { O_RDWR } from '#core/base/open-flags.ts'
import { removeSession } from '#core/meta/sessions.ts'
import { refuses } from '#core/meta/test-volume.ts'
import { openTestVfsPair, patterned, ROOT, readBytes } from './test-vfs.ts'

const EVERYTHING = { type: 'W', start: 0n, end: 2n ** 63n - 1n, pid: 7 } as const
const OWNER = 5n

/** `a` has a file locked and slept so long that `b` took it for dead. */
async function takenForDead(t: TestContext, kind: 'flock' | 'setlk') {
  const [a, b] = await openTestVfsPair(t, { volume: { options: { heartbeatSec: 600 } } })
  const { ino, fh } = await a.file('f')
  const stored = patterned(1000, 1)
  await a.vfs.write(ROOT, fh, 0, stored)
  await a.vfs.fsync(ROOT, fh)
  if (kind === 'flock') await a.vfs.flock(ROOT, fh, OWNER, 'W', false)
  else await a.vfs.setlk(ROOT, fh, OWNER, EVERYTHING, false)
  const unlock = (): Promise<void> =>
    kind === 'flock'
      ? a.vfs.flock(ROOT, fh, OWNER, 'U', false)
      : a.vfs.setlk(ROOT, fh, OWNER, { ...EVERYTHING, type: 'U' }, false)
  const sleepOn = async (): Promise<void> => {
    await removeSession(b.client.state, a.client.state.sid)
    a.client.state.lease.untilMs = 0
  }
  return { a, b, ino, fh, stored, unlock, sleepOn }
}

for (const kind of ['flock', 'setlk'] as const) {
  test(`${kind}: who was taken for dead reads and writes nothing under its lock, is told at the unlock, and goes on`, async (t) => {
    const { a, b, ino, fh, stored, unlock, sleepOn } = await takenForDead(t, kind)
    const other = await a.vfs.open(ROOT, ino, O_RDWR)
    await sleepOn()
    const { fh: theirs } = await b.vfs.open(ROOT, ino, O_RDWR)
    await b.vfs.flock(ROOT, theirs, 1n, 'W', false)
    await refuses(EIO, a.vfs.read(ROOT, fh, 0, 10))
    await refuses(EIO, a.vfs.write(ROOT, fh, 0, stored))
    await refuses(EIO, a.vfs.fallocate(ROOT, fh, 0, 0, 5000))
    assert.deepEqual(await readBytes(a.vfs, other.fh, 0, 1000), stored, 'who took no lock is not concerned')
    await b.vfs.flock(ROOT, theirs, 1n, 'U', false)
    await refuses(EIO, unlock())
    await unlock()
    assert.deepEqual(await readBytes(a.vfs, fh, 0, 1000), stored)
    await a.vfs.flock(ROOT, fh, OWNER, 'W', false)
    await a.vfs.write(ROOT, fh, 0, patterned(10, 2))
    await a.vfs.flush(ROOT, fh)
  })

  test(`${kind}: what was written under a lock that was lost is not stored over the next holder's bytes`, async (t) => {
    const { a, b, ino, fh, stored, sleepOn } = await takenForDead(t, kind)
    await a.vfs.write(ROOT, fh, 0, patterned(1000, 2))
    await sleepOn()
    await refuses(EIO, a.vfs.flush(ROOT, fh))
    await a.vfs.release(fh)
    const { fh: theirs } = await b.vfs.open(ROOT, ino, O_RDWR)
    assert.deepEqual(await readBytes(b.vfs, theirs, 0, 1000), stored)
  })
}

test('a lock that outlived a sleep is kept, and what was written under it stored', async (t) => {
  const { a, b, ino, fh } = await takenForDead(t, 'flock')
  a.client.state.lease.untilMs = 0
  const next = patterned(1000, 2)
  await a.vfs.write(ROOT, fh, 0, next)
  await a.vfs.flush(ROOT, fh)
  assert.ok(a.client.state.lease.untilMs > 0, 'it gave a sign of life')
  const { fh: theirs } = await b.vfs.open(ROOT, ino, O_RDWR)
  assert.deepEqual(await readBytes(b.vfs, theirs, 0, 1000), next)
})
