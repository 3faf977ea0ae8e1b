import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { BackendError, ENOENT } from '#core/base/errno.ts'
import { TRASH_INO } from '#core/base/ino.ts'
import type { MetaEngine } from '../engine.ts'
import { TYPE_DIRECTORY } from '../records.ts'
import { openTestVolume, refuses } from '../test-volume.ts'

const root = rootContext()

test('the root answers within 300 ms as it was seen last, or made up, however the engine fares', async () => {
  let read: MetaEngine['read'] | undefined
  const { meta, clock, close } = await openTestVolume({
    wrap: (engine) =>
      new Proxy(engine, {
        get(target, key) {
          const member = Reflect.get(target, key) as unknown
          if (typeof member !== 'function') return member
          return key === 'read' && read !== undefined ? read : member.bind(target)
        },
      }),
  })
  const { ino } = await meta.mknod(root, 1, 'd', { type: TYPE_DIRECTORY, mode: 0o755 })
  const seen = await meta.getattr(root, 1)
  read = () => new Promise(() => {})
  const late = meta.getattr(root, 1)
  await clock.advance(299)
  assert.equal(await Promise.race([late, 'waiting']), 'waiting')
  await clock.advance(1)
  assert.deepEqual(await late, seen)
  read = () => Promise.reject(new BackendError('unavailable', 'down'))
  assert.deepEqual(await meta.getattr(root, 1), seen)
  const trash = await meta.getattr(root, TRASH_INO)
  assert.deepEqual([trash.type, trash.mode, trash.nlink, trash.parent], [TYPE_DIRECTORY, 0o555, 2, 1])
  await assert.rejects(meta.getattr(root, ino), { kind: 'unavailable' })
  read = undefined
  await refuses(ENOENT, meta.getattr(root, 4711))
  await close()
})
