import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EINVAL, EIO, ENOENT, fail } from '#core/base/errno.ts'
import { ROOT_INO } from '#core/base/ino.ts'
import { O_RDWR } from '#core/base/open-flags.ts'
import type { ControlCommand } from './control.ts'
import { ManualClock, openTestVfs, ROOT, readBytes, type TestVfs, turn } from './test-vfs.ts'

function request(command: number, body: Buffer): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt32BE(command, 0)
  header.writeUInt32BE(body.length, 4)
  return Buffer.concat([header, body])
}

async function opened({ vfs }: TestVfs): Promise<number> {
  const found = await vfs.lookup(ROOT, ROOT_INO, '.control')
  return (await vfs.open(ROOT, found!.ino, O_RDWR)).fh
}

const ECHO: ControlCommand = async (body) => ({
  kind: 'json',
  text: JSON.stringify([body.u8(), body.u16(7)]),
})

test('a request may come in pieces; its answer follows it in the stream', async (t) => {
  const test = await openTestVfs(t, { commands: new Map([[5, ECHO]]) })
  const fh = await opened(test)
  const bytes = request(5, Buffer.from([42]))
  for (const byte of bytes) await test.vfs.write(ROOT, fh, 0, Buffer.from([byte]))
  await turn()
  const answer = await readBytes(test.vfs, fh, bytes.length, 1000)
  assert.deepEqual(answer, Buffer.from([0xff, 0, 0, 0, 6, ...Buffer.from('[42,7]')]))
  assert.deepEqual(await readBytes(test.vfs, fh, 0, bytes.length), bytes)
  assert.equal((await readBytes(test.vfs, fh, bytes.length + answer.length, 10)).length, 0)
  await test.vfs.write(ROOT, fh, 0, bytes)
  await turn()
  const second = await readBytes(test.vfs, fh, 2 * bytes.length + answer.length, 1000)
  assert.deepEqual(second, answer)
  await test.vfs.release(fh)
})

test('unknown commands, too many bytes and failures are one status byte', async (t) => {
  const refuse: ControlCommand = async () => Promise.reject(fail(ENOENT, 'x'))
  const test = await openTestVfs(t, {
    commands: new Map([
      [5, ECHO],
      [6, refuse],
    ]),
  })
  const fh = await opened(test)
  let at = 0
  for (const [bytes, status] of [
    [request(999, Buffer.alloc(0)), EINVAL],
    [request(6, Buffer.alloc(0)), ENOENT],
    [request(5, Buffer.alloc(0)), EINVAL],
    [Buffer.concat([request(5, Buffer.from([1])), Buffer.from([0])]), EIO],
  ] as const) {
    await test.vfs.write(ROOT, fh, at, bytes)
    await turn()
    assert.deepEqual(await readBytes(test.vfs, fh, at + bytes.length, 10), Buffer.from([status]))
    at += bytes.length + 1
  }
  await test.vfs.release(fh)
})

test('progress is shown while a command runs, and closing the file ends it', async (t) => {
  const clock = new ManualClock()
  let ended: unknown
  const slow: ControlCommand = (_body, { ctx, progress }) => {
    progress(3, 2 ** 40)
    return new Promise((_, reject) => {
      ctx.signal.addEventListener('abort', () => {
        ended = ctx.signal.reason
        reject(ended)
      })
    })
  }
  const test = await openTestVfs(t, { clock, commands: new Map([[5, slow]]) })
  const fh = await opened(test)
  const bytes = request(5, Buffer.alloc(0))
  await test.vfs.write(ROOT, fh, 0, bytes)
  await clock.advance(650)
  const frame = Buffer.alloc(17, 0)
  frame[0] = 0xfe
  frame.writeBigUInt64BE(3n, 1)
  frame.writeBigUInt64BE(2n ** 40n, 9)
  assert.deepEqual(await readBytes(test.vfs, fh, bytes.length, 1000), Buffer.concat([frame, frame]))
  await assert.rejects(test.vfs.write(ROOT, fh, 0, bytes))
  assert.equal(ended, undefined)
  await test.vfs.release(fh)
  await turn()
  assert.equal((ended as Error | undefined)?.name, 'FsError')
})
