#!/usr/bin/env python3
"""Time one row of the benchmark in a directory: drive.py ROW DIR COUNT [THREADS] -> JSON {"us": µs, "p99": …, "mbps": …}

`us` is the median of one thread; of several, the wall time divided by the operations of all.
Runs as a process of its own; what it touches before the clock starts is set-up.
"""
import json, os, random, subprocess, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor

row, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
threads = int(sys.argv[4]) if len(sys.argv) > 4 else 1
rng = random.Random(7)
now = time.perf_counter_ns


def drop_caches(kind):
    os.sync()
    try:
        with open('/proc/sys/vm/drop_caches', 'w') as f:
            f.write(kind)
    except OSError:
        pass


def each(work, items):
    if threads > 1:
        return spread(work, list(items))
    times = []
    for item in items:
        started = now()
        work(item)
        times.append(now() - started)
    times.sort()
    return {'us': times[len(times) // 2] / 1e3, 'mean': sum(times) / len(times) / 1e3, 'p99': times[len(times) * 99 // 100] / 1e3}


def spread(work, items):
    def part(k):
        for item in items[k::threads]:
            work(item)

    started = now()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(part, range(threads)))
    return {'us': (now() - started) / 1e3 / len(items)}


def name(prefix, k):
    return os.path.join(folder, f'{prefix}{k:06}')


def touch(path):
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))


def files(prefix):
    paths = [name(prefix, k) for k in range(count)]
    for path in paths:
        touch(path)
    return paths


def put(path, data, sync=False):
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o644)
    os.write(fd, data)
    if sync:
        os.fsync(fd)
    os.close(fd)


def get(path):
    fd = os.open(path, os.O_RDONLY)
    os.read(fd, 1 << 20)
    os.close(fd)


def big(path, size):
    piece = rng.randbytes(1 << 20)
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
    for _ in range(size >> 20):
        os.write(fd, piece)
    os.close(fd)


def throughput(work, size):
    started = now()
    work()
    return {'mbps': size / ((now() - started) / 1e9) / 1e6}


def read_all(path):
    fd = os.open(path, os.O_RDONLY)
    while os.read(fd, 1 << 20):
        pass
    os.close(fd)


def list_all():
    for entry in os.scandir(folder):
        entry.stat(follow_symlinks=False)


def once(*command):
    """One run of a program, as the time of a single operation."""
    started = now()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {'us': (now() - started) / 1e3}


def source():
    """The project's own tree: some thousand files."""
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def untar(to):
    os.makedirs(to)
    with tempfile.NamedTemporaryFile(suffix='.tar') as archive:
        subprocess.run(['git', '-C', source(), 'archive', '-o', archive.name, 'HEAD'], check=True)
        return once('tar', '-xf', archive.name, '-C', to)


SIZE = 256 << 20
os.makedirs(folder, exist_ok=True)


def run():
    if row == 'create':
        return each(touch, [name('c', k) for k in range(count)])
    if row == 'mkdir':
        return each(os.mkdir, [name('d', k) for k in range(count)])
    if row == 'lookup':
        paths = files('l')
        drop_caches('2')
        return each(os.lstat, paths)
    if row == 'lookup missing':
        return each(os.path.lexists, [name('missing', k) for k in range(count)])
    if row == 'open + close':
        paths = files('o')
        return each(lambda p: os.close(os.open(p, os.O_RDONLY)), paths)
    if row == 'chmod':
        return each(lambda p: os.chmod(p, 0o600), files('m'))
    if row == 'utimes':
        return each(lambda p: os.utime(p, (1, 1)), files('t'))
    if row == 'rename':
        return each(lambda p: os.rename(p, p + '-r'), files('r'))
    if row == 'rename over':
        paths = files('v')
        targets = files('w')
        return each(lambda pair: os.rename(*pair), list(zip(paths, targets)))
    if row == 'link':
        return each(lambda p: os.link(p, p + '-l'), files('h'))
    if row == 'symlink':
        return each(lambda p: os.symlink('target', p), [name('s', k) for k in range(count)])
    if row == 'unlink':
        return each(os.unlink, files('u'))
    if row == 'rmdir':
        paths = [name('e', k) for k in range(count)]
        for path in paths:
            os.mkdir(path)
        return each(os.rmdir, paths)
    if row == 'setxattr':
        return each(lambda p: os.setxattr(p, 'user.k', b'value'), files('x'))
    if row == 'getxattr':
        paths = files('y')
        for path in paths:
            os.setxattr(path, 'user.k', b'value')
        return each(lambda p: os.getxattr(p, 'user.k'), paths)
    if row == 'truncate':
        return each(lambda p: os.truncate(p, 4096), files('q'))
    if row == 'list + stat':
        files('z')
        drop_caches('2')
        result = each(lambda _: list_all(), range(3))
        return {key: value / count for key, value in result.items()}
    if row == 'write 4 KiB file':
        data = rng.randbytes(4096)
        return each(lambda p: put(p, data), [name('f', k) for k in range(count)])
    if row == 'write 4 KiB file + fsync':
        data = rng.randbytes(4096)
        return each(lambda p: put(p, data, True), [name('g', k) for k in range(count)])
    if row == 'read 4 KiB file':
        data = rng.randbytes(4096)
        paths = [name('i', k) for k in range(count)]
        for path in paths:
            put(path, data)
        drop_caches('3')
        return each(get, paths)
    if row == 'untar':
        return untar(os.path.join(folder, 'tree'))
    if row == 'rm -rf':
        untar(os.path.join(folder, 'tree'))
        return once('rm', '-rf', os.path.join(folder, 'tree'))
    if row == 'git clone':
        return once('git', 'clone', '--no-local', '--depth', '1', 'file://' + source(), os.path.join(folder, 'clone'))
    path = os.path.join(folder, 'big')
    if row == 'write 256 MiB':
        return throughput(lambda: big(path, SIZE), SIZE)
    big(path, SIZE)
    drop_caches('3')
    if row == 'read 256 MiB':
        return throughput(lambda: read_all(path), SIZE)
    fd = os.open(path, os.O_RDWR)
    if row == 'random read 4 KiB':
        return each(lambda at: os.pread(fd, 4096, at), [rng.randrange(SIZE // 4096) * 4096 for _ in range(count)])
    if row == 'random write 4 KiB':
        data = rng.randbytes(4096)
        result = each(lambda at: os.pwrite(fd, data, at), [rng.randrange(SIZE // 4096) * 4096 for _ in range(count)])
        os.close(fd)
        return result
    sys.exit(f'no such row: {row}')


print(json.dumps(run()))
