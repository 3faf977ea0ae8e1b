/**
 * The inspector of a mount, in a thread: an index of a million chunks must not keep the mount's event loop from answering
 * the kernel. It opens the volume for itself, to read only, and asks the mount only where blocks are.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '#core/base/clock.ts'
import { silentLog } from '#core/base/log.ts'
import type { BlockPlace, HeldBlock, SliceId } from '#core/chunk/api.ts'
import { Follower } from '#core/inspect/follower.ts'
import { decodeError, encodeError } from './control-socket.ts'
import type { FromThread, ThreadStart, ToThread } from './inspect-messages.ts'
import { INSPECT_OPERATIONS } from './inspect-operations.ts'
import { openVolume, type Volume } from './open-volume.ts'

const port = parentPort!
const { metaUrl, options, sid } = workerData as ThreadStart
const LINGER_MS = 100
const asked = new Map<number, AbortController>()
const locating = new Map<number, PromiseWithResolvers<readonly BlockPlace[]>>()
const holding = new Map<number, PromiseWithResolvers<readonly HeldBlock[]>>()
let located = 0

const opening = open()
// The next question starts another; those that wait are answered first.
opening.catch(() => setTimeout(() => port.close(), LINGER_MS))
port.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'ask':
      void answer(message)
      return
    case 'cancel':
      asked.get(message.id)?.abort()
      return
    case 'changed':
      void opening.then(({ volume }) => volume.inspector.index.note(message.changes)).catch(() => {})
      return
    case 'located': {
      const waiting = locating.get(message.id)
      locating.delete(message.id)
      if (message.error === undefined) waiting?.resolve(message.places ?? [])
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
  volume.inspector.places = { locate, held }
  const { engine, clock } = volume
  const follower = new Follower({ index: volume.inspector.index, engine, clock, log: silentLog, sid })
  await follower.start()
  return { volume, follower }
}

function locate(slice: SliceId, probe: boolean): Promise<readonly BlockPlace[]> {
  const id = ++located
  const waiting = Promise.withResolvers<readonly BlockPlace[]>()
  locating.set(id, waiting)
  say({ kind: 'locate', id, slice, probe })
  return waiting.promise
}

async function* held(): AsyncGenerator<HeldBlock> {
  const id = ++located
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
  const stop = new AbortController()
  asked.set(id, stop)
  try {
    const { volume } = await opening
    const value = await INSPECT_OPERATIONS[op]!(volume, args, {
      signal: stop.signal,
      onProgress: (progress) => say({ kind: 'progress', id, progress }),
      // Half of a core at most: the mount goes first.
      pace: (busyMs) => systemClock.sleep(busyMs),
    })
    say({ kind: 'answer', id, value })
  } catch (error) {
    say({ kind: 'answer', id, error: encodeError(error) })
  } finally {
    asked.delete(id)
  }
}

async function close(): Promise<void> {
  for (const stop of asked.values()) stop.abort()
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
