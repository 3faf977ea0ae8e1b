import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '#core/base/refusal.ts'
import { DumpEvents } from './json-events.ts'

const DUMP = `{
  "Setting": {"Name": "a{b\\"}", "n": [1, {"x": 2}]},
  "Counters": {"usedSpace": 9007199254740993},
  "DelFiles": [{"inode": 5}, {"inode": 6}],
  "Sustained": [],
  "ChangeLog": null,
  "FSTree": {
    "attr": {"inode": 1},
    "entries": {
      "a%20b": {"attr": {"inode": 2}, "future": {"deep": [1, "}"]}, "symlink": "x\\\\"},
      "dir": {"attr": {"inode": 3}, "entries": {
      }, "xattrs": [{"name": "user.a", "value": ""}]}
    }
  },
  "Trash": {"entries": {}, "attr": {"inode": 9223372032828243968}}
}
`

const EVENTS = [
  { kind: 'member', name: 'Setting', value: { Name: 'a{b"}', n: [1, { x: 2 }] } },
  { kind: 'member', name: 'Counters', value: { usedSpace: 9007199254740993n } },
  { kind: 'item', list: 'DelFiles', value: { inode: 5 } },
  { kind: 'item', list: 'DelFiles', value: { inode: 6 } },
  { kind: 'member', name: 'ChangeLog', value: null },
  { kind: 'enter', tree: 'FSTree', name: undefined, members: { attr: { inode: 1 } } },
  { kind: 'entry', tree: 'FSTree', name: 'a%20b', members: { attr: { inode: 2 }, symlink: 'x\\' } },
  { kind: 'enter', tree: 'FSTree', name: 'dir', members: { attr: { inode: 3 } } },
  { kind: 'leave', members: { attr: { inode: 3 }, xattrs: [{ name: 'user.a', value: '' }] } },
  { kind: 'leave', members: { attr: { inode: 1 } } },
  { kind: 'enter', tree: 'Trash', name: undefined, members: {} },
  { kind: 'leave', members: { attr: { inode: 9223372032828243968n } } },
]

function eventsOf(text: string, piece: number): unknown[] {
  const events = new DumpEvents()
  const all: unknown[] = []
  for (let at = 0; at < text.length; at += piece) all.push(...events.push(text.slice(at, at + piece)))
  events.end()
  return all
}

test('a dump is the same in pieces of any size and any layout', () => {
  for (const text of [DUMP, DUMP.replaceAll(/\n\s*/g, '')])
    for (const piece of [1, 2, 3, 7, 64, text.length]) assert.deepEqual(eventsOf(text, piece), EVENTS)
})

test('what is no dump is refused, wherever it breaks off', () => {
  for (let length = 0; length < DUMP.length - 2; length++)
    assert.throws(() => eventsOf(DUMP.slice(0, length), 50), Refusal, `after ${length} characters`)
  for (const text of [
    '[]',
    '{"a" 1}',
    '{"a":1 "b":2}',
    '{"DelFiles":[1 2]}',
    '{"a":1,,"b":2}',
    '{"a":1,}',
    '{,"a":1}',
    '{"a":1}}',
    '{"FSTree":{"entries":{"x":7}}}',
    '{"FSTree":{"attr":{"inode":}}}',
    '{"FSTree":{"entries":{},"entries":{}}}',
  ])
    assert.throws(() => eventsOf(text, 3), Refusal, text)
})
