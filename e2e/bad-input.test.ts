/**
 * What goes wrong around a mount: things missing on this machine, bad cache folders, damaged blocks. Each is told
 * clearly with the next step, or is the right errno, and nothing is lost. What is wrong with options, settings,
 * keys and mount points is in core/cli/*.test.ts, a hanging store in store/s3.test.ts.
 */
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { nodeBinary, root } from '../scripts/runtime.mjs'
import { type UsedEngine, useEngines } from './harness/engines.ts'
import { makeVolume, must, mustPomelo, noMount, pomelo, run, sh, type TestVolume } from './harness/volume.ts'

const isRoot = process.getuid?.() === 0
const asRoot = noMount || (!isRoot && 'needs root')
const MAIN = join(root, 'core', 'cli', 'main.ts')
const NOBODY = 65534

function blocksIn(folder: string): Promise<string[]> {
  return sh(`find ${folder} -path '*chunks*' -type f | sort`).then((out) => out.split('\n').filter(Boolean))
}

async function damage(path: string, at: number): Promise<void> {
  const bytes = await readFile(path)
  bytes[at] = bytes[at]! ^ 0xff
  await writeFile(path, bytes)
}

const readPart = (volume: TestVolume, block: number) =>
  run('dd', [`if=${volume.mountPoint}/f`, 'of=/dev/null', 'bs=64k', `skip=${block}`, 'count=1'])

test('without /dev/fuse the mount says so and how to get it', { skip: asRoot, timeout: 60_000 }, async () => {
  await using volume = await makeVolume()
  const mount = `${nodeBinary()} ${MAIN} mount --cache-dir ${volume.folder}/cache ${volume.meta} ${volume.mountPoint}`
  const hidden = [
    '-m',
    '--propagation',
    'private',
    'bash',
    '-c',
    `mount --bind /dev/null /dev/fuse && exec ${mount}`,
  ]
  const result = await run('unshare', hidden, { timeoutMs: 30_000 })
  assert.equal(result.code, 1, result.stdout + result.stderr)
  assert.match(result.stderr, /\/dev\/fuse/)
  assert.match(result.stderr, /→/)
})

test('an empty PATH changes nothing for an ordinary user: mounted all the same, or told what fusermount3 lacks', {
  skip: asRoot,
  timeout: 90_000,
}, async (t) => {
  await using volume = await makeVolume()
  await sh(`chown -R ${NOBODY}:${NOBODY} ${volume.folder}`)
  const seen = await run('test', ['-r', MAIN], { uid: NOBODY, gid: NOBODY })
  if (seen.code !== 0) return t.skip('the checkout is not readable for others')
  const cache = join(volume.folder, 'cache')
  const log = join(volume.folder, 'log')
  const args = ['mount', '-d', '--log', log, '--cache-dir', cache, volume.meta, volume.mountPoint]
  const mountWith = async (path: string | undefined) => {
    const env = { HOME: volume.folder, ...(path === undefined ? {} : { PATH: path }) }
    const result = await pomelo(args, { uid: NOBODY, gid: NOBODY, env, timeoutMs: 30_000 })
    if (result.code === 0) await mustPomelo(['umount', volume.mountPoint])
    return result
  }
  const usual = await mountWith(undefined)
  const empty = await mountWith('/nonexistent')
  assert.equal(empty.code, usual.code, empty.stdout + empty.stderr)
  if (empty.code === 0) return
  assert.equal(empty.code, 1, empty.stdout + empty.stderr)
  assert.match(empty.stderr, /fusermount3/)
  assert.match(empty.stderr, /→ /)
})

test('a cache folder that cannot be written is named, and the volume works without it', {
  skip: asRoot,
  timeout: 90_000,
}, async () => {
  await using volume = await makeVolume()
  const cache = join(volume.folder, 'cache')
  await mkdir(cache)
  await sh(`mount -t tmpfs -o ro none ${cache}`)
  try {
    await volume.mount()
    await sh('head -c 3000000 /dev/urandom > f; md5sum f > ../sum', { cwd: volume.mountPoint })
    await sh('echo 3 > /proc/sys/vm/drop_caches 2>/dev/null || true; md5sum --quiet -c ../sum', {
      cwd: volume.mountPoint,
    })
    assert.match(volume.log, new RegExp(cache))
    await volume.unmount()
  } finally {
    await sh(`umount -l ${cache}`)
  }
  await mustPomelo(['fsck', volume.meta])
})

test('a full cache disk costs neither writes nor reads', { skip: asRoot, timeout: 90_000 }, async () => {
  await using volume = await makeVolume(['--block-size', '256K'])
  const cache = join(volume.folder, 'cache')
  await mkdir(cache)
  await sh(`mount -t tmpfs -o size=2m none ${cache}`)
  try {
    await volume.mount(['--free-space-ratio', '0'])
    await sh('for k in 1 2 3 4; do head -c 3000000 /dev/urandom > f$k; done; md5sum f? > ../sum', {
      cwd: volume.mountPoint,
    })
    await volume.unmount()
    await volume.mount(['--free-space-ratio', '0'])
    await sh('md5sum --quiet -c ../sum; md5sum --quiet -c ../sum', { cwd: volume.mountPoint })
    await volume.unmount()
  } finally {
    await sh(`umount -l ${cache}`)
  }
  await mustPomelo(['fsck', volume.meta])
})

for (const engine of useEngines()) damagedData(engine)

function damagedData(engine: UsedEngine): void {
  test(`a block damaged in the cache is fetched again: ${engine.name}`, {
    skip: noMount || engine.skip,
    timeout: 90_000,
  }, async () => {
    // Uncompressed blocks of a bucket on this disk are read where they are.
    await using volume = await engine.makeVolume(['--block-size', '64K', '--compress', 'lz4'])
    await volume.mount()
    await sh('head -c 200000 /dev/urandom > f; md5sum f > ../sum', { cwd: volume.mountPoint })
    await volume.unmount()
    await volume.mount()
    await sh('md5sum --quiet -c ../sum', { cwd: volume.mountPoint })
    await volume.unmount()
    const cached = await blocksIn(join(volume.folder, 'cache'))
    assert.ok(cached.length >= 4, `only ${cached.length} blocks are cached`)
    for (const path of cached) await damage(path, 77)
    await volume.mount()
    await sh('md5sum --quiet -c ../sum', { cwd: volume.mountPoint })
    await volume.unmount()
  })

  for (const compress of engine.inFull ? ['lz4', 'zstd'] : ['zstd']) {
    test(`a ${compress} block damaged or lost in the store is EIO for its range only, and named: ${engine.name}`, {
      skip: noMount || engine.skip,
      timeout: 90_000,
    }, async () => {
      await using volume = await engine.makeVolume(['--block-size', '64K', '--compress', compress])
      await volume.mount()
      await sh('yes "compress me well" | head -c 262144 > f', { cwd: volume.mountPoint })
      await volume.unmount()
      const blocks = await blocksIn(volume.bucket)
      assert.equal(blocks.length, 4)
      const [, damaged, lost] = blocks as [string, string, string]
      await writeFile(damaged, Buffer.alloc((await readFile(damaged)).length, 0xff))
      await must('rm', [lost])
      await volume.mount(['--cache-size', '0', '--io-retries', '1'])
      for (const block of [1, 2]) assert.match((await readPart(volume, block)).stderr, /Input\/output error/)
      for (const block of [0, 3]) assert.equal((await readPart(volume, block)).code, 0)
      await sh('echo still writable > g; grep -q still g', { cwd: volume.mountPoint })
      assert.match(volume.log, /_1_65536/)
      assert.match(volume.log, /_2_65536/)
      await volume.unmount()
      const fsck = await pomelo(['fsck', volume.meta])
      assert.equal(fsck.code, 1)
      assert.match(fsck.stdout + fsck.stderr, /\/f\b.*131072-196607/)
    })
  }

  test(`a store that cannot be reached is EIO after the retries, named in the log, and the rest goes on: ${engine.name}`, {
    skip: noMount || engine.skip,
    timeout: 90_000,
  }, async () => {
    await using volume = await engine.makeVolume()
    await volume.mount()
    await sh('echo kept > f', { cwd: volume.mountPoint })
    await volume.unmount()
    const away = [
      '--storage',
      's3',
      '--bucket',
      'http://127.0.0.1:9/away',
      '--access-key',
      'a',
      '--secret-key',
      'b',
    ]
    await volume.mount([...away, '--cache-size', '0', '--io-retries', '1'])
    const read = await run('cat', ['f'], { cwd: volume.mountPoint, timeoutMs: 30_000 })
    assert.match(read.stderr, /Input\/output error/)
    await sh('ls -l f; mkdir d; mv f d/', { cwd: volume.mountPoint, timeoutMs: 5000 })
    assert.match(volume.log, /127\.0\.0\.1:9/)
    await volume.unmount()
    await volume.mount()
    await sh('grep -qx kept d/f', { cwd: volume.mountPoint })
    await volume.unmount()
  })
}
