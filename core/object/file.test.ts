import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { FileObjectStore } from './file.ts'
import { failsWith, keysOf, randomBytes, storeSuite } from './store.suite.ts'

const top = mkdtempSync(join(tmpdir(), 'pomelo-file-'))
after(() => rmSync(top, { recursive: true, force: true }))
let made = 0

async function folder(): Promise<string> {
  const path = join(top, `${++made}`)
  await mkdir(path)
  return `${path}/`
}

storeSuite('file', async () => new FileObjectStore(await folder()), { hasFolders: true })

test('an object is a plain file at root + key, readable by others less the umask', async () => {
  const root = await folder()
  const store = new FileObjectStore(root)
  await store.put('vol/chunks/0/0/1_0_5', [Buffer.from('hel'), Buffer.from('lo')])
  assert.equal(await readFile(`${root}vol/chunks/0/0/1_0_5`, 'utf8'), 'hello')
  const mode = 0o644 & ~process.umask()
  assert.equal((await stat(`${root}vol/chunks/0/0/1_0_5`)).mode & 0o777, mode)
  assert.deepEqual(await readdir(`${root}vol/chunks/0/0`), ['1_0_5'])
})

test('files of sizes around one read come back whole', async () => {
  const store = new FileObjectStore(await folder())
  for (const size of [0, 32767, 32768, 65535, 65536, 65537, 200_000]) {
    const bytes = randomBytes(size)
    await store.put('x', [bytes])
    assert.ok(bytes.equals(await store.get('x')), `${size}`)
    assert.ok(bytes.subarray(10).equals(await store.get('x', { offset: 10, length: 300_000 })), `${size}`)
  }
})

test('a root without a slash is the beginning of names', async () => {
  const root = await folder()
  const store = new FileObjectStore(`${root}jfs-`)
  await store.put('vol/x', [Buffer.from('x')])
  await writeFile(`${root}other`, 'not ours')
  assert.equal(await readFile(`${root}jfs-vol/x`, 'utf8'), 'x')
  assert.deepEqual(await keysOf(store, ''), ['vol/x'])
  await store.sync(['vol/x'])
})

test('a key that leaves the root is refused', async () => {
  const store = new FileObjectStore(await folder())
  for (const key of ['../x', 'a/../../x', '..', 'a/..', 'nul\0']) {
    await assert.rejects(store.get(key), failsWith('invalid'), key)
    await assert.rejects(store.put(key, [Buffer.from('x')]), failsWith('invalid'), key)
    await assert.rejects(store.delete(key), failsWith('invalid'), key)
  }
  await store.put('a..b/..c', [Buffer.from('x')])
  assert.throws(() => new FileObjectStore('relative/'), /absolute/)
})

test('listings leave out temporary files and what is neither file nor folder, and follow links', async () => {
  const root = await folder()
  const store = new FileObjectStore(root)
  await store.put('a/1', [Buffer.from('1')])
  await writeFile(`${root}a/.jfs.1_0_4.tmp.123`, '')
  await writeFile(`${root}a/.jfs.other`, '')
  await symlink(`${root}a`, `${root}link`)
  await symlink('/nowhere', `${root}a/dangling`)
  await symlink(`${root}loop`, `${root}loop`)
  assert.deepEqual(await keysOf(store, ''), ['a/.jfs.other', 'a/1', 'link/.jfs.other', 'link/1'])
})

test('a failed put leaves neither object nor temporary file', async () => {
  const root = await folder()
  const store = new FileObjectStore(root)
  await mkdir(`${root}taken`)
  await writeFile(`${root}file`, '')
  // In the pool, then on the loop.
  for (let k = 0; k < 2; k++) {
    await assert.rejects(store.put('taken', [Buffer.from('x')]), failsWith('invalid', 'unavailable'))
    await assert.rejects(
      store.put('file/x', [Buffer.from('x')]),
      failsWith('not-found', 'invalid', 'unavailable'),
    )
    assert.deepEqual((await readdir(root)).sort(), ['file', 'taken'])
  }
})

test('small objects replace one another whole, at once or in turn, in folders that were not there', async () => {
  const root = await folder()
  const store = new FileObjectStore(root)
  for (let k = 0; k < 20; k++) {
    const bytes = Buffer.alloc(100 * k, k)
    await store.put('a', [bytes.subarray(0, 50), bytes.subarray(50)])
    assert.ok((await readFile(`${root}a`)).equals(bytes), `${k}`)
    await store.put(`${k}/b/c`, [bytes])
    assert.ok((await readFile(`${root}${k}/b/c`)).equals(bytes), `${k}`)
  }
  await Promise.all(Array.from({ length: 20 }, (_, k) => store.put('a', [Buffer.alloc(4096, k)])))
  const last = await readFile(`${root}a`)
  assert.ok(last.equals(Buffer.alloc(4096, last[0])))
  assert.deepEqual(
    (await readdir(root)).filter((name) => name.startsWith('.')),
    [],
  )
})

test('a fresh object is made in its place, and replaces what a kill left there', async () => {
  const root = await folder()
  const store = new FileObjectStore(root)
  await store.put('a/first', [Buffer.from('x')])
  for (let k = 0; k < 5; k++) {
    await writeFile(`${root}a/left`, 'par')
    for (const key of [`a/${k}`, `new-${k}/b`, 'a/left']) {
      await store.put(key, [Buffer.from('who'), Buffer.from(`le ${k}`)], { fresh: true })
      assert.equal(await readFile(root + key, 'utf8'), `whole ${k}`)
    }
  }
  assert.deepEqual((await readdir(`${root}a`)).sort(), ['0', '1', '2', '3', '4', 'first', 'left'])
})

test('a full disk is no-space and leaves nothing behind', async (t) => {
  const root = await folder()
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', root]).status !== 0) {
    return t.skip('mounting a small file system is not allowed here')
  }
  try {
    const store = new FileObjectStore(root)
    await assert.rejects(store.put('a/b', [Buffer.alloc(100_000)]), failsWith('no-space'))
    assert.deepEqual(await readdir(`${root}a`), [])
    await store.put('a/b', [Buffer.alloc(1000)])
    await writeFile(`${root}filler`, Buffer.alloc(40_000))
    await assert.rejects(store.put('a/c', [Buffer.alloc(40_000)], { fresh: true }), failsWith('no-space'))
    assert.deepEqual(await readdir(`${root}a`), ['b'])
  } finally {
    spawnSync('umount', [root])
  }
})

test('a key ending in a slash is a folder; deleting one that is not empty changes nothing', async () => {
  const root = await folder()
  const store = new FileObjectStore(root)
  await store.put('testing/', [])
  await store.put('testing/x', [Buffer.from('x')])
  await store.delete('testing/')
  assert.deepEqual(await keysOf(store, ''), ['testing/x'])
  await store.delete('testing/x')
  await store.delete('testing/')
  assert.deepEqual(await readdir(root), [])
  assert.equal((await store.get('.')).length, 0)
})

test('sync leaves out what was deleted; create makes the root', async () => {
  const root = await folder()
  const store = new FileObjectStore(`${root}deep/er/`)
  await store.create()
  assert.ok((await stat(`${root}deep/er`)).isDirectory())
  await store.put('a/b/c', [Buffer.from('x')])
  await store.sync(['a/b/c'])
  await store.sync(['a/b/c'])
  await store.put('a/b/d', [Buffer.from('x')])
  await store.delete('a/b/d')
  await store.sync(['a/b/d', 'a/b/c'])
})
