#!/usr/bin/env python3
"""Two mounts of one volume used at the same moment: both.py OURS THEIRS with|without (a trash). Exit 1 and say where they disagree.

What is promised between clients is close-to-open: an open sees all that was closed (or fsynced) before it. Names
and attributes may lag by the cache time of a mount, so the trees are compared after it has passed. Links in the
trash are links to one client and none to the other, so link counts are compared only without it. The reference's
directory statistics drift when a rename of its own that replaces something races others (meta-records.md §15): its
side renames without replacing. They drift, too, when it writes a file with several names, as it looks up in which
directories they are only after the write, when others may have made or removed some: of the files in a directory half
get further names, and the other half are those that it writes.
"""
import ctypes, errno, fcntl, multiprocessing, os, random, re, sys, time

MOUNTS = sys.argv[1:3]
CACHE_SECONDS = 1.2
THEIRS = 1
RENAME_NOREPLACE = 1
libc = ctypes.CDLL(None, use_errno=True)


def side(work, *more):
    """Run `work(mount, who, *more)` for both mounts at once, in a process each; returns what they return."""
    queue = multiprocessing.Queue()

    def one(who):
        try:
            queue.put((who, work(MOUNTS[who], who, *more)))
        except BaseException as error:
            queue.put((who, error))

    processes = [multiprocessing.Process(target=one, args=(who,)) for who in (0, 1)]
    for process in processes:
        process.start()
    answers = dict(queue.get(timeout=120) for _ in processes)
    for process in processes:
        process.join()
    for who in (0, 1):
        if isinstance(answers[who], BaseException):
            raise RuntimeError(f'mount {who}: {answers[who]!r} {getattr(answers[who], "filename", "")}')
    return answers[0], answers[1]


def put(path, data, flags=os.O_TRUNC):
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | flags, 0o644)
    os.write(fd, data)
    os.fsync(fd)
    os.close(fd)


def get(path):
    with open(path, 'rb') as file:
        return file.read()


def released(mount):
    """Wait until nothing is open there but what is asked: the kernel tells of a last close when it comes to it, and until
    then the reference keeps to the length that it wrote."""
    for _ in range(2000):
        if re.search(rb'^juicefs_fuse_open_handlers 1$', get(f'{mount}/.stats'), re.M):
            return
        time.sleep(0.01)
    raise SystemExit('a closed file stays open in the reference')


def rename(who, old, new):
    if who != THEIRS:
        os.rename(old, new)
    elif libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), RENAME_NOREPLACE) != 0:
        raise OSError(ctypes.get_errno(), 'renameat2')


def tree(root):
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            stat = os.lstat(path)
            content = get(path) if name in files else b''
            found[os.path.relpath(path, root)] = (stat.st_ino, stat.st_mode, stat.st_nlink if sys.argv[3] == 'without' else 0, stat.st_size, stat.st_mtime_ns, content)
    return found


WRITE, LINK = (0, 1), 4


def names(mount, who):
    """Create, write, rename, link and unlink names of ours and names that both fight for."""
    rng = random.Random(who)
    mine, shared = f'{mount}/dir/own{who}-', f'{mount}/dir/both-'
    # Without a trash a file is gone at once when the other client removes it, open here or not: EBADF, in both.
    fine = (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR, errno.ESTALE)
    fine += (errno.EBADF,) if sys.argv[3] == 'without' else ()
    done = 0
    for k in range(150):
        what = rng.randrange(6)
        linked = what == LINK or (rng.random() < 0.5 and not (what in WRITE and who == THEIRS))
        kind = 'linked' if linked else 'plain'
        path, other = [(shared if rng.random() < 0.5 else mine) + kind + str(rng.randrange(4)) for _ in range(2)]
        try:
            if what in WRITE:
                put(path, b'%d %d\n' % (who, k))
            elif what == 2:
                rename(who, path, other)
            elif what == 3:
                os.unlink(path)
            elif what == LINK:
                os.link(path, other)
            else:
                os.mkdir(path + 'd')
                rename(who, path + 'd', path + 'e')
                os.rmdir(path + 'e')
            done += 1
        except OSError as error:
            if error.errno not in fine:
                raise
    return done


def exclusive(mount, who, barrier):
    won = []
    for k in range(40):
        barrier.wait(60)
        try:
            if k % 2 == 0:
                os.close(os.open(f'{mount}/race/{k}', os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            else:
                os.mkdir(f'{mount}/race/{k}')
            won.append(k)
        except FileExistsError:
            pass
    return won


def count(mount, who, take):
    """Add one to a number 15 times, under a lock on another file."""
    lock = os.open(f'{mount}/lock', os.O_RDWR)
    for _ in range(15):
        take(lock, fcntl.LOCK_EX)
        number = int(get(f'{mount}/number'))
        put(f'{mount}/number', b'%d' % (number + 1))
        take(lock, fcntl.LOCK_UN)
        time.sleep(0.002)
    os.close(lock)


def test(lock, take):
    """Whether the lock is free for another process."""
    pid = os.fork()
    if pid == 0:
        try:
            take(os.open(lock, os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os._exit(1 if error.errno in (errno.EAGAIN, errno.EACCES) else 2)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def same(what, left, right):
    if left != right:
        raise SystemExit(f'{what}: {left!r:.500} is not {right!r:.500}')


def main():
    a, b = MOUNTS
    os.mkdir(f'{a}/dir')
    time.sleep(CACHE_SECONDS)  # the first change counts a directory; the reference adds its own a second late
    os.mkdir(f'{b}/race')
    time.sleep(CACHE_SECONDS)
    print('names:', *side(names))
    time.sleep(CACHE_SECONDS)
    left, right = tree(f'{a}/dir'), tree(f'{b}/dir')
    for path in sorted(left.keys() | right.keys()):
        same(path, left.get(path), right.get(path))

    for k in range(20):  # close-to-open, growing and shrinking
        writer, reader = (a, b) if k % 2 == 0 else (b, a)
        data = b'%d ' % k * (1000 if k % 3 else 10)
        put(f'{writer}/shared', data)
        if reader == MOUNTS[THEIRS]:
            released(reader)
        same(f'read {k}', get(f'{reader}/shared'), data)
        same(f'size {k}', os.stat(f'{reader}/shared').st_size, len(data))

    for k in range(30):
        put(f'{MOUNTS[k % 2]}/appended', b'line %d\n' % k, os.O_APPEND)
    for mount in MOUNTS:
        same('appended', get(f'{mount}/appended'), b''.join(b'line %d\n' % k for k in range(30)))

    won = side(exclusive, multiprocessing.Barrier(2))
    print('races won:', len(won[0]), len(won[1]))
    same('winners', sorted(won[0] + won[1]), list(range(40)))

    put(f'{a}/lock', b'')
    for name, take in (('flock', fcntl.flock), ('fcntl', fcntl.lockf)):
        for holder, asker in ((a, b), (b, a)):
            fd = os.open(f'{holder}/lock', os.O_RDWR)
            take(fd, fcntl.LOCK_EX)
            same(f'{name} held', test(f'{asker}/lock', take), 1)
            take(fd, fcntl.LOCK_UN)
            same(f'{name} given back', test(f'{asker}/lock', take), 0)
            os.close(fd)
        put(f'{a}/number', b'0')
        side(count, take)
        same(f'counted under {name}', (get(f'{a}/number'), get(f'{b}/number')), (b'30', b'30'))
    print('both agree')


main()
