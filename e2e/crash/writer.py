#!/usr/bin/env python3
"""Write to a mount that will be killed, and note every acknowledgement: writer.py DIR JOURNAL SEED WORKER

Each line of the journal is one thing that must be true from then on, written (and flushed) after the call that
acknowledged it returned and before the next call begins:

    appended PATH LENGTH    the first LENGTH bytes are pattern(PATH); from fsync or close
    whole PATH LENGTH       the file is exactly LENGTH bytes of pattern(PATH)
    renamed OLD NEW LENGTH  OLD is gone, NEW is exactly LENGTH bytes of pattern(OLD)
    gone PATH               there is no such name
    dir PATH                there is such a directory

Just before a call that ends the truth of an earlier line `maybe PATH` is written. Ends quietly when the mount dies.
"""
import os, random, sys

folder, journal_path, seed, worker = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
rng = random.Random(f'{seed} {worker}')
journal = open(journal_path, 'a', buffering=1)


def pattern(name, start, length):
    unit = (name.encode() + b'|') * 64
    return (unit * ((start + length) // len(unit) + 2))[start:start + length]


def note(*words):
    journal.write(' '.join(map(str, words)) + '\n')
    journal.flush()


def path(name):
    return os.path.join(folder, name)


def whole(name, length):
    fd = os.open(path(name), os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o644)
    at = 0
    while at < length:
        at += os.write(fd, pattern(name, at, min(length - at, 1 << 17)))
    os.close(fd)
    note('whole', name, length)


def main():
    streams, files, unnamed, n = {}, [], [], 0
    while True:
        n += 1
        name = f'w{worker}-{seed}-{n}'
        what = rng.random()
        if what < 0.35:
            length = rng.choice([0, 10, 4096, 5000, 70_000, 300_000])
            whole(name, length)
            files.append((name, length))
        elif what < 0.6:
            if len(streams) < 3:
                streams[name] = [os.open(path(name), os.O_CREAT | os.O_WRONLY, 0o644), 0]
            name = rng.choice(list(streams))
            fd, at = streams[name]
            for _ in range(rng.randrange(1, 6)):
                at += os.write(fd, pattern(name, at, rng.choice([7, 1000, 50_000, 131_072])))
            streams[name][1] = at
            if rng.random() < 0.7:
                (os.fsync if rng.random() < 0.5 else os.fdatasync)(fd)
                note('appended', name, at)
            elif rng.random() < 0.3:
                os.close(fd)
                note('appended', name, at)
                del streams[name]
            elif rng.random() < 0.2:
                note('maybe', name)
                os.unlink(path(name))
                note('gone', name)
                unnamed.append(fd)  # open until the end: its data go with the session
                del streams[name]
        elif what < 0.75 and files:
            name, length = files.pop(rng.randrange(len(files)))
            new = f'{name}-r'
            note('maybe', name)
            os.rename(path(name), path(new))
            note('renamed', name, new, length)
        elif what < 0.85 and files:
            name, _ = files.pop(rng.randrange(len(files)))
            note('maybe', name)
            os.unlink(path(name))
            note('gone', name)
        elif what < 0.92:
            os.mkdir(path(name))
            note('dir', name)
        else:
            a, b = f'{name}.tmp', name
            whole(a, 20_000)
            if files and rng.random() < 0.5:
                b, _ = files.pop(rng.randrange(len(files)))
                note('maybe', b)
            note('maybe', a)
            os.rename(path(a), path(b))
            note('renamed', a, b, 20_000)


try:
    main()
except OSError as error:
    print(f'ended by {error}', file=sys.stderr)
