/**
 * A volume in a bucket of a real S3 server, through a proxy that can be slow or hang: what users do, what must
 * not wait for the store, and what must end when the user asks.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type S3Server, s3Server, startS3 } from '../harness/servers.ts'
import { type SlowProxy, slowProxy } from '../harness/slow-proxy.ts'
import { makeVolume, must, mustPomelo, noMount, pomelo, run, sh, type TestVolume } from '../harness/volume.ts'

interface Bench extends AsyncDisposable {
  readonly volume: TestVolume
  readonly proxy: SlowProxy
  readonly s3: S3Server
  readonly env: Record<string, string>
}

async function bucketVolume(format: readonly string[] = []): Promise<Bench> {
  const s3 = await startS3()
  const proxy = await slowProxy(Number(new URL(s3.endpoint).port), 0)
  const env = { ACCESS_KEY: s3.accessKey, SECRET_KEY: s3.secretKey }
  const bucket = `http://127.0.0.1:${proxy.port}/${s3.bucket}`
  const volume = await makeVolume(['--storage', 's3', '--bucket', bucket, ...format], env)
  return {
    volume,
    proxy,
    s3,
    env,
    async [Symbol.asyncDispose]() {
      proxy.delayMs = 0
      await volume.remove()
      await proxy.close()
      await s3.stop()
    },
  }
}

function inBucket(
  name: string,
  work: (bench: Bench, t: test.TestContext) => Promise<void>,
  format: readonly string[] = [],
): void {
  test(name, { skip: noMount, timeout: 180_000 }, async (t) => {
    const server = await s3Server()
    if (server.path === undefined) return t.skip(server.missing)
    await using bench = await bucketVolume(format)
    await work(bench, t)
  })
}

inBucket(
  'files survive a remount and fsck finds every object in the bucket',
  async ({ volume }) => {
    await volume.mount()
    await sh(
      'head -c 9000000 /dev/urandom > big; for k in $(seq 50); do echo $k > f$k; done; md5sum * > ../sums',
      { cwd: volume.mountPoint },
    )
    await volume.unmount()
    await volume.mount(['--cache-size', '0'])
    await sh('md5sum --quiet -c ../sums', { cwd: volume.mountPoint })
    await volume.unmount()
    await mustPomelo(['fsck', volume.meta])
  },
  ['--compress', 'lz4'],
)

inBucket(
  'a store that answers after 200 ms delays no getattr: p99 below 5 ms with four uploads',
  async ({ volume, proxy }, t) => {
    await volume.mount(['--attr-cache', '0', '--entry-cache', '0'])
    await sh('for k in $(seq 20); do echo $k > stat$k; done', { cwd: volume.mountPoint })
    proxy.delayMs = 200
    const uploads = [0, 1, 2, 3].map((k) =>
      ended(
        spawn(
          'dd',
          ['if=/dev/urandom', `of=${volume.mountPoint}/up${k}`, 'bs=1M', 'count=24', 'conv=fsync'],
          { stdio: 'ignore' },
        ),
      ),
    )
    const program = `import os, sys, time
times = []
for n in range(2000):
    started = time.perf_counter()
    os.stat('stat%d' % (n % 20 + 1))
    times.append(time.perf_counter() - started)
    time.sleep(0.001)
times.sort()
print(times[len(times) * 99 // 100] * 1000, times[len(times) // 2] * 1000, times[-1] * 1000)`
    const [p99, median, worst] = (await must('python3', ['-c', program], { cwd: volume.mountPoint }))
      .split(' ')
      .map(Number)
    t.diagnostic(
      `getattr beside four uploads: median ${median?.toFixed(2)} ms, p99 ${p99?.toFixed(2)} ms, worst ${worst?.toFixed(2)} ms`,
    )
    for (const code of await Promise.all(uploads)) assert.equal(code, 0)
    assert.ok(p99! < 5, `p99 is ${p99} ms`)
  },
)

inBucket(
  'a store that hangs blocks only what needs it, and Ctrl-C ends a stuck cat',
  async ({ volume, proxy }) => {
    await volume.mount()
    await sh('head -c 5000000 /dev/urandom > cold; echo warm > warm', { cwd: volume.mountPoint })
    await volume.unmount()
    await volume.mount(['--cache-size', '0'])
    await must('cat', [join(volume.mountPoint, 'warm')])
    proxy.delayMs = Number.POSITIVE_INFINITY
    const stuck = spawn('cat', [join(volume.mountPoint, 'cold')], { stdio: 'ignore' })
    await sleep(700)
    assert.equal(stuck.exitCode, null, 'the read was answered though the store hangs')
    await sh('ls -l; stat cold; mkdir d; mv warm d/; touch d/new; rm d/new; df . > /dev/null', {
      cwd: volume.mountPoint,
      timeoutMs: 5000,
    })
    const asked = performance.now()
    stuck.kill('SIGINT')
    await exited(stuck, 5000)
    assert.ok(performance.now() - asked < 2000, 'Ctrl-C took longer than two seconds')
    const writer = spawn(
      'dd',
      ['if=/dev/zero', `of=${volume.mountPoint}/w`, 'bs=64k', 'count=1', 'conv=fsync'],
      { stdio: 'ignore' },
    )
    await sleep(700)
    assert.equal(writer.exitCode, null, 'fsync returned though the store hangs')
    proxy.delayMs = 0
    await exited(writer, 60_000)
    await must('cat', [join(volume.mountPoint, 'cold')])
    await volume.unmount()
  },
)

inBucket(
  'a wrong key is said at once, a wrong bucket and an unreachable store by name',
  async ({ volume, s3, env }) => {
    const format = (bucket: string, more: Record<string, string>) =>
      pomelo(
        ['format', '--storage', 's3', '--bucket', bucket, `sqlite3://${volume.folder}/other.db`, 'other'],
        { env: { ...env, ...more }, timeoutMs: 60_000 },
      )
    const started = performance.now()
    const denied = await format(`${s3.endpoint}/${s3.bucket}`, { SECRET_KEY: 'wrong-secret-key' })
    assert.equal(denied.code, 1)
    assert.match(denied.stderr, /denied|key/i)
    assert.ok(performance.now() - started < 5000, 'a refused key took more than five seconds')
    assert.doesNotMatch(denied.stderr, /wrong-secret-key/)
    const unreachable = await format('http://127.0.0.1:9/nowhere', {})
    assert.equal(unreachable.code, 1)
    assert.match(unreachable.stderr, /127\.0\.0\.1:9/)
  },
)

inBucket(
  'an object that is lost is EIO for its range only; one damaged in the cache is fetched again',
  async ({ volume, s3 }) => {
    await volume.mount()
    await sh('head -c 262144 /dev/urandom > f; md5sum f > ../sums', { cwd: volume.mountPoint })
    await sh(
      `find cache -path '*/raw/chunks/*' -type f | while read p; do printf x | dd of=$p bs=1 seek=100 conv=notrunc status=none; done`,
      { cwd: volume.folder },
    )
    await volume.unmount()
    await volume.mount()
    await sh('md5sum --quiet -c ../sums', { cwd: volume.mountPoint })
    await volume.unmount()
    const objects = (await run('find', [s3.data, '-path', '*chunks*', '-type', 'f'])).stdout
      .trim()
      .split('\n')
      .sort()
    assert.equal(objects.length, 4, objects.join('\n'))
    await must('rm', [objects.find((name) => /_1_65536$/.test(name))!])
    await volume.mount(['--cache-size', '0', '--io-retries', '1'])
    const lost = await run('dd', [`if=${volume.mountPoint}/f`, 'bs=64k', 'skip=1', 'count=1', 'of=/dev/null'])
    assert.match(lost.stderr, /Input\/output error/)
    await sh(
      `dd if=f bs=64k skip=2 count=2 status=none | wc -c | grep -qx 131072; dd if=f bs=64k count=1 status=none | wc -c | grep -qx 65536`,
      { cwd: volume.mountPoint },
    )
    assert.match(volume.log, /_1_65536/)
    await volume.unmount()
    const fsck = await pomelo(['fsck', volume.meta])
    assert.equal(fsck.code, 1)
    assert.match(fsck.stdout + fsck.stderr, /\/f\b/)
  },
  ['--block-size', '64K'],
)

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.on('exit', (code) => resolve(code)))
}

async function exited(child: ChildProcess, timeoutMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  await once(child, 'exit', { signal: AbortSignal.timeout(timeoutMs) })
}
