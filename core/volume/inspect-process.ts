/**
 * The inspector of a mount, in a process of its own: an index of a million chunks must not keep the mount's event loop
 * from answering the kernel, and none of its threads, those of V8 and of file calls among them, may go before the mount's.
 * It opens the volume for itself, to read only, and asks the mount for the blocks that it holds. It ends with the mount.
 */
import { Gate, gated, pass } from '#core/base/gate.ts'
import { silentLog } from '#core/base/log.ts'
import type { HeldBlock, SliceId } from '#core/chunk/api.ts'
import { Follower } from '#core/inspect/follower.ts'
import { decodeError, encodeError } from './control-socket.ts'
import { DEDUP_OPERATIONS } from './dedup-operations.ts'
import { processorMs, Rests } from './giving-way.ts'
import type { FromInspector, InspectorStart, ToInspector } from './inspect-messages.ts'
import { INSPECT_OPERATIONS } from './inspect-operations.ts'
import type { MountCalls } from './mount-calls.ts'
import { openVolume, type Volume } from './open-volume.ts'

const LINGER_MS = 100
/** How far a question is is told so often at most. */
const TELL_MS = 100
/** A question is answered without rests while no more than that was worked since it was asked. */
const AT_ONCE_MS = 100
/** Bytes of a block that the mount is asked for at a time: it must not be held up by copying them. */
const PIECE = 128 * 1024
const OPERATIONS = { ...INSPECT_OPERATIONS, ...DEDUP_OPERATIONS }
const asked = new Map<number, { readonly stop: AbortController; readonly gate: Gate }>()
const calling = new Map<number, PromiseWithResolvers<unknown>>()
const holding = new Map<number, PromiseWithResolvers<readonly HeldBlock[]>>()
const rests = new Rests()
const started = Promise.withResolvers<InspectorStart>()
let called = 0

const opening = started.promise.then(open)
// The next question starts another; those that wait are answered first.
opening.catch(() => setTimeout(() => process.disconnect(), LINGER_MS))
process.title = 'pomelo inspector'
// A transaction that is cut off has not been.
process.on('disconnect', () => process.exit())
process.on('message', (message: ToInspector) => {
  switch (message.kind) {
    case 'start':
      started.resolve(message)
      return
    case 'ask':
      void answer(message)
      return
    case 'cancel':
      asked.get(message.id)?.stop.abort()
      return
    case 'changed':
      void opening.then(({ volume }) => volume.inspector.index.note(message.changes)).catch(() => {})
      return
    case 'missed':
      void opening.then(({ volume }) => volume.inspector.index.missed()).catch(() => {})
      return
    case 'used':
      rests.isUsed = message.isUsed
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

async function open({
  metaUrl,
  options,
  sid,
}: InspectorStart): Promise<{ readonly volume: Volume; readonly follower: Follower }> {
  const volume = await openVolume(metaUrl, options)
  volume.inspector.mount = {
    held,
    locate: (...args) => call('locate', args),
    read,
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

async function read(
  slice: SliceId,
  offset: number,
  length: number,
  signal?: AbortSignal,
): Promise<readonly Uint8Array[]> {
  const pieces: Uint8Array[] = []
  for (let at = offset; at < offset + length; at += PIECE) {
    pieces.push(...(await call('read', [slice, at, Math.min(PIECE, offset + length - at)])))
    await rests.take(signal)
  }
  return pieces
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
    say({ kind: 'enough', id })
  }
}

async function answer({ id, op, args }: Extract<ToInspector, { kind: 'ask' }>): Promise<void> {
  const [stop, gate] = [new AbortController(), new Gate()]
  const signal = gated(stop.signal, gate)
  asked.set(id, { stop, gate })
  const begunMs = processorMs()
  rests.begin()
  let toldMs = 0
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
      async pace() {
        if (processorMs() - begunMs > AT_ONCE_MS) await rests.take(signal)
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
  process.disconnect()
}

function say(message: FromInspector): void {
  if (process.connected) process.send!(message)
}
