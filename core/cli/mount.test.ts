/** Real mounts, made by child processes; this process only looks at them through further children. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { getPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findProcess } from '#core/volume/control-client.ts'
import { mountAt, readMounts } from '#core/volume/mount-table.ts'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))
const skip = existsSync('/dev/fuse') ? false : 'this machine has no /dev/fuse'
const SLOW = { skip, timeout: 90_000 }

// Otherwise most of the time goes into stripping types.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'pomelo-test-node')

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Run a program to its end, at most half a minute. */
function run(program: string, ...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 30_000, killSignal: 'SIGKILL' }, (error, stdout, stderr) =>
      resolve({
        code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1,
        stdout,
        stderr,
      }),
    )
  })
}

const pomelo = (...args: string[]) => run(process.execPath, MAIN, ...args)

class Mounts {
  readonly folder: string
  readonly meta: string
  readonly mountPoint: string
  readonly #children: ChildProcess[] = []

  constructor(folder: string) {
    this.folder = folder
    this.meta = `sqlite3://${join(folder, 'meta.db')}`
    this.mountPoint = join(folder, 'mnt')
  }

  /** Options that every mount here gets. */
  get options(): string[] {
    return ['--cache-dir', join(this.folder, 'cache'), '--log', join(this.folder, 'log')]
  }

  async mount(...options: string[]): Promise<Ended> {
    return pomelo('mount', '-d', ...this.options, ...options, this.meta, this.mountPoint)
  }

  /** In the foreground; resolves when it says that it is mounted. */
  async foreground(): Promise<ChildProcess> {
    const child = spawn(process.execPath, [MAIN, 'mount', ...this.options, this.meta, this.mountPoint], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    this.#children.push(child)
    await new Promise((resolve, reject) => {
      child.stdout!.once('data', resolve)
      child.once('exit', () => reject(new Error('mount ended')))
    })
    return child
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL')
    while (mountAt(await readMounts(), this.mountPoint) !== undefined) {
      const { code } = await pomelo('umount', '--force', this.mountPoint)
      if (code !== 0) await run('umount', '-l', this.mountPoint)
    }
    await rm(this.folder, { recursive: true, force: true })
  }
}

async function makeMounts(): Promise<Mounts> {
  const mounts = new Mounts(await mkdtemp(join(tmpdir(), 'pomelo-mount-')))
  await mkdir(mounts.mountPoint)
  const { code, stderr } = await pomelo(
    'format',
    mounts.meta,
    'test-volume',
    '--bucket',
    join(mounts.folder, 'bucket'),
  )
  assert.equal(code, 0, stderr)
  return mounts
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  return new Promise((resolve) => child.once('exit', resolve))
}

test('mount -d, files, status and paths through the control socket, umount', SLOW, async () => {
  await using mounts = await makeMounts()
  const { mountPoint, meta } = mounts
  const mounted = await mounts.mount('--json')
  assert.equal(mounted.code, 0, mounted.stderr)
  const { pid } = JSON.parse(mounted.stdout)
  if (process.getuid?.() === 0) assert.equal(getPriority(pid), -19)
  const status = await (await findProcess(mountPoint))!.status()
  assert.deepEqual(
    [status.pid, status.name, status.state, status.mountPoint],
    [pid, 'test-volume', 'serving', mountPoint],
  )
  assert.equal(
    (
      await run(
        'sh',
        '-c',
        `mkdir ${mountPoint}/d && echo words > ${mountPoint}/d/f && sync ${mountPoint}/d/f`,
      )
    ).code,
    0,
  )
  assert.match((await pomelo('info', `${mountPoint}/d/f`)).stdout, /length: 6 Bytes/)
  assert.equal((await pomelo('clone', `${mountPoint}/d`, `${mountPoint}/copy`)).code, 0)
  assert.equal((await run('cat', `${mountPoint}/copy/f`)).stdout, 'words\n')
  assert.match((await pomelo('warmup', '--check', mountPoint)).stdout, /2 files/)
  assert.match((await pomelo('pin', `${mountPoint}/d`)).stdout, /1 +6 B +100 % +\/d/)
  assert.match((await pomelo('pin', '--list', mountPoint)).stdout, /\/d$/m)
  assert.equal((await pomelo('pin', '--remove', `${mountPoint}/d`)).code, 0)
  assert.equal((await pomelo('rmr', `${mountPoint}/copy`)).code, 0)
  assert.equal(JSON.parse((await pomelo('status', meta)).stdout).Sessions.length, 1)
  const unmounted = await pomelo('umount', mountPoint)
  assert.equal(unmounted.code, 0, unmounted.stderr)
  assert.equal(mountAt(await readMounts(), mountPoint), undefined)
  assert.equal(JSON.parse((await pomelo('status', meta)).stdout).Sessions.length, 0)
  assert.equal((await pomelo('cat', `${meta}:/d/f`)).stdout, 'words\n')
  assert.equal((await pomelo('fsck', '--sync-dir-stat', meta)).code, 0)
  assert.match(await readFile(join(mounts.folder, 'log'), 'utf8'), /info ended .*code=0/)
})

test('umount names who uses the mount, and leaves it served', SLOW, async () => {
  await using mounts = await makeMounts()
  await mounts.mount()
  const user = spawn('sleep', ['60'], { cwd: mounts.mountPoint, stdio: 'ignore' }) // there once this returns
  try {
    const { code, stderr } = await pomelo('umount', mounts.mountPoint)
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`in use by\\n +sleep \\(${user.pid}\\): working directory`))
    assert.equal((await run('ls', mounts.mountPoint)).code, 0)
    assert.equal((await pomelo('umount', '--lazy', mounts.mountPoint)).code, 0)
    assert.equal(mountAt(await readMounts(), mounts.mountPoint), undefined)
  } finally {
    user.kill()
  }
})

test('SIGINT in the foreground flushes what is written, unmounts, and ends with 0', SLOW, async () => {
  await using mounts = await makeMounts()
  const server = await mounts.foreground()
  const writer = run('sh', '-c', `exec 3> ${mounts.mountPoint}/f; head -c 3000000 /dev/zero >&3; exec 3>&-`)
  assert.equal((await writer).code, 0)
  server.kill('SIGINT')
  assert.equal(await exitOf(server), 0)
  assert.equal(mountAt(await readMounts(), mounts.mountPoint), undefined)
  assert.equal(JSON.parse((await pomelo('ls', '--json', mounts.meta)).stdout)[0].size, 3_000_000)
  assert.equal((await pomelo('fsck', mounts.meta)).code, 0)
})

test('a mount whose process was killed is cleared by the next mount', SLOW, async () => {
  await using mounts = await makeMounts()
  const server = await mounts.foreground()
  assert.equal((await run('sh', '-c', `echo kept > ${mounts.mountPoint}/f`)).code, 0)
  server.kill('SIGKILL')
  await exitOf(server)
  const { code, stderr } = await mounts.mount()
  assert.equal(code, 0, stderr)
  assert.equal((await run('cat', `${mounts.mountPoint}/f`)).stdout, 'kept\n')
  assert.equal((await pomelo('umount', mounts.mountPoint)).code, 0)
})

test('umount --force ends the mount of a process that does not answer', SLOW, async () => {
  await using mounts = await makeMounts()
  const server = await mounts.foreground()
  server.kill('SIGSTOP')
  const { code, stderr } = await pomelo('umount', '--force', mounts.mountPoint)
  assert.equal(code, 0, stderr)
  assert.equal(mountAt(await readMounts(), mounts.mountPoint), undefined)
  server.kill('SIGCONT')
  server.kill('SIGTERM')
  assert.notEqual(await exitOf(server), null)
})

test('as mount(8) calls it, with options for us, the kernel and others', SLOW, async () => {
  await using mounts = await makeMounts()
  const log = join(mounts.folder, 'log')
  const cache = join(mounts.folder, 'cache')
  const { code, stderr } = await pomelo(
    mounts.meta,
    mounts.mountPoint,
    '-o',
    `ro,_netdev,nofail,noexec,log=${log},cache-dir=${cache}`,
  )
  assert.equal(code, 0, stderr)
  const mount = mountAt(await readMounts(), mounts.mountPoint)
  assert.equal(mount?.source, 'JuiceFS:test-volume')
  assert.ok(mount?.options.includes('ro') && mount.options.includes('noexec'))
  assert.match((await run('touch', `${mounts.mountPoint}/f`)).stderr, /Read-only/)
  assert.equal((await pomelo('umount', mounts.mountPoint)).code, 0)
})

test('a mount that cannot be says why, and leaves nothing behind', SLOW, async () => {
  await using mounts = await makeMounts()
  const { folder, meta, mountPoint } = mounts
  await mkdir(join(folder, 'full'))
  await writeFile(join(folder, 'full/x'), '')
  const cases: readonly (readonly [RegExp, string[]])[] = [
    [/does not exist\n +→ mkdir -p/, [meta, join(folder, 'missing')]],
    [/not empty/, [meta, join(folder, 'full')]],
    [/not a directory/, [meta, join(folder, 'full/x')]],
    [/would lie inside the mount point/, [meta, folder]],
    [/the cache .* would lie inside/, ['--cache-dir', join(mountPoint, 'c'), meta, mountPoint]],
    [/cannot be mounted on \//, [meta, '/']],
    [/no such file/, [`sqlite3://${join(folder, 'none.db')}`, mountPoint]],
    [/unknown option --cahce-size/, ['--cahce-size', '1', meta, mountPoint]],
  ]
  for (const [text, args] of cases) {
    const { code, stderr } = await pomelo('mount', '-d', '--log', join(folder, 'log'), ...args)
    assert.notEqual(code, 0)
    assert.match(stderr, text)
  }
  assert.ok(!(await readMounts()).some(({ path }) => path.startsWith(folder)))
  assert.equal((await mounts.mount()).code, 0)
  assert.match((await mounts.mount()).stderr, /already mounted/)
})
