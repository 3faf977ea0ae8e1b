"""Foreground reads for bench/inspector.ts: `reads.py FOLDER`. Each line on standard input names a row; the answer is a
line of JSON: what one read took in microseconds, the mean and the 99th percentile. The kernel has forgotten the file's
pages before each row, so that every read is answered by the mount."""
import json
import os
import random
import sys
import time

folder = sys.argv[1]
path = os.path.join(folder, 'big')
SIZE = 128 << 20
SMALL_FILES = int(sys.argv[2])
RANDOM_READS = 4000
rng = random.Random(7)
now = time.perf_counter_ns


def fill():
    piece = rng.randbytes(1 << 20)
    with open(path, 'wb') as big:
        for k in range(SIZE >> 20):
            big.write(k.to_bytes(4, 'little') + piece[4:])
    for k in range(SMALL_FILES):
        if k % 1000 == 0:
            os.mkdir(os.path.join(folder, f'd{k // 1000}'))
        with open(os.path.join(folder, f'd{k // 1000}', f'f{k}'), 'wb') as small:
            small.write(b'%d' % (k // 2) * 100)


def forget(fd):
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def timed(read, places, advice):
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, advice)
    forget(fd)
    times = []
    for at in places:
        started = now()
        read(fd, at)
        times.append(now() - started)
    os.close(fd)
    mean = sum(times) / len(times) / 1e3
    times.sort()
    return {'mean': mean, 'p99': times[len(times) * 99 // 100] / 1e3}


def row(name):
    if name == 'random 4 KiB':
        places = [rng.randrange(SIZE // 4096) * 4096 for _ in range(RANDOM_READS)]
        return timed(lambda fd, at: os.pread(fd, 4096, at), places, os.POSIX_FADV_RANDOM)
    size = {'sequential 128 KiB': 128 << 10, 'sequential 1 MiB': 1 << 20}[name]
    buffer = bytearray(size)
    return timed(lambda fd, at: os.preadv(fd, [buffer], at), range(0, SIZE, size), os.POSIX_FADV_SEQUENTIAL)


fill()
print('{}', flush=True)
for line in sys.stdin:
    print(json.dumps(row(line.strip())), flush=True)
