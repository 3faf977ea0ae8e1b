import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { EEXIST } from '#core/base/errno.ts'
import { TYPE_DIRECTORY } from '../records.ts'
import { openTestVolume, refuses } from '../test-volume.ts'

const root = rootContext()

test('a new directory has two links, its parent one more, and both times move', async () => {
  const { meta, clock, close } = await openTestVolume()
  await clock.advance(5000)
  const { ino, node } = await meta.mknod(root, 1, 'd', { type: TYPE_DIRECTORY, mode: 0o755 })
  assert.equal(node.nlink, 2)
  const parent = await meta.getattr(root, 1)
  assert.equal(parent.nlink, 3)
  assert.equal(parent.mtime, clock.nowSec())
  assert.equal((await meta.lookup(root, 1, 'd'))?.ino, ino)
  await refuses(EEXIST, meta.mknod(root, 1, 'd', { type: TYPE_DIRECTORY, mode: 0o755 }))
  await close()
})
