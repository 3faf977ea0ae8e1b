/** Real mounts, served by a child process and used by others. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ServerCommand, ServerOptions, ServerState } from './test-server.ts'

const isRoot = process.getuid?.() === 0
const hasHelper = existsSync('/usr/bin/fusermount3') || existsSync('/bin/fusermount3')
const obstacle = !existsSync('/dev/fuse')
  ? 'no /dev/fuse'
  : !isRoot && !hasHelper
    ? 'not root and no fusermount3'
    : undefined
const NOBODY = 65534

interface MountFailure {
  readonly kind: string
  readonly message: string
  readonly next?: string
}

/** A served mount, ended and cleared when its test is over. */
class Served {
  readonly mountpoint: string
  readonly process: ChildProcess
  failure: MountFailure | undefined
  ended: string | undefined
  destroyed = false
  readonly #answers = new Map<number, (message: { result?: unknown; error?: MountFailure }) => void>()
  #nextId = 1

  constructor(t: TestContext, options: ServerOptions, uid?: number) {
    this.mountpoint = options.mountpoint
    const server = fileURLToPath(new URL('./test-server.ts', import.meta.url))
    this.process = spawn(process.execPath, [server, JSON.stringify(options)], {
      cwd: '/',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      ...(uid === undefined ? {} : { uid, gid: uid }),
    })
    t.after(() => this.clear())
  }

  static async mount(t: TestContext, options: Partial<ServerOptions> = {}, uid?: number): Promise<Served> {
    const served = new Served(t, { mountpoint: place(t, uid), fsname: 'JuiceFS:test', ...options }, uid)
    await served.started()
    assert.equal(served.failure, undefined)
    return served
  }

  started(): Promise<void> {
    return new Promise((resolve) => {
      this.process.on('exit', () => resolve())
      this.process.on('message', (message: Record<string, unknown>) => {
        if (typeof message.id === 'number') this.#answers.get(message.id)?.(message)
        else if ('ended' in message) {
          this.ended = String(message.ended)
          this.destroyed = message.destroyed === true
        } else {
          this.failure = message.error as MountFailure | undefined
          resolve()
        }
      })
    })
  }

  /** Returns the result, or the MountError it failed with. */
  ask(command: ServerCommand): Promise<{ result?: unknown; error?: MountFailure }> {
    const id = this.#nextId++
    return new Promise((resolve) => {
      this.#answers.set(id, resolve)
      this.process.send({ id, command })
    })
  }

  async state(): Promise<ServerState> {
    return (await this.ask({ do: 'state' })).result as ServerState
  }

  path(name: string): string {
    return join(this.mountpoint, name)
  }

  clear(): void {
    this.process.kill('SIGKILL')
    while (isMounted(this.mountpoint)) {
      const done = isRoot
        ? spawnSync('umount', ['-l', this.mountpoint])
        : spawnSync('fusermount3', ['-uz', this.mountpoint])
      if (done.status !== 0) break
    }
  }
}

function place(t: TestContext, uid?: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'pomelo-mount-'))
  if (uid !== undefined) chownSync(folder, uid, uid)
  t.after(() => existsSync(folder) && !isMounted(folder) && rmSync(folder, { recursive: true, force: true }))
  return folder
}

function isMounted(mountpoint: string): boolean {
  return readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${mountpoint} `)
}

/** Run a program that uses a mount; this process waits, but not for ever and not inside the mount. */
function run(
  program: string,
  args: readonly string[],
  uid?: number,
): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: '/',
      timeout: 20_000,
      killSignal: 'SIGKILL',
      ...(uid === undefined ? {} : { uid, gid: uid }),
    })
    let out = ''
    let err = ''
    child.stdout.setEncoding('latin1').on('data', (text) => (out += text))
    child.stderr.setEncoding('latin1').on('data', (text) => (err += text))
    child.on('close', (code) => resolve({ code, out, err }))
  })
}

/** Run statements in another Node: `mnt` is the mount, `fs` and `assert` are there. */
async function inNode(served: Served, statements: string, uid?: number): Promise<string> {
  const program = `const fs = require('fs'), assert = require('assert'), mnt = process.argv[1]; ${statements}`
  const { code, out, err } = await run(process.execPath, ['-e', program, served.mountpoint], uid)
  assert.equal(code, 0, err)
  return out
}

async function until(condition: () => boolean | Promise<boolean>, ms = 5000): Promise<boolean> {
  const deadline = Date.now() + ms
  while (!(await condition())) {
    if (Date.now() > deadline) return false
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return true
}

const options = { skip: obstacle, timeout: 60_000 }

test('ordinary programs use the mount, and nothing is left open behind them', options, async (t) => {
  const served = await Served.mount(t)
  await inNode(
    served,
    `
    fs.mkdirSync(mnt + '/dir'); process.chdir(mnt + '/dir')
    const big = Buffer.alloc(5_000_003, 'pomelo '); fs.writeFileSync('big', big)
    assert(fs.readFileSync('big').equals(big))
    for (let i = 0; i < 700; i++) fs.writeFileSync('a rather long name for a small file ' + i, '')
    assert.equal(fs.readdirSync('.').length, 701)
    assert.equal(fs.readdirSync('.', { withFileTypes: true }).filter((entry) => entry.isFile()).length, 701)
    fs.renameSync('big', '../moved'); fs.truncateSync('../moved', 10); assert.equal(fs.statSync('../moved').size, 10)
    fs.symlinkSync('../moved', 'link'); assert.equal(fs.readFileSync('link', 'utf8'), 'pomelo pom')
    const fd = fs.openSync('../moved', 'r+'); fs.unlinkSync('../moved'); fs.writeSync(fd, 'P', 0)
    const back = Buffer.alloc(3); fs.readSync(fd, back, 0, 3, 0); assert.equal(back.toString(), 'Pom'); fs.closeSync(fd)
    assert.throws(() => fs.rmdirSync('../dir'), { code: 'ENOTEMPTY' })
    process.chdir('/'); fs.rmSync(mnt + '/dir', { recursive: true }); assert.deepEqual(fs.readdirSync(mnt), [])
    assert.equal(fs.statfsSync(mnt).bavail, 500)`,
  )
  const idle = async (): Promise<boolean> => {
    const { inFlight, openHandles } = await served.state()
    return inFlight === 0 && openHandles === 0
  }
  assert.ok(await until(idle))
  assert.equal((await served.ask({ do: 'unmount' })).error, undefined)
  assert.ok(await until(() => served.ended !== undefined))
  assert.deepEqual([served.ended, served.destroyed, isMounted(served.mountpoint)], ['unmounted', true, false])
})

test('the server sleeps when nobody asks for anything', options, async (t) => {
  const served = await Served.mount(t)
  await inNode(served, `for (let i = 0; i < 500; i++) fs.writeFileSync(mnt + '/file', '')`)
  const usedMs = (): number =>
    Number(readFileSync(`/proc/${served.process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6
  await sleep(100)
  const before = usedMs()
  await sleep(500)
  assert.ok(usedMs() - before < 20, `${usedMs() - before} ms of 500`)
})

test('reads are answered from a file, whether its pages are in memory or not', options, async (t) => {
  const backing = join(place(t), 'backing')
  const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, k) => (k * 7 + (k >> 8)) & 255))
  writeFileSync(backing, bytes)
  const served = await Served.mount(t, { backing })
  await inNode(served, `fs.writeFileSync(mnt + '/backed', Buffer.alloc(3_000_000))`)
  for (const cold of [false, true]) {
    if (cold) {
      await run('sync', [backing])
      await run('dd', [`if=${backing}`, 'iflag=nocache', 'count=0'])
    }
    const { out } = await run('cat', [served.path('backed')])
    assert.ok(Buffer.from(out, 'latin1').equals(bytes), cold ? 'cold' : 'warm')
  }
  assert.ok(await until(async () => (await served.state()).fileRanges === 0))
})

test('a killed reader ends at once although the file system never answers', options, async (t) => {
  const served = await Served.mount(t)
  await inNode(served, `fs.writeFileSync(mnt + '/stuck', 'x')`)
  const reader = spawn('cat', [served.path('stuck')], { cwd: '/', stdio: 'ignore' })
  const exited = new Promise<number>((resolve) => reader.on('exit', () => resolve(performance.now())))
  assert.ok(await until(async () => (await served.state()).inFlight > 0))
  const killed = performance.now()
  reader.kill('SIGTERM') // its default action: the kernel makes it a kill
  assert.ok((await exited) - killed < 800)
  const { out } = await run('stat', ['-c', '%s', served.path('stuck')])
  assert.equal(out.trim(), '1')
})

test('a busy mount is not unmounted unless lazily, and then lives until it is let go', options, async (t) => {
  const served = await Served.mount(t)
  const inside = spawn(
    process.execPath,
    [
      '-e',
      'process.chdir(process.argv[1]); process.stdin.resume(); process.stdout.write("in")',
      served.mountpoint,
    ],
    { cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] },
  )
  await new Promise((resolve) => inside.stdout.once('data', resolve))
  const { error } = await served.ask({ do: 'unmount' })
  assert.equal(error?.kind, 'busy')
  assert.match(error?.next ?? '', /fuser/)
  assert.equal((await served.ask({ do: 'unmount', lazy: true })).error, undefined)
  assert.equal(isMounted(served.mountpoint), false)
  assert.equal(served.ended, undefined)
  inside.stdin.end()
  assert.ok(await until(() => served.ended === 'unmounted'))
})

test('a mount whose server was killed is cleared and mounted again', options, async (t) => {
  const crashed = await Served.mount(t)
  crashed.process.kill('SIGKILL')
  assert.ok(await until(() => crashed.process.signalCode !== null))
  assert.match((await run('ls', [crashed.mountpoint])).err, /not connected/)
  const again = await Served.mount(t, { mountpoint: crashed.mountpoint })
  assert.equal(await inNode(again, `process.stdout.write(String(fs.readdirSync(mnt).length))`), '0')
  assert.equal(readFileSync('/proc/self/mountinfo', 'utf8').split(` ${again.mountpoint} `).length - 1, 1)
})

test('abort fails what waits and clears the mount', options, async (t) => {
  const served = await Served.mount(t)
  await inNode(served, `fs.writeFileSync(mnt + '/stuck', 'x')`)
  const waiting = run('cat', [served.path('stuck')])
  assert.ok(await until(async () => (await served.state()).inFlight > 0))
  await served.ask({ do: 'abort' })
  assert.notEqual((await waiting).code, 0)
  assert.ok(await until(() => served.ended === 'aborted', 10_000))
  assert.equal(isMounted(served.mountpoint), false)
})

test('told of a change, the kernel shows it at once; untold it keeps what it had', options, async (t) => {
  const served = await Served.mount(t, { ttl: 3600 })
  await inNode(served, `fs.writeFileSync(mnt + '/file', 'old'); fs.writeFileSync(mnt + '/name', '')`)
  // One reader that keeps the file open, so that opening does not drop the pages.
  const reader = spawn(
    process.execPath,
    [
      '-e',
      `const fs = require('fs'); const fd = fs.openSync(process.argv[1] + '/file', 'r');
    process.stdin.on('data', () => { const b = Buffer.alloc(3); fs.readSync(fd, b, 0, 3, 0);
    process.stdout.write(b + ' ' + fs.existsSync(process.argv[1] + '/name') + '\\n') })`,
      served.mountpoint,
    ],
    { cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] },
  )
  t.after(() => reader.kill())
  const look = (): Promise<string> =>
    new Promise((resolve) => {
      reader.stdout.once('data', (text: Buffer) => resolve(text.toString().trim()))
      reader.stdin.write('?')
    })
  assert.equal(await look(), 'old true')
  await served.ask({ do: 'change', text: 'new', tell: false })
  await served.ask({ do: 'vanish', name: 'name', tell: false })
  assert.equal(await look(), 'old true')
  await served.ask({ do: 'change', text: 'new', tell: true })
  await served.ask({ do: 'vanish', name: 'name', tell: true })
  assert.ok(await until(async () => (await look()) === 'new false'))
})

test('a read-only mount refuses changes, and -o words reach the kernel', options, async (t) => {
  const served = await Served.mount(t, { readOnly: true, extraOptions: ['noatime,noexec', '_netdev'] })
  assert.match((await run('touch', [served.path('x')])).err, /Read-only/)
  const line = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .find((text) => text.includes(served.mountpoint))
  assert.match(line ?? '', /^JuiceFS:test \S+ fuse\.juicefs ro,nosuid,nodev,noexec,noatime,/)
})

test('mount points that cannot be used are refused by kind, with a next step', options, async (t) => {
  const folder = place(t)
  const failure = async (mountpoint: string, fsname = 'JuiceFS:test'): Promise<MountFailure | undefined> => {
    const served = new Served(t, { mountpoint, fsname })
    await served.started()
    return served.failure
  }
  writeFileSync(join(folder, 'file'), '')
  const kinds: Record<string, string> = {
    missing: join(folder, 'nowhere'),
    'not-a-directory': join(folder, 'file'),
    'not-empty': folder,
  }
  for (const [kind, mountpoint] of Object.entries(kinds)) {
    const found = await failure(mountpoint)
    assert.equal(found?.kind, kind)
    assert.ok(found.message.includes(mountpoint) && found.next !== undefined)
  }
  const served = await Served.mount(t)
  assert.equal((await failure(served.mountpoint))?.kind, 'already-mounted')
  await inNode(served, `fs.mkdirSync(mnt + '/inner')`)
  assert.equal((await failure(served.path('inner')))?.kind, 'inside-itself')
})

const asUser = {
  ...options,
  skip:
    obstacle ??
    (!isRoot
      ? 'needs root to become another user'
      : !hasHelper
        ? 'no fusermount3'
        : !userCanRun()
          ? 'the checkout is closed to other users'
          : undefined),
}

test('an ordinary user mounts through fusermount3 and unmounts again', asUser, async (t) => {
  openDeviceToUsers(t)
  const served = await Served.mount(t, {}, NOBODY)
  assert.equal(
    await inNode(
      served,
      `fs.writeFileSync(mnt + '/mine', 'x'); process.stdout.write(fs.readFileSync(mnt + '/mine', 'utf8'))`,
      NOBODY,
    ),
    'x',
  )
  assert.match(
    readFileSync('/proc/self/mounts', 'utf8'),
    new RegExp(`JuiceFS:test ${served.mountpoint} fuse.juicefs .*user_id=${NOBODY}`),
  )
  assert.equal((await served.ask({ do: 'unmount' })).error, undefined)
  assert.ok(await until(() => served.ended === 'unmounted'))
  assert.equal(isMounted(served.mountpoint), false)
})

test('what fusermount3 says against it is passed on with the remedy', asUser, async (t) => {
  if (/^user_allow_other/m.test(readFileSync('/etc/fuse.conf', 'utf8')))
    return t.skip('user_allow_other is set here')
  openDeviceToUsers(t)
  const served = new Served(
    t,
    { mountpoint: place(t, NOBODY), fsname: 'JuiceFS:test', allowOther: true },
    NOBODY,
  )
  await served.started()
  assert.equal(served.failure?.kind, 'refused')
  assert.match(served.failure?.next ?? '', /user_allow_other/)
})

/** Desktop systems open the device to everybody; a bare container may not. */
function openDeviceToUsers(t: TestContext): void {
  const { mode } = statSync('/dev/fuse')
  chmodSync('/dev/fuse', 0o666)
  t.after(() => chmodSync('/dev/fuse', mode & 0o777))
}

function userCanRun(): boolean {
  const probe = spawnSync(process.execPath, ['-e', ''], { uid: NOBODY, gid: NOBODY, cwd: '/' })
  const sees = spawnSync('ls', [fileURLToPath(new URL('.', import.meta.url))], {
    uid: NOBODY,
    gid: NOBODY,
    cwd: '/',
  })
  return probe.status === 0 && sees.status === 0
}
