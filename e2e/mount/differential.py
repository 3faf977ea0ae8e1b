#!/usr/bin/env python3
"""Differential test: one random stream of system calls on two directories side by side.

    differential.py --seed N --ops N [--processes 3] [--shrink-seconds 60] TESTED REFERENCE
    differential.py --replay TRACE TESTED REFERENCE

Each operation runs in one of several worker processes (each with its own descriptors, umask and locks),
first in TESTED, then in REFERENCE, and everything a program can see must agree: result or errno, content,
the stat fields that POSIX fixes, which timestamps moved. The whole trees are compared every few thousand
operations and at the end. On a difference the seed and a shrunk trace (JSON lines, for --replay) are printed
and the exit code is 1.

Python, because Node offers no xattr, lock, fallocate or renameat2 calls.
"""
import argparse, ctypes, errno, fcntl, hashlib, json, mmap, os, pickle, random, shutil, signal, stat, struct, sys, time

libc = ctypes.CDLL(None, use_errno=True)
for name, result, arguments in (('opendir', ctypes.c_void_p, [ctypes.c_char_p]), ('closedir', ctypes.c_int, [ctypes.c_void_p]),
                                ('readdir64', ctypes.c_void_p, [ctypes.c_void_p]), ('telldir', ctypes.c_long, [ctypes.c_void_p]),
                                ('seekdir', None, [ctypes.c_void_p, ctypes.c_long]), ('rewinddir', None, [ctypes.c_void_p])):
    getattr(libc, name).restype, getattr(libc, name).argtypes = result, arguments
NAMES = ['a', 'b', 'c', 'd', 'e', 'n\u00e9', 'long' + 'x' * 60]
XATTRS = ['user.one', 'user.two', 'user.three']
EMPTY_XATTRS = '--no-empty-xattrs' not in sys.argv
SLOTS = 6
SPAN = 300_000          # offsets and lengths within one chunk's first blocks …
FAR = 64 * 2**20        # … and, now and then, around a chunk border
TOP = 'outer/top'       # symlinks climb one level: they must not leave their side
USERS = [(0, 0), (0, 0), (0, 0), (65534, 65534), (1, 1)]


# ---- what to do: operations as plain lists, so that a trace can be replayed and shrunk ----------------------

def random_path(rng):
    return '/'.join(rng.choice(NAMES) for _ in range(rng.choice([1, 1, 2, 2, 3])))


def random_offset(rng):
    base = rng.randrange(SPAN) if rng.random() < 0.6 else rng.randrange(0, SPAN, 4096)
    return base + FAR - SPAN // 2 if rng.random() < 0.05 else base


def random_length(rng):
    return rng.choice([0, 1, rng.randrange(1, 100), rng.randrange(1, 5000), 4096, rng.randrange(1, 70_000)])


def random_op(rng):
    path, slot, other = random_path(rng), rng.randrange(SLOTS), rng.randrange(SLOTS)
    mode = rng.choice([0o777, 0o666, 0o644, 0o600, 0o4755, 0o2770, 0o1777, 0o000, 0o2644])
    flags = rng.choice([os.O_RDWR, os.O_RDWR, os.O_WRONLY, os.O_RDONLY])
    for bit, chance in ((os.O_CREAT, 0.7), (os.O_EXCL, 0.1), (os.O_TRUNC, 0.15), (os.O_APPEND, 0.15),
                        (os.O_NOFOLLOW, 0.1), (os.O_DIRECTORY, 0.03), (os.O_PATH, 0.05)):
        if rng.random() < chance:
            flags |= bit
    kind = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    o, n = random_offset(rng), random_length(rng)
    args = {
        'open': lambda: [slot, path, flags, mode],
        'tmpfile': lambda: [slot, rng.choice(['.', path]), mode, rng.choice([2, 2, 2, 1, 0]), rng.random() < 0.2],
        'linktmp': lambda: [slot, path],
        'close': lambda: [slot],
        'dup': lambda: [slot, other],
        'pread': lambda: [slot, o, n],
        'pwrite': lambda: [slot, o, n, rng.randrange(256)],
        'append': lambda: [slot, n, rng.randrange(256)],
        'ftruncate': lambda: [slot, rng.choice([0, o, o])],
        'truncate': lambda: [path, rng.choice([0, o, o])],
        'fsync': lambda: [slot, rng.random() < 0.5],
        'fallocate': lambda: [slot, rng.choice([0, 1, 3, 3, 16, 17, 2]), o, n],
        'copy': lambda: [slot, o, other, random_offset(rng), n],
        'seek': lambda: [slot, o],
        'mmapwrite': lambda: [slot, o, n, rng.randrange(256)],
        'mkdir': lambda: [path, mode], 'rmdir': lambda: [path], 'unlink': lambda: [path],
        'rename': lambda: [path, random_path(rng), rng.choice([0, 0, 0, 0, 1, 2, 3])],
        'link': lambda: [path, random_path(rng), rng.random() < 0.3],
        'symlink': lambda: [rng.choice([random_path(rng), '../' + rng.choice(NAMES), 'x' * 300]), path],
        'readlink': lambda: [path],
        'mknod': lambda: [path, mode, rng.choice([stat.S_IFIFO, stat.S_IFREG, stat.S_IFSOCK, stat.S_IFCHR])],
        'chmod': lambda: [path, mode], 'fchmod': lambda: [slot, mode],
        'chown': lambda: [path, rng.choice([-1, 0, 1, 65534]), rng.choice([-1, 0, 1, 65534]), rng.random() < 0.5],
        'utimens': lambda: [path, rng.choice([-1, 0, 1, 10**9, 2**32 + 5, -12345]), rng.randrange(10**9)],
        'touch': lambda: [path],
        'setxattr': lambda: [path, rng.choice(XATTRS), rng.randrange(120), rng.choice([0, 0, 1, 2]), rng.randrange(2**30)],
        'getxattr': lambda: [path, rng.choice(XATTRS)],
        'listxattr': lambda: [path], 'removexattr': lambda: [path, rng.choice(XATTRS)],
        'flock': lambda: [slot, rng.choice([fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_UN])],
        'setlk': lambda: [slot, rng.choice([fcntl.F_RDLCK, fcntl.F_WRLCK, fcntl.F_UNLCK]),
                          rng.randrange(50), rng.choice([0, 1, 5, 30]), rng.random() < 0.3],
        'getlk': lambda: [slot, rng.choice([fcntl.F_RDLCK, fcntl.F_WRLCK]), rng.randrange(50),
                          rng.choice([0, 1, 5, 30]), rng.random() < 0.3],
        'pwritev': lambda: [slot, o, n, rng.randrange(256)], 'preadv': lambda: [slot, o, n],
        'mmapread': lambda: [slot, o, n, rng.randrange(256)], 'mmapcut': lambda: [slot, o],
        'sendfile': lambda: [slot, o, other, random_offset(rng), n], 'splice': lambda: [slot, o, n],
        'direct': lambda: [path, o // 4096, rng.randrange(20), rng.randrange(256)],
        'setlkw': lambda: [slot, rng.choice([fcntl.F_RDLCK, fcntl.F_WRLCK]), rng.randrange(50), rng.choice([0, 1, 5, 30])],
        'fchown': lambda: [slot, rng.choice([0, 1, 65534]), rng.choice([0, 1, 65534])],
        'futimens': lambda: [slot, rng.choice([-1, 0, 10**9])],
        'fsetxattr': lambda: [slot, rng.choice(XATTRS), rng.randrange(2**30)],
        'fgetxattr': lambda: [slot, rng.choice(XATTRS)], 'flistxattr': lambda: [slot],
        'at': lambda: [slot, rng.choice(['open', 'mkdir', 'stat', 'rmdir', 'list']), rng.choice(NAMES)],
        'inside': lambda: [path, rng.random() < 0.5], 'scan': lambda: [path, rng.randrange(8)],
        'longname': lambda: [path, rng.choice([255, 256]), rng.choice(['mkdir', 'open', 'symlink', 'rename', 'stat'])],
        'stat': lambda: [path], 'fstat': lambda: [slot],
        'listdir': lambda: [rng.choice(['.', path])],
        'access': lambda: [path, rng.choice([os.R_OK, os.W_OK, os.X_OK, os.R_OK | os.W_OK])],
        'umask': lambda: [rng.choice([0o022, 0o000, 0o077])],
        'user': lambda: [rng.randrange(len(USERS))],
    }[kind]()
    return [kind, *args]


WEIGHTS = dict(open=14, tmpfile=1, linktmp=1, close=6, dup=1, pread=8, pwrite=14, append=3, ftruncate=4, truncate=3,
               fsync=1, fallocate=4, copy=3, seek=2, mmapwrite=2, mkdir=5, rmdir=3, unlink=6, rename=9, link=4,
               symlink=2, readlink=1, mknod=2, chmod=3, fchmod=1, chown=3, utimens=2, touch=1, setxattr=3, getxattr=2,
               listxattr=1, removexattr=1, flock=2, setlk=3, getlk=2, stat=4, fstat=3, listdir=3, access=2, umask=1,
               user=2, pwritev=2, preadv=1, mmapread=1, mmapcut=1, sendfile=1, splice=0.5, direct=1, setlkw=0.5,
               fchown=1, futimens=1, fsetxattr=1, fgetxattr=1, flistxattr=0.5, at=3, inside=1, scan=1, longname=0.5)


# ---- doing it: one worker process ---------------------------------------------------------------------------

class Side:
    """One of the two directories, with this worker's descriptors in it."""

    def __init__(self, root):
        self.root, self.fds = root, {}

    def path(self, relative):
        return os.path.join(self.root, TOP, relative)

    def fd(self, slot):
        if slot not in self.fds:
            raise OSError(errno.EBADF, 'empty slot')
        return self.fds[slot]


def data(n, seed):
    return bytes((seed + k * 7) & 255 for k in range(min(n, 512))) * (n // 512 + 1) if n > 512 else bytes((seed + k * 7) & 255 for k in range(n))


def block(n, seed):
    return data(n, seed)[:n]


def call(result):
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def fields(st):
    directory = stat.S_ISDIR(st.st_mode)
    return (oct(st.st_mode), st.st_nlink, st.st_uid, st.st_gid, 0 if directory else st.st_size, st.st_rdev)


def removed_directory(fd):
    """Of a directory without a name the attributes it had before are forgotten (docs/posix.md)."""
    st = os.fstat(fd)
    return stat.S_ISDIR(st.st_mode) and st.st_nlink == 0


def readdir(stream):
    entry = libc.readdir64(stream)
    if not entry:
        return None
    ino, _, _, kind = struct.unpack('QqHB', ctypes.string_at(entry, 19))
    return os.fsdecode(ctypes.string_at(entry + 19)), ino, kind


def flock_struct(kind, start, length):
    return struct.pack('hhqqi4x', kind, os.SEEK_SET, start, length, 0)


class Do:
    """Each method is one operation on one side; what it returns must agree."""

    def open(s, slot, path, flags, mode):
        if os.path.exists(s.path(path)) and stat.S_ISCHR(os.stat(s.path(path)).st_mode):
            return 'device'  # the mount is nodev
        fd = os.open(s.path(path), flags | os.O_NONBLOCK, mode)
        if not flags & os.O_PATH and not stat.S_ISREG(os.fstat(fd).st_mode) and not stat.S_ISDIR(os.fstat(fd).st_mode):
            os.close(fd)
            return 'special'
        if slot in s.fds:
            os.close(s.fds[slot])
        s.fds[slot] = fd

    def tmpfile(s, slot, path, mode, access, nameless):
        fd = os.open(s.path(path), os.O_TMPFILE | access | (os.O_EXCL if nameless else 0), mode)
        if slot in s.fds:
            os.close(s.fds[slot])
        s.fds[slot] = fd

    def linktmp(s, slot, path):
        # AT_FDCWD -100, AT_SYMLINK_FOLLOW 0x400
        call(libc.linkat(-100, b'/proc/self/fd/%d' % s.fd(slot), -100, os.fsencode(s.path(path)), 0x400))

    def close(s, slot):
        fd = s.fd(slot)
        del s.fds[slot]
        os.close(fd)

    def dup(s, slot, other):
        fd = os.dup(s.fd(slot))
        if other in s.fds:
            os.close(s.fds[other])
        s.fds[other] = fd

    def pread(s, slot, offset, n):
        got = os.pread(s.fd(slot), n, offset)
        return len(got), hashlib.md5(got).hexdigest()

    def pwrite(s, slot, offset, n, seed):
        return os.pwrite(s.fd(slot), block(n, seed), offset)

    def append(s, slot, n, seed):
        os.lseek(s.fd(slot), 0, os.SEEK_END)
        return os.write(s.fd(slot), block(n, seed)), os.lseek(s.fd(slot), 0, os.SEEK_CUR)

    def ftruncate(s, slot, length):
        os.ftruncate(s.fd(slot), length)

    def truncate(s, path, length):
        os.truncate(s.path(path), length)

    def fsync(s, slot, data_only):
        (os.fdatasync if data_only else os.fsync)(s.fd(slot))

    def fallocate(s, slot, mode, offset, n):
        call(libc.fallocate(s.fd(slot), mode, ctypes.c_long(offset), ctypes.c_long(n)))

    def copy(s, slot, offset, other, to, n):
        # Shorter copies are allowed: go on until the source ends.
        total, source = 0, s.fd(slot)
        target = s.fd(other)
        while total < n:
            copied = os.copy_file_range(source, target, n - total, offset + total, to + total)
            if copied == 0:
                break
            total += copied
        return total

    def seek(s, slot, offset):
        """Holes may be reported or not, but what is called a hole must read as zeros and data must be found."""
        fd = s.fd(slot)
        size = os.fstat(fd).st_size
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            return 'directory'
        try:
            start = os.lseek(fd, offset, os.SEEK_DATA)
        except OSError as e:
            if e.errno != errno.ENXIO or offset >= size:
                return e.errno
            start = size
        try:
            head = os.pread(fd, min(start - offset, 1 << 20), offset)
            assert not head.strip(b'\0'), 'SEEK_DATA skipped data'
        except OSError as e:
            assert e.errno == errno.EBADF, e
        hole = os.lseek(fd, offset, os.SEEK_HOLE)
        assert offset <= hole <= size, f'SEEK_HOLE {offset} gave {hole} of {size}'
        return 'valid'

    def mmapwrite(s, slot, offset, n, seed):
        fd = s.fd(slot)
        size = os.fstat(fd).st_size
        if n == 0 or offset + n > size:
            return 'beyond'
        with mmap.mmap(fd, size) as m:
            m[offset:offset + n] = block(n, seed)
            m.flush()

    def pwritev(s, slot, offset, n, seed):
        return os.pwritev(s.fd(slot), [block(n, seed), b'', block(n // 3, seed + 1)], offset)

    def preadv(s, slot, offset, n):
        parts = [bytearray(n), bytearray(n // 2 + 1)]
        got = os.preadv(s.fd(slot), parts, offset)
        return got, hashlib.md5(b''.join(parts)[:got]).hexdigest()

    def mmapread(s, slot, offset, n, seed):
        """What write(2) puts into a file shows in a mapping that is there already."""
        fd = s.fd(slot)
        size = os.fstat(fd).st_size
        if n == 0 or offset + n > size or not stat.S_ISREG(os.fstat(fd).st_mode):
            return 'beyond'
        with mmap.mmap(fd, size, prot=mmap.PROT_READ) as m:
            before = hashlib.md5(m[offset:offset + n]).hexdigest()
            done = os.pwrite(fd, block(n, seed), offset)
            return before, done, hashlib.md5(m[offset:offset + n]).hexdigest()

    def mmapcut(s, slot, offset):
        """A file that gets shorter below a mapping: up to its last page the mapping stays readable."""
        fd = s.fd(slot)
        size = os.fstat(fd).st_size
        if not 0 < offset < size or not stat.S_ISREG(os.fstat(fd).st_mode):
            return 'beyond'
        with mmap.mmap(fd, size, prot=mmap.PROT_READ) as m:
            m[offset - 1]
            os.ftruncate(fd, offset)
            end = -(-offset // 4096) * 4096
            tail = m[max(0, end - 8192):min(end, size)]
            return hashlib.md5(tail).hexdigest()

    def sendfile(s, slot, offset, other, to, n):
        source, target = s.fd(slot), s.fd(other)
        os.lseek(target, to, os.SEEK_SET)
        total = 0
        while total < n:
            sent = os.sendfile(target, source, offset + total, n - total)
            if sent == 0:
                break
            total += sent
        return total

    def splice(s, slot, offset, n):
        r, w = os.pipe()
        try:
            got = os.splice(s.fd(slot), w, min(n, 60_000), offset_src=offset)
            os.close(w)
            w = -1
            piped = b''
            while piece := os.read(r, 1 << 16):
                piped += piece
            return got, hashlib.md5(piped).hexdigest()
        finally:
            os.close(r)
            if w >= 0:
                os.close(w)

    def direct(s, path, at, pages, seed):
        if stat.S_ISCHR(os.stat(s.path(path)).st_mode):
            return 'device'
        fd = os.open(s.path(path), os.O_RDWR | os.O_DIRECT | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return 'special'
            with mmap.mmap(-1, (pages + 1) * 4096) as buffer:
                buffer.write(block(pages * 4096, seed))
                with memoryview(buffer) as all, all[:pages * 4096] as part:
                    done = os.pwritev(fd, [part], at * 4096)
                    got = os.preadv(fd, [part], max(0, at - 1) * 4096)
                    return done, got, hashlib.md5(part[:got]).hexdigest()
        finally:
            os.close(fd)

    def setlkw(s, slot, kind, start, length):
        """Wait for a lock in another process: granted at once, or held up by a lock of ours until a signal comes."""
        fd = s.fd(slot)
        pid = os.fork()
        if pid == 0:
            code = 2
            try:
                signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
                wanted = flock_struct(kind, start, length)
                free = struct.unpack('hhqqi4x', fcntl.fcntl(fd, fcntl.F_GETLK, wanted))[0] == fcntl.F_UNLCK
                signal.setitimer(signal.ITIMER_REAL, 10 if free else 0.05)
                fcntl.fcntl(fd, fcntl.F_SETLKW, wanted)
                code = 0
            except OSError as e:
                code = e.errno
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def fchown(s, slot, uid, gid):
        os.fchown(s.fd(slot), uid, gid)

    def futimens(s, slot, sec):
        os.utime(s.fd(slot), (sec, sec))
        return os.fstat(s.fd(slot)).st_mtime_ns

    def fsetxattr(s, slot, name, salt):
        os.setxattr(s.fd(slot), name, b'%d' % salt)

    def fgetxattr(s, slot, name):
        if removed_directory(s.fd(slot)):
            return 'removed'
        return os.getxattr(s.fd(slot), name)

    def flistxattr(s, slot):
        if removed_directory(s.fd(slot)):
            return 'removed'
        return sorted(x for x in os.listxattr(s.fd(slot)) if x.startswith('user.'))

    def at(s, slot, what, name):
        """Below an open directory, which may have no name any more."""
        fd = s.fd(slot)
        if what == 'open':
            os.close(os.open(name, os.O_CREAT | os.O_RDWR | os.O_EXCL, 0o640, dir_fd=fd))
        elif what == 'mkdir':
            os.mkdir(name, dir_fd=fd)
        elif what == 'rmdir':
            os.rmdir(name, dir_fd=fd)
        elif what == 'stat':
            return fields(os.stat(name, dir_fd=fd, follow_symlinks=False))
        else:
            os.lseek(fd, 0, os.SEEK_SET)  # positions in directories are each file system's own
            return sorted(os.listdir(fd))

    def inside(s, path, remove):
        """The working directory, which may be removed meanwhile."""
        whole = s.path(path)
        os.chdir(whole)
        try:
            out = []
            for step in (lambda: os.rmdir(whole) if remove else None, lambda: fields(os.stat('.')),
                         lambda: sorted(os.listdir('.')), lambda: os.mkdir('new'), lambda: os.rmdir('new'),
                         lambda: fields(os.stat('..')) and None, lambda: len(os.getcwd()) - len(s.root)):
                try:
                    out.append(step())
                except OSError as e:
                    out.append(errno.errorcode[e.errno])
            return out
        finally:
            os.chdir('/')

    def scan(s, path, at):
        """A directory changes while it is read: what is there all the time is met once, also after seekdir."""
        whole = s.path(path)
        names = [n for n in os.listdir(whole) if n != 'new']
        stream = libc.opendir(os.fsencode(whole))
        if not stream:
            raise OSError(ctypes.get_errno(), 'opendir')
        try:
            first = [e for e in (readdir(stream) for _ in range(at)) if e]
            place = libc.telldir(stream)
            made = False
            try:
                os.mkdir(whole + '/new')
                made = True
            except OSError as e:
                made = errno.errorcode[e.errno]
            rest = list(iter(lambda: readdir(stream), None))
            libc.seekdir(stream, place)
            again = list(iter(lambda: readdir(stream), None))
            libc.rewinddir(stream)
            anew = list(iter(lambda: readdir(stream), None))
            if made is True:
                os.rmdir(whole + '/new')
            for entries in (first + rest, first + again, anew):
                met = sorted(n for n, _, _ in entries if n not in ('.', '..', 'new'))
                assert met == sorted(names), f'met {met} of {sorted(names)}'
            for name, ino, kind in anew:
                if name in ('.', '..', 'new'):
                    continue
                try:
                    st = os.lstat(whole + '/' + name)
                except OSError:
                    continue
                assert (st.st_ino, st.st_mode >> 12) == (ino, kind), f'{name} is {ino} of type {kind}'
            return sorted(names), made, sum(n == 'new' for n, _, _ in anew)
        finally:
            libc.closedir(stream)

    def longname(s, path, n, what):
        long = s.path(path) + '/' + 'n' * n
        try:
            if what == 'mkdir':
                os.mkdir(long)
            elif what == 'open':
                os.close(os.open(long, os.O_CREAT | os.O_WRONLY))
            elif what == 'symlink':
                os.symlink('x', long)
            elif what == 'rename':
                os.mkdir(s.path(path) + '/short')
                os.rename(s.path(path) + '/short', long)
            else:
                os.stat(long)
        finally:
            for gone in (long, s.path(path) + '/short'):
                for remove in (os.rmdir, os.unlink):
                    try:
                        remove(gone)
                    except OSError:
                        pass

    def mkdir(s, path, mode):
        os.mkdir(s.path(path), mode)

    def rmdir(s, path):
        os.rmdir(s.path(path))

    def unlink(s, path):
        os.unlink(s.path(path))

    def rename(s, path, to, flags):
        call(libc.renameat2(-100, os.fsencode(s.path(path)), -100, os.fsencode(s.path(to)), flags))

    def link(s, path, to, follow):
        os.link(s.path(path), s.path(to), follow_symlinks=follow)

    def symlink(s, target, path):
        os.symlink(target, s.path(path))

    def readlink(s, path):
        return os.readlink(s.path(path))

    def mknod(s, path, mode, kind):
        os.mknod(s.path(path), mode | kind, os.makedev(1, 3) if kind == stat.S_IFCHR else 0)

    def chmod(s, path, mode):
        os.chmod(s.path(path), mode)

    def fchmod(s, slot, mode):
        os.fchmod(s.fd(slot), mode)

    def chown(s, path, uid, gid, follow):
        st = os.stat(s.path(path), follow_symlinks=follow)
        if uid == gid == -1 and os.geteuid() not in (0, st.st_uid) and st.st_mode & 0o6000:
            return 'a stranger'  # FUSE cannot tell it from a write, which must drop the bits (docs/posix.md)
        os.chown(s.path(path), uid, gid, follow_symlinks=follow)

    def utimens(s, path, sec, nsec):
        ns = sec * 10**9 + nsec
        os.utime(s.path(path), ns=(ns, ns))
        return os.stat(s.path(path)).st_mtime_ns

    def touch(s, path):
        os.utime(s.path(path))

    def setxattr(s, path, name, n, flags, salt):
        # Never the value that is there: ext4 then leaves ctime alone.
        value = b'%d ' % salt + block(n, n) if n > 2 or not EMPTY_XATTRS else b''
        os.setxattr(s.path(path), name, value, flags if value else os.XATTR_CREATE)

    def getxattr(s, path, name):
        return os.getxattr(s.path(path), name)

    def listxattr(s, path):
        return sorted(x for x in os.listxattr(s.path(path)) if x.startswith('user.'))

    def removexattr(s, path, name):
        os.removexattr(s.path(path), name)

    def flock(s, slot, kind):
        fcntl.flock(s.fd(slot), kind | fcntl.LOCK_NB)

    def setlk(s, slot, kind, start, length, ofd):
        fcntl.fcntl(s.fd(slot), 37 if ofd else fcntl.F_SETLK, flock_struct(kind, start, length))

    def getlk(s, slot, kind, start, length, ofd):
        answer = fcntl.fcntl(s.fd(slot), 36 if ofd else fcntl.F_GETLK, flock_struct(kind, start, length))
        found, _, at, n, pid = struct.unpack('hhqqi4x', answer)
        return (found, at, n, pid) if found != fcntl.F_UNLCK else found

    def stat(s, path):
        return fields(os.lstat(s.path(path)))

    def fstat(s, slot):
        return fields(os.fstat(s.fd(slot)))

    def listdir(s, path):
        return sorted(os.listdir(s.path(path)))

    def access(s, path, mode):
        return os.access(s.path(path), mode, effective_ids=True)


CHANGES = {'pwrite', 'append', 'ftruncate', 'truncate', 'fallocate', 'copy', 'mkdir', 'rmdir', 'unlink', 'rename', 'link',
           'symlink', 'mknod', 'chmod', 'fchmod', 'chown', 'utimens', 'touch', 'setxattr', 'removexattr', 'open', 'linktmp',
           'pwritev', 'sendfile', 'fchown', 'futimens', 'fsetxattr'}


ON_SLOT = {'pwrite', 'append', 'ftruncate', 'fallocate', 'fchmod', 'copy', 'pwritev', 'sendfile', 'fchown', 'futimens', 'fsetxattr'}


def watched(side, op):
    """Stats of what the operation may touch: named paths, their parents, open files."""
    out = {}
    for argument in op[1:]:
        if isinstance(argument, str) and argument not in XATTRS:
            for path in (argument, os.path.dirname(argument) or '.'):
                try:
                    out[path] = os.lstat(side.path(path))
                except OSError:
                    out[path] = None
    if op[0] in ON_SLOT:
        slot = op[3] if op[0] in ('copy', 'sendfile') else op[1]
        if slot in side.fds:
            try:
                out['fd'] = os.fstat(side.fds[slot])
            except OSError:
                out['fd'] = None
    return out


def moved(before, after):
    """Which of mtime and ctime the operation moved, per object that was there before and is the same after."""
    result = {}
    for name, old in before.items():
        new = after.get(name)
        if old is not None and new is not None and old.st_ino == new.st_ino:
            result[name] = (old.st_mtime_ns != new.st_mtime_ns, old.st_ctime_ns != new.st_ctime_ns)
    return result


def perform(side, op):
    kind, args = op[0], op[1:]
    before = watched(side, op) if kind in CHANGES else None
    try:
        value = ('ok', getattr(Do, kind)(side, *args))
    except OSError as e:
        value = ('errno', errno.errorcode.get(e.errno, e.errno))
    except AssertionError as e:
        value = ('wrong', side.root, str(e))
    if before is None:
        return value
    after = watched(side, op)
    return (*value, moved(before, after), {k: v and fields(v) for k, v in after.items()})


def worker(read, write, roots):
    sides = [Side(root) for root in roots]
    os.umask(0o022)
    while True:
        op = pickle.load(read)
        if op is None:
            os._exit(0)
        if op[0] == 'umask':
            os.umask(op[1])
            answer = ('ok',) * 2
        elif op[0] == 'user':
            if os.getuid() == 0:
                os.seteuid(0)
                uid, gid = USERS[op[1]]
                os.setegid(gid)
                os.setgroups([gid])
                os.seteuid(uid)
            answer = ('ok',) * 2
        else:
            answer = tuple(perform(side, op) for side in sides)
        pickle.dump(answer, write)
        write.flush()


class Workers:
    def __init__(self, n, roots):
        self.pipes = []
        for _ in range(n):
            (r1, w1), (r2, w2) = os.pipe(), os.pipe()
            pid = os.fork()
            if pid == 0:
                for _, r, w in self.pipes:
                    r.close(), w.close()
                os.close(w1), os.close(r2)
                try:
                    worker(os.fdopen(r1, 'rb'), os.fdopen(w2, 'wb'), roots)
                except BaseException:
                    import traceback
                    traceback.print_exc()
                finally:
                    os._exit(3)
            os.close(r1), os.close(w2)
            self.pipes.append((pid, os.fdopen(r2, 'rb'), os.fdopen(w1, 'wb')))

    def perform(self, who, op):
        _, r, w = self.pipes[who % len(self.pipes)]
        pickle.dump(op, w)
        w.flush()
        return pickle.load(r)

    def stop(self):
        for pid, r, w in self.pipes:
            try:
                pickle.dump(None, w)
                w.flush()
            except OSError:
                pass
            os.waitpid(pid, 0)
            r.close(), w.close()


# ---- comparing whole trees -----------------------------------------------------------------------------------

def tree(root):
    out = {}
    for folder, dirs, files in os.walk(root):
        for name in dirs + files:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            entry = [fields(st)]
            if stat.S_ISLNK(st.st_mode):
                entry.append(os.readlink(path))
            elif stat.S_ISREG(st.st_mode):
                with open(path, 'rb') as f:
                    entry.append(hashlib.file_digest(f, 'md5').hexdigest() if hasattr(hashlib, 'file_digest') else digest(f))
            if not stat.S_ISLNK(st.st_mode):
                entry.append({x: os.getxattr(path, x) for x in sorted(os.listxattr(path)) if x.startswith('user.')})
            out[os.path.relpath(path, root)] = entry
    return out


def digest(f):
    h = hashlib.md5()
    while piece := f.read(1 << 20):
        h.update(piece)
    return h.hexdigest()


def compare_trees(roots):
    a, b = (tree(root) for root in roots)
    for path in sorted(set(a) | set(b)):
        if a.get(path) != b.get(path):
            return f'tree differs at {path!r}:\n  tested    {a.get(path)}\n  reference {b.get(path)}'
    return None


# ---- runs ------------------------------------------------------------------------------------------------------

def empty(root):
    for name in os.listdir(root):
        path = os.path.join(root, name)
        shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
    os.makedirs(os.path.join(root, TOP))
    os.chmod(os.path.join(root, TOP), 0o777)


def play(trace, roots, processes, check_every=2000):
    """Run a trace on empty directories; None when all agrees, else (index, text)."""
    for root in roots:
        empty(root)
    workers = Workers(processes, roots)
    try:
        for at, (who, op) in enumerate(trace):
            tested, reference = workers.perform(who, op)
            if not agree(op, tested, reference):
                return at, f'process {who}: {json.dumps(op)}\n  tested    {tested}\n  reference {reference}'
            if at % check_every == check_every - 1:
                difference = compare_trees(roots)
                if difference:
                    return at, difference
        difference = compare_trees(roots)
        return (len(trace) - 1, difference) if difference else None
    finally:
        workers.stop()


def agree(op, tested, reference):
    if tested[0] == 'wrong' or reference[0] == 'wrong':
        return False
    if op[0] == 'getlk' and tested[0] == reference[0] == 'ok' and isinstance(tested[1], tuple) and isinstance(reference[1], tuple):
        # Which process holds an OFD lock, or who is in the way of one, FUSE's protocol cannot say (docs/posix.md).
        # Of several locks in the way any may be reported.
        if op[5] or reference[1][3] == -1 or tested[1][:3] != reference[1][:3]:
            return True
    return tested == reference


def shrink(trace, roots, processes, seconds):
    deadline = time.monotonic() + seconds
    size = max(1, len(trace) // 2)
    while size >= 1 and time.monotonic() < deadline:
        at, progress = 0, False
        while at < len(trace) and time.monotonic() < deadline:
            shorter = trace[:at] + trace[at + size:]
            found = play(shorter, roots, processes, check_every=10**9) if shorter else None
            if found:
                trace, progress = shorter[:found[0] + 1], True
            else:
                at += size
        size = size // 2 if not progress or size > 1 else 0
    return trace


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--ops', type=int, default=20_000)
    parser.add_argument('--processes', type=int, default=3)
    parser.add_argument('--shrink-seconds', type=float, default=60)
    parser.add_argument('--replay')
    parser.add_argument('--no-empty-xattrs', action='store_true', help='for engines that hold no empty values')
    parser.add_argument('roots', nargs=2)
    options = parser.parse_args()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if options.replay:
        with open(options.replay) as f:
            trace = [json.loads(line) for line in f if line.strip()]
    else:
        rng = random.Random(options.seed)
        trace = [[rng.randrange(options.processes), random_op(rng)] for _ in range(options.ops)]
    started = time.monotonic()
    found = play(trace, options.roots, options.processes)
    if found is None:
        print(f'{len(trace)} operations agree, seed {options.seed}, {time.monotonic() - started:.1f} s')
        return 0
    at, text = found
    print(f'seed {options.seed}, operation {at}: {text}')
    short = shrink(trace[:at + 1], options.roots, options.processes, options.shrink_seconds)
    again = play(short, options.roots, options.processes, check_every=10**9)
    print(f'shrunk to {len(short)} operations: {again[1] if again else "(no longer fails)"}\ntrace:')
    for step in short:
        print(json.dumps(step))
    return 1


if __name__ == '__main__':
    sys.exit(main())
