#!/usr/bin/env python3
"""What a directory tree is, as JSON lines: one object an entry, depth first, names in byte order.

    manifest.py take DIR                 print the manifest
    manifest.py check DIR MANIFEST       compare DIR with a manifest (the fixtures' keys); exit 1 and say where

`.trash` and the control files of the root are left out by `take`; `check` looks at every path the manifest names,
listed or not. Size and times of `.trash` itself are not compared.
"""
import base64, hashlib, json, os, stat, sys

KINDS = {stat.S_IFREG: 'file', stat.S_IFDIR: 'dir', stat.S_IFLNK: 'symlink', stat.S_IFIFO: 'fifo', stat.S_IFCHR: 'chr',
         stat.S_IFBLK: 'blk', stat.S_IFSOCK: 'sock'}
CONTROL = {b'.accesslog', b'.stats', b'.config', b'.control', b'.trash'}


def text(key, value):
    try:
        return {key: value.decode()}
    except UnicodeDecodeError:
        return {key + '_b64': base64.b64encode(value).decode()}


def pair(ns):
    return [ns // 10**9, ns % 10**9]


def entry(path, rel):
    st = os.lstat(path)
    out = text('path', rel or b'.')
    out.update(ino=st.st_ino, type=KINDS[stat.S_IFMT(st.st_mode)], mode='%04o' % stat.S_IMODE(st.st_mode), uid=st.st_uid,
               gid=st.st_gid, nlink=st.st_nlink, size=st.st_size, blocks=st.st_blocks, mtime=pair(st.st_mtime_ns),
               ctime=pair(st.st_ctime_ns), atime=pair(st.st_atime_ns))
    if out['type'] in ('chr', 'blk'):
        out['rdev'] = [os.major(st.st_rdev), os.minor(st.st_rdev)]
    if out['type'] == 'symlink':
        out.update(text('target', os.readlink(path)))
    names = os.listxattr(path, follow_symlinks=False) if out['type'] != 'symlink' else []
    if names:
        out['xattrs'] = {x: base64.b64encode(os.getxattr(path, x, follow_symlinks=False)).decode() for x in sorted(names)}
    if out['type'] == 'file':
        digest = hashlib.sha256()
        with open(path, 'rb') as f:
            while piece := f.read(1 << 20):
                digest.update(piece)
        out['sha256'] = digest.hexdigest()
    return out


def walk(root, rel=b''):
    path = os.path.join(root, rel) if rel else root
    item = entry(path, rel)
    yield item
    if item['type'] == 'dir':
        for name in sorted(os.listdir(path)):
            if rel or name not in CONTROL:
                yield from walk(root, os.path.join(rel, name) if rel else name)


def raw_path(item):
    return base64.b64decode(item['path_b64']) if 'path_b64' in item else os.fsencode(item['path'])


def check(root, manifest):
    wrong, seen = 0, set()
    children = {}
    for line in open(manifest, encoding='utf8'):
        want = json.loads(line)
        rel = raw_path(want)
        if rel != b'.':
            children.setdefault(os.path.dirname(rel) or b'.', set()).add(os.path.basename(rel))
        seen.add(rel)
        if want['type'] == 'dir':
            children.setdefault(rel, set())
        skip = {'size', 'blocks', 'mtime', 'ctime', 'atime'} if rel == b'.trash' else set()
        try:
            have = entry(os.path.join(root, rel) if rel != b'.' else root, b'' if rel == b'.' else rel)
        except OSError as e:
            have = {'error': e.strerror}
        bad = {k: (want[k], have.get(k)) for k in want if k not in skip and want[k] != have.get(k)}
        if 'xattrs' in have and 'xattrs' not in want:
            bad['xattrs'] = (None, have['xattrs'])
        if bad:
            wrong += 1
            print(f'{rel!r}: ' + '; '.join(f'{k}: wanted {w!r}, is {h!r}' for k, (w, h) in bad.items()))
    for rel, names in children.items():
        listed = set(os.listdir(os.path.join(root, rel) if rel != b'.' else root))
        if rel == b'.':
            listed, names = listed - CONTROL, names - CONTROL
        if listed != names:
            wrong += 1
            print(f'{rel!r} lists {sorted(listed - names)} too many, {sorted(names - listed)} missing')
    print(f'{len(seen)} entries, {wrong} differ')
    return 1 if wrong or not seen else 0


if __name__ == '__main__':
    if sys.argv[1] == 'take':
        for item in walk(os.fsencode(sys.argv[2])):
            print(json.dumps(item))
    else:
        sys.exit(check(os.fsencode(sys.argv[2]), sys.argv[3]))
