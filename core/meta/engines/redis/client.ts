/**
 * One connection to a Redis server: commands go out in order, each as one buffer that was encoded once (wire.ts), and
 * replies come back in that order. It never reconnects, queues or repeats: when it ends, everything on its way is
 * rejected at once with LostConnection.
 */
import { connect as connectPlain, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import type { Clock } from '#core/base/clock.ts'
import { LostConnection } from './errors.ts'
import { type Reply, ReplyError, ReplyParser } from './replies.ts'
import type { Endpoint } from './url.ts'
import { encodeCommand } from './wire.ts'

/** The first probe of an idle connection; the kernel then asks each second, ten times. */
const KEEP_ALIVE_MS = 10_000
/** A socket that is being closed may take this long to send what it has. */
const CLOSE_MS = 200
/** Bytes of one read. */
const READ_BYTES = 64 * 1024
/** Commands that have their answer are dropped from the list when it is empty, or there are so many. */
const MOST_ANSWERED = 1024
/** How exactly silence is measured. */
const TICKS_OF_SILENCE = 8

export interface ClientOptions {
  readonly clock: Clock
  /** Undefined: no TLS. */
  readonly tls: ConnectionOptions | undefined
  readonly connectTimeoutMs: number
  /** Gives up connecting. */
  readonly signal: AbortSignal
  /** Silence that ends the connection while an answer is awaited; up to an eighth longer. */
  readonly answerTimeoutMs: number
}

/** Replies for people and parsers of text. */
export type Text = string | number | null | readonly Text[]

interface Pending {
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
}

export class RedisClient {
  /** Resolves when the connection has ended, for whatever reason. */
  readonly ended: Promise<void>
  /** Takes what a channel brings, once subscribed to it. Must not throw. */
  onMessage: ((message: Reply) => void) | undefined
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #parser = new ReplyParser((reply) => this.#took(reply))
  readonly #over = new AbortController()
  #pending: Pending[] = []
  /** Where in `#pending` the oldest is. */
  #oldest = 0
  /** Ticks since something came, or since something was asked after nothing was. */
  #silentTicks = 0
  #failure: Error | undefined

  private constructor(socket: Socket, { clock, answerTimeoutMs }: ClientOptions) {
    this.#socket = socket
    this.#clock = clock
    this.ended = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('error', (error) => this.#end(error))
    socket.on('end', () => this.#end(new LostConnection('the server closed the connection')))
    socket.on('close', () => this.#end(new LostConnection('the connection was closed')))
    this.#watch(answerTimeoutMs / TICKS_OF_SILENCE)
  }

  /** Resolves when the socket (with TLS: its handshake) is up. Rejects with the socket's error. */
  static connect(endpoint: Endpoint, options: ClientOptions): Promise<RedisClient> {
    const { promise, resolve, reject } = Promise.withResolvers<RedisClient>()
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
    const onread = {
      buffer,
      callback: (bytes: number) => {
        client.#read(buffer, bytes)
        return true
      },
    }
    const where = {
      ...endpoint,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      onread,
    }
    const socket = options.tls === undefined ? connectPlain(where) : connectTls({ ...where, ...options.tls })
    const client = new RedisClient(socket, options)
    const timer = new AbortController()
    const { clock, connectTimeoutMs, signal } = options
    clock.sleep(connectTimeoutMs, AbortSignal.any([timer.signal, signal])).then(
      () => socket.destroy(Object.assign(new Error('no connection in time'), { code: 'ETIMEDOUT' })),
      () => signal.aborted && socket.destroy(),
    )
    socket.once(options.tls === undefined ? 'connect' : 'secureConnect', () => resolve(client))
    void client.ended.then(() => reject(client.#failure))
    return promise.finally(() => timer.abort())
  }

  get isOpen(): boolean {
    return this.#failure === undefined
  }

  /** Why the connection has ended. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** Send an encoded command. Rejects ReplyError or LostConnection. @hot */
  send(command: Buffer): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(new LostConnection(this.#failure.message, false))
        return
      }
      if (this.#pending.length === this.#oldest) this.#silentTicks = 0
      this.#pending.push({ resolve, reject })
      this.#socket.write(command)
    })
  }

  /** A command and its reply as texts. */
  async call(...words: readonly string[]): Promise<Text> {
    return textOf(await this.send(encodeCommand(words.map((word) => Buffer.from(word)))))
  }

  /** End the connection; what is on its way is rejected. */
  disconnect(): void {
    if (this.#failure !== undefined) return
    this.#end(new LostConnection('the connection was closed'))
  }

  #end(failure: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = failure
    this.#over.abort()
    const lost = this.#pending.slice(this.#oldest)
    this.#pending = []
    this.#oldest = 0
    for (const { reject } of lost) reject(new LostConnection(failure.message))
    this.#socket.destroySoon()
    if (!this.#socket.destroyed) void this.#clock.sleep(CLOSE_MS).then(() => this.#socket.destroy())
  }

  /** Replies view a copy, since the buffer is read into again. @hot */
  #read(buffer: Buffer, bytes: number): void {
    this.#silentTicks = 0
    if (this.#failure !== undefined) return
    const piece = Buffer.allocUnsafe(bytes)
    buffer.copy(piece, 0, 0, bytes)
    try {
      this.#parser.feed(piece)
    } catch (error) {
      this.#end(error as Error)
    }
  }

  /** @hot */
  #took(reply: Reply | ReplyError): void {
    if (this.onMessage !== undefined && isMessage(reply)) {
      this.onMessage(reply[2]!)
      return
    }
    const pending = this.#pending[this.#oldest]
    if (pending === undefined) {
      // Servers say so why they close a connection, whatever was asked.
      this.#end(reply instanceof ReplyError ? reply : new LostConnection('the server said what nobody asked'))
      return
    }
    if (++this.#oldest === this.#pending.length || this.#oldest === MOST_ANSWERED) {
      this.#pending.splice(0, this.#oldest)
      this.#oldest = 0
    }
    if (reply instanceof ReplyError) pending.reject(reply)
    else pending.resolve(reply)
  }

  #watch(tickMs: number): void {
    const { signal } = this.#over
    const tick = (): void => {
      if (signal.aborted) return
      if (this.#pending.length > this.#oldest && ++this.#silentTicks > TICKS_OF_SILENCE)
        this.#end(new LostConnection('the server does not answer'))
      else void this.#clock.sleep(tickMs, signal).then(tick, () => {})
    }
    tick()
  }
}

const MESSAGE = Buffer.from('message')

function isMessage(reply: Reply | ReplyError): reply is readonly Reply[] {
  if (!Array.isArray(reply) || reply.length !== 3) return false
  const [kind] = reply
  return kind instanceof Uint8Array && MESSAGE.equals(kind)
}

function textOf(reply: Reply): Text {
  if (reply instanceof Uint8Array) return reply.toString('utf8')
  return reply === null || typeof reply === 'number' ? reply : reply.map(textOf)
}
