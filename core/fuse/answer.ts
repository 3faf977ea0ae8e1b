/**
 * Answers to the kernel: encode into the one output buffer and send at once. Sending never waits, so the buffer is
 * free again when `#send` returns.
 */
import { EINTR, EIO, ENODEV, ENOENT, ERANGE, errnoName, FsError, toErrno } from '#core/base/errno.ts'
import type { Log } from '#core/base/log.ts'
import { type Name, nameToBytes } from '#core/base/name.ts'
import * as abi from './abi.ts'
import { MalformedRequest } from './decode.ts'
import * as encode from './encode.ts'
import type {
  AttrReply,
  EntryReply,
  FileLock,
  FileSystem,
  IoctlReply,
  OpenReply,
  ReadReply,
  StatfsReply,
} from './filesystem.ts'
import type { OpMetrics } from './op-metrics.ts'
import { MAX_PARTS, type Pump } from './pump/pump.ts'
import type { Request } from './request.ts'

/** Where answers go: the pump, or a test's list. */
export type Transport = Pick<Pump, 'send' | 'sendParts' | 'sendFile'>

const BODY = abi.OUT_HEADER.bytes
/** Errno values the kernel takes: fs/fuse/dev.c fuse_dev_do_write. */
const MAX_ERRNO = 511
/** The same trouble is logged again only after so long. */
const LOG_AGAIN_MS = 10_000
const MAX_LOG_KEYS = 200

export interface AnswersOptions {
  readonly out: encode.Output
  readonly transport: Transport
  readonly fs: FileSystem
  readonly metrics: OpMetrics
  readonly log: Log
  readonly nowMs: () => number
  /** The request is over: its context may serve another. */
  readonly finished: (request: Request) => void
}

export class Answers {
  readonly #out: encode.Output
  readonly #to: Transport
  readonly #fs: FileSystem
  readonly #metrics: OpMetrics
  readonly #log: Log
  readonly #nowMs: () => number
  readonly #finished: (request: Request) => void
  readonly #logged = new Map<string, { atMs: number; more: number }>()

  constructor(options: AnswersOptions) {
    this.#out = options.out
    this.#to = options.transport
    this.#fs = options.fs
    this.#metrics = options.metrics
    this.#log = options.log
    this.#nowMs = options.nowMs
    this.#finished = options.finished
  }

  empty(r: Request): void {
    this.#body(r, 0)
  }

  /** @hot */
  entry(r: Request, entry: EntryReply | undefined): void {
    if (r.answered) {
      if (entry !== undefined && entry.ino !== 0) this.#fs.forget(entry.ino, 1) // the kernel never heard of it
      this.#finished(r)
      return
    }
    if (entry === undefined) {
      this.errno(r, ENOENT)
      return
    }
    encode.encodeEntry(this.#out, BODY, entry)
    this.#body(r, abi.ENTRY_OUT.bytes)
  }

  /** @hot */
  attr(r: Request, reply: AttrReply): void {
    encode.encodeAttrOut(this.#out, BODY, reply)
    this.#body(r, abi.ATTR_OUT.bytes)
  }

  /** @hot */
  open(r: Request, reply: OpenReply): void {
    encode.encodeOpen(this.#out, BODY, reply)
    this.#body(r, abi.OPEN_OUT.bytes)
  }

  create(r: Request, reply: { readonly entry: EntryReply; readonly open: OpenReply }): void {
    encode.encodeEntry(this.#out, BODY, reply.entry)
    encode.encodeOpen(this.#out, BODY + abi.ENTRY_OUT.bytes, reply.open)
    this.#body(r, abi.ENTRY_OUT.bytes + abi.OPEN_OUT.bytes)
  }

  /** @hot */
  read(r: Request, reply: ReadReply): void {
    if (reply.kind === 'file') {
      this.#readFile(r, reply)
      return
    }
    const { done } = reply
    try {
      this.#send(r, reply.parts)
    } finally {
      done?.()
    }
    this.#end(r)
  }

  #readFile(r: Request, reply: ReadReply & { kind: 'file' }): void {
    if (r.answered || reply.length === 0) {
      reply.done(true)
      this.#body(r, 0)
      return
    }
    if (reply.length > r.size) {
      reply.done(true)
      throw new Error(`read: a file range of ${reply.length} bytes where ${r.size} fit`)
    }
    r.file = reply
    const result = this.#to.sendFile(r.slot, r.uniqueLo, r.uniqueHi, reply.fd, reply.offset, reply.length)
    if (result !== 1) this.fileSent(r, result)
  }

  /** The pump is done with a file range. A short or broken file is told to the file system, which is asked again. */
  fileSent(r: Request, result: number): void {
    const { file } = r
    r.file = undefined
    const ok = result === 0 || -result === ENOENT || -result === ENODEV
    file?.done(ok)
    if (ok) {
      this.#end(r)
      return
    }
    if (r.answered || r.retried) {
      this.error(r, new Error(`cache file: ${errnoName(-result)}`))
      return
    }
    r.retried = true
    this.#fs.read(r, r.ino, r.fh, r.offset, r.size).then(r.onRead, r.onError)
  }

  /** WRITE, COPY_FILE_RANGE: 32 bits, but for COPY_FILE_RANGE_64. */
  count(r: Request, count: number): void {
    this.#out.u64(BODY, count)
    this.#body(r, abi.WRITE_OUT.bytes)
  }

  offset(r: Request, offset: number): void {
    this.#out.u64(BODY, offset)
    this.#body(r, abi.LSEEK_OUT.bytes)
  }

  bytes(r: Request, bytes: Uint8Array): void {
    r.size = Math.max(r.size, bytes.length)
    this.#parts(r, [bytes])
  }

  /** Size 0 asks for the length. Source: getxattr(2). */
  xattr(r: Request, value: Uint8Array): void {
    if (r.size === 0) {
      this.#out.u64(BODY, value.length)
      this.#body(r, abi.GETXATTR_OUT.bytes)
    } else if (value.length > r.size) this.errno(r, ERANGE)
    else this.#parts(r, [value])
  }

  names(r: Request, names: readonly Name[]): void {
    this.xattr(r, nameToBytes(names.map((name) => `${name}\0`).join('')))
  }

  dir(r: Request): void {
    const sink = r.sink!
    this.#parts(r, [sink.bytes.subarray(0, sink.length)])
  }

  statfs(r: Request, reply: StatfsReply): void {
    encode.encodeStatfs(this.#out, BODY, reply)
    this.#body(r, abi.STATFS_OUT.bytes)
  }

  lock(r: Request, lock: FileLock): void {
    encode.encodeLock(this.#out, BODY, lock)
    this.#body(r, abi.FILE_LOCK.bytes)
  }

  ioctl(r: Request, reply: IoctlReply): void {
    this.#out.bytes.fill(0, BODY, BODY + abi.IOCTL_OUT.bytes)
    this.#out.view.setInt32(BODY + abi.IOCTL_OUT.result, reply.result, true)
    this.#parts(r, [reply.out], abi.IOCTL_OUT.bytes)
  }

  /** The one place where an error becomes an errno, is logged and counted. */
  error(r: Request, error: unknown): void {
    let errno = error instanceof MalformedRequest ? EIO : toErrno(error)
    if (errno === EINTR && !r.interrupted) errno = EIO // nobody interrupted: an abort of our own
    if (errno <= 0 || errno > MAX_ERRNO) errno = EIO
    if (errno === EIO || !(error instanceof FsError || errno === EINTR)) this.#report(r, error)
    this.errno(r, errno)
  }

  errno(r: Request, errno: number): void {
    if (errno === EIO) this.#metrics.ioError(errno)
    this.answerErrno(r, errno)
    this.#end(r)
  }

  /** Answer now, while the operation may go on: its own result is put away when it comes. */
  answerErrno(r: Request, errno: number): void {
    if (r.answered) return
    r.answered = true
    encode.encodeHeader(this.#out, BODY, errno, r.uniqueLo, r.uniqueHi)
    this.#check(r, this.#to.send(BODY))
  }

  /** Send header and `length` bytes of body from the output buffer. @hot */
  #body(r: Request, length: number): void {
    if (!r.answered) {
      encode.encodeHeader(this.#out, BODY + length, 0, r.uniqueLo, r.uniqueHi)
      const result = this.#to.send(BODY + length)
      if (result < 0) this.#check(r, result)
    }
    this.#end(r)
  }

  #parts(r: Request, parts: readonly Uint8Array[], bodyLength = 0): void {
    this.#send(r, parts, bodyLength)
    this.#end(r)
  }

  /** Send header, `bodyLength` bytes of the output buffer, then `parts`, at most `r.size` bytes together. @hot */
  #send(r: Request, parts: readonly Uint8Array[], bodyLength = 0): void {
    if (r.answered) return
    let length = 0
    for (let i = 0; i < parts.length; i++) length += parts[i]!.length
    if (length > r.size) throw new Error(`${r.op}: an answer of ${length} bytes where ${r.size} fit`)
    const few = parts.length <= MAX_PARTS ? parts : [Buffer.concat(parts)]
    encode.encodeHeader(this.#out, BODY + bodyLength + length, 0, r.uniqueLo, r.uniqueHi)
    const result = this.#to.sendParts(BODY + bodyLength, few)
    if (result < 0) this.#check(r, result)
  }

  #end(r: Request): void {
    this.#metrics.observe(r.opcode, this.#nowMs() - r.startedMs)
    this.#finished(r)
  }

  /** ENOENT: the kernel gave the request up; ENODEV: the connection is gone. Anything else is our mistake. */
  #check(r: Request, result: number): void {
    if (result === 0 || -result === ENOENT || -result === ENODEV) return
    this.#report(r, new Error(`the kernel refused our answer: ${errnoName(-result)}`))
    encode.encodeHeader(this.#out, BODY, EIO, r.uniqueLo, r.uniqueHi)
    this.#to.send(BODY)
  }

  /** Log with the stack, the same trouble at most once per LOG_AGAIN_MS. */
  #report(r: Request, error: unknown): void {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    const key = `${r.op} ${message.replace(/\d+/g, '#')}`
    const now = this.#nowMs()
    const before = this.#logged.get(key)
    if (before !== undefined && now - before.atMs < LOG_AGAIN_MS) {
      before.more++
      return
    }
    if (this.#logged.size >= MAX_LOG_KEYS) this.#logged.clear()
    this.#logged.set(key, { atMs: now, more: 0 })
    const stack = error instanceof Error ? error.stack : undefined
    const cause = error instanceof Error && error.cause !== undefined ? String(error.cause) : undefined
    this.#log.error(`${r.op} failed: ${message}`, {
      ino: r.ino,
      pid: r.pid,
      repeated: before?.more,
      cause,
      stack,
    })
  }
}
