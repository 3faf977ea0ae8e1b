#!/usr/bin/env python3
"""Fill a directory with what the reference client never writes itself, yet has to read: odd.py DIR [--no-empty-xattrs]"""
import ctypes, os, sys

os.makedirs(sys.argv[1])
os.chdir(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)


def put(path, data):
    with open(path, 'wb') as file:
        file.write(data)


def punch(path, offset, length):
    fd = os.open(path, os.O_RDWR)
    if libc.fallocate(fd, 3, ctypes.c_long(offset), ctypes.c_long(length)) != 0:
        raise OSError(ctypes.get_errno(), 'fallocate')
    os.close(fd)


put('before-1970', b'old')
os.mkdir('dir-before-1970')
for path in ('before-1970', 'dir-before-1970'):
    os.utime(path, ns=(-86_400 * 10**9 - 1, -(10**9) + 5))
put('all-hole', b'x' * 300_000)  # compacted to a record without an object
punch('all-hole', 0, 300_000)
put('ends-in-hole', os.urandom(200_000))
punch('ends-in-hole', 100_000, 100_000)
put('begins-in-hole', os.urandom(200_000))
punch('begins-in-hole', 0, 150_001)
put('only-length', b'')
os.truncate('only-length', 130 * 2**20)
fd = os.open('islands', os.O_CREAT | os.O_WRONLY, 0o644)
for k in range(12):
    os.pwrite(fd, os.urandom(5000), k * 11 * 2**20 + 77)
    os.fsync(fd)
os.close(fd)
for path in ('islands', 'dir-before-1970'):
    os.setxattr(path, 'user.empty', b'-' if '--no-empty-xattrs' in sys.argv else b'')
    os.setxattr(path, 'user.' + 'n' * 200, bytes(range(256)) * 16)
