#!/usr/bin/env python3
"""Write and read registers in a folder that several mounts share: registers.py DIR WHO SEED SECONDS KINDS WRITTEN

KINDS are read, of those WRITTEN are written, too (words with commas between).
A register is read by open, read, close and written by open, write, close. Kinds:

    replaced  a small file, written beside and renamed to its place
    slot      4 KiB at a fixed place of a file with several
    cut       a small file, opened with O_TRUNC and written; K is written by the K-th process alone

Prints `KIND/K read|write VALUE FROM TO` a line, times in ns of CLOCK_MONOTONIC; TO is `inf` for a write that failed. A
value is `empty` when there are no bytes, `mixed-…` of two, `zeros-…` when there are bytes that nobody wrote.
"""
import os, random, sys, time

folder, who, seed, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
kinds, written = sys.argv[5].split(','), sys.argv[6].split(',')
rng = random.Random(f'{seed} {who}')
REGISTERS, SLOT = 4, 4096
# Lengths that end within a block, at its end (64 KiB), and in the one after it.
LENGTHS = (10, 1000, 4096, 65_536, 70_000)


def content(value, length):
    unit = f'{value}|'.encode()
    return (unit * (length // len(unit) + 1))[:length]


def value_of(data):
    if not data:
        return 'empty'
    value = data.split(b'|', 1)[0].decode(errors='replace')
    if b'\0' in data:
        return f'zeros-{data.find(0)}-of-{len(data)}-{value[:20]!r}'.replace(' ', '_')
    if data == content(value, len(data)):
        return value
    at = next((k for k, (x, y) in enumerate(zip(data, content(value, len(data)))) if x != y), len(data))
    return f'mixed-{at}-of-{len(data)}-{value[:20]}'.replace(' ', '_')


def read(kind, k):
    slot = kind == 'slot'
    fd = os.open(f'{folder}/slots' if slot else f'{folder}/{kind}-{k}', os.O_RDONLY)
    try:
        return value_of(os.pread(fd, SLOT, k * SLOT) if slot else os.pread(fd, 1 << 20, 0))
    finally:
        os.close(fd)


def write(kind, k, value):
    if kind == 'slot':
        fd = os.open(f'{folder}/slots', os.O_WRONLY)
        os.pwrite(fd, content(value, SLOT), k * SLOT)
    elif kind == 'cut':
        fd = os.open(f'{folder}/cut-{k}', os.O_WRONLY | os.O_TRUNC)
        os.write(fd, content(value, rng.choice(LENGTHS)))
    else:
        fd = os.open(f'{folder}/new-{who}', os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
        os.write(fd, content(value, rng.choice(LENGTHS)))
    os.close(fd)
    if kind == 'replaced':
        os.rename(f'{folder}/new-{who}', f'{folder}/replaced-{k}')


if who < 0:  # make them
    with open(f'{folder}/slots', 'wb') as file:
        file.write(content('0', SLOT) * REGISTERS)
    for k in range(REGISTERS):
        for kind in ('cut', 'replaced'):
            with open(f'{folder}/{kind}-{k}', 'wb') as file:
                file.write(content('0', 100))
    sys.exit()

end = time.monotonic() + seconds
n = 0
while time.monotonic() < end:
    n += 1
    kind, k = rng.choice(kinds), rng.randrange(REGISTERS)
    writes = kind in written and rng.random() < 0.4
    if writes and kind == 'cut':
        k = who
    value, failed = f'{who}.{n}', None
    began = time.monotonic_ns()
    try:
        if writes:
            write(kind, k, value)
        else:
            value = read(kind, k)
    except OSError as error:
        failed = error
    ended = time.monotonic_ns()
    what = 'write' if writes else 'read'
    if failed is None:
        print(f'{kind}/{k}', what, value, began, ended)
    else:
        print(f'{kind}/{k}', what, value if writes else f'errno-{failed.errno}', began, 'inf' if writes else ended)
    if rng.random() < 0.3:
        time.sleep(rng.random() * 0.01)
