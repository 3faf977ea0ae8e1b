#!/usr/bin/env python3
"""Hold things open in a mount that will sleep, and do as told: holder.py DIR, then a line each on stdin.

Prints for each line `ok TEXT` or `errno NUMBER`. `lock`, `locked` and `gone` are made at the start: two files under a
flock and an fcntl lock, and one that has no name any more.
"""
import fcntl, os, sys

os.chdir(sys.argv[1])
flocked = os.open('lock', os.O_CREAT | os.O_RDWR, 0o644)
fcntl.flock(flocked, fcntl.LOCK_EX)
locked = os.open('locked', os.O_CREAT | os.O_RDWR, 0o644)
fcntl.lockf(locked, fcntl.LOCK_EX)
os.write(locked, b'mine' * 1000)
os.fsync(locked)
gone = os.open('gone', os.O_CREAT | os.O_RDWR, 0o644)
os.write(gone, b'gone' * 50_000)
os.fsync(gone)
os.unlink('gone')
plain = os.open('plain', os.O_CREAT | os.O_RDWR, 0o644)
os.write(plain, b'kept' * 1000)
os.fsync(plain)

DO = {
    'write plain': lambda: os.pwrite(plain, b'more' * 1000, 4000),
    'fsync plain': lambda: os.fsync(plain),
    'read plain': lambda: os.pread(plain, 16_000, 0)[::4000],
    'write locked': lambda: os.pwrite(locked, b'late' * 1000, 0),
    'fsync locked': lambda: os.fsync(locked),
    'read locked': lambda: os.pread(locked, 4, 0),
    'write lock': lambda: os.pwrite(flocked, b'late', 0),
    'unlock': lambda: fcntl.flock(flocked, fcntl.LOCK_UN),
    'unlock locked': lambda: fcntl.lockf(locked, fcntl.LOCK_UN),
    'lock': lambda: fcntl.flock(flocked, fcntl.LOCK_EX | fcntl.LOCK_NB),
    'lock locked': lambda: fcntl.lockf(locked, fcntl.LOCK_EX | fcntl.LOCK_NB),
    'read gone': lambda: set(os.pread(gone, 200_000, 0)) <= set(b'gone') or 'wrong bytes',
    'fsync gone': lambda: (os.pwrite(gone, b'x', 0), os.fsync(gone)),
    'make': lambda: os.close(os.open('made', os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)),
}
print('ready', flush=True)
for line in sys.stdin:
    try:
        print('ok', DO[line.strip()](), flush=True)
    except OSError as error:
        print('errno', error.errno, flush=True)
