/**
 * The file `.control`: tools of the reference ask a mount to work for them by writing a request to it and reading
 * the answer back. This is the framing; what the commands do is given by who opened the volume.
 *
 *     request   u32 command, u32 length, body                    (big-endian)
 *     answer    { 0xFE u64 a u64 b }  progress, then one of: status byte; 0xFF u32 length JSON; u32 length text
 *
 * A handle's bytes are its requests and answers in the order they came; offsets count from the first.
 * Source: shared/spec/vfs-and-fuse.md §6.1.
 */
import type { Clock } from '#core/base/clock.ts'
import type { OpContext } from '#core/base/context.ts'
import { EINVAL, EIO, fail, toErrno } from '#core/base/errno.ts'
import { type Ino, inoFromBigInt } from '#core/base/ino.ts'
import type { Log } from '#core/base/log.ts'
import { type Name, nameFromBytes } from '#core/base/name.ts'
import type { TaskSet } from '#core/base/tasks.ts'
import type { VirtualFile } from './virtual-files.ts'

/** What a command answers after its progress. */
export type ControlAnswer =
  | { readonly kind: 'done' }
  | { readonly kind: 'json'; readonly text: string }
  | { readonly kind: 'text'; readonly text: string }

export interface ControlJob {
  /** Who wrote the request. Its signal fires when the handle is closed. */
  readonly ctx: OpContext
  /** The two numbers that the tool shows; counts of what the command says. */
  readonly progress: (a: number, b: number) => void
}

/** A failure's errno becomes the status. */
export type ControlCommand = (body: ControlBody, job: ControlJob) => Promise<ControlAnswer>

interface Parts {
  readonly clock: Clock
  readonly log: Log
  readonly tasks: TaskSet
  readonly commands: ReadonlyMap<number, ControlCommand>
}

const HEADER_BYTES = 8
const PROGRESS_EVERY_MS = 300
/** A longer body is refused: paths to warm up, at most. */
const MAX_BODY = 64 * 2 ** 20
/** Above the first, bytes up to the second are dropped once a reader has passed them. */
const MAX_HELD = 2 * 2 ** 20
const DROPPED = 2 ** 20

export class ControlFile implements VirtualFile {
  readonly #parts: Parts
  readonly #closed = new AbortController()
  /** Bytes of the stream from `#dropped` on. */
  #stream: Buffer[] = []
  #dropped = 0
  #request: Buffer[] = []
  #running = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async write(ctx: OpContext, data: Uint8Array): Promise<number> {
    if (this.#running) throw fail(EINVAL, 'write', 'a request is running')
    this.#append(Buffer.from(data))
    this.#request.push(Buffer.from(data))
    const request = Buffer.concat(this.#request)
    if (request.length < HEADER_BYTES) return data.length
    const length = request.readUInt32BE(4)
    if (request.length < HEADER_BYTES + length && length <= MAX_BODY) {
      this.#request = [request]
      return data.length
    }
    this.#request = []
    if (request.length > HEADER_BYTES + length || length > MAX_BODY) {
      this.#append(status(EIO))
      return data.length
    }
    const body = new ControlBody(request.subarray(HEADER_BYTES))
    const job = asJob(ctx, this.#closed.signal)
    this.#running = true
    this.#parts.tasks.start('control', () => this.#run(request.readUInt32BE(0), body, job))
    return data.length
  }

  async #run(number: number, body: ControlBody, ctx: OpContext): Promise<void> {
    const { commands, clock, log } = this.#parts
    const counts = { a: 0, b: 0 }
    const done = new AbortController()
    const showing = this.#show(counts, clock, done.signal)
    try {
      const command = commands.get(number)
      if (command === undefined) throw fail(EINVAL, 'control', `command ${number}`)
      const progress = (a: number, b: number): void => {
        counts.a = a
        counts.b = b
      }
      const answer = await command(body, { ctx, progress })
      await end(done, showing)
      if (counts.a !== 0 || counts.b !== 0) this.#append(progressFrame(counts))
      this.#append(encode(answer))
    } catch (error) {
      log.info('a command through .control failed', { command: number, error })
      await end(done, showing)
      this.#append(status(toErrno(error)))
    } finally {
      this.#running = false
    }
  }

  async #show(counts: { a: number; b: number }, clock: Clock, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(PROGRESS_EVERY_MS, signal).catch(() => {})
      if (!signal.aborted) this.#append(progressFrame(counts))
    }
  }

  async read(_ctx: OpContext, offset: number, size: number): Promise<Uint8Array> {
    if (offset < this.#dropped) throw fail(EIO, 'read', 'these bytes were dropped')
    const held = this.#held()
    const bytes = held.subarray(offset - this.#dropped, offset - this.#dropped + size)
    if (held.length > MAX_HELD && offset - this.#dropped + bytes.length > DROPPED) {
      this.#stream = [held.subarray(DROPPED)]
      this.#dropped += DROPPED
    }
    return bytes
  }

  #held(): Buffer {
    if (this.#stream.length > 1) this.#stream = [Buffer.concat(this.#stream)]
    return this.#stream[0] ?? Buffer.alloc(0)
  }

  #append(bytes: Buffer): void {
    this.#stream.push(bytes)
  }

  close(): void {
    this.#closed.abort(fail(EIO, 'control', 'closed'))
  }
}

/** The fields of a request's body in order; those missing at the end have a default. */
export class ControlBody {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  #take(size: number, absent: number | undefined): number | undefined {
    if (this.#at + size > this.#bytes.length) {
      if (absent === undefined) throw fail(EINVAL, 'control', 'short request')
      return undefined
    }
    this.#at += size
    return this.#at - size
  }

  u8(absent?: number): number {
    const at = this.#take(1, absent)
    return at === undefined ? absent! : this.#bytes[at]!
  }

  u16(absent?: number): number {
    const at = this.#take(2, absent)
    return at === undefined ? absent! : this.#bytes.readUInt16BE(at)
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#take(4, undefined)!)
  }

  ino(): Ino {
    const ino = inoFromBigInt(this.#bytes.readBigUInt64BE(this.#take(8, undefined)!))
    if (Number.isNaN(ino)) throw fail(EINVAL, 'control', 'no such inode number')
    return ino
  }

  bytes(size: number): Buffer {
    const at = this.#take(size, undefined)!
    return this.#bytes.subarray(at, at + size)
  }

  /** A name after the byte that says how long it is. */
  name(): Name {
    return nameFromBytes(this.bytes(this.u8()))
  }
}

/** The writer's identity, kept longer than its request. */
function asJob({ uid, gid, pid, umask, checkPermission, groups }: OpContext, signal: AbortSignal): OpContext {
  return {
    ...{ uid, gid, pid, umask, checkPermission, groups, signal },
    get interrupted() {
      return signal.aborted
    },
  }
}

async function end(done: AbortController, showing: Promise<void>): Promise<void> {
  done.abort()
  await showing
}

function status(errno: number): Buffer {
  return Buffer.from([errno & 0xff])
}

function progressFrame({ a, b }: { readonly a: number; readonly b: number }): Buffer {
  const frame = Buffer.alloc(17)
  frame[0] = 0xfe
  frame.writeBigUInt64BE(BigInt(Math.max(0, Math.floor(a))), 1)
  frame.writeBigUInt64BE(BigInt(Math.max(0, Math.floor(b))), 9)
  return frame
}

function encode(answer: ControlAnswer): Buffer {
  if (answer.kind === 'done') return status(0)
  const text = Buffer.from(answer.text)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return answer.kind === 'json'
    ? Buffer.concat([Buffer.from([0xff]), length, text])
    : Buffer.concat([length, text])
}
