import assert from 'node:assert/strict'
import test from 'node:test'
import { ManualClock } from '#core/base/clock.ts'
import { TRASH_INO } from '#core/base/ino.ts'
import { silentLog } from '#core/base/log.ts'
import { NOTIFY_SLOT, Notifier, URGENT_SLOT } from './notify.ts'
import { settled } from './test-wire.ts'

function notifier() {
  const sent: Buffer[] = []
  const reads = new Set<number>()
  const clock = new ManualClock()
  const pump = {
    notify(_slot: number, bytes: Uint8Array): number {
      sent.push(Buffer.from(bytes))
      return 0
    },
  }
  const kernel = new Notifier(
    () => pump,
    (ino) => reads.has(ino),
    clock,
    silentLog,
  )
  return { kernel, sent, reads, clock }
}

test('notifications have the bytes of fuse.h: unique 0, the code as error', async () => {
  const { kernel, sent } = notifier()
  kernel.invalInode(TRASH_INO, -1, 0)
  kernel.invalEntry(1, 'n\xe9')
  await settled()
  assert.deepEqual(
    sent.map((bytes) => bytes.toString('hex')),
    [
      `28000000020000000000000000000000${'00000010ffffff7f'}${'ffffffffffffffff'}${'0000000000000000'}`,
      `23000000030000000000000000000000${'0100000000000000'}${'0200000000000000'}${'6ee900'}`,
    ],
  )
})

test('nothing is sent before the current turn is over, and equal ones are sent once', async () => {
  const { kernel, sent } = notifier()
  for (let i = 0; i < 10; i++) kernel.invalEntry(1, 'name')
  kernel.invalInode(7, -1, 0)
  kernel.invalInode(7, 4096, 4096)
  kernel.invalInode(7, 0, 10)
  assert.equal(sent.length, 0)
  await settled()
  assert.equal(sent.length, 2)
  assert.deepEqual([sent[1]!.readBigInt64LE(24), sent[1]!.readBigInt64LE(32)], [0n, 8192n])
})

test('at most 64 are with the pump at a time; the others follow as it is done', async () => {
  const { kernel, sent } = notifier()
  for (let i = 0; i < 100; i++) kernel.invalEntry(1, `name ${i}`)
  await settled()
  assert.deepEqual([sent.length, kernel.pending], [64, 100])
  for (let i = 0; i < 36; i++) kernel.done(NOTIFY_SLOT)
  assert.equal(sent.length, 100)
})

test('who invalidates an inode is told when the kernel has heard it, merged, sent or given up', async () => {
  const { kernel } = notifier()
  const heard: string[] = []
  kernel.invalInode(7, -1, 0, () => heard.push('first'))
  kernel.invalInode(7, 0, 0, () => heard.push('second'))
  await settled()
  assert.equal(heard.length, 0)
  kernel.invalInode(7, -1, 0, () => heard.push('third'))
  kernel.done(NOTIFY_SLOT)
  assert.deepEqual(heard, ['first', 'second'])
  kernel.end()
  assert.deepEqual(heard, ['first', 'second', 'third'])
})

test('dropping attributes does not wait in line, and those who wait are let go at the end', async () => {
  const { kernel, sent } = notifier()
  for (let i = 0; i < 100; i++) kernel.invalEntry(1, `name ${i}`)
  await settled()
  const first = kernel.dropAttributes(7)
  const second = kernel.dropAttributes(8)
  assert.equal(sent.length, 66)
  kernel.done(URGENT_SLOT)
  await first
  kernel.end()
  await second
})

test('word of an inode waits until it is not read any more, and not for ever', async () => {
  const { kernel, sent, reads, clock } = notifier()
  reads.add(7)
  const dropped = kernel.dropAttributes(7)
  kernel.invalInode(7, 0, 0)
  kernel.invalInode(8, 0, 0)
  await settled()
  const inodes = () => sent.map((bytes) => bytes.readBigUInt64LE(16))
  assert.deepEqual(inodes(), [8n])
  kernel.readEnded()
  await settled()
  assert.deepEqual(inodes(), [8n], 'another READ is under way')
  reads.clear()
  kernel.readEnded()
  await settled()
  assert.deepEqual(inodes(), [8n, 7n, 7n])
  kernel.done(URGENT_SLOT)
  await dropped

  reads.add(7)
  kernel.invalInode(7, 0, 0)
  await settled()
  await clock.advance(500)
  await settled()
  assert.equal(sent.length, 3)
  await clock.advance(600)
  await settled()
  assert.equal(sent.length, 4)
})
