/** Commands on a real volume in a temporary folder, run in this process; nothing is mounted. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Ended, runMain } from './test-run.ts'

class Place {
  readonly folder: string
  readonly meta: string

  constructor(folder: string) {
    this.folder = folder
    this.meta = `sqlite3://${join(folder, 'meta.db')}`
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}

async function emptyPlace(): Promise<Place> {
  return new Place(await mkdtemp(join(tmpdir(), 'pomelo-cli-')))
}

async function formatted(...options: string[]): Promise<Place> {
  const place = await emptyPlace()
  await must(
    'format',
    place.meta,
    'test-volume',
    '--bucket',
    place.path('bucket'),
    '--block-size',
    '64K',
    ...options,
  )
  return place
}

async function must(...args: string[]): Promise<Ended> {
  const ended = await runMain(args)
  assert.equal(ended.code, 0, `${args.join(' ')}: ${ended.stderr}`)
  return ended
}

async function refused(
  text: RegExp,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const ended = await runMain(args, env)
  assert.equal(ended.code, 1, `${args.join(' ')}: ${ended.stdout}`)
  assert.match(ended.stderr, text)
}

function bytesOf(seed: string, length: number): Buffer {
  return Buffer.concat(
    Array.from({ length: Math.ceil(length / 32) }, (_, k) =>
      createHash('sha256').update(`${seed}${k}`).digest(),
    ),
  ).subarray(0, length)
}

test('format makes a volume, shows it without secrets, and never makes another over it', async () => {
  await using place = await emptyPlace()
  const env = { SECRET_KEY: 'hush-hush', ACCESS_KEY: 'who' }
  const bucket = place.path('bucket')
  const made = await runMain(
    ['format', '--json', place.meta, 'team', '--bucket', bucket, '--capacity', '10'],
    env,
  )
  assert.equal(made.code, 0, made.stderr)
  const setting = JSON.parse(made.stdout)
  assert.deepEqual(
    [setting.Name, setting.Bucket, setting.Capacity, setting.SecretKey],
    ['team', `${bucket}/`, 10 * 2 ** 30, 'removed'],
  )
  assert.equal(await readFile(join(bucket, 'team/juicefs_uuid'), 'utf8'), setting.UUID)
  assert.ok(!(await readFile(place.path('meta.db'), 'latin1')).includes('hush-hush'))
  assert.match((await must('format', place.meta, 'team', '--trash-days', '5')).stderr, /trash-days: 1 -> 5/)
  await refused(/holds volume "team" already/, ['format', place.meta, 'other', '--bucket', bucket])
  await refused(/is not empty/, ['format', `sqlite3://${place.path('two.db')}`, 'team', '--bucket', bucket])
  await refused(/BlockSize of volume team cannot change/, [
    'format',
    place.meta,
    'team',
    '--block-size',
    '64K',
  ])
  assert.match(
    (await must('format', '--no-update', place.meta, 'team', '--trash-days', '9')).stderr,
    /left as it is/,
  )
  assert.equal(JSON.parse((await must('config', place.meta)).stdout).TrashDays, 5)
})

test('a place that cannot hold a volume is refused with the reason', async () => {
  await using place = await emptyPlace()
  await writeFile(place.path('file'), '')
  await refused(/volume's name/, ['format', place.meta, 'No Good'])
  await refused(/unknown storage "ftp"/, ['format', place.meta, 'team', '--storage', 'ftp', '--bucket', 'x'])
  await refused(/needs its bucket/, ['format', place.meta, 'team', '--storage', 's3'])
  await refused(/file\/b/, ['format', place.meta, 'team', '--bucket', place.path('file/b')])
  await refused(/127\.0\.0\.1/, [
    'format',
    place.meta,
    'team',
    '--storage',
    'minio',
    '--bucket',
    'http://127.0.0.1:9/b',
    '--access-key',
    'a',
    '--secret-key',
    'b',
  ])
  await refused(/not formatted/, ['status', place.meta])
})

test('cp -rp takes a tree in and out again as it was, other kinds of files left out', async () => {
  await using place = await formatted()
  const source = place.path('source')
  await mkdir(join(source, 'sub/empty'), { recursive: true })
  await writeFile(join(source, 'big'), bytesOf('big', 300_000))
  await writeFile(join(source, 'sub/ünï'), 'text')
  await writeFile(join(source, 'none'), '')
  await writeFile(join(source, 'holes'), Buffer.concat([Buffer.alloc(2 ** 21), Buffer.from('end')]))
  await symlink('../big', join(source, 'sub/link'))
  await chmod(join(source, 'big'), 0o640)
  await utimes(join(source, 'sub'), 1e9, 1e9)
  await must('cp', '-rp', source, `${place.meta}:/`)
  const out = place.path('out')
  await must('cp', '-r', '-p', `${place.meta}:/source`, out)
  assert.deepEqual(
    (await readdir(out, { recursive: true })).sort(),
    (await readdir(source, { recursive: true })).sort(),
  )
  for (const name of ['big', 'sub/ünï', 'none', 'holes']) {
    assert.deepEqual(await readFile(join(out, name)), await readFile(join(source, name)), name)
  }
  assert.equal(await readlink(join(out, 'sub/link')), '../big')
  assert.equal((await stat(join(out, 'big'))).mode & 0o777, 0o640)
  assert.equal((await lstat(join(out, 'sub'))).mtimeMs, 1e12)
  assert.ok(!(await readdir(out)).some((name) => name.endsWith('.part')))
  assert.equal(
    (await readdir(place.path('bucket/test-volume/chunks'), { recursive: true })).filter((name) =>
      /_\d+$/.test(name),
    ).length,
    7,
  )
  await must('fsck', place.meta, '--sync-dir-stat')
})

test('cp replaces a file, keeps it with --no-clobber, and refuses what makes no sense', async () => {
  await using place = await formatted()
  await writeFile(place.path('a'), 'one')
  await writeFile(place.path('b'), 'two')
  await must('cp', place.path('a'), `${place.meta}:/f`)
  await must('cp', place.path('b'), `${place.meta}:/f`)
  assert.equal((await must('cat', `${place.meta}:/f`)).stdout, 'two')
  await must('cp', '--no-clobber', place.path('a'), `${place.meta}:/f`)
  assert.equal((await must('cat', place.meta, '/f')).stdout, 'two')
  await must('cp', `${place.meta}:/f`, `${place.meta}:/g`)
  assert.equal((await must('cat', `${place.meta}:/g`)).stdout, 'two')
  await must('mkdir', `${place.meta}:/d`)
  await refused(/is a directory/, ['cp', `${place.meta}:/d`, place.path('x')])
  await refused(/does not exist/, ['cp', `${place.meta}:/none`, place.path('x')])
  await refused(/is not a directory/, ['cp', place.path('a'), place.path('b'), `${place.meta}:/f`])
})

test('an interrupted copy leaves nothing behind and ends with 130', async () => {
  await using place = await formatted()
  await writeFile(place.path('big'), bytesOf('x', 8 * 2 ** 20))
  const stop = new AbortController()
  const copying = runMain(['cp', place.path('big'), `${place.meta}:/big`], {}, stop.signal)
  await new Promise((resolve) => setTimeout(resolve, 60))
  stop.abort(new DOMException('interrupted', 'AbortError'))
  const ended = await copying
  if (ended.code === 0) return
  assert.equal(ended.code, 130)
  assert.equal((await must('ls', '-a', place.meta)).stdout, '')
})

test('ls, find, du and rm show and change what is there', async () => {
  await using place = await formatted()
  await must('mkdir', '-p', `${place.meta}:/a/b`)
  await writeFile(place.path('f'), bytesOf('f', 5000))
  for (const name of ['/a/b/one.jpg', '/a/two.txt', '/.hidden'])
    await must('cp', place.path('f'), `${place.meta}:${name}`)
  assert.equal((await must('ls', place.meta)).stdout, 'a\n')
  assert.equal((await must('ls', '-a', place.meta)).stdout, '.hidden\na\n')
  assert.match((await must('ls', '-l', `${place.meta}:/a`)).stdout, /-rw-r--r-- +1 .* 5000 .* two\.txt/)
  assert.equal((await must('find', place.meta, '--name', '*.jpg')).stdout, '/a/b/one.jpg\n')
  assert.equal((await must('find', place.meta, '--type', 'd')).stdout, '/\n/a\n/a/b\n')
  const [sum] = JSON.parse((await must('du', '--json', place.meta)).stdout)
  assert.deepEqual([sum.length, sum.files, sum.dirs], [15_000, 3, 3])
  await refused(/not empty/, ['rm', `${place.meta}:/a`])
  await refused(/ENOENT/, ['rm', `${place.meta}:/none`])
  await refused(/root of a volume/, ['rm', '-r', `${place.meta}:/`])
  await must('rm', '-f', `${place.meta}:/none`)
  await must('rm', '-r', `${place.meta}:/a`)
  assert.equal((await must('ls', place.meta)).stdout, '')
  const removed = JSON.parse((await must('trash', 'list', '--json', place.meta)).stdout) as {
    was: string
    hour: string
  }[]
  assert.deepEqual(removed.map(({ was }) => was).sort(), ['/a', '/a/b', '/a/b/one.jpg', '/a/two.txt'])
  await must('trash', 'restore', place.meta, ...new Set(removed.map(({ hour }) => hour)))
  assert.equal((await must('find', place.meta, '--type', 'f')).stdout, '/.hidden\n/a/b/one.jpg\n/a/two.txt\n')
})

test('fsck names the broken file and its bytes, and ends with 1', async () => {
  await using place = await formatted()
  await writeFile(place.path('f'), bytesOf('f', 150_000))
  await must('cp', place.path('f'), `${place.meta}:/f`)
  const [info] = JSON.parse((await must('info', '--json', `${place.meta}:/f`)).stdout)
  await rm(place.path('bucket/test-volume', info.objects[1].key))
  const ended = await runMain(['fsck', place.meta])
  assert.equal(ended.code, 1)
  assert.match(ended.stdout, /1 blocks are lost .*\n +\d+: \/f {2}bytes 65536-131071\n/)
})

test('config shows and changes, asks before what would hurt, and wraps secrets', async () => {
  await using place = await formatted()
  assert.match(
    (await must('config', place.meta, '--capacity', '1T', '--upload-limit', '500')).stdout,
    /capacity: 0 -> 1099511627776\nupload-limit: 0 -> 500/,
  )
  assert.match((await must('config', place.meta, '--capacity', '1T')).stderr, /Nothing changed/)
  await refused(/needs an answer.*\n.*--yes/, ['config', place.meta, '--trash-days', '0'])
  await must('config', place.meta, '--trash-days', '0', '--yes')
  assert.equal(
    (await runMain(['config', '--keys', place.meta], { SECRET_KEY: 'hush', ACCESS_KEY: 'a' })).code,
    0,
  )
  const shown = JSON.parse((await must('config', place.meta)).stdout)
  assert.deepEqual(
    [shown.TrashDays, shown.AccessKey, shown.SecretKey, shown.KeyEncrypted],
    [0, 'a', 'removed', true],
  )
  await refused(/cannot be lowered/, ['config', place.meta, '--min-client-version', '1.0.0'])
  await refused(/needs an answer/, ['config', place.meta, '--min-client-version', '9.9.9'])
})

test('destroy wants the right UUID, and then leaves nothing', async () => {
  await using place = await formatted()
  await writeFile(place.path('f'), 'x')
  await must('cp', place.path('f'), `${place.meta}:/f`)
  const { UUID } = JSON.parse((await must('config', place.meta)).stdout)
  await refused(/has the UUID/, ['destroy', '--yes', place.meta, 'ffffffff-0000-4000-8000-000000000000'])
  await must('destroy', '--yes', place.meta, UUID)
  const left = await readdir(place.path('bucket'), { recursive: true, withFileTypes: true })
  assert.deepEqual(
    left.filter((item) => item.isFile()),
    [],
  )
  await refused(/not formatted/, ['status', place.meta])
  await must('format', place.meta, 'test-volume', '--bucket', place.path('bucket'))
})

test('an encrypted volume needs its passphrase', async () => {
  await using place = await emptyPlace()
  const { generateKeyPairSync } = await import('node:crypto')
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' },
  })
  await writeFile(place.path('key.pem'), privateKey)
  const args = [
    'format',
    place.meta,
    'secret-volume',
    '--bucket',
    place.path('bucket'),
    '--encrypt-rsa-key',
    place.path('key.pem'),
  ]
  await refused(/has a passphrase\n.*JFS_RSA_PASSPHRASE/, args)
  const env = { JFS_RSA_PASSPHRASE: 'open sesame' }
  assert.equal((await runMain(args, env)).code, 0)
  await writeFile(place.path('f'), 'plain words')
  assert.equal((await runMain(['cp', place.path('f'), `${place.meta}:/f`], env)).code, 0)
  assert.equal((await runMain(['cat', `${place.meta}:/f`], env)).stdout, 'plain words')
  await refused(/JFS_RSA_PASSPHRASE/, ['cat', `${place.meta}:/f`])
  await refused(/JFS_RSA_PASSPHRASE/, ['cat', `${place.meta}:/f`], { JFS_RSA_PASSPHRASE: 'wrong' })
})
