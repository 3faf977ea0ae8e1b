/** Whole volumes through both forms and back; the fixtures are the reference's own. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { copyFile, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { rootContext } from '#core/base/context.ts'
import { type Ino, ROOT_INO, TRASH_INO } from '#core/base/ino.ts'
import { O_RDWR } from '#core/base/open-flags.ts'
import { seededRandom } from '#core/base/random.ts'
import { Refusal } from '#core/base/refusal.ts'
import type { ListTypes, MetaEngine, RecordRange } from '#core/meta/engine.ts'
import { loadSetting, openEngine } from '#core/meta/open-meta.ts'
import { CHUNK_SIZE, TYPE_DIRECTORY, TYPE_FIFO, TYPE_FILE, TYPE_SYMLINK } from '#core/meta/records.ts'
import { unwrapSecrets, wrapSecrets } from '#core/meta/setting-secrets.ts'
import { problemsOf } from '#core/meta/test-invariants.ts'
import { openTestVolume, type TestClient } from '#core/meta/test-volume.ts'
import { pages } from '../pages.ts'
import { type DumpOptions, dumpVolume } from './dump.ts'
import { DumpFile } from './dump-file.ts'
import { loadVolume } from './load.ts'
import { missingSecrets, withSecrets } from './secrets.ts'

const repository = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
const fixtures = process.env.POMELO_FIXTURES ?? resolve(repository, '../shared/fixtures')
const skip = existsSync(fixtures) ? false : 'the shared fixtures are not here'
const volumes = skip ? [] : readdirSync(fixtures).filter((name) => name.startsWith('sqlite-'))
const root = rootContext()

async function tempFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pomelo-dump-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function fixture(t: TestContext, name: string): Promise<MetaEngine> {
  const file = join(await tempFolder(t), 'meta.db')
  await copyFile(join(fixtures, name, 'meta.db'), file)
  const engine = await openEngine(`sqlite3://${file}`)
  t.after(() => engine.close())
  return engine
}

async function empty(t: TestContext): Promise<MetaEngine> {
  const engine = await openEngine('sqlite3://:memory:')
  t.after(() => engine.close())
  return engine
}

async function dumped(engine: MetaEngine, options: DumpOptions): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  await dumpVolume(engine, options, { write: async (bytes) => void pieces.push(Buffer.from(bytes)) })
  return Buffer.concat(pieces)
}

async function* inPieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function loaded(t: TestContext, bytes: Uint8Array, warn?: (text: string) => void): Promise<MetaEngine> {
  const engine = await empty(t)
  await loadVolume(engine, inPieces(bytes), {}, { onWarning: warn })
  return engine
}

async function listed<R extends RecordRange>(engine: MetaEngine, range: R): Promise<ListTypes[R['kind']][]> {
  const items: ListTypes[R['kind']][] = []
  for await (const item of pages(engine, range)) items.push(item)
  return items
}

/** Everything that both forms carry, for comparison. */
async function records(engine: MetaEngine): Promise<unknown> {
  // JSON carries the rules themselves: their numbers may be others afterwards.
  const rules = new Map((await listed(engine, { kind: 'acls' })).map(({ id, rule }) => [id, rule]))
  const nodes = (await listed(engine, { kind: 'allNodes' })).map(({ ino, node: { raw: _, ...node } }) => ({
    ino,
    ...node,
    accessAcl: rules.get(node.accessAcl),
    defaultAcl: rules.get(node.defaultAcl),
  }))
  const dirs = nodes.filter(({ type, ino }) => type === TYPE_DIRECTORY && ino !== TRASH_INO)
  const bytes = (value: Uint8Array | null) => value && Buffer.from(value).toString('hex')
  return {
    nodes,
    edges: await listed(engine, { kind: 'allEdges' }),
    chunks: (await listed(engine, { kind: 'allChunks' })).map(({ slices, ...at }) => ({
      ...at,
      slices: bytes(slices),
    })),
    stats: await engine.read(dirs.map(({ ino }) => ({ kind: 'dirStat', ino }) as const)),
    parents: await engine.read(nodes.map(({ ino }) => ({ kind: 'parents', ino }) as const)),
    targets: (await engine.read(nodes.map(({ ino }) => ({ kind: 'symlink', ino }) as const))).map(bytes),
    xattrs: await Promise.all(
      nodes.map(async ({ ino }) =>
        (await listed(engine, { kind: 'xattrs', ino })).map(({ name, value }) => [name, bytes(value)]),
      ),
    ),
    rules: rules.size,
    sliceRefs: (await listed(engine, { kind: 'sliceRefs' })).filter(({ uses }) => uses > 0),
    quotas: await Promise.all(
      (['dir', 'user', 'group'] as const).map((kind) => listed(engine, { kind: 'quotas', of: kind })),
    ),
    counters: await engine.read([
      { kind: 'counter', name: 'usedSpace' },
      { kind: 'counter', name: 'totalInodes' },
      { kind: 'counter', name: 'nextInode' },
      { kind: 'counter', name: 'nextChunk' },
      { kind: 'counter', name: 'nextTrash' },
    ]),
    setting: await loadSetting(engine),
  }
}

/** The fixtures' settings ask for no usage of users and groups. */
async function problemsBesideOwners(engine: MetaEngine): Promise<readonly string[]> {
  return (await problemsOf(engine)).filter((problem) => !problem.endsWith('has no usage record'))
}

/** What a volume can hold. */
async function fill({ meta, clock, engine, settle }: TestClient): Promise<{ readonly dir: Ino }> {
  const now = clock.now()
  const dir = (await meta.mknod(root, ROOT_INO, 'dir \xff%41"', { type: TYPE_DIRECTORY, mode: 0o2755 })).ino
  const sub = (await meta.mknod(root, dir, 'sub', { type: TYPE_DIRECTORY, mode: 0o700 })).ino
  const make = async (parent: Ino, name: string) =>
    (await meta.mknod(root, parent, name, { type: TYPE_FILE, mode: 0o644 })).ino
  const slice = async (ino: Ino, index: number, pos: number, len: number) =>
    meta.writeSlice(ino, index, [{ pos, id: await meta.newSlice(), size: len, off: 0, len }], now)
  const file = await make(dir, 'file')
  await slice(file, 0, 0, 5000)
  await slice(file, 0, 100, 50)
  for (let index = 1; index < 40; index++) await slice(file, index, CHUNK_SIZE - 10, 10)
  await meta.link(root, file, sub, 'again')
  await meta.link(root, file, ROOT_INO, 'and-again')
  const copy = await make(sub, 'copy')
  await meta.copyFileRange(root, file, 0, copy, 10, 6000)
  await meta.mknod(root, sub, 'link', {
    type: TYPE_SYMLINK,
    mode: 0o777,
    target: Buffer.from('\xfe <&>', 'latin1'),
  })
  await meta.mknod(root, sub, 'fifo', { type: TYPE_FIFO, mode: 0o600 })
  await meta.setattr(root, copy, { uid: 1000, gid: 100 })
  await meta.setxattr(
    root,
    copy,
    'user.bytes',
    Uint8Array.from({ length: 256 }, (_, k) => k),
    0,
  )
  await meta.setxattr(root, copy, 'user.empty', new Uint8Array(), 0)
  await meta.setxattr(root, dir, 'user.dir', Buffer.from('<d>'), 0)
  const rule = { owner: 6, group: 4, mask: 7, other: 4, users: [{ id: 1000, perm: 7 }], groups: [] }
  await meta.setAcl(root, copy, 'access', rule)
  await meta.setAcl(root, sub, 'default', { ...rule, groups: [{ id: 7, perm: 5 }] })
  await make(sub, 'inherits')
  const gone = await make(sub, 'gone')
  await slice(gone, 0, 0, 77)
  await meta.unlink(root, sub, 'gone')
  const below = await meta.summary(root, dir, { recursive: true, strict: true })
  const used = { usedSpace: below.space - 4096, usedInodes: below.files + below.dirs - 1 }
  await settle()
  await engine.commit(
    'quota',
    [],
    [
      { kind: 'putQuota', of: 'dir', id: dir, quota: { maxSpace: 2 ** 40, maxInodes: -1, ...used } },
      { kind: 'putDeletedFile', file: { ino: 900, length: 5, deleted: 1_700_000_000 } },
    ],
  )
  const [owned] = await engine.read([{ kind: 'quota', of: 'user', id: 1000 }])
  await engine.commit(
    'quota',
    [],
    [{ kind: 'putQuota', of: 'user', id: 1000, quota: { ...owned!, maxInodes: 10 } }],
  )
  return { dir }
}

const RICH = { setting: { TrashDays: 1, EnableACL: true, UserGroupQuota: true } }

test('a volume comes back from both forms with every record', async (t) => {
  const client = await openTestVolume(RICH)
  await fill(client)
  await client.settle()
  const before = await records(client.engine)
  for (const format of ['json', 'binary'] as const) {
    const engine = await loaded(t, await dumped(client.engine, { format }))
    assert.deepEqual(await records(engine), before, format)
    assert.deepEqual(await problemsOf(engine), [], format)
    assert.deepEqual(await listed(engine, { kind: 'deletedFiles' }), [
      { ino: 900, length: 5, deleted: 1_700_000_000 },
    ])
    assert.deepEqual(
      await dumped(engine, { format: 'json' }),
      await dumped(client.engine, { format: 'json' }),
    )
  }
  await client.close()
})

for (const name of volumes)
  test(`the reference's ${name} comes back from both forms as it was`, async (t) => {
    const engine = await fixture(t, name)
    const text = await dumped(engine, { format: 'json' })
    if (name === 'sqlite-basic')
      assert.equal(text.toString(), await readFile(join(fixtures, 'backup-json', 'dump.json'), 'utf8'))
    for (const format of ['json', 'binary'] as const) {
      const again = await loaded(t, await dumped(engine, { format, keepSecrets: true }))
      assert.deepEqual(await problemsBesideOwners(again), [])
      assert.equal((await dumped(again, { format: 'json' })).toString(), text.toString(), format)
    }
  })

test('what the reference dumped loads, in both forms and in any packing', { skip }, async (t) => {
  const json = await readFile(join(fixtures, 'backup-json', 'dump.json'))
  const binary = await readFile(join(fixtures, 'backup-binary', 'dump.bin'))
  for (const bytes of [json, gzipSync(json), zstdCompressSync(json), binary, gzipSync(binary)]) {
    const engine = await loaded(t, bytes)
    assert.equal((await dumped(engine, { format: 'json' })).toString(), json.toString())
    assert.deepEqual(await problemsBesideOwners(engine), [])
  }
})

test('a directory becomes a volume of its own, with the names it has there', async (t) => {
  const client = await openTestVolume(RICH)
  const { dir } = await fill(client)
  const engine = await loaded(t, await dumped(client.engine, { format: 'json', root: dir }))
  assert.deepEqual(await problemsOf(engine), [])
  const [file, trash] = await engine.read([
    { kind: 'entry', parent: ROOT_INO, name: 'file' },
    { kind: 'node', ino: TRASH_INO },
  ])
  assert.equal(file!.node!.nlink, 2)
  assert.equal(trash!.mode, 0o555)
  assert.deepEqual(await listed(engine, { kind: 'edges', parent: TRASH_INO }), [])
  assert.deepEqual(await listed(engine, { kind: 'quotas', of: 'dir' }), [])
  await client.close()
})

test('without the trash its files are left out', async (t) => {
  const client = await openTestVolume(RICH)
  await fill(client)
  const engine = await loaded(t, await dumped(client.engine, { format: 'json', skipTrash: true }))
  assert.deepEqual(await problemsOf(engine), [])
  assert.deepEqual(await listed(engine, { kind: 'edges', parent: TRASH_INO }), [])
  await client.close()
})

test('secrets are left out unless they are asked for, and can be given back', async (t) => {
  const client = await openTestVolume()
  const [text] = await client.engine.read([{ kind: 'setting' }])
  const setting = {
    ...JSON.parse(text!),
    AccessKey: 'who',
    SecretKey: 'hush',
    EncryptKey: '-----BEGIN KEY-----',
  }
  await client.engine.commit('test', [], [{ kind: 'putSetting', text: JSON.stringify(wrapSecrets(setting)) }])
  for (const format of ['json', 'binary'] as const) {
    const kept = await loadSetting(
      await loaded(t, await dumped(client.engine, { format, keepSecrets: true })),
    )
    assert.equal(unwrapSecrets(kept).SecretKey, 'hush')
    const bytes = await dumped(client.engine, { format })
    const without = await loadSetting(await loaded(t, bytes))
    const missing = format === 'json' ? ['SecretKey'] : ['SecretKey', 'EncryptKey']
    assert.deepEqual(missingSecrets(without), missing)
    assert.equal(without.AccessKey, 'who')
    const engine = await empty(t)
    const secrets = { SecretKey: 'new', EncryptKey: setting.EncryptKey }
    await loadVolume(engine, inPieces(bytes), { setting: (dumpedOne) => withSecrets(dumpedOne, secrets) })
    const given = unwrapSecrets(await loadSetting(engine))
    assert.deepEqual([given.SecretKey, given.EncryptKey], ['new', setting.EncryptKey])
  }
  await client.close()
})

test('files open without a name are left to whoever cleans up after dead sessions', async (t) => {
  const client = await openTestVolume()
  const { meta, engine } = client
  const { ino } = await meta.create(root, ROOT_INO, 'open', 0o644, O_RDWR)
  await meta.writeSlice(
    ino,
    0,
    [{ pos: 0, id: await meta.newSlice(), size: 9, off: 0, len: 9 }],
    client.clock.now(),
  )
  await meta.unlink(root, ROOT_INO, 'open')
  await client.settle()
  const again = await loaded(t, await dumped(engine, { format: 'binary' }))
  const sessions = await listed(again, { kind: 'sessions' })
  assert.deepEqual(sessions, [{ sid: meta.sid, expire: 0, info: '{}' }])
  assert.deepEqual(await listed(again, { kind: 'sustained', sid: meta.sid }), [ino])
  const [used] = await again.read([{ kind: 'counter', name: 'totalInodes' }])
  assert.equal(used, 1)
  await client.close()
})

test('a load into a place that is not empty is refused and changes nothing', async () => {
  const client = await openTestVolume(RICH)
  await fill(client)
  const before = await records(client.engine)
  const bytes = await dumped(client.engine, { format: 'json' })
  await assert.rejects(loadVolume(client.engine, inPieces(bytes)), Refusal)
  assert.deepEqual(await records(client.engine), before)
  await client.close()
})

test('a dump cut short anywhere is refused, and the place is empty as before', async (t) => {
  const client = await openTestVolume(RICH)
  await fill(client)
  const engine = await empty(t)
  const random = seededRandom(5)
  for (const format of ['json', 'binary'] as const) {
    const bytes = await dumped(client.engine, { format })
    for (const packed of [bytes, gzipSync(bytes)])
      for (let k = 0; k < 15; k++) {
        const length = Math.floor(random.next() * (packed.length - 2))
        await assert.rejects(
          loadVolume(engine, inPieces(packed.subarray(0, length))),
          Refusal,
          `${format} after ${length}`,
        )
      }
    await loadVolume(engine, inPieces(bytes))
    await engine.destroy()
  }
  await client.close()
})

test('an interrupted load leaves the place empty', async (t) => {
  const client = await openTestVolume(RICH)
  await fill(client)
  const bytes = await dumped(client.engine, { format: 'json' })
  const engine = await empty(t)
  const stop = new AbortController()
  const onProgress = () => stop.abort(new DOMException('interrupted', 'AbortError'))
  await assert.rejects(
    loadVolume(engine, inPieces(bytes), {}, { signal: stop.signal, onProgress }),
    /interrupted/,
  )
  await loadVolume(engine, inPieces(bytes))
  await client.close()
})

test('an entry without a node is dumped with a warning, and left out when loaded', async (t) => {
  const client = await openTestVolume()
  await client.engine.commit(
    'test',
    [],
    [{ kind: 'putEdge', parent: ROOT_INO, name: 'lost', edge: { ino: 77, type: TYPE_FILE } }],
  )
  const told: string[] = []
  const pieces: Uint8Array[] = []
  await dumpVolume(
    client.engine,
    { format: 'json' },
    { write: async (bytes) => void pieces.push(bytes) },
    { onWarning: (text) => told.push(text) },
  )
  const engine = await loaded(t, Buffer.concat(pieces), (text) => told.push(text))
  assert.equal(told.length, 2)
  assert.deepEqual(await listed(engine, { kind: 'allEdges' }), [])
  await client.close()
})

test('a dump that breaks the rules of a tree is refused', async (t) => {
  const attr = (ino: number | string, type = 'directory') => `"attr": {"inode": ${ino}, "type": "${type}"}`
  const tree = (
    entries: string,
  ) => `{"Setting": {"Name": "x", "UUID": "u", "TrashDays": 0, "BlockSize": 4096},
    "Counters": {}, "FSTree": {${attr(1)}, "entries": {${entries}}}}`
  const engine = await loaded(t, Buffer.from(tree('')))
  assert.deepEqual(await problemsOf(engine), [])
  for (const [bad, why] of [
    [tree(`"a": {${attr(2)}}, "b": {${attr(2)}}`), /twice/],
    [tree(`"a": {"entries": {}, ${attr(2)}}`), /before its entries/],
    [tree(`"a": {${attr(2, 'regular')}, "entries": {}}`), /no directory/],
    [tree(`"a": {${attr('9223372032559808513', 'regular')}}`), /no inode/],
    [tree(`"a": {${attr(2, 'door')}}`), /of type/],
    [tree(`"a": {${attr(2, 'symlink')}}`), /without its target/],
    [tree(`"a": {}`), /attr is no object/],
    [tree('').replace('"Counters": {},', ''), /no Counters/],
    [tree('').replace('TrashDays', 'trashdays').replace('"UUID": "u",', ''), /UUID/],
    ['{"Setting": {"Name": "x", "UUID": "u"}, "Counters": {}}', /no root/],
  ] as const)
    await assert.rejects(loadVolume(await empty(t), inPieces(Buffer.from(bad))), why)
})

test('a file is there once it is complete, packed as its name says', async (t) => {
  const folder = await tempFolder(t)
  const text = Buffer.from('many words, '.repeat(20_000))
  const magic = { 'a.json': '6d616e79', 'b.json.gz': '1f8b', 'c.zstd': '28b52ffd', 'd.zst': '28b52ffd' }
  for (const [name, start] of Object.entries(magic)) {
    const file = new DumpFile(join(folder, name))
    for await (const piece of inPieces(text, 10_000)) await file.write(piece)
    assert.ok(!existsSync(join(folder, name)))
    await file.finish()
    const bytes = await readFile(join(folder, name))
    assert.equal(bytes.toString('hex', 0, start.length / 2), start)
    assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600)
  }
  const given = new DumpFile(join(folder, 'never.gz'))
  await given.write(text)
  await given.abandon()
  assert.deepEqual((await readdir(folder)).sort(), Object.keys(magic))
  const nowhere = new DumpFile(join(folder, 'no', 'folder'))
  await assert.rejects(
    nowhere.write(text).then(() => nowhere.finish()),
    /ENOENT/,
  )
  await nowhere.abandon()
})
