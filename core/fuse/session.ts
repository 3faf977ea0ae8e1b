/**
 * One FUSE connection, from INIT to the end of the last request. Owns the pump, its buffers, the dispatcher and the
 * notifier; knows nothing of mount points.
 */
import { type Clock, systemClock } from '#core/base/clock.ts'
import { ECONNABORTED, EIO, ENODEV, ENOTCONN, EPROTO, errnoName } from '#core/base/errno.ts'
import type { Log } from '#core/base/log.ts'
import type { Metrics } from '#core/base/metrics.ts'
import * as abi from './abi.ts'
import type { Transport } from './answer.ts'
import { Input } from './decode.ts'
import { Dispatcher } from './dispatch.ts'
import { Output } from './encode.ts'
import type { FileSystem } from './filesystem.ts'
import { encodeInit, type Negotiated, negotiate } from './init.ts'
import { MountError } from './mount-error.ts'
import { Notifier, URGENT_SLOT } from './notify.ts'
import { OpMetrics } from './op-metrics.ts'
import { type Pump, startPump } from './pump/pump.ts'

/** unmounted: the normal end; aborted: cut; failed: the device broke, see `error`. */
export interface SessionEnd {
  readonly reason: 'unmounted' | 'aborted' | 'failed'
  readonly error?: Error
}

export interface SessionStats {
  /** Operations that have not ended. */
  readonly inFlight: number
  /** Requests served since the mount. */
  readonly served: number
  /** Kernel notifications not yet written. */
  readonly notifications: number
}

export interface SessionOptions {
  /** A descriptor of /dev/fuse that is mounted; the session takes it over. */
  readonly fd: number
  readonly fs: FileSystem
  /** Multiple of 4096, at most 1 MiB. */
  readonly maxWrite: number
  readonly posixAcl: boolean
  readonly checkPermission: boolean
  readonly writebackCache: boolean
  readonly asyncDio: boolean
  readonly log: Log
  readonly metrics: Metrics
  readonly clock?: Clock
  readonly tap?: Tap
}

/** Sees every message as it passes: for recording and for protocol logs. Bytes are only good during the call. */
export interface Tap {
  request(bytes: Uint8Array): void
  reply(parts: readonly Uint8Array[]): void
}

/** Beside the data: header and the largest structure and names. The kernel asks for at least 80. */
const HEADER_ROOM = 8192
/** How far into the input buffer a further request may still start: small requests come several per wake-up. */
const BATCH_ROOM = 128 * 1024
/** No answer is encoded longer than this; data is sent from where it is. */
const OUTPUT_BYTES = 4096
/** After the end, operations still running get this long before the session ends without them. */
const SETTLE_MS = 30_000
const SETTLE_ABORTED_MS = 5_000

export class FuseSession {
  /** Resolves when INIT was answered; rejects with MountError when it cannot be, or the connection ended before. */
  readonly ready: Promise<Negotiated>
  /** Resolves when the connection is gone and no operation runs. */
  readonly ended: Promise<SessionEnd>

  readonly #options: SessionOptions
  readonly #clock: Clock
  readonly #input: Input
  readonly #output: Output
  readonly #metrics: OpMetrics
  readonly #dispatcher: Dispatcher
  readonly #notifier: Notifier
  readonly #waiting = new Map<number, (result: number) => void>()
  #nextSlot = URGENT_SLOT - 1
  #pump: Pump | undefined
  #end: SessionEnd | undefined
  #settleReady!: { resolve: (agreed: Negotiated) => void; reject: (error: Error) => void }
  #resolveEnded!: (end: SessionEnd) => void

  constructor(options: SessionOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.ready = new Promise((resolve, reject) => (this.#settleReady = { resolve, reject }))
    this.ready.catch(() => undefined) // who does not wait for it learns from `ended`
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve))
    const room = options.maxWrite + HEADER_ROOM
    this.#input = new Input(Buffer.allocUnsafeSlow(room + BATCH_ROOM))
    this.#output = new Output(Buffer.allocUnsafeSlow(OUTPUT_BYTES))
    this.#metrics = new OpMetrics(options.metrics)
    this.#notifier = new Notifier(
      () => (this.#end === undefined ? this.#pump : undefined),
      (ino) => this.#dispatcher.isBeingRead(ino),
      this.#clock,
      options.log,
    )
    this.#pump = startPump(options.fd, this.#input.bytes, room, this.#output.bytes, {
      onRequests: (count) => this.#handle(count),
      onEnd: (errno) => this.#finish(endOf(errno)),
      onDone: (slot, result) => this.#done(slot, result),
    })
    this.#dispatcher = new Dispatcher({
      input: this.#input,
      output: this.#output,
      transport: options.tap === undefined ? this.#pump : tapped(this.#pump, this.#output, options.tap),
      fs: options.fs,
      metrics: this.#metrics,
      log: options.log,
      clock: this.#clock,
      checkPermission: options.checkPermission,
      onInit: (at) => this.#init(at),
      onDestroy: () => this.#finish({ reason: 'unmounted' }),
      onReadEnded: () => this.#notifier.readEnded(),
    })
  }

  stats(): SessionStats {
    return {
      inFlight: this.#dispatcher.inFlight,
      served: this.#metrics.served,
      notifications: this.#notifier.pending,
    }
  }

  /** umount2(2) of our own mount, on the pump's thread. Resolves with 0 or an errno. */
  umount(path: string, flags: number): Promise<number> {
    const pump = this.#pump
    if (pump === undefined) return Promise.resolve(ENODEV)
    const slot = this.#nextSlot--
    return new Promise((resolve) => {
      this.#waiting.set(slot, (result) => resolve(-result))
      const error = pump.umount(slot, Buffer.from(path), flags)
      if (error !== 0) this.#done(slot, error)
    })
  }

  /** Give up: every waiting system call fails, nothing more is read. The mount point stays, dead. */
  abort(): void {
    this.#finish({ reason: 'aborted' })
  }

  /** @hot */
  #handle(count: number): void {
    let at = 0
    for (let i = 0; i < count; i++) {
      const length = this.#input.u32(at)
      this.#options.tap?.request(this.#input.bytes.subarray(at, at + length))
      this.#dispatcher.handle(at, length)
      at = (at + length + 7) & ~7
    }
  }

  #done(slot: number, result: number): void {
    if (slot >= 0) {
      this.#dispatcher.fileSent(slot, result)
      return
    }
    if (slot >= URGENT_SLOT) {
      this.#notifier.done(slot)
      return
    }
    const resolve = this.#waiting.get(slot)
    this.#waiting.delete(slot)
    resolve?.(result)
  }

  #init(at: number): { readonly bytes: number; readonly sent: () => void } | { readonly errno: number } {
    const { fs, maxWrite, posixAcl, writebackCache, asyncDio, log } = this.#options
    const major = this.#input.u32(at + abi.INIT_IN.major)
    if (major > abi.FUSE_KERNEL_VERSION) {
      // Name our version; the kernel then asks again in it.
      this.#output.bytes.fill(0, abi.OUT_HEADER.bytes, abi.OUT_HEADER.bytes + abi.INIT_OUT.bytes)
      this.#output.u32(abi.OUT_HEADER.bytes + abi.INIT_OUT.major, abi.FUSE_KERNEL_VERSION)
      this.#output.u32(abi.OUT_HEADER.bytes + abi.INIT_OUT.minor, abi.FUSE_MINOR)
      return { bytes: abi.INIT_OUT.bytes, sent: () => undefined }
    }
    const handlesKillpriv = fs.handlesKillpriv === true
    const wishes = { maxWrite, posixAcl, handlesKillpriv, writebackCache, asyncDio }
    const agreed = major === abi.FUSE_KERNEL_VERSION ? negotiate(this.#input, at, wishes) : undefined
    if (agreed === undefined) {
      const spoken = `${major}.${this.#input.u32(at + abi.INIT_IN.minor)}`
      const error = new MountError(
        'kernel-too-old',
        `The kernel speaks FUSE ${spoken}; ${abi.FUSE_KERNEL_VERSION}.${abi.FUSE_MINOR_LEAST} is needed`,
        'Use Linux 5.4 or later.',
      )
      setImmediate(() => this.#finish({ reason: 'failed', error }))
      return { errno: EPROTO }
    }
    this.#dispatcher.dontMask = (agreed.flags & abi.FUSE_DONT_MASK) !== 0
    this.#dispatcher.setxattrExt = (agreed.flags & abi.FUSE_SETXATTR_EXT) !== 0
    return {
      bytes: encodeInit(this.#output, abi.OUT_HEADER.bytes, agreed),
      sent: () => {
        log.debug('fuse: connected', { kernel: `7.${agreed.kernelMinor}`, flags: agreed.flags.toString(16) })
        fs.started(this.#notifier)
        this.#settleReady.resolve(agreed)
      },
    }
  }

  #finish(end: SessionEnd): void {
    if (this.#end !== undefined) return
    this.#end = end
    const early = new MountError('not-ready', 'The mount ended before it was ready', undefined, {
      cause: end.error,
    })
    this.#settleReady.reject(end.error instanceof MountError ? end.error : early)
    // After an unmount files may still be being released: that is let finish. For the rest nobody waits, and
    // closing the device has the kernel fail whatever comes.
    if (end.reason !== 'unmounted') {
      this.#dispatcher.interruptAll(ENOTCONN)
      this.#stopPump()
    }
    this.#settle(end) // never rejects; `ended` tells its end
  }

  #stopPump(): void {
    this.#pump?.stop()
    this.#pump = undefined
    for (const [slot] of this.#waiting) this.#done(slot, -ENODEV)
  }

  async #settle(end: SessionEnd): Promise<void> {
    const { fs, log } = this.#options
    try {
      fs.destroyed()
    } catch (error) {
      log.error('fuse: destroyed failed', { error })
    }
    this.#notifier.end()
    const timeout = new AbortController()
    const settleMs = end.reason === 'unmounted' ? SETTLE_MS : SETTLE_ABORTED_MS
    const late = this.#clock.sleep(settleMs, timeout.signal).then(
      () => log.warn('fuse: operations still run after the end', { inFlight: this.#dispatcher.inFlight }),
      () => undefined,
    )
    await Promise.race([this.#dispatcher.drained(), late])
    timeout.abort()
    this.#stopPump()
    this.#resolveEnded(end)
  }
}

function tapped(pump: Pump, output: Output, tap: Tap): Transport {
  return {
    send(length) {
      tap.reply([output.bytes.subarray(0, length)])
      return pump.send(length)
    },
    sendParts(headLength, parts) {
      tap.reply([output.bytes.subarray(0, headLength), ...parts])
      return pump.sendParts(headLength, parts)
    },
    sendFile: (...args) => pump.sendFile(...args),
  }
}

function endOf(errno: number): SessionEnd {
  if (errno === ENODEV) return { reason: 'unmounted' }
  if (errno === ECONNABORTED) return { reason: 'aborted' }
  return { reason: 'failed', error: new Error(`reading /dev/fuse: ${errnoName(errno === 0 ? EIO : errno)}`) }
}
