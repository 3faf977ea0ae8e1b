#!/usr/bin/env python3
"""Check what writer.py was promised: verify.py DIR JOURNAL...; prints each broken promise, exit 1 if any."""
import os, sys

folder, wrong, count = sys.argv[1], 0, 0


def pattern(name, length):
    unit = (name.encode() + b'|') * 64
    return (unit * (length // len(unit) + 1))[:length]


def complain(text):
    global wrong
    wrong += 1
    print(text)


def read(name):
    with open(os.path.join(folder, name), 'rb') as f:
        return f.read()


def check(name, source, length, exact):
    try:
        have = read(name)
    except OSError as e:
        return complain(f'{name}: {e.strerror}, {length} bytes were acknowledged')
    if exact and len(have) != length:
        return complain(f'{name}: {len(have)} bytes, {length} were acknowledged')
    if have[:length] != pattern(source, length):
        at = next((k for k, (x, y) in enumerate(zip(have, pattern(source, length))) if x != y), min(len(have), length))
        complain(f'{name}: differs from what was acknowledged at byte {at} of {length} (is {len(have)} long)')


for journal in sys.argv[2:]:
    truth = {}
    for line in open(journal):
        if not line.endswith('\n'):
            break
        words = line.split()
        if words[0] == 'maybe':
            truth.pop(words[1], None)
        elif words[0] == 'renamed':
            truth[words[1]] = ('gone',)
            truth[words[2]] = ('content', words[1], int(words[3]), True)
        elif words[0] in ('appended', 'whole'):
            truth[words[1]] = ('content', words[1], int(words[2]), words[0] == 'whole')
        else:
            truth[words[1]] = (words[0],)
    for name, (kind, *rest) in truth.items():
        count += 1
        if kind == 'content':
            check(name, *rest)
        elif kind == 'gone' and os.path.lexists(os.path.join(folder, name)):
            complain(f'{name}: is still there')
        elif kind == 'dir' and not os.path.isdir(os.path.join(folder, name)):
            complain(f'{name}: no such directory')

print(f'{count} promises, {wrong} broken')
sys.exit(1 if wrong or not count else 0)
