#!/usr/bin/env python3
"""Fill a directory with what a volume can hold: fill.py DIR SEED [--acl] [--no-empty-xattrs]

Every node type, hard and symbolic links, holes, overwrites, truncates, hole punches, copies within and across
files, appends with fsync, xattrs (an empty value too), odd names, odd modes and owners, files beyond one block
and across a chunk border; with --acl access and default ACLs.
"""
import ctypes, os, random, subprocess, sys

root, seed = sys.argv[1], int(sys.argv[2])
rng = random.Random(seed)
libc = ctypes.CDLL(None, use_errno=True)
os.makedirs(root, exist_ok=True)
os.chdir(root)
os.umask(0o022)


def noise(n):
    return rng.randbytes(n)


def put(path, data, mode=0o644):
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, mode)
    at = 0
    while at < len(data):
        at += os.write(fd, data[at:at + (1 << 20)])
    os.close(fd)


def fallocate(fd, mode, offset, n):
    if libc.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(n)) != 0:
        raise OSError(ctypes.get_errno(), 'fallocate')


for n in (0, 1, 4095, 4096, 4097, 65536, 65537, 300_000, 4 * 2**20 + 7):
    put(f'size-{n}', noise(n))
put('text', b'The same words again and again.\n' * 20_000)
os.makedirs('dir/sub/deep')
for k in range(40):
    put(f'dir/sub/f{k:02}', noise(rng.randrange(2000)))
os.link('dir/sub/f00', 'hard')
os.link('dir/sub/f00', 'dir/hard-too')
os.symlink('dir/sub/f01', 'link')
os.symlink('../nowhere', 'dir/dangling')
os.mkfifo('fifo', 0o640)
if os.getuid() == 0:
    os.mknod('null', 0o020666, os.makedev(1, 3))
    os.chown('size-1', 1000, 1001)
    os.chown('dir/sub', 1000, 100)
os.mknod('socket', 0o140700)
for mode in (0o000, 0o4755, 0o2640, 0o1777):
    put(f'mode-{mode:o}', b'm')
    os.chmod(f'mode-{mode:o}', mode)
put(b'bytes-\xff\xfe\n', b'odd name')
put('n' * 255, b'long name')

fd = os.open('patched', os.O_CREAT | os.O_RDWR, 0o644)
for _ in range(30):
    os.pwrite(fd, noise(rng.randrange(1, 30_000)), rng.randrange(200_000))
    if rng.random() < 0.3:
        os.fsync(fd)
fallocate(fd, 3, 10_000, 20_000)
fallocate(fd, 16, 100_001, 5_000)
os.ftruncate(fd, 150_000)
os.ftruncate(fd, 220_000)
os.close(fd)
fd = os.open('sparse', os.O_CREAT | os.O_RDWR, 0o644)
os.pwrite(fd, b'border' * 1000, 64 * 2**20 - 3000)
os.ftruncate(fd, 66 * 2**20)
os.close(fd)
source, target = os.open('patched', os.O_RDONLY), os.open('copied', os.O_CREAT | os.O_RDWR, 0o644)
os.copy_file_range(source, target, 90_000, 500, 1234)
os.close(source), os.close(target)
for k in range(5):
    fd = os.open('appended', os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
    os.write(fd, b'line %d\n' % k)
    os.fsync(fd)
    os.close(fd)
os.setxattr('text', 'user.kind', b'words')
os.setxattr('text', 'user.empty', b'-' if '--no-empty-xattrs' in sys.argv else b'')
os.setxattr('dir', 'user.binary', bytes(range(256)))
put('victim', b'gone soon')
os.unlink('victim')
put('new', b'replaces')
put('old', b'is replaced')
os.rename('new', 'old')
os.utime('size-4096', ns=(1, 7258118400 * 10**9 + 999_999_999))
if '--acl' in sys.argv:
    for command in ('setfacl -m u:1000:rwx,g:100:r-x,m::rwx size-4097', 'setfacl -d -m u:1001:rwx,o::- dir/sub/deep'):
        subprocess.run(command, shell=True, check=True)
    os.mkdir('dir/sub/deep/child')
    put('dir/sub/deep/file', b'inherits', 0o666)
    os.chmod('size-4097', 0o640)
