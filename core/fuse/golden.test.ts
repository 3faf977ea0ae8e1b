/** What a real kernel sent becomes the recorded call, and its result the very bytes that kernel took. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { FsError } from '#core/base/errno.ts'
import type { DirSink, FileSystem } from './filesystem.ts'
import { type Golden, type GoldenCall, pack, replayEntries, unpack } from './fixtures/golden.ts'
import { settled, TestWire } from './test-wire.ts'

const recorded = JSON.parse(readFileSync(new URL('./fixtures/kernel.json', import.meta.url), 'utf8')) as {
  readonly maxWrite: number
  readonly requests: readonly Golden[]
}

/** A file system that expects exactly `call`, and says what was said then. */
function scripted(call: GoldenCall | undefined, made: GoldenCall[]): FileSystem {
  return new Proxy({} as FileSystem, {
    get(_, method) {
      if (method === 'forget' || method === 'handlesKillpriv' || method === 'access') return undefined
      return async (ctx: { uid: number; gid: number; umask: number }, ...args: unknown[]) => {
        const sink = args.find(
          (arg): arg is DirSink => typeof arg === 'object' && arg !== null && 'addPlus' in arg,
        )
        const { uid, gid, umask } = ctx
        made.push({
          method: String(method),
          uid,
          gid,
          umask,
          args: args.map((arg) => (sink !== undefined && arg === sink ? 'sink' : pack(arg))),
        })
        if (sink !== undefined) replayEntries(sink, call?.entries ?? [])
        if (call?.errno !== undefined) throw new FsError(call.errno, call.method)
        return unpack(call?.result)
      }
    },
  })
}

const init = recorded.requests.find((golden) => golden.op === 'init')
const seen = new Map<string, number>()
for (const golden of recorded.requests) {
  const n = (seen.get(golden.op) ?? 0) + 1
  seen.set(golden.op, n)
  test(`${golden.op} ${n} of a real kernel is read and answered as recorded`, async () => {
    const made: GoldenCall[] = []
    const wire = new TestWire(scripted(golden.call, made))
    wire.feed(Buffer.from(init!.request, 'hex'))
    if (golden !== init) wire.answers.length = 0
    if (['forget', 'interrupt'].includes(golden.op)) return
    if (golden.call?.errno === 4) return // EINTR needs its INTERRUPT: dispatch.test.ts
    if (golden !== init) wire.feed(Buffer.from(golden.request, 'hex'))
    await settled()
    const { result: _, errno: __, entries: ___, ...expected } = golden.call ?? ({} as GoldenCall)
    assert.deepEqual(
      JSON.parse(JSON.stringify(made)),
      golden.call === undefined ? [] : [JSON.parse(JSON.stringify(expected))],
    )
    assert.deepEqual(
      wire.answers.map((answer) => answer.toString('hex')),
      golden.reply === undefined ? [] : [golden.reply],
    )
  })
}

test('the recording holds every request that a kernel of this kind sends to ordinary programs', () => {
  const missing = [
    'lookup',
    'setattr',
    'rename',
    'tmpfile',
    'copy_file_range',
    'ioctl',
    'getlk',
    'readdir',
    'fallocate',
  ]
    .concat(['lseek', 'statfs', 'link', 'symlink', 'mknod', 'interrupt', 'setxattr', 'fsyncdir'])
    .filter((op) => !seen.has(op))
  assert.deepEqual(missing, [])
})
