/**
 * The inspector of a mount, in a thread: an index of a million chunks must not keep the mount's event loop from answering
 * the kernel. It opens the volume for itself, to read only, and asks the mount only where blocks are.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { Gate, gated, pass } from '#core/base/gate.ts'
import { silentLog } from '#core/base/log.ts'
import type { HeldBlock } from '#core/chunk/api.ts'
import { Follower } from '#core/inspect/follower.ts'
import { decodeError, encodeError } from './control-socket.ts'
import { DEDUP_OPERATIONS } from './dedup-operations.ts'
import { giveWay } from './giving-way.ts'
import type { FromThread, ThreadStart, ToThread } from './inspect-messages.ts'
import { INSPECT_OPERATIONS } from './inspect-operations.ts'
import type { MountCalls } from './mount-calls.ts'
import { openVolume, type Volume } from './open-volume.ts'

const port = parentPort!
const { metaUrl, options, sid, use } = workerData as ThreadStart
const flag = new Int32Array(use)
const LINGER_MS = 100
/** How far a question is is told so often at most. */
const TELL_MS = 100
/** A question that takes no more work is answered at once. */
const AT_ONCE_MS = 100
const OPERATIONS = { ...INSPECT_OPERATIONS, ...DEDUP_OPERATIONS }
const asked = new Map<number, { readonly stop: AbortController; readonly gate: Gate }>()
const calling = new Map<number, PromiseWithResolvers<unknown>>()
const holding = new Map<number, PromiseWithResolvers<readonly HeldBlock[]>>()
let called = 0

const opening = open()
// The next question starts another; those that wait are answered first.
opening.catch(() => setTimeout(() => port.close(), LINGER_MS))
port.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'ask':
      void answer(message)
      return
    case 'cancel':
      asked.get(message.id)?.stop.abort()
      return
    case 'changed':
      void opening.then(({ volume }) => volume.inspector.index.note(message.changes)).catch(() => {})
      return
    case 'pause': {
      const gate = asked.get(message.id)?.gate
      if (message.pause) gate?.close()
      else gate?.open()
      return
    }
    case 'returned': {
      const waiting = calling.get(message.id)
      calling.delete(message.id)
      if (message.error === undefined) waiting?.resolve(message.value)
      else waiting?.reject(decodeError(message.error))
      return
    }
    case 'held':
      holding.get(message.id)?.resolve(message.blocks)
      return
    case 'close':
      void close()
      return
    default:
      message satisfies never
  }
})

async function open(): Promise<{ readonly volume: Volume; readonly follower: Follower }> {
  const volume = await openVolume(metaUrl, options)
  volume.inspector.mount = {
    held,
    locate: (...args) => call('locate', args),
    read: (...args) => call('read', args),
    shareSlice: (...args) => call('shareSlice', args),
  }
  const { engine, clock } = volume
  const follower = new Follower({ index: volume.inspector.index, engine, clock, log: silentLog, sid })
  await follower.start()
  return { volume, follower }
}

function call<K extends keyof MountCalls>(
  name: K,
  args: Parameters<MountCalls[K]>,
): ReturnType<MountCalls[K]> {
  const id = ++called
  const waiting = Promise.withResolvers<unknown>()
  calling.set(id, waiting)
  say({ kind: 'call', id, name, args })
  return waiting.promise as ReturnType<MountCalls[K]>
}

async function* held(): AsyncGenerator<HeldBlock> {
  const id = ++called
  try {
    for (;;) {
      const waiting = Promise.withResolvers<readonly HeldBlock[]>()
      holding.set(id, waiting)
      say({ kind: 'hold', id })
      const blocks = await waiting.promise
      if (blocks.length === 0) return
      yield* blocks
    }
  } finally {
    holding.delete(id)
  }
}

async function answer({ id, op, args }: Extract<ToThread, { kind: 'ask' }>): Promise<void> {
  const [stop, gate] = [new AbortController(), new Gate()]
  const signal = gated(stop.signal, gate)
  asked.set(id, { stop, gate })
  let [toldMs, workedMs] = [0, 0]
  try {
    const { volume } = await opening
    const value = await OPERATIONS[op]!(volume, args, {
      signal,
      onProgress: (progress) => {
        const nowMs = performance.now()
        if (nowMs - toldMs < TELL_MS) return
        toldMs = nowMs
        say({ kind: 'progress', id, progress })
      },
      async pace(busyMs) {
        workedMs += busyMs
        if (workedMs > AT_ONCE_MS) await giveWay(flag, busyMs, signal)
        await pass(signal)
      },
    })
    say({ kind: 'answer', id, value })
  } catch (error) {
    say({ kind: 'answer', id, error: encodeError(error) })
  } finally {
    asked.delete(id)
  }
}

async function close(): Promise<void> {
  for (const { stop } of asked.values()) stop.abort()
  try {
    const { volume, follower } = await opening
    await follower.stop()
    await volume.close()
  } catch {
    // It never opened, or what it only read is of no use any more.
  }
  port.close()
}

function say(message: FromThread): void {
  port.postMessage(message)
}
