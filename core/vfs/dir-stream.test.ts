import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROOT_INO } from '#core/base/ino.ts'
import { below, seededRandom } from '#core/base/random.ts'
import type { Meta } from '#core/meta/api.ts'
import { TYPE_FILE } from '#core/meta/records.ts'
import { DirStream } from './dir-stream.ts'
import { openTestVfs, ROOT, type TestVfs } from './test-vfs.ts'
import type { DirEntry } from './vfs.ts'

const FILE = { type: TYPE_FILE, mode: 0o644 } as const

/** Up to `count` entries after `offset`, as one READDIR of a small buffer gives them. */
async function some(
  { vfs }: TestVfs,
  fh: number,
  offset: number,
  count: number,
  plus = false,
): Promise<DirEntry[]> {
  const got: DirEntry[] = []
  await vfs.readdir(ROOT, fh, offset, count, plus, (entry) => got.length < count && got.push(entry) > 0)
  return got
}

async function fill(test: TestVfs, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, k) => `n${String(k).padStart(6, '0')}`)
  for (const name of names) await test.vfs.mknod(ROOT, ROOT_INO, name, FILE)
  return names
}

test('a listing starts with . and .., and shows every entry with its inode', async (t) => {
  const test = await openTestVfs(t)
  const { ino } = await test.vfs.mknod(ROOT, ROOT_INO, 'a', FILE)
  const fh = await test.vfs.opendir(ROOT, ROOT_INO, 0)
  const entries = await some(test, fh, 0, 10)
  assert.deepEqual(
    entries.map((entry) => [entry.name, entry.ino, entry.next]),
    [
      ['.', ROOT_INO, 1],
      ['..', ROOT_INO, 2],
      ['a', ino, 3],
    ],
  )
  assert.deepEqual(await some(test, fh, 3, 10), [])
  await test.vfs.release(fh)
})

test('virtual files are listed only when asked for, and are there by name in any case', async (t) => {
  for (const listVirtual of [false, true]) {
    const test = await openTestVfs(t, { vfs: { listVirtual } })
    const fh = await test.vfs.opendir(ROOT, ROOT_INO, 0)
    const names = (await some(test, fh, 0, 100, true)).map(({ name }) => name)
    const virtual = ['.accesslog', '.stats', '.config', '.trash']
    assert.deepEqual(names, ['.', '..', ...(listVirtual ? virtual : [])])
    for (const name of virtual) assert.ok(await test.vfs.lookup(ROOT, ROOT_INO, name), name)
    assert.ok(await test.vfs.lookup(ROOT, ROOT_INO, '.control'))
    await test.vfs.release(fh)
  }
})

test('where more entries fit than were wanted, few are read in vain', async (t) => {
  const test = await openTestVfs(t)
  await fill(test, 300)
  let read = 0
  const counting = new Proxy(test.vfs.meta, {
    get: (meta, key: keyof Meta) =>
      key !== 'readdir'
        ? meta[key]
        : async (...args: Parameters<Meta['readdir']>) => {
            const page = await meta.readdir(...args)
            read += page.items.length
            return page
          },
  })
  const stream = new DirStream(counting, ROOT_INO, [])
  let shown = 0
  await stream.read(ROOT, 2, 100, true, () => shown < 110 && ++shown > 0)
  assert.deepEqual([shown, read], [110, 113])
})

test('attributes of a listing are read within the request', async (t) => {
  const test = await openTestVfs(t)
  await fill(test, 50)
  const fh = await test.vfs.opendir(ROOT, ROOT_INO, 0)
  const first = await some(test, fh, 0, 10, true)
  const found = await test.vfs.lookup(ROOT, ROOT_INO, 'n000020')
  await test.vfs.setattr(ROOT, found!.ino, { mode: 0o600 })
  const rest = await some(test, fh, first.at(-1)!.next, 100, true)
  assert.equal(rest.find(({ name }) => name === 'n000020')?.found?.node.mode, 0o600)
  await test.vfs.release(fh)
})

test('entries that stay are met exactly once while others come, go and are renamed, at any speed', async (t) => {
  for (const plus of [false, true]) {
    const random = seededRandom(plus ? 1 : 2)
    const test = await openTestVfs(t)
    const all = await fill(test, 600)
    const staying = new Set(all.filter((_, k) => k % 3 === 0))
    const moving = all.filter((name) => !staying.has(name))
    const fh = await test.vfs.opendir(ROOT, ROOT_INO, 0)
    const met = new Map<string, number>()
    for (let offset = 0; ; ) {
      const entries = await some(test, fh, offset, 1 + below(random, 40), plus)
      if (entries.length === 0) break
      for (const { name } of entries) met.set(name, (met.get(name) ?? 0) + 1)
      offset = entries.at(-1)!.next
      for (let k = 0; k < 20; k++) {
        const name = moving[below(random, moving.length)]!
        const there = await test.vfs.lookup(ROOT, ROOT_INO, name)
        if (there === undefined) await test.vfs.mknod(ROOT, ROOT_INO, name, FILE)
        else if (below(random, 2) === 0) await test.vfs.unlink(ROOT, ROOT_INO, name)
        else await test.vfs.rename(ROOT, ROOT_INO, name, ROOT_INO, moving[below(random, moving.length)]!, 0)
      }
    }
    for (const name of staying) assert.equal(met.get(name), 1, name)
    for (const [name, times] of met) assert.equal(times, 1, name)
    await test.vfs.release(fh)
  }
})

test('every position ever given leads on to the same entries, however old it is', async (t) => {
  const test = await openTestVfs(t)
  const random = seededRandom(3)
  const COUNT = 30_000
  const state = test.client.engine
  const { ino } = await test.vfs.mknod(ROOT, ROOT_INO, 'target', FILE)
  const names = Array.from({ length: COUNT }, (_, k) => `e${String(k).padStart(6, '0')}`)
  for (let at = 0; at < COUNT; at += 5000) {
    await state.commit(
      'fill',
      [],
      names
        .slice(at, at + 5000)
        .map((name) => ({ kind: 'putEdge', parent: ROOT_INO, name, edge: { ino, type: TYPE_FILE } })),
    )
  }
  const fh = await test.vfs.opendir(ROOT, ROOT_INO, 0)
  const positions: number[] = []
  await test.vfs.readdir(ROOT, fh, 0, 100, false, ({ name, next }) => {
    if (name.startsWith('e')) positions.push(next)
    return true
  })
  assert.equal(positions.length, COUNT)
  const gone = new Set<string>()
  for (let round = 0; round < 60; round++) {
    const k = below(random, COUNT - 2)
    if (round % 2 === 1) {
      for (const victim of [names[k]!, names[k - 1]]) {
        if (victim === undefined || gone.has(victim)) continue
        gone.add(victim)
        await state.commit('drop', [], [{ kind: 'delEdge', parent: ROOT_INO, name: victim }])
      }
    }
    const wanted = names
      .slice(k + 1)
      .filter((name) => !gone.has(name))
      .slice(0, 5)
    const got = (await some(test, fh, positions[k]!, 5)).map(({ name }) => name)
    assert.deepEqual(
      got.filter((name) => name !== 'target'),
      wanted.slice(0, got.length),
      `round ${round} at ${k}`,
    )
  }
  await test.vfs.release(fh)
})

test('rewinding shows what has come since', async (t) => {
  const test = await openTestVfs(t)
  const fh = await test.vfs.opendir(ROOT, ROOT_INO, 0)
  assert.equal((await some(test, fh, 0, 10)).length, 2)
  await test.vfs.mknod(ROOT, ROOT_INO, 'later', FILE)
  assert.deepEqual(
    (await some(test, fh, 0, 10)).map(({ name }) => name),
    ['.', '..', 'later'],
  )
  await test.vfs.release(fh)
})

test('.. of a directory is its parent', async (t) => {
  const test = await openTestVfs(t)
  const outer = await test.vfs.mknod(ROOT, ROOT_INO, 'outer', { type: 2, mode: 0o755 })
  const inner = await test.vfs.mknod(ROOT, outer.ino, 'inner', { type: 2, mode: 0o755 })
  const fh = await test.vfs.opendir(ROOT, inner.ino, 0)
  const [dot, up] = await some(test, fh, 0, 10, true)
  assert.deepEqual([dot!.ino, up!.ino], [inner.ino, outer.ino])
  await test.vfs.release(fh)
})
