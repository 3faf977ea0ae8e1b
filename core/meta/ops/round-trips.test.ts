import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { ENOTEMPTY } from '#core/base/errno.ts'
import { O_RDWR } from '#core/base/open-flags.ts'
import type { MetaEngine } from '../engine.ts'
import { TYPE_DIRECTORY, TYPE_FILE } from '../records.ts'
import { openTestVolume, refuses } from '../test-volume.ts'

const root = rootContext()
const dir = { type: TYPE_DIRECTORY, mode: 0o755 } as const
const file = { type: TYPE_FILE, mode: 0o644 } as const

test('an operation asks the engine once to read and once to commit', async () => {
  const calls: string[] = []
  const counting = (engine: MetaEngine): MetaEngine =>
    new Proxy(engine, {
      get(target, key) {
        const member = Reflect.get(target, key) as unknown
        if (typeof member !== 'function') return member
        return (...args: unknown[]) => {
          calls.push(String(key))
          return Reflect.apply(member, target, args) as unknown
        }
      },
    })
  const { meta, close } = await openTestVolume({ wrap: counting, setting: { TrashDays: 1 } })
  const cost = async (work: () => Promise<unknown>): Promise<string> => {
    calls.length = 0
    await work()
    return calls.join(' ')
  }
  const { ino: a } = await meta.mknod(root, 1, 'a', dir)
  const { ino: b } = await meta.mknod(root, 1, 'b', dir)
  const { ino: f } = await meta.mknod(root, a, 'f', file)
  await meta.mknod(root, a, 'old', file)
  await meta.unlink(root, a, 'old')
  const once = 'read commit'
  assert.equal(await cost(() => meta.mknod(root, a, 'g', file)), once)
  assert.equal(await cost(() => meta.mknod(root, a, 'd', dir)), once)
  assert.equal(await cost(() => meta.create(root, a, 'h', 0o644, O_RDWR)), once)
  assert.equal(await cost(() => meta.tmpfile(root, a, 0o600)), once)
  assert.equal(await cost(() => meta.link(root, f, b, 'f')), once)
  assert.equal(await cost(() => meta.rename(root, a, 'g', b, 'g', 0)), once)
  assert.equal(await cost(() => meta.rename(root, b, 'g', b, 'f', 0)), once)
  assert.equal(await cost(() => meta.unlink(root, a, 'f')), once)
  assert.equal(await cost(() => meta.rmdir(root, a, 'd')), once)
  const full = cost(() => refuses(ENOTEMPTY, meta.rmdir(root, 1, 'b')))
  assert.equal(await full, 'read commit read', 'whether a large directory is empty is seen without a listing')
  assert.equal(await cost(() => meta.lookup(root, b, 'f')), 'read')
  assert.equal(await cost(() => meta.getattr(root, f)), 'read')
  assert.equal(await cost(() => meta.open(root, f, O_RDWR).catch(() => undefined)), 'read')
  assert.equal(await cost(() => meta.readdir(root, b, { limit: 100 }, true)), 'list')
  await close()
})
