/**
 * A table of delegation: decode a request, call the file system, hand the answer to `answer.ts`. Nothing here
 * waits, nothing throws out. The request buffer is only looked at before `handle` returns; what an operation needs
 * later is copied out, except WRITE's data, which the file system copies before its first await.
 */

import type { Clock } from '#core/base/clock.ts'
import { EAGAIN, EINTR, ENODEV, ENOSYS } from '#core/base/errno.ts'
import type { Ino } from '#core/base/ino.ts'
import type { Log } from '#core/base/log.ts'
import * as abi from './abi.ts'
import { Answers, type Transport } from './answer.ts'
import { decodeLock, decodeSetattr, type Input, MalformedRequest } from './decode.ts'
import { DirBuffer, encodeHeader, type Output } from './encode.ts'
import type { FileSystem } from './filesystem.ts'
import type { OpMetrics } from './op-metrics.ts'
import { isBeingKilled, Request } from './request.ts'

const HEADER = abi.IN_HEADER.bytes
/** An interrupted request is given this long before it ends with EINTR, unless its task is dying. */
const INTERRUPT_GRACE_MS = 1000
const MAX_FREE_SINKS = 32
const SINK_BYTES = 64 * 1024
/** The largest READDIR answer, and the most one COPY_FILE_RANGE can report in 32 bits. */
const MAX_DIR_BYTES = 1024 * 1024
const MAX_COPY = 2 ** 32 - 64 * 1024 * 1024

/** Operations without effect: the kernel can have its EINTR while the file system still looks. */
const ANSWER_EARLY = new Set([
  ...[abi.FUSE_LOOKUP, abi.FUSE_GETATTR, abi.FUSE_READLINK, abi.FUSE_READ, abi.FUSE_STATFS, abi.FUSE_ACCESS],
  ...[abi.FUSE_GETXATTR, abi.FUSE_LISTXATTR, abi.FUSE_LSEEK, abi.FUSE_GETLK],
])

export interface DispatcherOptions {
  readonly input: Input
  readonly output: Output
  readonly transport: Transport
  readonly fs: FileSystem
  readonly metrics: OpMetrics
  readonly log: Log
  readonly clock: Clock
  readonly checkPermission: boolean
  /** Serve INIT, whose body starts at `at`: returns the answer's length in the output buffer, or an errno. */
  readonly onInit: (
    at: number,
  ) => { readonly bytes: number; readonly sent: () => void } | { readonly errno: number }
  readonly onDestroy: () => void
  readonly onReadEnded: () => void
}

export class Dispatcher {
  /** Set by INIT. */
  dontMask = false
  setxattrExt = false

  readonly #options: DispatcherOptions
  readonly #input: Input
  readonly #fs: FileSystem
  readonly #answers: Answers
  readonly #requests: Request[] = []
  readonly #free: Request[] = []
  readonly #inFlight = new Map<number, Request>()
  readonly #sinks: DirBuffer[] = []
  #idle: (() => void) | undefined

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#input = options.input
    this.#fs = options.fs
    this.#answers = new Answers({
      out: options.output,
      transport: options.transport,
      fs: options.fs,
      metrics: options.metrics,
      log: options.log,
      nowMs: () => options.clock.monotonicMs(),
      finished: (request) => this.#finished(request),
    })
  }

  /** READs of the inode have not ended yet. */
  isBeingRead(ino: Ino): boolean {
    for (const r of this.#inFlight.values()) if (r.opcode === abi.FUSE_READ && r.ino === ino) return true
    return false
  }

  /** Operations that have not ended yet. */
  get inFlight(): number {
    return this.#inFlight.size
  }

  /** Resolves when no operation runs. */
  async drained(): Promise<void> {
    while (this.#inFlight.size > 0)
      await new Promise<void>((resolve) => {
        const before = this.#idle
        this.#idle = () => {
          before?.()
          resolve()
        }
      })
  }

  /** The connection is lost: tell every operation to give up, and the kernel, where it still listens. */
  interruptAll(errno: number): void {
    for (const request of [...this.#inFlight.values()]) {
      request.interrupt()
      this.#answers.answerErrno(request, errno)
      if (request.file !== undefined) this.#answers.fileSent(request, -ENODEV)
    }
  }

  /** The pump's threads are done with the file range that answers request `slot`. */
  fileSent(slot: number, result: number): void {
    const request = this.#requests[slot]
    if (request?.file !== undefined) this.#answers.fileSent(request, result)
  }

  /** Serve the request at `at` of the input buffer. Never throws. @hot */
  handle(at: number, length: number): void {
    const input = this.#input
    if (length < HEADER) {
      this.#options.log.warn(`fuse: a request of ${length} bytes`)
      return
    }
    const opcode = input.u32(at + abi.IN_HEADER.opcode)
    const body = at + HEADER
    const end = at + length
    const least = abi.BODY_BYTES[opcode]
    const whole =
      input.u32(at + abi.IN_HEADER.len) === length && (least === undefined || length - HEADER >= least)
    if (whole && opcode === abi.FUSE_FORGET) {
      this.#forget(at + abi.IN_HEADER.nodeid, body)
      return
    }
    if (whole && opcode === abi.FUSE_BATCH_FORGET) {
      this.#batchForget(body, end)
      return
    }
    if (whole && opcode === abi.FUSE_INTERRUPT) {
      this.#interrupt(at, body)
      return
    }
    if (opcode === abi.FUSE_NOTIFY_REPLY || opcode === abi.FUSE_FORGET || opcode === abi.FUSE_BATCH_FORGET)
      return
    const request = this.#take(at, opcode)
    try {
      if (!whole) throw new MalformedRequest(`${length} bytes, ${input.u32(at)} announced`)
      request.ino = opcode === abi.FUSE_INIT ? 0 : input.ino(at + abi.IN_HEADER.nodeid)
      this.#delegate(request, opcode, body, end)
    } catch (error) {
      request.onError(error)
    }
  }

  /** One case per opcode and nothing else. @hot */
  #delegate(r: Request, opcode: number, body: number, end: number): unknown {
    const fs = this.#fs
    const input = this.#input
    switch (opcode) {
      case abi.FUSE_LOOKUP:
        return fs.lookup(r, r.ino, input.name(body, end)).then(r.onEntry, r.onError)
      case abi.FUSE_GETATTR: {
        const withFh = (input.u32(body) & abi.FUSE_GETATTR_FH) !== 0
        return fs
          .getattr(r, r.ino, withFh ? input.u64(body + abi.GETATTR_IN.fh) : undefined)
          .then(r.onAttr, r.onError)
      }
      case abi.FUSE_READ:
        this.#readIn(r, body)
        return fs.read(r, r.ino, r.fh, r.offset, r.size).then(r.onRead, r.onError)
      case abi.FUSE_WRITE: {
        const W = abi.WRITE_IN
        const data = input.data(body + W.bytes, input.u32(body + W.size), end)
        const killSuidgid = (input.u32(body + W.writeFlags) & abi.FUSE_WRITE_KILL_SUIDGID) !== 0
        return fs
          .write(r, r.ino, input.u64(body + W.fh), input.u64(body + W.offset), data, killSuidgid)
          .then(r.onCount, r.onError)
      }
      case abi.FUSE_OPEN:
        return fs.open(r, r.ino, input.u32(body + abi.OPEN_IN.flags)).then(r.onOpen, r.onError)
      case abi.FUSE_FLUSH: {
        const owner = input.big(body + abi.FLUSH_IN.lockOwner)
        return fs.flush(r, r.ino, input.u64(body + abi.FLUSH_IN.fh), owner).then(r.onEmpty, r.onError)
      }
      case abi.FUSE_RELEASE: {
        const R = abi.RELEASE_IN
        const unlock = (input.u32(body + R.releaseFlags) & abi.FUSE_RELEASE_FLOCK_UNLOCK) !== 0
        const owner = unlock ? input.big(body + R.lockOwner) : undefined
        return fs.release(r, r.ino, input.u64(body + R.fh), owner).then(r.onEmpty, r.onError)
      }
      case abi.FUSE_READDIR:
      case abi.FUSE_READDIRPLUS: {
        this.#readIn(r, body)
        const sink = (r.sink = this.#sink(r.size))
        const plus = opcode === abi.FUSE_READDIRPLUS
        return fs.readdir(r, r.ino, r.fh, r.offset, r.size, sink, plus).then(r.onDir, r.onError)
      }
      case abi.FUSE_OPENDIR:
        return fs.opendir(r, r.ino, input.u32(body + abi.OPEN_IN.flags)).then(r.onOpen, r.onError)
      case abi.FUSE_RELEASEDIR:
        return fs.releasedir(r, r.ino, input.u64(body + abi.RELEASE_IN.fh)).then(r.onEmpty, r.onError)
      case abi.FUSE_SETATTR:
        return fs.setattr(r, r.ino, decodeSetattr(input, body)).then(r.onAttr, r.onError)
      case abi.FUSE_CREATE: {
        const C = abi.CREATE_IN
        this.#umask(r, body + C.umask)
        return fs
          .create(
            r,
            r.ino,
            input.name(body + C.bytes, end),
            input.u32(body + C.mode),
            input.u32(body + C.flags),
          )
          .then(r.onCreate, r.onError)
      }
      case abi.FUSE_TMPFILE: {
        const C = abi.CREATE_IN // its name is "/" and says nothing
        this.#umask(r, body + C.umask)
        return fs
          .tmpfile(r, r.ino, input.u32(body + C.mode), input.u32(body + C.flags))
          .then(r.onCreate, r.onError)
      }
      case abi.FUSE_MKNOD: {
        const M = abi.MKNOD_IN
        this.#umask(r, body + M.umask)
        return fs
          .mknod(
            r,
            r.ino,
            input.name(body + M.bytes, end),
            input.u32(body + M.mode),
            input.u32(body + M.rdev),
          )
          .then(r.onEntry, r.onError)
      }
      case abi.FUSE_MKDIR: {
        const M = abi.MKDIR_IN
        this.#umask(r, body + M.umask)
        return fs
          .mkdir(r, r.ino, input.name(body + M.bytes, end), input.u32(body + M.mode))
          .then(r.onEntry, r.onError)
      }
      case abi.FUSE_SYMLINK: {
        const [name, target] = input.twoNames(body, end, true)
        return fs.symlink(r, r.ino, name, target).then(r.onEntry, r.onError)
      }
      case abi.FUSE_LINK: {
        const name = input.name(body + abi.LINK_IN.bytes, end)
        return fs.link(r, input.ino(body + abi.LINK_IN.oldnodeid), r.ino, name).then(r.onEntry, r.onError)
      }
      case abi.FUSE_UNLINK:
        return fs.unlink(r, r.ino, input.name(body, end)).then(r.onEmpty, r.onError)
      case abi.FUSE_RMDIR:
        return fs.rmdir(r, r.ino, input.name(body, end)).then(r.onEmpty, r.onError)
      case abi.FUSE_RENAME: {
        const [from, to] = input.twoNames(body + abi.RENAME_IN.bytes, end, false)
        return fs.rename(r, r.ino, from, input.ino(body), to, 0).then(r.onEmpty, r.onError)
      }
      case abi.FUSE_RENAME2: {
        const [from, to] = input.twoNames(body + abi.RENAME2_IN.bytes, end, false)
        const flags = input.u32(body + abi.RENAME2_IN.flags)
        return fs.rename(r, r.ino, from, input.ino(body), to, flags).then(r.onEmpty, r.onError)
      }
      case abi.FUSE_READLINK:
        return fs.readlink(r, r.ino).then(r.onBytes, r.onError)
      case abi.FUSE_STATFS:
        return fs.statfs(r, r.ino).then(r.onStatfs, r.onError)
      case abi.FUSE_FSYNC:
      case abi.FUSE_FSYNCDIR: {
        const dataOnly = (input.u32(body + abi.FSYNC_IN.fsyncFlags) & abi.FUSE_FSYNC_FDATASYNC) !== 0
        const fh = input.u64(body + abi.FSYNC_IN.fh)
        const sync =
          opcode === abi.FUSE_FSYNC ? fs.fsync(r, r.ino, fh, dataOnly) : fs.fsyncdir(r, r.ino, fh, dataOnly)
        return sync.then(r.onEmpty, r.onError)
      }
      case abi.FUSE_ACCESS:
        if (fs.access === undefined) return this.#answers.errno(r, ENOSYS)
        return fs.access(r, r.ino, input.u32(body)).then(r.onEmpty, r.onError)
      case abi.FUSE_SETXATTR:
        return this.#setxattr(r, body, end)
      case abi.FUSE_GETXATTR: {
        r.size = input.u32(body)
        const { text } = input.text(body + abi.GETXATTR_IN.bytes, end)
        return fs.getxattr(r, r.ino, text).then(r.onXattr, r.onError)
      }
      case abi.FUSE_LISTXATTR:
        r.size = input.u32(body)
        return fs.listxattr(r, r.ino).then(r.onNames, r.onError)
      case abi.FUSE_REMOVEXATTR:
        return fs.removexattr(r, r.ino, input.text(body, end).text).then(r.onEmpty, r.onError)
      case abi.FUSE_GETLK: {
        const lock = decodeLock(input, body + abi.LK_IN.lk)
        const owner = input.big(body + abi.LK_IN.owner)
        return fs.getlk(r, r.ino, input.u64(body), owner, lock).then(r.onLock, r.onError)
      }
      case abi.FUSE_SETLK:
      case abi.FUSE_SETLKW:
        return this.#setlk(r, body, opcode === abi.FUSE_SETLKW)
      case abi.FUSE_FALLOCATE: {
        const F = abi.FALLOCATE_IN
        const offset = input.u64(body + F.offset)
        const length = input.u64(body + F.length)
        return fs
          .fallocate(r, r.ino, input.u64(body), input.u32(body + F.mode), offset, length)
          .then(r.onEmpty, r.onError)
      }
      case abi.FUSE_LSEEK: {
        const L = abi.LSEEK_IN
        return fs
          .lseek(r, r.ino, input.u64(body), input.u64(body + L.offset), input.u32(body + L.whence))
          .then(r.onOffset, r.onError)
      }
      case abi.FUSE_COPY_FILE_RANGE:
        return this.#copyFileRange(r, body, MAX_COPY)
      case abi.FUSE_COPY_FILE_RANGE_64:
        return this.#copyFileRange(r, body, Number.MAX_SAFE_INTEGER)
      case abi.FUSE_IOCTL:
        return this.#ioctl(r, body, end)
      case abi.FUSE_SYNCFS:
        return fs.syncfs(r, r.ino).then(r.onEmpty, r.onError)
      case abi.FUSE_INIT:
        return this.#init(r, body)
      case abi.FUSE_DESTROY:
        r.onEmpty()
        return this.#options.onDestroy()
      default: // BMAP, POLL, STATX, SETUPMAPPING, …: the kernel remembers, and does without
        return this.#answers.errno(r, ENOSYS)
    }
  }

  #readIn(r: Request, body: number): void {
    r.fh = this.#input.u64(body + abi.READ_IN.fh)
    r.offset = this.#input.u64(body + abi.READ_IN.offset)
    r.size = this.#input.u32(body + abi.READ_IN.size)
  }

  /** Without FUSE_DONT_MASK the kernel has applied the umask, and still sends it. */
  #umask(r: Request, at: number): void {
    r.umask = this.dontMask ? this.#input.u32(at) & 0o777 : 0
  }

  #setxattr(r: Request, body: number, end: number): Promise<void> {
    const X = abi.SETXATTR_IN
    const input = this.#input
    const start = body + (this.setxattrExt ? X.extBytes : X.bytes)
    const { text, next } = input.text(start, end)
    const value = Buffer.from(input.data(next, input.u32(body + X.size), end))
    const clearSgid =
      this.setxattrExt && (input.u32(body + X.setxattrFlags) & abi.FUSE_SETXATTR_ACL_KILL_SGID) !== 0
    return this.#fs
      .setxattr(r, r.ino, text, value, input.u32(body + X.flags), clearSgid)
      .then(r.onEmpty, r.onError)
  }

  #setlk(r: Request, body: number, wait: boolean): Promise<void> {
    const input = this.#input
    const fh = input.u64(body)
    const owner = input.big(body + abi.LK_IN.owner)
    const lock = decodeLock(input, body + abi.LK_IN.lk)
    const isFlock = (input.u32(body + abi.LK_IN.lkFlags) & abi.FUSE_LK_FLOCK) !== 0
    const set = isFlock
      ? this.#fs.flock(r, r.ino, fh, owner, lock.type, wait)
      : this.#fs.setlk(r, r.ino, fh, owner, lock, wait)
    return set.then(r.onEmpty, r.onError)
  }

  #copyFileRange(r: Request, body: number, most: number): Promise<void> {
    const C = abi.COPY_FILE_RANGE_IN
    const input = this.#input
    return this.#fs
      .copyFileRange(
        r,
        r.ino,
        input.u64(body + C.fhIn),
        input.u64(body + C.offIn),
        input.ino(body + C.nodeidOut),
        input.u64(body + C.fhOut),
        input.u64(body + C.offOut),
        Math.min(input.u64(body + C.len), most),
        input.u32(body + C.flags),
      )
      .then(r.onCount, r.onError)
  }

  #ioctl(r: Request, body: number, end: number): Promise<void> {
    const I = abi.IOCTL_IN
    const input = this.#input
    r.size = input.u32(body + I.outSize)
    const data = Buffer.from(input.data(body + I.bytes, input.u32(body + I.inSize), end))
    return this.#fs
      .ioctl(r, r.ino, input.u64(body), input.u32(body + I.cmd), data, r.size)
      .then(r.onIoctl, r.onError)
  }

  #init(r: Request, body: number): void {
    const answer = this.#options.onInit(body)
    if ('errno' in answer) {
      this.#answers.errno(r, answer.errno)
      return
    }
    r.size = answer.bytes
    r.onBytes(this.#options.output.bytes.subarray(abi.OUT_HEADER.bytes, abi.OUT_HEADER.bytes + answer.bytes))
    answer.sent()
  }

  #forget(nodeid: number, body: number): void {
    try {
      this.#fs.forget(this.#input.ino(nodeid), this.#input.u64(body))
    } catch (error) {
      this.#options.log.error('forget failed', { error })
    }
  }

  #batchForget(body: number, end: number): void {
    const first = body + abi.BATCH_FORGET_IN.bytes
    const there = Math.floor((end - first) / abi.FORGET_ONE.bytes)
    const count = Math.min(this.#input.u32(body), there)
    for (let i = 0; i < count; i++) {
      const at = first + i * abi.FORGET_ONE.bytes
      this.#forget(at, at + abi.FORGET_ONE.nlookup)
    }
  }

  /**
   * EAGAIN for a request we do not have makes the kernel ask again, should it still wait for it.
   * A waiting lock ends at once. Elsewhere only a dying task is let go at once: a handled signal (a timer, a
   * child's end) must not fail a stat or read that a local file system would have finished, until it has taken
   * INTERRUPT_GRACE_MS. Source: Documentation/filesystems/fuse; spec §4.4 (36).
   */
  #interrupt(at: number, body: number): void {
    const unique = this.#input.u64(body)
    const request = this.#inFlight.get(unique)
    if (request === undefined) {
      const { output, transport } = this.#options
      const own = at + abi.IN_HEADER.unique
      encodeHeader(output, abi.OUT_HEADER.bytes, EAGAIN, this.#input.u32(own), this.#input.u32(own + 4))
      transport.send(abi.OUT_HEADER.bytes)
      return
    }
    const leftMs = INTERRUPT_GRACE_MS - (this.#options.clock.monotonicMs() - request.startedMs)
    if (leftMs <= 0 || request.opcode === abi.FUSE_SETLKW || isBeingKilled(request.pid)) {
      this.#cancel(request)
      return
    }
    this.#options.clock.sleep(leftMs).then(
      () => {
        if (this.#inFlight.get(unique) === request && request.unique === unique) this.#cancel(request)
      },
      () => undefined,
    )
  }

  #cancel(request: Request): void {
    request.interrupt()
    if (ANSWER_EARLY.has(request.opcode)) this.#answers.answerErrno(request, EINTR)
  }

  /** @hot */
  #take(at: number, opcode: number): Request {
    const input = this.#input
    let r = this.#free.pop()
    if (r === undefined) this.#requests.push((r = new Request(this.#requests.length, this.#answers)))
    r.opcode = opcode
    r.uniqueLo = input.u32(at + abi.IN_HEADER.unique)
    r.uniqueHi = input.u32(at + abi.IN_HEADER.unique + 4)
    r.unique = input.u64(at + abi.IN_HEADER.unique)
    r.uid = input.u32(at + abi.IN_HEADER.uid)
    r.gid = input.u32(at + abi.IN_HEADER.gid)
    r.pid = input.u32(at + abi.IN_HEADER.pid)
    r.checkPermission = this.#options.checkPermission
    r.startedMs = this.#options.clock.monotonicMs()
    this.#inFlight.set(r.unique, r)
    return r
  }

  /** @hot */
  #finished(r: Request): void {
    if (this.#inFlight.get(r.unique) === r) this.#inFlight.delete(r.unique)
    if (r.sink !== undefined) {
      if (r.sink.bytes.length === SINK_BYTES && this.#sinks.length < MAX_FREE_SINKS) this.#sinks.push(r.sink)
      r.sink = undefined
    }
    if (r.opcode === abi.FUSE_READ) this.#options.onReadEnded()
    r.reset()
    this.#free.push(r)
    if (this.#inFlight.size === 0 && this.#idle !== undefined) {
      const idle = this.#idle
      this.#idle = undefined
      idle()
    }
  }

  #sink(size: number): DirBuffer {
    const wanted = Math.min(size, MAX_DIR_BYTES)
    const sink =
      wanted > SINK_BYTES
        ? new DirBuffer(Buffer.allocUnsafe(wanted))
        : (this.#sinks.pop() ?? new DirBuffer(Buffer.allocUnsafe(SINK_BYTES)))
    sink.reset(wanted)
    return sink
  }
}
