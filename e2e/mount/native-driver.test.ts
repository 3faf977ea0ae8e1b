/** The second driver, fuse-native, on a real mount of a real volume: what its API can express works. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { installPackages } from '../../scripts/system.mjs'
import { mustPomelo, noMount, pomelo, run, sh, TestVolume } from '../harness/volume.ts'

const LOADS = `require('fuse-native')`
let skip: string | false = noMount
if (skip === false && (await run(process.execPath, ['-e', LOADS])).code !== 0) {
  installPackages(['libfuse2'])
  if ((await run(process.execPath, ['-e', LOADS])).code !== 0) skip = 'fuse-native: libfuse2 is not installed'
}

let volume: TestVolume
let folder: string

before(async () => {
  if (skip !== false) return
  folder = await mkdtemp(join(tmpdir(), 'native-'))
  volume = new TestVolume(folder)
  await mustPomelo(['format', volume.meta, 'native', '--storage', 'file', '--bucket', volume.bucket])
  await sh(`mkdir -p ${volume.mountPoint}`)
  await volume.mount(['--driver', 'fuse-native'])
})

after(async () => {
  if (skip !== false) return
  await pomelo(['umount', '--force', volume.mountPoint])
  await rm(folder, { recursive: true, force: true })
})

const shell = (script: string) => sh(script, { cwd: volume.mountPoint, timeoutMs: 60_000 })

test('the mount is libfuse’s, of our type', { skip }, async () => {
  assert.match(
    await sh('cat /proc/self/mounts'),
    new RegExp(`JuiceFS:native ${volume.mountPoint} fuse\\.juicefs`),
  )
})

test('files: create, write, append, overwrite, read, truncate, rename, unlink', { skip }, async () => {
  const out = await shell(`
    head -c 9000000 /dev/urandom > big; cp big copy; cmp big copy
    printf one > f; printf two >> f; printf X | dd of=f bs=1 seek=1 conv=notrunc status=none
    cat f; echo; truncate -s 4 f; cat f; echo; truncate -s 6 f; stat -c %s f
    mv f g; mv g copy; cat copy | wc -c; rm copy big; ls | wc -l`)
  assert.deepEqual(out.trim().split('\n'), ['oXetwo', 'oXet', '6', '6', '0'])
})

test('directories: mkdir, nested, readdir with types, rmdir refuses what is not empty', {
  skip,
}, async () => {
  const out = await shell(`
    mkdir -p a/b/c; for i in $(seq 200); do : > a/f$i; done
    find a -type f | wc -l; find a -type d | wc -l
    rmdir a 2>/dev/null || echo refused; rm -r a; ls -A | grep -cv '^\\.' || true`)
  assert.deepEqual(out.trim().split('\n'), ['200', '3', 'refused', '0'])
})

test('modes, owners, both times at once, symlinks, hard links', { skip }, async () => {
  const out = await shell(`
    umask 027; : > f; stat -c %a f; chmod 4751 f; stat -c %a f
    touch -d '2001-02-03 04:05:06 UTC' f; TZ=UTC stat -c '%Y' f
    cp -p f g; stat -c '%a %Y' g
    ln -s f s; readlink s; ln f h; sleep 1.1; stat -c %h f; rm f g h s`)
  const [made, changed, time, copied, target, links] = out.trim().split('\n')
  assert.equal(made, '640')
  assert.equal(changed, '4751')
  assert.equal(time, '981173106')
  assert.equal(copied, '4751 981173106')
  assert.equal(target, 'f')
  assert.equal(links, '2')
})

test('access and modification time are kept apart when both are set', { skip }, async () => {
  const out = await shell(
    `: > f; python3 -c 'import os; os.utime("f", (1000000000, 1300000000.25)); s = os.stat("f"); print(s.st_atime, s.st_mtime)'; rm f`,
  )
  assert.equal(out.trim(), '1000000000.0 1300000000.25')
})

test('extended attributes: set, get, list, remove; a value that does not fit is ERANGE', {
  skip,
}, async () => {
  const out = await shell(`: > f; python3 - <<'PY'
import os, ctypes
os.setxattr('f', 'user.k', b'v' * 3000); os.setxattr('f', 'user.l', b'')
print(sorted(os.listxattr('f')), len(os.getxattr('f', 'user.k')))
libc = ctypes.CDLL(None, use_errno=True)
room = ctypes.create_string_buffer(10)
print(libc.getxattr(b'f', b'user.k', room, 10), ctypes.get_errno())
os.removexattr('f', 'user.k'); print(os.listxattr('f'))
try: os.getxattr('f', 'user.k')
except OSError as e: print(e.errno)
PY
rm f`)
  assert.deepEqual(out.trim().split('\n'), ["['user.k', 'user.l'] 3000", '-1 34', "['user.l']", '61'])
})

test('an open file stays readable when it is removed; fsync and statfs answer', { skip }, async () => {
  const out = await shell(`python3 - <<'PY'
import os
f = open('x', 'w+b'); f.write(b'kept'); f.flush(); os.fsync(f.fileno()); os.unlink('x'); f.seek(0)
print(f.read(), os.fstat(f.fileno()).st_size)
os.ftruncate(f.fileno(), 2); print(os.fstat(f.fileno()).st_size)
s = os.statvfs('.'); print(s.f_blocks * s.f_frsize == 2**50, s.f_namemax)
PY`)
  assert.deepEqual(out.trim().split('\n'), ["b'kept' 4", '2', 'True 255'])
})

test('unmount names who uses the mount, and works once nobody does; the data are in the volume', {
  skip,
}, async () => {
  await shell('echo kept > file')
  const user = spawn('sleep', ['60'], { cwd: volume.mountPoint, stdio: 'ignore' })
  try {
    const refused = await pomelo(['umount', volume.mountPoint])
    assert.notEqual(refused.code, 0)
    assert.match(refused.stderr, /in use/)
  } finally {
    user.kill('SIGKILL')
  }
  await new Promise((resolve) => setTimeout(resolve, 200))
  await mustPomelo(['umount', volume.mountPoint])
  assert.equal((await pomelo(['cat', volume.meta, '/file'])).stdout, 'kept\n')
})

test('a forced unmount ends it while a file is open', { skip }, async () => {
  await volume.mount(['--driver', 'fuse-native'])
  const user = spawn('sh', ['-c', 'exec 3>open; sleep 60'], { cwd: volume.mountPoint, stdio: 'ignore' })
  try {
    const deadline = performance.now() + 10_000
    while ((await run('test', ['-e', join(volume.mountPoint, 'open')])).code !== 0)
      assert.ok(performance.now() < deadline, 'the file was not made')
    await mustPomelo(['umount', '--force', volume.mountPoint], { timeoutMs: 30_000 })
  } finally {
    user.kill('SIGKILL')
  }
  assert.ok(!(await sh('cat /proc/self/mounts')).includes(volume.mountPoint))
})
