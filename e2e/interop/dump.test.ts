/**
 * Dumps of both clients: each loads what the other dumped, in both forms, and of one volume both dump the same. Moving a
 * volume between metadata engines, by dump and load, changes nothing of it.
 */
import assert from 'node:assert/strict'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { root } from '../../scripts/runtime.mjs'
import { postgresMissing, startPostgres } from '../harness/postgres.ts'
import { redisMissing, startRedis } from '../harness/redis.ts'
import { juicefs } from '../harness/tools.ts'
import { makeVolume, must, mustPomelo, noMount, pomelo, run, sh, TestVolume } from '../harness/volume.ts'

const here = (name: string): string => join(root, 'e2e', 'interop', name)

async function manifestOf(volume: TestVolume, file: string): Promise<void> {
  await writeFile(
    file,
    await must('python3', [here('manifest.py'), 'take', join(volume.mountPoint, 'tree')], {
      timeoutMs: 120_000,
    }),
  )
}

/** Mount `meta` over the volume's bucket and compare; the trash as well as the tree must be as they were. */
async function checkThrough(volume: TestVolume, meta: string, manifest: string): Promise<void> {
  const other = new TestVolume(volume.folder, meta)
  await other.mount(['--read-only'])
  try {
    const result = await run(
      'python3',
      [here('manifest.py'), 'check', join(volume.mountPoint, 'tree'), manifest],
      { timeoutMs: 120_000 },
    )
    assert.equal(result.code, 0, result.stdout + result.stderr)
  } finally {
    await other.unmount()
  }
  await mustPomelo(['fsck', '--sync-dir-stat', meta])
}

/** A filled volume that is not mounted, with its manifest. */
async function filled(seed: string): Promise<{ volume: TestVolume; manifest: string }> {
  const volume = await makeVolume(['--enable-acl', '--block-size', '64K'])
  const manifest = join(volume.folder, 'tree.jsonl')
  await volume.mount()
  await must('python3', [here('fill.py'), join(volume.mountPoint, 'tree'), seed, '--acl'], {
    timeoutMs: 120_000,
  })
  await sh('mkdir -p gone/below && echo x > gone/below/file && rm -r gone', {
    cwd: join(volume.mountPoint, 'tree'),
  })
  await manifestOf(volume, manifest)
  await volume.unmount()
  return { volume, manifest }
}

interface Parsed {
  readonly Counters: Record<string, number>
  readonly [name: string]: unknown
}

async function parsed(file: string): Promise<Parsed> {
  return JSON.parse(await readFile(file, 'utf8')) as Parsed
}

/** Loading counts ids anew from the tree: that is not what is compared. */
function withoutCounters({ Counters, ...rest }: Parsed): unknown {
  const { usedSpace, usedInodes, nextTrash } = Counters
  return { ...rest, Counters: { usedSpace, usedInodes, nextTrash } }
}

test('both clients dump the same, and each loads what the other dumped', {
  skip: noMount,
  timeout: 240_000,
}, async (t) => {
  const tool = await juicefs()
  if (tool.path === undefined) return t.skip(tool.missing)
  const jfs = (...args: string[]) => must(tool.path!, args, { timeoutMs: 60_000 })
  // The reference's binary load into SQL loses empty xattrs, or gives up over them (admin-tools.md §9.3).
  const place = await emptyPlace(t, 'redis')
  if (place === undefined) return
  const { volume, manifest } = await filled('3')
  try {
    const file = (name: string) => join(volume.folder, name)
    const meta = (name: string) => (name === 'd' ? place : `sqlite3://${file(`${name}.db`)}`)
    await mustPomelo(['dump', volume.meta, file('ours.json')])
    await jfs('dump', volume.meta, file('theirs.json'))
    assert.equal(await readFile(file('ours.json'), 'utf8'), await readFile(file('theirs.json'), 'utf8'))
    await mustPomelo(['dump', '--binary', volume.meta, file('ours.bin')])
    await jfs('dump', '--binary', volume.meta, file('theirs.bin'))
    const before = withoutCounters(await parsed(file('theirs.json')))

    const cases: readonly [string, string, (to: string, from: string) => Promise<unknown>][] = [
      ['a', 'theirs.json', (to, from) => mustPomelo(['load', to, from])],
      ['b', 'theirs.bin', (to, from) => mustPomelo(['load', to, from])],
      ['c', 'ours.json', (to, from) => jfs('load', to, from)],
      ['d', 'ours.bin', (to, from) => jfs('load', '--binary', to, from)],
    ]
    for (const [name, from, load] of cases) {
      await load(meta(name), file(from))
      await jfs('dump', meta(name), file('again.json'))
      const after = withoutCounters(await parsed(file('again.json')))
      assert.deepEqual(after, before, from)
      await jfs('fsck', meta(name))
      await jfs('fsck', '--path', '/', '--recursive', meta(name))
      await mustPomelo(['fsck', '--sync-dir-stat', meta(name)])
    }
    await checkThrough(volume, meta('a'), manifest)
    await checkThrough(volume, meta('b'), manifest)
  } finally {
    await volume.remove()
  }
})

for (const engine of ['redis', 'postgres'] as const)
  test(`a volume moves from SQLite to ${engine} and back`, { skip: noMount, timeout: 240_000 }, async (t) => {
    const place = await emptyPlace(t, engine)
    if (place === undefined) return
    const { volume, manifest } = await filled('4')
    try {
      const file = (name: string) => join(volume.folder, name)
      await mustPomelo(['dump', volume.meta, file('before.json')])
      await mustPomelo(['load', place, file('before.json')])
      await checkThrough(volume, place, manifest)
      await mustPomelo(['dump', '--binary', place, file('there.bin.zstd')])
      const back = `sqlite3://${file('back.db')}`
      await mustPomelo(['load', back, file('there.bin.zstd')])
      await checkThrough(volume, back, manifest)
      await mustPomelo(['dump', place, file('there.json')])
      await mustPomelo(['dump', back, file('after.json')])
      const before = withoutCounters(await parsed(file('before.json')))
      assert.deepEqual(withoutCounters(await parsed(file('there.json'))), before)
      assert.deepEqual(withoutCounters(await parsed(file('after.json'))), before)
      const tool = await juicefs()
      if (tool.path === undefined) return
      await must(tool.path, ['dump', place, file('theirs.json')], { timeoutMs: 60_000 })
      assert.deepEqual(withoutCounters(await parsed(file('theirs.json'))), before)
      await must(tool.path, ['fsck', '--path', '/', '--recursive', place], { timeoutMs: 60_000 })
      const refused = await pomelo(['load', place, file('before.json')])
      assert.equal(refused.code, 1)
      assert.match(refused.stderr, /is not empty/)
    } finally {
      await volume.remove()
    }
  })

async function emptyPlace(t: TestContext, engine: 'redis' | 'postgres'): Promise<string | undefined> {
  const missing = engine === 'redis' ? redisMissing() : postgresMissing()
  if (missing !== undefined) {
    t.skip(missing)
    return undefined
  }
  if (engine === 'redis') {
    const server = await startRedis()
    t.after(() => server.stop())
    return server.url(1)
  }
  const server = await startPostgres()
  t.after(() => server.stop())
  return server.createDatabase('moved')
}

test('lost metadata come back from the backup in the bucket, made by either client', {
  skip: noMount,
  timeout: 240_000,
}, async (t) => {
  const { volume, manifest } = await filled('5')
  try {
    const at = ['--storage', 'file', '--bucket', volume.bucket]
    await mustPomelo(['backup', 'now', volume.meta])
    await rm(volume.meta.slice('sqlite3://'.length))
    const again = `sqlite3://${join(volume.folder, 'again.db')}`
    await mustPomelo(['backup', 'restore', again, 'e2e-volume', ...at])
    await checkThrough(volume, again, manifest)

    const tool = await juicefs()
    if (tool.path === undefined) return t.diagnostic(tool.missing)
    // The reference backs up beside a mount only: its object is made here as it makes it.
    const dump = join(volume.folder, 'their.json.gz')
    await must(tool.path, ['dump', again, dump], { timeoutMs: 60_000 })
    const folder = join(volume.bucket, 'e2e-volume', 'meta')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'dump-2099-01-02-030405.json.gz'), await readFile(dump))
    const listed = await mustPomelo(['backup', 'list', '--json', 'e2e-volume', ...at])
    assert.equal((JSON.parse(listed) as unknown[]).length, 2)
    const theirs = `sqlite3://${join(volume.folder, 'theirs.db')}`
    await mustPomelo(['backup', 'restore', theirs, 'e2e-volume', ...at])
    await checkThrough(volume, theirs, manifest)
  } finally {
    await volume.remove()
  }
})
