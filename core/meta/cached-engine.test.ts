import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rootContext } from '#core/base/context.ts'
import { ENOENT } from '#core/base/errno.ts'
import { O_RDWR } from '#core/base/open-flags.ts'
import type { DirItem } from './api.ts'
import { CachedEngine } from './cached-engine.ts'
import type { Page } from './engine.ts'
import { TYPE_DIRECTORY, TYPE_FILE } from './records.ts'
import { watched } from './test-engine.ts'
import { openTestVolume, refuses } from './test-volume.ts'

const root = rootContext()
const dir = { type: TYPE_DIRECTORY, mode: 0o755 } as const
const file = { type: TYPE_FILE, mode: 0o644 } as const

test('on a trusted cache a mutation costs one round trip, a lookup and an open none', async () => {
  const { wrap: beneath, calls } = watched()
  const { meta, close } = await openTestVolume({ beneath, cache: 'current', setting: { TrashDays: 1 } })
  const cost = async (work: () => Promise<unknown>): Promise<string> => {
    calls.length = 0
    await work()
    return calls.join(', ')
  }
  const { ino: a } = await meta.mknod(root, 1, 'a', dir)
  const { ino: b } = await meta.mknod(root, 1, 'b', dir)
  const { ino: f } = await meta.mknod(root, a, 'f', file)
  await meta.mknod(root, a, 'old', file)
  await meta.unlink(root, a, 'old')
  assert.equal(await cost(() => meta.lookup(root, a, 'not there')), '')
  assert.equal(await cost(() => meta.mknod(root, a, 'g', file)), 'commit mknod')
  assert.equal(await cost(() => meta.mknod(root, a, 'd', dir)), 'commit mkdir')
  assert.equal(await cost(() => meta.create(root, a, 'h', 0o644, O_RDWR)), 'commit create')
  assert.equal(await cost(() => meta.lookup(root, a, 'h')), '')
  assert.equal(await cost(() => meta.getattr(root, f)), '')
  assert.equal(await cost(() => meta.open(root, f, O_RDWR)), '')
  assert.equal(await cost(() => meta.setattr(root, f, { mode: 0o600 })), 'commit setattr')
  assert.equal(await cost(() => meta.link(root, f, b, 'f')), 'commit link')
  assert.equal(await cost(() => meta.rename(root, a, 'g', b, 'g', 0)), 'commit rename')
  assert.equal(await cost(() => meta.rename(root, b, 'g', b, 'f', 0)), 'commit rename')
  assert.equal(await cost(() => meta.unlink(root, a, 'f')), 'commit unlink')
  assert.equal(await cost(() => meta.rmdir(root, a, 'd')), 'commit rmdir')
  assert.equal(await cost(() => meta.readdir(root, b, { limit: 100 }, true)), '')
  await close()
})

test('once changes may be missed, answers come from the engine again, and hints still save the read of a mutation', async () => {
  const { wrap: beneath, calls } = watched()
  const { meta, engine, settle, close } = await openTestVolume({ beneath, cache: 'current' })
  const { ino: a } = await meta.mknod(root, 1, 'a', dir)
  await settle()
  assert.ok(engine instanceof CachedEngine)
  engine.deaf()
  calls.length = 0
  await meta.lookup(root, 1, 'a')
  assert.deepEqual(calls, ['read'])
  await meta.setattr(root, a, { mode: 0o700 })
  assert.deepEqual(calls, ['read', 'commit setattr'])
  calls.length = 0
  await refuses(ENOENT, meta.unlink(root, a, 'not there'))
  assert.deepEqual(calls, ['read'], 'a refusal rests on current records')
  await close()
})

test('after a listing from end to end the directory is known: other names are absent, and it is listed without asking', async () => {
  const { wrap: beneath, calls } = watched()
  const { meta, engine, close } = await openTestVolume({ beneath, cache: 'hint' })
  assert.ok(engine instanceof CachedEngine)
  const { ino: a } = await meta.mknod(root, 1, 'a', dir)
  for (let k = 0; k < 25; k++) await meta.mknod(root, a, `f${k}`, file)
  engine.alone(engine.now())
  let after: string | undefined
  do after = (await meta.readdir(root, a, { limit: 10, after }, true)).next
  while (after !== undefined)
  calls.length = 0
  assert.equal(await meta.lookup(root, a, 'x'), undefined)
  assert.ok((await meta.lookup(root, a, 'f7')) !== undefined)
  const names: string[] = []
  for (let next: string | undefined = ''; next !== undefined; ) {
    const page: Page<DirItem> = await meta.readdir(root, a, { limit: 7, after: next || undefined }, true)
    for (const { name, node } of page.items) if (node !== null) names.push(name)
    next = page.next
  }
  assert.deepEqual(names, Array.from({ length: 25 }, (_, k) => `f${k}`).sort())
  assert.deepEqual(calls, [])
  await close()
})

test('word that nobody else was there counts from when it was asked: a client that slept over the answer asks again', async () => {
  const { wrap: beneath, calls } = watched()
  const { meta, engine, close, clock } = await openTestVolume({ beneath, cache: 'hint' })
  assert.ok(engine instanceof CachedEngine)
  await meta.mknod(root, 1, 'a', dir)
  const since = engine.now()
  await clock.advance(1500)
  engine.alone(since)
  calls.length = 0
  await meta.lookup(root, 1, 'a')
  assert.deepEqual(calls, ['read'])
  engine.alone(engine.now())
  await meta.lookup(root, 1, 'a')
  calls.length = 0
  await meta.lookup(root, 1, 'a')
  assert.deepEqual(calls, [])
  await close()
})
