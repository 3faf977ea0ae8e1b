#!/usr/bin/env python3
"""Several mounts of one volume under conflicting operations: storm.py PHASE SEED THEIRS MOUNT...

THEIRS is the place of the reference's mount among them, -1 when there is none. Phases, each in a directory of its own:

    names      random creates, writes, renames, links, unlinks of the same names in the same directories
    exclusive  racing creators of one O_EXCL name, over and over: one wins
    crossing   directories renamed into each other at the same moment, through our mounts only: none is lost
    counter    8 processes add to a number under flock and under fcntl locks: no addition is lost
    chunks     one file rewritten in small pieces while others copy ranges of it: every page is one that was written

Exit 1 and say what is wrong. What an operation may not find any more (ENOENT and the like) is no failure: others
work on the same names.
"""
import ctypes, errno, fcntl, multiprocessing, os, random, struct, sys, threading, time, traceback

PHASE, SEED, THEIRS, MOUNTS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
# The reference's metadata are in an SQL database.
SQL = bool(os.environ.get('STORM_SQL'))
OURS = [at for at in range(len(MOUNTS)) if at != THEIRS]
CACHE_SECONDS = 1.5
# Without a trash a file that another client removes is gone at once, open here or not: EBADF.
CONFLICT = {errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR, errno.ESTALE, errno.EBADF, errno.EINVAL, errno.ELOOP}
RENAME_NOREPLACE = 1
libc = ctypes.CDLL(None, use_errno=True)


def at_once(work, cases):
    """Run `work(*case)` for all cases in processes at the same time; returns what they return, in order."""
    queue = multiprocessing.Queue()

    def one(k, case):
        try:
            queue.put((k, work(*case), None))
        except BaseException:
            queue.put((k, None, traceback.format_exc()))

    processes = [multiprocessing.Process(target=one, args=(k, case)) for k, case in enumerate(cases)]
    for process in processes:
        process.start()
    answers = {k: (answer, error) for k, answer, error in (queue.get(timeout=150) for _ in processes)}
    for process in processes:
        process.join()
    for k, case in enumerate(cases):
        if answers[k][1]:
            raise SystemExit(f'process {k} on mount {case[0]}: {answers[k][1]}')
    return [answers[k][0] for k in range(len(cases))]


def demand(holds, what):
    if not holds:
        raise SystemExit(what)


def put(path, data, flags=os.O_TRUNC):
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | flags, 0o644)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def get(path):
    with open(path, 'rb') as file:
        return file.read()


def rename(mount, old, new):
    """
    The reference's directory statistics drift when its own replacing renames race: it does not replace. On SQL its
    rename also reads the moved file without a lock (meta-sql-and-tkv.md A7): there it moves no file that others write.
    """
    if mount == THEIRS and SQL and not os.path.isdir(old):
        return
    if mount != THEIRS:
        os.rename(old, new)
    elif libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), RENAME_NOREPLACE) != 0:
        raise OSError(ctypes.get_errno(), 'renameat2')


def tree(root):
    """Every entry by its path: inode, mode, links, size, times and content."""
    found = {}
    for folder, folders, files in os.walk(root):
        demand(len(folders + files) == len(set(folders + files)), f'{folder} lists a name twice: {sorted(folders + files)}')
        for name in folders + files:
            path = os.path.join(folder, name)
            stat = os.lstat(path)
            content = get(path) if name in files else b''
            found[os.path.relpath(path, root)] = (stat.st_ino, stat.st_mode, stat.st_nlink, stat.st_size, stat.st_mtime_ns, content)
    return found


# ---- names -----------------------------------------------------------------------------------------------------------

def names_worker(mount, who, operations):
    rng = random.Random(SEED * 1000 + who)
    root = f'{MOUNTS[mount]}/names'
    done = 0

    def path(digits):
        return f'{root}/{rng.choice("ab")}{rng.choice(["", "/x", "/y"])}/{rng.choice(digits)}'

    for k in range(operations):
        what = rng.random()
        # The reference's directory statistics drift when it writes a file with several names, as it looks up in which
        # directories they are only after the write: what it writes is never linked.
        writes, links = what < 0.3, 0.75 <= what < 0.85
        digits = '456' if links else '123' if writes and mount == THEIRS else rng.choice(['123', '456'])
        one, other = path(digits), path(digits)
        try:
            if writes:
                put(one, b'%d %d\n' % (who, k) * rng.choice([1, 1, 500]))
            elif what < 0.4:
                os.close(os.open(one, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            elif what < 0.6:
                rename(mount, one, other)
            elif what < 0.75:
                os.unlink(one)
            elif links:
                os.link(one, other)
            elif what < 0.93:
                os.mkdir(f'{one}d')
                rename(mount, f'{one}d', f'{other}e')
                os.rmdir(f'{other}e')
            else:
                os.listdir(os.path.dirname(one))
            done += 1
        except OSError as error:
            if error.errno not in CONFLICT:
                raise
    return done


def names():
    for folder in ('names', 'names/a', 'names/b', 'names/a/x', 'names/a/y', 'names/b/x', 'names/b/y'):
        os.mkdir(f'{MOUNTS[OURS[0]]}/{folder}')
    time.sleep(CACHE_SECONDS)
    # One worker through the reference: it counts what is written to a file without a name, as another worker's there may
    # be, in the directory that the file was in.
    cases = [(mount, who * len(MOUNTS) + mount, 150) for who in range(2) for mount in range(len(MOUNTS)) if who == 0 or mount != THEIRS]
    print('done:', *at_once(names_worker, cases))
    time.sleep(CACHE_SECONDS)
    views = [tree(f'{mount}/names') for mount in MOUNTS]
    for at, view in enumerate(views[1:], 1):
        for path in sorted(views[0].keys() | view.keys()):
            demand(views[0].get(path) == view.get(path), f'{path}: mount 0 says {str(views[0].get(path))[:200]}, mount {at} {str(view.get(path))[:200]}')
    links = {}
    for path, (ino, mode, nlink, _, _, content) in views[0].items():
        if mode & 0o170000 == 0o100000:
            links.setdefault(ino, [nlink, 0])[1] += 1
            lines = content.splitlines()
            demand(len(set(lines)) <= 1, f'{path} mixes what several wrote: {sorted(set(lines))[:3]}')
        else:
            below = sum(1 for other, entry in views[0].items() if os.path.dirname(other) == path and entry[1] & 0o170000 == 0o040000)
            demand(nlink == 2 + below, f'{path} has {nlink} links and {below} directories in it')
    for ino, (stored, counted) in links.items():
        demand(stored == counted, f'inode {ino} has {counted} names and {stored} links')
    print(len(views[0]), 'entries, the same through every mount')


# ---- one winner ------------------------------------------------------------------------------------------------------

CREATORS, ROUNDS = 100, 6


def creators(mount, count, barrier):
    won = [0] * ROUNDS

    def one():
        for k in range(ROUNDS):
            barrier.wait(60)
            try:
                os.close(os.open(f'{MOUNTS[mount]}/exclusive/{k}', os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                won[k] += 1
            except FileExistsError:
                pass

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won


def exclusive():
    os.mkdir(f'{MOUNTS[OURS[0]]}/exclusive')
    time.sleep(CACHE_SECONDS)
    shares = [len(range(at, CREATORS, len(MOUNTS))) for at in range(len(MOUNTS))]
    barrier = multiprocessing.Barrier(CREATORS)
    won = at_once(creators, [(mount, count, barrier) for mount, count in enumerate(shares)])
    for k in range(ROUNDS):
        demand(sum(each[k] for each in won) == 1, f'name {k} was created by {[each[k] for each in won]} of {CREATORS}')
    print('won by mount:', *(sum(each) for each in won))


# ---- crossing renames ------------------------------------------------------------------------------------------------

CROSSINGS = 40


def crosser(mount, mine, other, barrier):
    root, done = f'{MOUNTS[mount]}/crossing', 0
    for k in range(CROSSINGS):
        barrier.wait(60)
        try:
            os.rename(f'{root}/{k}/{mine}', f'{root}/{k}/{other}/{mine}')
            done += 1
        except OSError as error:
            if error.errno not in CONFLICT:
                raise
    return done


def crossing():
    root = f'{MOUNTS[OURS[0]]}/crossing'
    os.mkdir(root)
    for k in range(CROSSINGS):
        for name in ('', '/left', '/right'):
            os.mkdir(f'{root}/{k}{name}')
        put(f'{root}/{k}/left/l', b'l')
        put(f'{root}/{k}/right/r', b'r')
    time.sleep(CACHE_SECONDS)
    barrier = multiprocessing.Barrier(2)
    done = at_once(crosser, [(OURS[0], 'left', 'right', barrier), (OURS[1], 'right', 'left', barrier)])
    time.sleep(CACHE_SECONDS)
    for mount in MOUNTS:
        for k in range(CROSSINGS):
            kept = sorted(name for _, _, files in os.walk(f'{mount}/crossing/{k}') for name in files)
            demand(kept == ['l', 'r'], f'crossing {k}: only {kept} of l and r are left')
    print('renamed:', *done, 'of', CROSSINGS)


# ---- a number --------------------------------------------------------------------------------------------------------

ADDERS, ADDITIONS = 8, 12


def adder(mount, take):
    root = f'{MOUNTS[mount]}/counter'
    lock = os.open(f'{root}/lock', os.O_RDWR)
    for _ in range(ADDITIONS):
        take(lock, fcntl.LOCK_EX)
        put(f'{root}/number', b'%d' % (int(get(f'{root}/number')) + 1))
        put(f'{root}/lines', b'%8d\n' % os.getpid(), os.O_APPEND)
        take(lock, fcntl.LOCK_UN)
        time.sleep(0.002)
    os.close(lock)


def counter():
    root = f'{MOUNTS[OURS[0]]}/counter'
    os.mkdir(root)
    put(f'{root}/lock', b'')
    put(f'{root}/lines', b'')
    for name, take in (('flock', fcntl.flock), ('fcntl', fcntl.lockf)):
        put(f'{root}/number', b'0')
        os.truncate(f'{root}/lines', 0)
        time.sleep(CACHE_SECONDS)
        at_once(adder, [(k % len(MOUNTS), take) for k in range(ADDERS)])
        for mount in MOUNTS:
            number, lines = get(f'{mount}/counter/number'), get(f'{mount}/counter/lines').splitlines()
            demand(number == b'%d' % (ADDERS * ADDITIONS), f'{name}: the number is {number}, not {ADDERS * ADDITIONS}')
            demand(len(lines) == ADDERS * ADDITIONS, f'{name}: {len(lines)} lines were appended, not {ADDERS * ADDITIONS}')
    print('exact:', ADDERS * ADDITIONS)


# ---- chunks ----------------------------------------------------------------------------------------------------------

PAGE, PAGES, SECONDS = 4096, 64, 6


def page(k, version):
    return struct.pack('<II', k, version) * (PAGE // 8)


def demand_pages(data, first, what):
    for at in range(0, len(data) - PAGE + 1, PAGE):
        words = data[at:at + PAGE]
        demand(words == words[:8] * (PAGE // 8), f'{what}: page {at // PAGE} is torn')
        demand(struct.unpack('<I', words[:4])[0] == first + at // PAGE, f'{what}: page {at // PAGE} is another page')


def rewriter(mount, who):
    rng = random.Random(SEED * 77 + who)
    fd = os.open(f'{MOUNTS[mount]}/chunks/source', os.O_RDWR)
    deadline, version = time.monotonic() + SECONDS, 1
    while time.monotonic() < deadline:
        version += 1
        for k in rng.sample(range(PAGES), 3):
            os.pwrite(fd, page(k, version), k * PAGE)
        os.fsync(fd)
    os.close(fd)
    return version


def copier(mount, who):
    rng = random.Random(SEED * 78 + who)
    root, copies = f'{MOUNTS[mount]}/chunks', 0
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        first = rng.randrange(PAGES // 2)
        length = rng.randrange(1, PAGES - first + 1) * PAGE
        path = f'{root}/copy-{who}-{rng.randrange(3)}-{first}'
        source, target = os.open(f'{root}/source', os.O_RDONLY), os.open(path, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o644)
        done = 0
        while done < length:
            n = os.copy_file_range(source, target, length - done, first * PAGE + done, done)
            demand(n > 0, f'{path}: a copy ended after {done} of {length} bytes')
            done += n
        data = os.pread(target, length, 0)
        demand(len(data) == length, f'{path}: {len(data)} of {length} bytes')
        demand_pages(data, first, path)
        os.close(source), os.close(target)
        copies += 1
        if rng.random() < 0.3:
            os.unlink(path)
    return copies


def chunks():
    root = f'{MOUNTS[OURS[0]]}/chunks'
    os.mkdir(root)
    put(f'{root}/source', b''.join(page(k, 1) for k in range(PAGES)))
    time.sleep(CACHE_SECONDS)

    def worker(mount, who):
        return rewriter(mount, who) if who == 0 else copier(mount, who)

    print('versions and copies:', *at_once(worker, [(OURS[0], 0)] + [(k % len(MOUNTS), k + 1) for k in range(4)]))
    time.sleep(CACHE_SECONDS)
    for mount in MOUNTS:
        for name in os.listdir(f'{mount}/chunks'):
            first = 0 if not name.startswith('copy-') else int(name.split('-')[-1])
            demand_pages(get(f'{mount}/chunks/{name}'), first, f'{mount} {name}')


{'names': names, 'exclusive': exclusive, 'crossing': crossing, 'counter': counter, 'chunks': chunks}[PHASE]()
