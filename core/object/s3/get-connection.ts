/**
 * A connection for GETs whose bodies the kernel writes where they are to lie. Node's HTTP client allocates each body three
 * times (for the read from the socket, for what its parser passes on, and for the whole) and copies it twice; the garbage
 * collector then takes as long as all the rest. Here only the head is parsed, and the socket reads into the body's own
 * buffer from then on:
 *
 *     idle ──get──► head ──plain──► body ──whole──► idle
 *                     └──else──► replay: Node's parser reads the same bytes again, and what follows
 */
import { type ClientRequest, type IncomingMessage, request, validateHeaderValue } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { BackendError } from '#core/base/errno.ts'
import { asBuffer } from '../parts.ts'
import { type AnswerHead, plainHead } from './answer-head.ts'

/** Of `onread` of a socket: where its next bytes are to lie, and that some came there. */
export interface Reads {
  buffer(): Uint8Array
  /** False: read no more. */
  callback(length: number, bytes: Uint8Array): boolean
}

export interface GetRequest {
  /** Escaped. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** Where a body of so many bytes is put, of as many; a buffer of our own if nowhere. */
  readonly room?: (length: number) => Uint8Array | undefined
}

export interface GetAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  /** All of it; or what is still to be read, where the answer was not plain. */
  readonly body: Buffer | IncomingMessage
}

/** The server had closed a connection that was kept, so the request can be made on another. */
export class StaleConnection extends Error {
  override readonly name = 'StaleConnection'
}

export interface Timeouts {
  readonly connectMs: number
  /** Without a byte in either direction. */
  readonly idleMs: number
}

interface Exchange {
  readonly request: GetRequest
  readonly resolve: (answer: GetAnswer) => void
  readonly reject: (error: unknown) => void
}

/** Where sockets read heads, all into the same: nothing looks at it after the callback. What of a body comes with its head is copied. */
const SCRATCH = Buffer.allocUnsafeSlow(16 * 1024)
const MAX_HEAD = 64 * 1024
const BLANK_LINE = '\r\n\r\n'

export class GetConnection {
  readonly #socket: Socket
  #exchange: Exchange | undefined
  /** Of the answer, until it is whole. */
  #head = Buffer.alloc(0)
  #answer: Omit<GetAnswer, 'body'> | undefined
  #body: Buffer | undefined
  #filled = 0
  #keepsAlive = true
  #replay: ReplayedSocket | undefined
  #error: Error | undefined
  #timeoutMs: number
  /** It has answered before. */
  #isKept = false

  /** `connect` begins a connection that reads so; `onClosed`: it is of no more use. */
  constructor(connect: (reads: Reads) => Socket, { connectMs, idleMs }: Timeouts, onClosed: () => void) {
    this.#timeoutMs = connectMs
    this.#socket = connect({
      buffer: () => this.#room(),
      callback: (length, bytes) => this.#read(bytes.subarray(0, length)),
    })
    this.#socket.setNoDelay(true)
    this.#socket.setTimeout(connectMs)
    this.#socket.once('connect', () => {
      this.#timeoutMs = idleMs
      this.#socket.setTimeout(idleMs)
    })
    this.#socket.on('timeout', () => this.#timedOut())
    this.#socket.on('error', (error) => (this.#error ??= error))
    this.#socket.on('close', () => {
      onClosed()
      this.#closed()
    })
    this.#socket.resume()
  }

  /** Another request may be made. */
  get isIdle(): boolean {
    return this.#exchange === undefined && !this.#socket.destroyed && this.#keepsAlive
  }

  /** Errors: those of sockets; StaleConnection; BackendError `unavailable`; the signal's reason. One at a time. */
  async get(request: GetRequest, signal: AbortSignal | undefined): Promise<GetAnswer> {
    signal?.throwIfAborted()
    const head = headOf(request)
    const onAbort = (): void => this.#fail(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await new Promise((resolve, reject) => {
        this.#exchange = { request, resolve, reject }
        this.#socket.ref()
        this.#socket.write(head, 'latin1')
      })
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  #room(): Uint8Array {
    return this.#body === undefined ? SCRATCH : this.#body.subarray(this.#filled)
  }

  /** Bytes came, to where `#room` said. */
  #read(bytes: Uint8Array): boolean {
    if (this.#replay !== undefined) this.#replay.push(Buffer.from(bytes))
    else if (this.#exchange === undefined) this.#socket.destroy()
    else if (this.#body === undefined) this.#readHead(bytes)
    else this.#took(bytes.length)
    return !this.#socket.destroyed
  }

  #readHead(bytes: Uint8Array): void {
    this.#head = Buffer.concat([this.#head, bytes])
    const end = this.#head.indexOf(BLANK_LINE)
    if (end < 0) {
      if (this.#head.length > MAX_HEAD) this.#broken('the head of an answer has no end')
      return
    }
    const plain = plainHead(this.#head.toString('latin1', 0, end))
    const rest = this.#head.subarray(end + BLANK_LINE.length)
    if (plain === undefined) this.#replayAll()
    else if (rest.length > plain.length) this.#broken('a body is longer than announced')
    else {
      this.#answer = { status: plain.status, headers: plain.headers }
      this.#keepsAlive = plain.keepsAlive
      this.#body = this.#bodyOf(plain)
      if (this.#body === undefined) return
      rest.copy(this.#body)
      this.#took(rest.length)
    }
  }

  /** Undefined where there is no memory for it. */
  #bodyOf({ status, length }: AnswerHead): Buffer | undefined {
    try {
      const room = status < 300 ? this.#exchange!.request.room?.(length) : undefined
      return room === undefined ? Buffer.allocUnsafeSlow(length) : asBuffer(room)
    } catch (cause) {
      this.#error = cause as Error
      this.#broken(`no room for a body of ${length} bytes`)
      return undefined
    }
  }

  #took(bytes: number): void {
    this.#filled += bytes
    const body = this.#body!
    if (this.#filled < body.length) return
    const { resolve } = this.#exchange!
    const answer = { ...this.#answer!, body }
    this.#exchange = undefined
    this.#head = Buffer.alloc(0)
    this.#body = undefined
    this.#filled = 0
    this.#isKept = true
    // Nobody waits for what a kept connection may say.
    this.#socket.unref()
    if (!this.#keepsAlive) this.#socket.destroy()
    resolve(answer)
  }

  /** The request was sent: Node's client is shown a socket that takes it again and says what came. */
  #replayAll(): void {
    const exchange = this.#exchange!
    this.#keepsAlive = false
    this.#replay = new ReplayedSocket(this.#socket)
    const { path, headers } = exchange.request
    const again: ClientRequest = request({ path, headers, createConnection: () => this.#replay! })
    again.on('response', (body) => {
      this.#exchange = undefined
      exchange.resolve({ status: body.statusCode!, headers: body.headers as GetAnswer['headers'], body })
    })
    again.on('error', (error) => this.#fail(error))
    again.end()
    this.#replay.push(this.#head)
  }

  #timedOut(): void {
    this.#broken(`nothing came for ${this.#timeoutMs / 1000} s`)
  }

  #broken(how: string): void {
    this.#fail(new BackendError('unavailable', how, { cause: this.#error }))
  }

  /** Give up what is under way, and the connection. */
  #fail(error: unknown): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    this.#socket.destroy()
    exchange?.reject(error)
  }

  #closed(): void {
    if (this.#replay !== undefined) {
      // After an end Node's parser says what is wrong, if anything.
      if (!this.#socket.readableEnded) this.#replay.destroy(this.#error)
    } else if (this.#body !== undefined) {
      this.#broken(`body broke off after ${this.#filled} of ${this.#body.length} bytes`)
    } else if (this.#isKept && this.#head.length === 0) this.#fail(new StaleConnection())
    else
      this.#fail(this.#error ?? new BackendError('unavailable', 'the connection was closed before an answer'))
  }
}

/** What a socket reads, behind its head; what is written to it is dropped. */
class ReplayedSocket extends Duplex {
  readonly #socket: Socket

  constructor(socket: Socket) {
    super()
    this.#socket = socket
    socket.on('end', () => this.push(null))
  }

  override _read(): void {}

  override _write(_bytes: unknown, _encoding: unknown, done: () => void): void {
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }
}

function headOf({ path, headers }: GetRequest): string {
  let text = `GET ${path} HTTP/1.1\r\n`
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderValue(name, value)
    text += `${name}: ${value}\r\n`
  }
  return `${text}connection: keep-alive\r\n\r\n`
}
