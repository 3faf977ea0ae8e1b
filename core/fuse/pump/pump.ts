/** The only place that loads the pump. What each function does is said in pump.c. */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { errnoName } from '#core/base/errno.ts'
import { Refusal } from '#core/base/refusal.ts'

export interface PumpCallbacks {
  /** So many requests lie in the input buffer, each starting at the next multiple of 8. Consume all before returning. */
  onRequests(count: number): void
  /** The device can be read no more: ENODEV unmounted, ECONNABORTED aborted. */
  onEnd(errno: number): void
  /** A thread is done with what was given `slot`; `result` is 0 or a negative errno. */
  onDone(slot: number, result: number): void
}

/** Results are 0 or a negative errno. */
export interface Pump {
  /** Send the first `length` bytes of the output buffer. @hot */
  send(length: number): number
  /** The head of the output buffer, then `parts` (at most 1000), as one message. @hot */
  sendParts(headLength: number, parts: readonly Uint8Array[]): number
  /** Answer a READ from a file. 1: a thread does it, `onDone(slot)` follows. @hot */
  sendFile(
    slot: number,
    uniqueLo: number,
    uniqueHi: number,
    fd: number,
    offset: number,
    length: number,
  ): number
  /**
   * Write a notification on the pump's thread for them, or the one for `urgent` ones, which take no lock in the
   * kernel; each in order. `onDone(slot)` follows a 0.
   */
  notify(slot: number, message: Uint8Array, urgent: boolean): number
  /** umount2(2) on the pump's thread; `onDone(slot)` follows a 0. */
  umount(slot: number, path: Uint8Array, flags: number): number
  /** No more reads, replies or callbacks. The descriptor is closed once no thread uses it. */
  stop(): void
}

/** The most parts `sendParts` takes. */
export const MAX_PARTS = 1000

export const MNT_FORCE = 1
export const MNT_DETACH = 2

interface Native {
  createPump(
    fd: number,
    input: Uint8Array,
    room: number,
    output: Uint8Array,
    onRequests: PumpCallbacks['onRequests'],
    onEnd: PumpCallbacks['onEnd'],
    onDone: PumpCallbacks['onDone'],
  ): Pump
  openDevice(): number
  mount(source: Uint8Array, target: Uint8Array, type: Uint8Array, flags: number, data: Uint8Array): number
  umountNow(path: Uint8Array, flags: number): number
  socketPair(): number[]
  receiveFd(socket: number): number
}

let loaded: Native | undefined

function native(): Native {
  if (loaded === undefined) {
    if (process.platform !== 'linux') throw new Refusal('Mounting is served on Linux only')
    const path = fileURLToPath(new URL('../../../build/pump.node', import.meta.url))
    try {
      loaded = createRequire(import.meta.url)(path) as Native
    } catch (cause) {
      throw new Refusal('The FUSE pump is not built', 'npm run build:native', { cause })
    }
  }
  return loaded
}

/**
 * Start pumping requests of `fd`, which it takes over. `room` bytes are kept free for each read: at least the
 * largest WRITE plus 4096; what `input` has beyond lets one wake-up bring several requests.
 */
export function startPump(
  fd: number,
  input: Uint8Array,
  room: number,
  output: Uint8Array,
  on: PumpCallbacks,
): Pump {
  return native().createPump(
    fd,
    input,
    room,
    output,
    (count) => on.onRequests(count),
    (errno) => on.onEnd(errno),
    (slot, result) => on.onDone(slot, result),
  )
}

/** A descriptor of /dev/fuse, or a negative errno. */
export function openDevice(): number {
  return native().openDevice()
}

const text = (value: string): Buffer => Buffer.from(value, 'utf8')

/** mount(2). 0 or a negative errno. */
export function mountDevice(
  source: string,
  target: string,
  type: string,
  flags: number,
  data: string,
): number {
  return native().mount(text(source), text(target), text(type), flags, text(data))
}

/** umount2(2) on the calling thread: only for a mount that nobody serves. 0 or a negative errno. */
export function umountNow(path: string, flags: number): number {
  return native().umountNow(text(path), flags)
}

/** Two connected sockets, close-on-exec. */
export function socketPair(): [number, number] {
  const [ours, theirs] = native().socketPair()
  if (ours === undefined || theirs === undefined)
    throw new Refusal('No file descriptors left for a socket pair')
  return [ours, theirs]
}

/** The descriptor waiting in a socket. */
export function receiveFd(socket: number): number {
  const fd = native().receiveFd(socket)
  if (fd < 0) throw new Refusal(`fusermount3 passed no descriptor (${errnoName(-fd)})`)
  return fd
}
