#!/usr/bin/env python3
"""Time one row of the benchmark in a directory: drive.py ROW DIR COUNT [PROCESSES [PIDS]] -> JSON {"us": µs, "p99": …, "mbps": …}

`us` is the median of one thread; of several, the wall time divided by the operations of all. With PIDS, the processes
that serve the directory, `cost` says what those spent while the clock ran, for each operation or MiB: CPU time (µs),
calls of read(2), write(2) and their kind, and the bytes these moved.
Runs as a process of its own; what it touches before the clock starts is set-up.
"""
import json, multiprocessing, os, random, subprocess, sys, tempfile, time

row, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
threads = int(sys.argv[4]) if len(sys.argv) > 4 else 1
pids = sys.argv[5].split(',') if len(sys.argv) > 5 and sys.argv[5] else []
rng = random.Random(7)
now = time.perf_counter_ns
TICKS_US = 1e6 / os.sysconf('SC_CLK_TCK')


def spent():
    """CPU time in µs, read and write calls, bytes of these: of all `pids` since they began."""
    total = [0, 0, 0]
    for pid in pids:
        with open(f'/proc/{pid}/stat') as f:
            fields = f.read().rsplit(')', 1)[1].split()
        with open(f'/proc/{pid}/io') as f:
            io = dict(line.split(': ') for line in f.read().splitlines())
        total[0] += (int(fields[11]) + int(fields[12])) * TICKS_US
        total[1] += int(io['syscr']) + int(io['syscw'])
        total[2] += int(io['rchar']) + int(io['wchar'])
    return total


def costing(work, operations):
    """The result of `work`, and what serving it cost for each operation."""
    before = spent()
    result = work()
    if pids:
        each_one = [(b - a) / operations for a, b in zip(before, spent())]
        result['cost'] = dict(zip(['cpuUs', 'calls', 'bytes'], each_one))
    return result


def drop_caches(kind):
    os.sync()
    try:
        with open('/proc/sys/vm/drop_caches', 'w') as f:
            f.write(kind)
    except OSError:
        pass


def each(work, items):
    items = list(items)
    return costing(lambda: spread(work, items) if threads > 1 else one_by_one(work, items), len(items))


def one_by_one(work, items):
    times = []
    for item in items:
        started = now()
        work(item)
        times.append(now() - started)
    times.sort()
    return {'us': times[len(times) // 2] / 1e3, 'mean': sum(times) / len(times) / 1e3, 'p99': times[len(times) * 99 // 100] / 1e3}


def spread(work, items):
    """By processes: threads of one would wait for each other's interpreter lock, whatever serves the folder."""
    def part(k):
        ready.wait()
        for item in items[k::threads]:
            work(item)

    fork = multiprocessing.get_context('fork')
    ready = fork.Barrier(threads + 1)
    parts = [fork.Process(target=part, args=(k,)) for k in range(threads)]
    for process in parts:
        process.start()
    ready.wait()
    started = now()
    for process in parts:
        process.join()
    if any(process.exitcode for process in parts):
        sys.exit(f'{row}: a process failed')
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


def big(path, size, sync=False):
    piece = rng.randbytes(1 << 20)
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
    for _ in range(size >> 20):
        os.write(fd, piece)
    if sync:
        os.fsync(fd)
    os.close(fd)


def at_once(work, paths):
    """A process for each path."""
    fork = multiprocessing.get_context('fork')
    parts = [fork.Process(target=work, args=(path,)) for path in paths]
    for process in parts:
        process.start()
    for process in parts:
        process.join()
    if any(process.exitcode for process in parts):
        sys.exit(f'{row}: a process failed')


def throughput(work, size):
    def run():
        started = now()
        work()
        return {'mbps': size / ((now() - started) / 1e9) / 1e6}

    return costing(run, size >> 20)


def read_all(path):
    piece = bytearray(1 << 20)
    fd = os.open(path, os.O_RDONLY)
    while os.readv(fd, [piece]):
        pass
    os.close(fd)


def warm(*paths):
    """Read them twice and let the disk cache take them in; then have the kernel forget its pages of these files only."""
    for _ in range(2):
        for path in paths:
            read_all(path)
        time.sleep(SETTLE_S)
        for path in paths:
            fd = os.open(path, os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)


def list_all():
    for entry in os.scandir(folder):
        entry.stat(follow_symlinks=False)


def quietly(*command):
    subprocess.run(command, check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def timed(work):
    """What programs do, as the time of a single operation."""
    started = now()
    work()
    return {'us': (now() - started) / 1e3}


def once(*command):
    return timed(lambda: quietly(*command))


def git(*arguments):
    quietly('git', '-C', os.path.join(folder, 'tree'), *arguments)


def untar_repository():
    untar(os.path.join(folder, 'tree'))
    git('init', '-q')


def git_commit():
    git('add', '-A')
    git('commit', '-q', '-m', 'all')


def source():
    """The project's own tree: some thousand files."""
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def untar(to):
    os.makedirs(to)
    with tempfile.NamedTemporaryFile(suffix='.tar') as archive:
        subprocess.run(['git', '-C', source(), 'archive', '-o', archive.name, 'HEAD'], check=True)
        return once('tar', '-xf', archive.name, '-C', to)


def small_files(how, data, sync):
    paths = [name('f', k) for k in range(count)]
    if how == 'write':
        return each(lambda p: put(p, data, sync), paths)
    for path in paths:
        put(path, data)
    drop_caches('3')
    return each(get, paths)


def appends(path):
    """Each of them durable before the next, as databases and logs do."""
    data = rng.randbytes(4096)
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)

    def append(_):
        os.write(fd, data)
        os.fsync(fd)

    result = each(append, range(count))
    os.close(fd)
    return result


def places():
    return [rng.randrange(SIZE // 4096) * 4096 for _ in range(count)]


def random_reads(path):
    fd = os.open(path, os.O_RDONLY)
    result = each(lambda at: os.pread(fd, 4096, at), places())
    os.close(fd)
    return result


def random_writes(path):
    data = rng.randbytes(4096)
    fd = os.open(path, os.O_RDWR)
    result = each(lambda at: os.pwrite(fd, data, at), places())
    os.close(fd)
    return result


def random_writes_synced(path):
    """Everything that the writes cost until they are durable, shared out among them."""
    data = rng.randbytes(4096)
    fd = os.open(path, os.O_RDWR)

    def run():
        started = now()
        for at in places():
            os.pwrite(fd, data, at)
        os.fsync(fd)
        return {'us': (now() - started) / 1e3 / count}

    result = costing(run, count)
    os.close(fd)
    return result


SIZE = 256 << 20
# What git does must not depend on whose machine it is.
ENVIRONMENT = {
    **os.environ,
    **{'GIT_CONFIG_GLOBAL': '/dev/null', 'GIT_CONFIG_SYSTEM': '/dev/null'},
    **{f'GIT_{who}_{what}': 'bench@localhost' for who in ('AUTHOR', 'COMMITTER') for what in ('NAME', 'EMAIL')},
}
STREAMS = 4
SETTLE_S = 1
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
        return {key: value / count if isinstance(value, float) else value for key, value in result.items()}
    if ' KiB file' in row:
        how, size = row.split()[:2]
        return small_files(how, rng.randbytes(int(size) << 10), row.endswith('fsync'))
    if row == 'append 4 KiB + fsync':
        return appends(name('a', 0))
    if row == 'untar':
        return untar(os.path.join(folder, 'tree'))
    if row == 'rm -rf':
        untar(os.path.join(folder, 'tree'))
        return once('rm', '-rf', os.path.join(folder, 'tree'))
    if row == 'git clone':
        return once('git', 'clone', '--no-local', '--depth', '1', 'file://' + source(), os.path.join(folder, 'clone'))
    if ' 4 x 64 MiB' in row:
        return streams([os.path.join(folder, f'big{k}') for k in range(STREAMS)])
    if row == 'git add + commit':
        untar_repository()
        return timed(git_commit)
    if row == 'git status':
        untar_repository()
        git_commit()
        return timed(lambda: git('status'))
    return data_row(os.path.join(folder, 'big'))


def streams(paths):
    if row == 'write 4 x 64 MiB + fsync':
        return throughput(lambda: at_once(lambda path: big(path, SIZE // STREAMS, True), paths), SIZE)
    for path in paths:
        big(path, SIZE // STREAMS)
    drop_caches('3')
    if row == 'read 4 x 64 MiB, disk cache':
        warm(*paths)
    elif row != 'read 4 x 64 MiB':
        sys.exit(f'no such row: {row}')
    return throughput(lambda: at_once(read_all, paths), SIZE)


def data_row(path):
    if row == 'write 256 MiB':
        return throughput(lambda: big(path, SIZE), SIZE)
    if row == 'write 256 MiB + fsync':
        return throughput(lambda: big(path, SIZE, True), SIZE)
    big(path, SIZE)
    drop_caches('3')
    if row == 'read 256 MiB':
        return throughput(lambda: read_all(path), SIZE)
    if row == 'read 256 MiB, disk cache':
        warm(path)
        return throughput(lambda: read_all(path), SIZE)
    if row == 'read 256 MiB, page cache':
        read_all(path)
        return throughput(lambda: read_all(path), SIZE)
    if row == 'random read 4 KiB':
        return random_reads(path)
    if row == 'random read 4 KiB, disk cache':
        warm(path)
        return random_reads(path)
    if row == 'random write 4 KiB':
        return random_writes(path)
    if row == 'random write 4 KiB + fsync':
        return random_writes_synced(path)
    sys.exit(f'no such row: {row}')


print(json.dumps(run()))
for left in os.listdir(folder):
    if left.startswith('big'):
        os.unlink(os.path.join(folder, left))
