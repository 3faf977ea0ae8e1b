/** `dump`, `load` and `backup` on real volumes in a temporary folder, run in this process; nothing is mounted. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Ended, runMain } from './test-run.ts'

interface Place {
  readonly meta: string
  path(...parts: string[]): string
}

async function place(t: TestContext): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'pomelo-cli-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return { meta: `sqlite3://${join(folder, 'meta.db')}`, path: (...parts) => join(folder, ...parts) }
}

async function must(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  const ended = await runMain(args, env)
  assert.equal(ended.code, 0, ended.stderr)
  return ended
}

async function fails(args: readonly string[], code: number, why: RegExp): Promise<void> {
  const ended = await runMain(args)
  assert.equal(ended.code, code, ended.stdout + ended.stderr)
  assert.match(ended.stderr, why)
}

async function volume(t: TestContext, options: string[] = [], env: Record<string, string> = {}) {
  const at = await place(t)
  await must(['format', at.meta, 'test-volume', '--bucket', at.path('bucket'), ...options], env)
  await writeFile(at.path('file'), 'some words\n')
  await must(['mkdir', '-p', `${at.meta}:/a/b`], env)
  await must(['cp', at.path('file'), `${at.meta}:/a/b/file`], env)
  return at
}

async function tellsContents(path: string): Promise<void> {
  const { version, kinds } = JSON.parse((await must(['load', '--stat', '--json', path])).stdout)
  const records = Object.fromEntries(
    kinds.map((kind: { name: string; records: number }) => [kind.name, kind.records]),
  )
  assert.deepEqual([version, records.format, records.edge, records.chunk], [1, 1, 3, 1])
  assert.match((await must(['load', '--stat', path])).stdout, /^edge +3$/m)
  const { offsets } = kinds.find((kind: { name: string }) => kind.name === 'edge')
  assert.match(
    (await must(['load', '--stat', '--offset=-1', path])).stdout,
    new RegExp(`^edge +3 +${offsets[0]}$`, 'm'),
  )
  const edges = JSON.parse((await must(['load', '--stat', '--offset', String(offsets[0]), path])).stdout)
  assert.deepEqual(edges.map(({ name }: { name: string }) => name).sort(), ['a', 'b', 'file'])
  await fails(['load', '--stat', '--offset', '7', path], 1, /no segment begins at 7/)
}

test('a volume goes through a file and through a pipe', async (t) => {
  const at = await volume(t)
  const told = JSON.parse((await must(['dump', '--json', at.meta, at.path('d.json.gz')])).stdout)
  assert.deepEqual([told.file, told.entries], [at.path('d.json.gz'), 3])
  const copy = `sqlite3://${at.path('copy.db')}`
  const loaded = await must(['load', copy, at.path('d.json.gz')])
  assert.match(loaded.stdout, /volume test-volume is loaded: 3 entries/)
  assert.equal((await must(['cat', `${copy}:/a/b/file`])).stdout, 'some words\n')
  await must(['fsck', '--sync-dir-stat', copy])
  assert.equal((await must(['dump', copy])).stdout, (await must(['dump', at.meta])).stdout)
  const part = JSON.parse((await must(['dump', `${at.meta}:/a`])).stdout)
  assert.deepEqual(Object.keys(part.FSTree.entries), ['b'])
  const same = await must(['dump', '--subdir', '/a', at.meta])
  assert.deepEqual(JSON.parse(same.stdout), part)
  await must(['dump', '--binary', at.meta, at.path('d.bin')])
  await must(['load', '--binary', `sqlite3://${at.path('third.db')}`, at.path('d.bin')])
  await fails(['load', copy, at.path('d.bin')], 1, /is not empty/)
  await tellsContents(at.path('d.bin'))
  await fails(['load', '--stat', at.path('d.json.gz')], 1, /is a JSON dump/)
  await must(['cat', `${copy}:/a/b/file`])
})

test('what comes to nothing leaves nothing behind', async (t) => {
  const at = await volume(t)
  await writeFile(at.path('bad.json'), '{"Setting": {')
  const before = await readdir(at.path())
  await fails(['load', `sqlite3://${at.path('new.db')}`, at.path('bad.json')], 1, /ends too early/)
  await fails(['load', `sqlite3://${at.path('new.db')}`, at.path('none.json')], 1, /no such file/)
  await fails(['load', `sqlite3://${at.path('new.db')}`, at.path('file')], 1, /begins like no dump/)
  await fails(['dump', `${at.meta}:/a/none`, at.path('x.json')], 1, /does not exist/)
  await fails(['dump', `${at.meta}:/a/b/file`, at.path('x.json')], 1, /not a directory/)
  await fails(['dump', '--binary', `${at.meta}:/a`, at.path('x.bin')], 2, /whole volume/)
  const stopped = AbortSignal.abort(new DOMException('interrupted', 'AbortError'))
  for (const args of [
    ['dump', at.meta, at.path('x.json')],
    ['load', `sqlite3://${at.path('new.db')}`, at.path('d.json')],
  ]) {
    if (args[0] === 'load') await must(['dump', at.meta, at.path('d.json')])
    assert.equal((await runMain(args, {}, stopped)).code, 130)
  }
  const left = (await readdir(at.path())).filter((name) => !/^(d\.json|meta\.db)/.test(name))
  assert.deepEqual(
    left,
    before.filter((name) => !name.startsWith('meta.db')),
  )
})

test('the secret key that a dump leaves out is asked for, or taken from the environment', async (t) => {
  const at = await volume(t)
  await must(['dump', at.meta, at.path('d.json')])
  const text = await readFile(at.path('d.json'), 'utf8')
  const setting = '"AccessKey": "who",\n    "SecretKey": "removed",\n    "BlockSize"'
  await writeFile(at.path('d.json'), text.replace('"BlockSize"', setting))
  const without = await must(['load', `sqlite3://${at.path('1.db')}`, at.path('d.json')])
  assert.match(without.stderr, /does not hold SecretKey[\s\S]*pomelo config --keys/)
  const env = { SECRET_KEY: 'hush' }
  const given = await must(['load', '--json', `sqlite3://${at.path('2.db')}`, at.path('d.json')], env)
  assert.deepEqual(JSON.parse(given.stdout).missingSecrets, [])
  assert.ok(!given.stdout.includes('hush') && !given.stderr.includes('hush'))
})

test('a volume comes back from a backup in its bucket', async (t) => {
  const at = await volume(t)
  assert.equal(JSON.parse((await must(['status', at.meta])).stdout).Backup.Count, 0)
  const made = JSON.parse((await must(['backup', 'now', '--json', at.meta])).stdout)
  const { Backup } = JSON.parse((await must(['status', at.meta])).stdout)
  assert.deepEqual(Backup, { Newest: made.name, Size: made.size, Count: 1 })
  const [listed] = JSON.parse((await must(['backup', 'list', '--json', at.meta])).stdout)
  assert.deepEqual([listed.name, listed.size], [made.name, made.size])
  const bucket = ['--bucket', at.path('bucket')]
  assert.match((await must(['backup', 'list', 'test-volume', ...bucket])).stdout, new RegExp(made.name))
  const copy = `sqlite3://${at.path('copy.db')}`
  await fails(['backup', 'restore', copy, 'test-volume'], 2, /--bucket is needed/)
  await fails(['backup', 'restore', copy, 'other-volume', ...bucket], 1, /no metadata backup/)
  await fails(['backup', 'restore', copy, 'test-volume', 'dump-1', ...bucket], 1, /no backup dump-1/)
  await must(['backup', 'restore', copy, 'test-volume', made.name, ...bucket])
  assert.equal((await must(['cat', `${copy}:/a/b/file`])).stdout, 'some words\n')
  // What is written now gets no number that the lost volume may have given out.
  await must(['cp', at.path('file'), `${copy}:/new`])
  const info = JSON.parse((await must(['info', '--json', `${copy}:/new`])).stdout)
  assert.match(JSON.stringify(info), /chunks\/429\d\//)
  await must(['fsck', '--sync-dir-stat', copy])
  // A bucket that was moved is where it is now.
  await rename(at.path('bucket'), at.path('moved'))
  const moved = `sqlite3://${at.path('moved.db')}`
  await must(['backup', 'restore', moved, 'test-volume', '--bucket', at.path('moved')])
  assert.equal((await must(['cat', `${moved}:/a/b/file`])).stdout, 'some words\n')
})

test('backups of an encrypted volume are sealed, and dumps taken out of it open with its key', async (t) => {
  const keys = await place(t)
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open' },
  })
  await writeFile(keys.path('key.pem'), privateKey)
  const env = { JFS_RSA_PASSPHRASE: 'open' }
  const key = ['--encrypt-rsa-key', keys.path('key.pem')]
  const at = await volume(t, key, env)
  const { name } = JSON.parse((await must(['backup', 'now', '--json', at.meta], env)).stdout)
  const object = at.path('bucket', 'test-volume', 'meta', name)
  assert.notEqual((await readFile(object)).toString('hex', 0, 2), '1f8b')
  const [one, two] = [`sqlite3://${at.path('1.db')}`, `sqlite3://${at.path('2.db')}`]
  await must(['backup', 'restore', one, 'test-volume', '--bucket', at.path('bucket'), ...key], env)
  await fails(['load', two, object], 1, /needs its key/)
  await must(['load', two, object, ...key], env)
  for (const meta of [one, two])
    assert.equal((await must(['cat', `${meta}:/a/b/file`], env)).stdout, 'some words\n')
  // The binary form leaves the key out: it comes back from its file.
  await must(['dump', '--binary', at.meta, at.path('d.bin')], env)
  const three = `sqlite3://${at.path('3.db')}`
  await must(['load', three, at.path('d.bin'), ...key], env)
  assert.equal((await must(['cat', `${three}:/a/b/file`], env)).stdout, 'some words\n')
})

test('an interval that is too short is a mistake', async (t) => {
  const at = await volume(t)
  await fails(['mount', '--backup-meta', '1m', at.meta, at.path()], 2, /at least 5m/)
})
