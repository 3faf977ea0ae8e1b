import assert from 'node:assert/strict'
import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { ManualClock } from '#core/base/clock.ts'
import { LoopCalls } from './loop-calls.ts'

const answered = () => new Promise((resolve) => setTimeout(resolve, 50))
/** ext4, tmpfs, overlay, XFS, Btrfs: what a temporary folder lies on. */
const isUsual = [0xef53, 0x01021994, 0x794c7630, 0x58465342, 0x9123683e].includes(statfsSync(tmpdir()).type)

test('calls wait until the file system is known', {
  skip: !isUsual && 'the temporary folder is elsewhere',
}, async () => {
  const loop = new LoopCalls(tmpdir(), new ManualClock())
  assert.equal(loop.allowed, false)
  await answered()
  assert.equal(loop.allowed, true)
})

test('a slow call is followed by a rest of fifty times as long, also when it fails', {
  skip: !isUsual && 'the temporary folder is elsewhere',
}, async () => {
  const clock = new ManualClock()
  const loop = new LoopCalls(tmpdir(), clock)
  assert.equal(loop.allowed, false)
  await answered()
  assert.equal(
    loop.run(() => {
      clock.advance(2)
      return 7
    }),
    7,
  )
  assert.equal(loop.allowed, true)
  assert.throws(
    () =>
      loop.run(() => {
        clock.advance(10)
        throw new Error('EIO')
      }),
    /EIO/,
  )
  clock.advance(499)
  assert.equal(loop.allowed, false)
  clock.advance(1)
  assert.equal(loop.allowed, true)
})

test('there are no calls to what is no disk of this machine', async () => {
  for (const folder of ['/proc', '/no/such/folder']) {
    const loop = new LoopCalls(folder, new ManualClock())
    assert.equal(loop.allowed, false)
    await answered()
    assert.equal(loop.allowed, false)
  }
})
