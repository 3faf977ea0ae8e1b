/** For protocol tests: a dispatcher without a kernel, the requests it is fed, and what it answers. */
import { systemClock } from '#core/base/clock.ts'
import { type Log, lineLog } from '#core/base/log.ts'
import { Metrics } from '#core/base/metrics.ts'
import * as abi from './abi.ts'
import type { Transport } from './answer.ts'
import { Input } from './decode.ts'
import { Dispatcher } from './dispatch.ts'
import { Output } from './encode.ts'
import type { FileSystem } from './filesystem.ts'
import { encodeInit, negotiate } from './init.ts'
import { OpMetrics } from './op-metrics.ts'

export interface FileAnswer {
  readonly slot: number
  readonly fd: number
  readonly offset: number
  readonly length: number
}

export class TestWire implements Transport {
  readonly answers: Buffer[] = []
  readonly files: FileAnswer[] = []
  readonly logged: string[] = []
  readonly metrics = new Metrics()
  readonly dispatcher: Dispatcher
  /** What sendFile returns; by default a thread takes it. */
  fileResult = 1
  readonly #input = new Input(Buffer.alloc(256 * 1024))
  readonly #output = new Output(Buffer.alloc(4096))
  #unique = 2

  constructor(
    fs: FileSystem,
    wishes: { readonly posixAcl?: boolean; readonly checkPermission?: boolean } = {},
  ) {
    const log: Log = lineLog((line) => this.logged.push(line))
    this.dispatcher = new Dispatcher({
      input: this.#input,
      output: this.#output,
      transport: this,
      fs,
      metrics: new OpMetrics(this.metrics),
      log,
      clock: systemClock,
      checkPermission: wishes.checkPermission ?? false,
      onInit: (at) => {
        const agreed = negotiate(this.#input, at, {
          ...{ maxWrite: 128 * 1024, handlesKillpriv: false, writebackCache: false, asyncDio: false },
          posixAcl: wishes.posixAcl ?? false,
        })
        if (agreed === undefined) return { errno: 71 }
        this.dispatcher.dontMask = (agreed.flags & abi.FUSE_DONT_MASK) !== 0
        this.dispatcher.setxattrExt = (agreed.flags & abi.FUSE_SETXATTR_EXT) !== 0
        return { bytes: encodeInit(this.#output, 16, agreed), sent: () => undefined }
      },
      onDestroy: () => undefined,
      onReadEnded: () => undefined,
    })
  }

  send(length: number): number {
    this.answers.push(Buffer.from(this.#output.bytes.subarray(0, length)))
    return 0
  }

  sendParts(headLength: number, parts: readonly Uint8Array[]): number {
    this.answers.push(Buffer.concat([this.#output.bytes.subarray(0, headLength), ...parts]))
    return 0
  }

  sendFile(slot: number, _lo: number, _hi: number, fd: number, offset: number, length: number): number {
    this.files.push({ slot, fd, offset, length })
    return this.fileResult
  }

  /** Hand over raw bytes, as the pump would; they are gone from the buffer afterwards. */
  feed(bytes: Uint8Array): void {
    this.#input.bytes.set(bytes)
    this.dispatcher.handle(0, bytes.length)
    this.#input.bytes.fill(0xdb, 0, bytes.length)
  }

  /** Make and feed a request; returns its unique. */
  request(opcode: number, ino: number, body: Uint8Array = Buffer.alloc(0), pid = process.pid): number {
    const unique = (this.#unique += 2)
    this.feed(message(opcode, ino, unique, body, pid))
    return unique
  }

  /** The answer to a request: its errno (0 for success) and body. Undefined while there is none. */
  answer(unique: number): { readonly errno: number; readonly body: Buffer } | undefined {
    const bytes = this.answers.find((answer) => Number(answer.readBigUInt64LE(8)) === unique)
    return bytes === undefined ? undefined : { errno: -bytes.readInt32LE(4), body: bytes.subarray(16) }
  }
}

export function message(opcode: number, ino: number, unique: number, body: Uint8Array, pid = 0): Buffer {
  const bytes = Buffer.alloc(40 + body.length)
  bytes.writeUInt32LE(bytes.length, 0)
  bytes.writeUInt32LE(opcode, 4)
  bytes.writeBigUInt64LE(BigInt(unique), 8)
  bytes.writeBigUInt64LE(BigInt(ino), 16)
  bytes.writeUInt32LE(pid, 32)
  bytes.set(body, 40)
  return bytes
}

/** Let promises settle. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
