#!/usr/bin/env python3
"""Promises of POSIX and Linux, one function each, checked in a directory: posix.py DIRECTORY [NAME...]

Prints one line a check: `ok NAME`, `skip NAME: why`, or `not ok NAME: what`. The expectations are those that an
ext4 directory fulfils; posix.test.ts runs the same there.
"""
import ctypes, errno, fcntl, mmap, os, shutil, signal, stat, struct, subprocess, sys, time, traceback

libc = ctypes.CDLL(None, use_errno=True)
F_OFD_GETLK, F_OFD_SETLK = 36, 37
PUNCH_KEEP, KEEP = 3, 1


class Skip(Exception):
    pass


def refused(code, call, *args, **named):
    try:
        call(*args, **named)
    except OSError as e:
        assert e.errno == code, f'{errno.errorcode[e.errno]} instead of {errno.errorcode[code]}'
    else:
        raise AssertionError(f'{errno.errorcode[code]} expected')


def put(path, data):
    with open(path, 'wb') as f:
        f.write(data)


def get(path):
    with open(path, 'rb') as f:
        return f.read()


def lock(kind, start=0, length=0):
    return struct.pack('hhqqi4x', kind, os.SEEK_SET, start, length, 0)


def holder(fd, kind, command=fcntl.F_GETLK, start=0, length=0):
    """(type, pid) of a lock in the way."""
    found, _, _, _, pid = struct.unpack('hhqqi4x', fcntl.fcntl(fd, command, lock(kind, start, length)))
    return found, pid


def child(work):
    """Run `work` in another process; its exit code is what it returns, 99 when it throws."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = work() or 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def is_locked(path, kind=fcntl.F_WRLCK):
    """Whether another process finds a lock in the way."""
    def look():
        fd = os.open(path, os.O_RDWR)
        return holder(fd, kind)[0] != fcntl.F_UNLCK
    return child(look) == 1


def fallocate(fd, mode, offset, n):
    if libc.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(n)) < 0:
        raise OSError(ctypes.get_errno(), 'fallocate')


def tool(*command):
    if shutil.which(command[0]) is None:
        raise Skip(f'no {command[0]}')
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        if 'not supported' in done.stderr:
            raise Skip(done.stderr.strip())
        raise AssertionError(f'{command}: {done.stderr}')
    return done.stdout


# ---- names and open files -------------------------------------------------------------------------------------

def an_unlinked_file_lives_while_it_is_open():
    put('f', b'content')
    os.setxattr('f', 'user.kept', b'1')
    fd = os.open('f', os.O_RDWR)
    os.unlink('f')
    assert os.fstat(fd).st_nlink == 0
    assert os.pread(fd, 99, 0) == b'content' and os.pwrite(fd, b'more', 7) == 4
    assert os.pread(fd, 99, 0) == b'contentmore' and os.fstat(fd).st_size == 11
    os.fchmod(fd, 0o600)
    assert stat.S_IMODE(os.fstat(fd).st_mode) == 0o600
    assert os.getxattr(fd, 'user.kept') == b'1'
    os.close(fd)


def a_removed_directory_stays_for_who_holds_it():
    os.mkdir('d')
    fd = os.open('d', os.O_RDONLY | os.O_DIRECTORY)
    os.rmdir('d')
    assert os.fstat(fd).st_nlink == 0
    os.fchmod(fd, 0o711)
    os.utime(fd, (5, 6))
    st = os.fstat(fd)
    assert (stat.S_IMODE(st.st_mode), st.st_mtime) == (0o711, 6)
    os.setxattr(fd, 'user.late', b'x')
    assert os.getxattr(fd, 'user.late') == b'x'
    refused(errno.ENOENT, os.mkdir, 'x', dir_fd=fd)
    os.close(fd)


def a_symlink_and_a_fifo_stay_for_who_holds_them():
    os.symlink('x', 's')
    os.mkfifo('p')
    held = [os.open(name, os.O_PATH | os.O_NOFOLLOW) for name in ('s', 'p')]
    for name, fd in zip(('s', 'p'), held):
        os.unlink(name)
        assert os.fstat(fd).st_nlink == 0
        os.close(fd)


def name_it(fd, name):
    # AT_FDCWD -100, AT_SYMLINK_FOLLOW 0x400
    if libc.linkat(-100, b'/proc/self/fd/%d' % fd, -100, os.fsencode(name), 0x400) < 0:
        raise OSError(ctypes.get_errno(), 'linkat')


def a_nameless_file_gets_a_name():
    fd = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o600)
    os.write(fd, b'x' * 1000)
    assert os.fstat(fd).st_nlink == 0 and os.listdir('.') == []
    name_it(fd, 'f')
    assert os.fstat(fd).st_nlink == 1
    os.close(fd)
    assert get('f') == b'x' * 1000
    fd = os.open('.', os.O_TMPFILE | os.O_RDWR | os.O_EXCL, 0o600)
    refused(errno.ENOENT, name_it, fd, 'g')
    os.close(fd)


def rename_over_an_open_file_keeps_both():
    put('old', b'old'), put('new', b'new')
    fd = os.open('old', os.O_RDONLY)
    os.rename('new', 'old')
    assert os.pread(fd, 9, 0) == b'old' and os.fstat(fd).st_nlink == 0 and get('old') == b'new'
    os.close(fd)


def a_directory_is_not_moved_below_itself():
    os.makedirs('a/b')
    refused(errno.EINVAL, os.rename, 'a', 'a/b/c')
    refused(errno.ENOTEMPTY, os.rename, 'a/b', 'a')


def names_have_255_bytes_at_most():
    put('n' * 255, b''), put('é' * 127, b'')
    refused(errno.ENAMETOOLONG, os.open, 'n' * 256, os.O_CREAT | os.O_WRONLY)
    refused(errno.ENAMETOOLONG, os.mkdir, 'é' * 128)
    refused(errno.ENAMETOOLONG, os.stat, 'n' * 256)


def links_to_links_and_loops():
    os.symlink('t', 's')
    os.link('s', 'h', follow_symlinks=False)
    assert os.readlink('h') == 't' and os.lstat('s').st_nlink == 2
    os.symlink('loop', 'loop')
    refused(errno.ELOOP, os.open, 'loop', os.O_RDONLY)
    refused(errno.ELOOP, os.open, 's', os.O_RDONLY | os.O_NOFOLLOW)


def odd_flags_are_refused():
    put('f', b'')
    refused(errno.ENOTDIR, os.open, 'f', os.O_RDONLY | os.O_DIRECTORY)
    refused(errno.EINVAL, os.open, '.', os.O_TMPFILE | os.O_RDONLY)
    refused(errno.EISDIR, os.open, '.', os.O_RDWR)
    os.close(os.open('f', os.O_RDWR | os.O_EXCL))
    refused(errno.EEXIST, os.open, 'f', os.O_RDWR | os.O_EXCL | os.O_CREAT)


# ---- directories -------------------------------------------------------------------------------------------------

class Stream:
    for name, result, arguments in (('opendir', ctypes.c_void_p, [ctypes.c_char_p]), ('closedir', ctypes.c_int, [ctypes.c_void_p]),
                                    ('readdir64', ctypes.c_void_p, [ctypes.c_void_p]), ('telldir', ctypes.c_long, [ctypes.c_void_p]),
                                    ('seekdir', None, [ctypes.c_void_p, ctypes.c_long]), ('rewinddir', None, [ctypes.c_void_p])):
        getattr(libc, name).restype, getattr(libc, name).argtypes = result, arguments

    def __init__(self, path):
        self.dir = libc.opendir(os.fsencode(path))

    def read(self, n=10**9):
        out = []
        while len(out) < n and (entry := libc.readdir64(self.dir)):
            ino, _, _, kind = struct.unpack('QqHB', ctypes.string_at(entry, 19))
            out.append((os.fsdecode(ctypes.string_at(entry + 19)), ino, kind))
        return out


def names(entries):
    return sorted(name for name, _, _ in entries if name not in ('.', '..'))


def a_listing_meets_each_entry_once_while_others_come_and_go():
    os.mkdir('d')
    stay = [f'{k:03}' + 'n' * 200 for k in range(300)]
    for name in stay:
        os.mkdir('d/' + name)
    gone = [f'{k:03}-gone' + 'g' * 150 for k in range(0, 300, 3)]
    for name in gone:
        put('d/' + name, b'')
    stream = Stream('d')
    met = stream.read(40)
    place = libc.telldir(stream.dir)
    for k, name in enumerate(gone):
        os.unlink('d/' + name) if k % 2 else os.rename('d/' + name, f'd/{k:03}-moved')
    for k in range(100):
        put(f'd/{k * 3:03}-new', b'')
    rest = stream.read()
    assert [n for n in names(met + rest) if n in set(stay)] == stay
    libc.seekdir(stream.dir, place)
    assert [n for n in names(met + stream.read()) if n in set(stay)] == stay
    libc.rewinddir(stream.dir)
    assert names(stream.read()) == sorted(os.listdir('d'))
    libc.closedir(stream.dir)


def entries_tell_inode_and_type():
    os.mkdir('d'), put('f', b''), os.symlink('f', 's'), os.mkfifo('p')
    for name, ino, kind in Stream('.').read():
        if name == '..':
            continue
        st = os.lstat(name)
        assert (ino, kind) == (st.st_ino, st.st_mode >> 12), name


def rewinddir_shows_new_entries():
    stream = Stream('.')
    stream.read()
    put('new', b'')
    libc.rewinddir(stream.dir)
    assert names(stream.read()) == ['new']
    libc.closedir(stream.dir)


def set_gid_directories_pass_their_group_on():
    os.mkdir('d')
    os.chown('d', 0, 1)
    os.chmod('d', 0o2775)
    os.mkdir('d/d'), put('d/f', b'')
    assert os.stat('d/d').st_gid == os.stat('d/f').st_gid == 1
    assert os.stat('d/d').st_mode & 0o2000 and not os.stat('d/f').st_mode & 0o2000


def statvfs_makes_sense():
    v = os.statvfs('.')
    assert v.f_namemax == 255 and v.f_bsize > 0 and v.f_frsize > 0
    assert 0 < v.f_bavail <= v.f_bfree <= v.f_blocks and 0 < v.f_ffree <= v.f_files


# ---- locks -----------------------------------------------------------------------------------------------------------

def posix_locks_go_with_any_close():
    put('f', b'')
    a, b = os.open('f', os.O_RDWR), os.open('f', os.O_RDWR)
    fcntl.fcntl(a, fcntl.F_SETLK, lock(fcntl.F_WRLCK))
    assert is_locked('f')
    os.close(b)
    assert not is_locked('f')
    os.close(a)


def open_file_description_locks_go_with_the_last_close():
    put('f', b'')
    a, b = os.open('f', os.O_RDWR), os.open('f', os.O_RDWR)
    fcntl.fcntl(a, F_OFD_SETLK, lock(fcntl.F_WRLCK))
    refused(errno.EAGAIN, fcntl.fcntl, b, F_OFD_SETLK, lock(fcntl.F_WRLCK))
    os.close(b)
    assert is_locked('f')
    c = os.dup(a)
    os.close(a)
    assert is_locked('f')
    os.close(c)
    assert not is_locked('f')


def flock_belongs_to_the_open_file_across_fork():
    put('f', b'')
    a = os.open('f', os.O_RDWR)
    fcntl.flock(a, fcntl.LOCK_EX)
    assert child(lambda: fcntl.flock(a, fcntl.LOCK_EX | fcntl.LOCK_NB)) == 0
    b = os.open('f', os.O_RDWR)
    refused(errno.EAGAIN, fcntl.flock, b, fcntl.LOCK_SH | fcntl.LOCK_NB)
    child(lambda: fcntl.flock(a, fcntl.LOCK_UN))
    fcntl.flock(b, fcntl.LOCK_SH | fcntl.LOCK_NB)
    os.close(a), os.close(b)


def getlk_tells_who():
    put('f', b'')
    fd = os.open('f', os.O_RDWR)
    fcntl.fcntl(fd, fcntl.F_SETLK, lock(fcntl.F_WRLCK, 10, 5))
    me = os.getpid()
    def look():
        other = os.open('f', os.O_RDWR)
        found, _, at, n, pid = struct.unpack('hhqqi4x', fcntl.fcntl(other, fcntl.F_GETLK, lock(fcntl.F_RDLCK)))
        return 0 if (found, at, n, pid) == (fcntl.F_WRLCK, 10, 5, me) else 1
    assert child(look) == 0
    os.close(fd)


def a_deadlock_is_refused():
    put('f', b'')
    fd = os.open('f', os.O_RDWR)
    fcntl.fcntl(fd, fcntl.F_SETLK, lock(fcntl.F_WRLCK, 0, 1))
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            fcntl.fcntl(fd, fcntl.F_SETLK, lock(fcntl.F_WRLCK, 1, 1))
            os.write(w, b'x')
            fcntl.fcntl(fd, fcntl.F_SETLKW, lock(fcntl.F_WRLCK, 0, 1))
            os._exit(0)
        finally:
            os._exit(9)
    try:
        os.read(r, 1)
        time.sleep(0.5)
        signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError('no EDEADLK')))
        signal.alarm(5)
        refused(errno.EDEADLK, fcntl.fcntl, fd, fcntl.F_SETLKW, lock(fcntl.F_WRLCK, 1, 1))
    finally:
        signal.alarm(0)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd), os.close(r), os.close(w)


def a_waiting_lock_is_granted_or_interrupted():
    put('f', b'')
    fd = os.open('f', os.O_RDWR)
    fcntl.fcntl(fd, fcntl.F_SETLK, lock(fcntl.F_WRLCK))
    def interrupted():
        signal.signal(signal.SIGALRM, lambda *_: os._exit(7))
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        fcntl.fcntl(fd, fcntl.F_SETLKW, lock(fcntl.F_WRLCK))
    assert child(interrupted) == 7
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)
        fcntl.fcntl(fd, fcntl.F_SETLKW, lock(fcntl.F_WRLCK))
        os._exit(0)
    time.sleep(0.2)
    fcntl.fcntl(fd, fcntl.F_SETLK, lock(fcntl.F_UNLCK))
    assert os.waitpid(pid, 0)[1] == 0
    os.close(fd)


# ---- data ---------------------------------------------------------------------------------------------------------------

def a_mapping_shows_writes_and_its_own_are_stored():
    put('f', b'a' * 10_000)
    fd, other = os.open('f', os.O_RDWR), os.open('f', os.O_RDWR)
    before = os.fstat(fd)
    time.sleep(0.05)
    with mmap.mmap(fd, 10_000) as m:
        os.pwrite(other, b'b' * 100, 5000)
        assert m[5000:5100] == b'b' * 100
        m[0:3] = b'map'
        m.flush()
        assert os.pread(other, 3, 0) == b'map'
    after = os.fstat(fd)
    assert after.st_mtime_ns > before.st_mtime_ns and after.st_ctime_ns > before.st_ctime_ns
    os.close(fd), os.close(other)
    assert get('f')[:3] == b'map'


def holes_are_found():
    fd = os.open('f', os.O_RDWR | os.O_CREAT)
    os.pwrite(fd, b'x' * 1_000_000, 0)
    fallocate(fd, PUNCH_KEEP, 262_144, 262_144)
    os.fsync(fd)
    assert os.pread(fd, 262_144, 262_144) == bytes(262_144) and os.fstat(fd).st_size == 1_000_000
    assert os.lseek(fd, 0, os.SEEK_HOLE) in (262_144, 1_000_000)
    assert os.lseek(fd, 300_000, os.SEEK_DATA) in (300_000, 524_288)
    assert os.lseek(fd, 600_000, os.SEEK_HOLE) == 1_000_000
    refused(errno.ENXIO, os.lseek, fd, 1_000_000, os.SEEK_DATA)
    os.close(fd)


def fallocate_keeps_the_size_or_grows_it():
    fd = os.open('f', os.O_RDWR | os.O_CREAT)
    fallocate(fd, KEEP, 0, 100_000)
    assert os.fstat(fd).st_size == 0
    fallocate(fd, 0, 0, 100_000)
    assert os.fstat(fd).st_size == 100_000 and os.pread(fd, 100_001, 0) == bytes(100_000)
    refused(errno.EOPNOTSUPP, fallocate, fd, 2, 0, 10)
    os.close(fd)


def copy_file_range_copies_between_files_and_refuses_overlap():
    put('a', bytes(range(256)) * 1000), put('b', b'')
    a, b = os.open('a', os.O_RDWR), os.open('b', os.O_RDWR)
    done = 0
    while done < 200_000:
        done += os.copy_file_range(a, b, 200_000 - done, 1000 + done, 7 + done)
    assert get('b') == bytes(7) + get('a')[1000:201_000]
    refused(errno.EINVAL, os.copy_file_range, a, a, 1000, 0, 500)
    os.close(a), os.close(b)


def append_writes_go_to_the_end():
    put('f', b'12345')
    fd, other = os.open('f', os.O_RDWR | os.O_APPEND), os.open('f', os.O_RDWR)
    os.ftruncate(other, 8)
    os.pwrite(fd, b'end', 0)
    os.pwritev(fd, [b'a', b'b'], 2)
    assert get('f') == b'12345\0\0\0endab'
    os.close(fd), os.close(other)


# ---- attributes ------------------------------------------------------------------------------------------------------

def attribute_names_have_255_bytes_at_most():
    put('f', b'')
    os.setxattr('f', 'user.' + 'n' * 250, b'1')
    refused(errno.ERANGE, os.setxattr, 'f', 'user.' + 'n' * 251, b'1')
    refused(errno.ENODATA, os.getxattr, 'f', 'user.none')
    refused(errno.ENODATA, os.setxattr, 'f', 'user.none', b'1', os.XATTR_REPLACE)
    os.symlink('f', 's')
    refused(errno.EPERM, os.setxattr, 's', 'user.x', b'1', follow_symlinks=False)


def immutable_and_append_only():
    put('f', b'1')
    os.mkdir('d'), put('d/f', b'')
    tool('chattr', '+i', 'f', 'd')
    try:
        for call in (lambda: os.open('f', os.O_WRONLY), lambda: os.unlink('f'), lambda: os.rename('f', 'g'),
                     lambda: os.chmod('f', 0), lambda: os.link('f', 'g'), lambda: os.truncate('f', 0),
                     lambda: os.unlink('d/f'), lambda: os.mkdir('d/d'), lambda: os.setxattr('f', 'user.x', b'1')):
            refused(errno.EPERM, call)
        assert 'i' in tool('lsattr', '-d', 'f').split()[0]
        assert get('f') == b'1'
        tool('chattr', '-i', 'f', 'd')
        tool('chattr', '+a', 'f', 'd')
        refused(errno.EPERM, os.open, 'f', os.O_WRONLY)
        refused(errno.EPERM, os.open, 'f', os.O_WRONLY | os.O_APPEND | os.O_TRUNC)
        refused(errno.EPERM, os.unlink, 'd/f')
        refused(errno.EPERM, os.rename, 'd/f', 'd/g')
        fd = os.open('f', os.O_WRONLY | os.O_APPEND)
        os.write(fd, b'2')
        os.close(fd)
        os.mkdir('d/new')
        os.utime('f')
        refused(errno.EPERM, os.utime, 'f', (1, 1))
        assert get('f') == b'12'
    finally:
        tool('chattr', '-ia', 'f', 'd')


def acls_are_inherited():
    os.mkdir('d')
    tool('setfacl', '-m', 'u:1:rwx,d:u:65534:rwx,d:g:1:r-x,d:o::-', 'd')
    old = os.umask(0o077)
    try:
        put('d/f', b'')
        os.mkdir('d/d')
    finally:
        os.umask(old)
    plain = lambda path: tool('getfacl', '-cpn', path).split()
    assert plain('d/f') == ['user::rw-', 'user:65534:rwx', '#effective:rw-', 'group::r-x', '#effective:r--',
                            'group:1:r-x', '#effective:r--', 'mask::rw-', 'other::---'], plain('d/f')
    assert 'default:user:65534:rwx' in plain('d/d') and 'user:65534:rwx' in plain('d/d')
    os.chmod('d/f', 0o600)
    assert 'mask::---' in plain('d/f')
    tool('setfacl', '-b', 'd/f')
    assert plain('d/f') == ['user::rw-', 'group::---', 'other::---'], plain('d/f')


def main():
    root, only = os.path.abspath(sys.argv[1]), sys.argv[2:]
    own = [(name, f) for name, f in list(globals().items())
           if callable(f) and getattr(f, '__code__', None) and f.__code__.co_argcount == 0 and not f.__code__.co_flags & 4 and name != 'main']
    failed = False
    for name, check in own:
        if only and name not in only:
            continue
        os.mkdir(os.path.join(root, name))
        os.chdir(os.path.join(root, name))
        os.umask(0o022)
        try:
            check()
            print('ok', name)
        except Skip as why:
            print(f'skip {name}: {why}')
        except BaseException as e:
            failed = True
            lines = [str(frame.lineno) for frame in traceback.extract_tb(e.__traceback__)[1:]]
            print(f'not ok {name}: line {" > ".join(lines)}: {e!r}')
        sys.stdout.flush()
    os.chdir('/')
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
