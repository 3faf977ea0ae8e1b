/** Connections for GETs to one service: a bounded number, kept for the next request. */
import { connect, isIP, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { Semaphore } from '#core/base/semaphore.ts'
import {
  type GetAnswer,
  GetConnection,
  type GetRequest,
  type Reads,
  StaleConnection,
} from './get-connection.ts'

/** Where a service listens. */
export interface Listener {
  /** `http:` or `https:`. */
  readonly protocol: string
  /** As in a URL: IPv6 in brackets. */
  readonly hostname: string
  readonly port: number | undefined
}

export interface GetOptions {
  readonly connectMs: number
  /** Without a byte in either direction. */
  readonly idleMs: number
  /** At a time; further requests wait in line. */
  readonly maxSockets: number
  /** For `tls.connect`. */
  readonly tls: object
}

export class GetConnections {
  readonly #listener: Listener
  readonly #options: GetOptions
  readonly #places: Semaphore
  readonly #open = new Set<GetConnection>()
  /** The last used is the last, and used next. */
  readonly #idle: GetConnection[] = []
  /** Of TLS, to be resumed. */
  #session: Buffer | undefined

  constructor(listener: Listener, options: GetOptions) {
    this.#listener = listener
    this.#options = options
    this.#places = new Semaphore(options.maxSockets)
  }

  /** Errors: those of sockets; BackendError `unavailable`; the signal's reason. */
  async get(request: GetRequest, signal: AbortSignal | undefined): Promise<GetAnswer> {
    return await this.#places.run(async () => {
      for (;;) {
        const connection = this.#idle.pop() ?? this.#connection()
        try {
          return await connection.get(request, signal)
        } catch (error) {
          if (!(error instanceof StaleConnection)) throw error
        } finally {
          if (connection.isIdle) this.#idle.push(connection)
        }
      }
    }, signal)
  }

  close(): void {
    for (const connection of this.#open) connection.close()
  }

  #connection(): GetConnection {
    const connection = new GetConnection(
      (reads) => this.#socket(reads),
      this.#options,
      () => {
        this.#open.delete(connection)
        const at = this.#idle.indexOf(connection)
        if (at >= 0) this.#idle.splice(at, 1)
      },
    )
    this.#open.add(connection)
    return connection
  }

  #socket(onread: Reads): Socket {
    const { protocol, hostname, port } = this.#listener
    const host = hostname.replace(/^\[|\]$/g, '')
    if (protocol === 'http:') return connect({ host, port: port ?? 80, onread: onread as OnReadOpts })
    const socket = connectTls({
      ...{ host, port: port ?? 443, servername: isIP(host) === 0 ? host : '', ALPNProtocols: ['http/1.1'] },
      ...{ ...this.#options.tls, session: this.#session, onread },
    })
    return socket.on('session', (session) => (this.#session = session))
  }
}
