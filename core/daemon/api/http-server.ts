/**
 * The two doors of the daemon. Loopback TCP serves the interface, and the API to whoever has a token; a unix socket
 * of mode 0600, in a folder only its user can enter, serves the API to tools of this user without one.
 *
 *   GET  /…                     the built interface
 *   POST /api/sign-in           {code, lasting?} → {token}
 *   POST /api/proof             {name, nonce} → {proof}: that we are the daemon of a token (core/api/daemon-proof.ts)
 *   GET  /api/ws                tRPC over WebSocket; the token is in its list of protocols
 *   PUT  /api/files/<id>?path=  an upload; Authorization: Bearer
 *   GET  /api/download/<ticket> a download, once
 */
import { chmod, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { type WebSocket, WebSocketServer } from 'ws'
import { proofText } from '#core/api/daemon-proof.ts'
import { CLOSE_DENIED, PROTOCOL } from '#core/api/protocol.ts'
import { router } from '#core/api/server-router.ts'
import type { Services } from '#core/api/services.ts'
import type { Log } from '#core/base/log.ts'
import { bearerOf, Guard, protocolTokenOf } from './guard.ts'
import type { Sessions } from './sessions.ts'
import { pageHeaders, serveStatic } from './static-files.ts'
import type { Tickets } from './tickets.ts'
import { readJson, sendContent, sendJson } from './transfer.ts'

export interface ServerParts {
  readonly services: Services
  readonly sessions: Sessions
  readonly tickets: Tickets
  /** The folder of the built interface. */
  readonly pages: string
  readonly log: Log
  /** A request was refused; at most a few a second are told. */
  readonly onRefused: (reason: string) => void
  /** An upload with a valid session. */
  readonly onUpload: (
    request: IncomingMessage,
    response: ServerResponse,
    id: string,
    query: URLSearchParams,
  ) => Promise<void>
}

export interface RunningServer {
  readonly port: number
  close(): Promise<void>
}

/** Tools of this user are one session. */
export const LOCAL_SESSION = 'local'
const HEADERS_MS = 30_000
const BACKLOG_BYTES = 8 * 2 ** 20
const LARGEST_MESSAGE = 8 * 2 ** 20

/** Listens at the first of `ports` that is free; 0: at any. Errors: that of the last port. */
export async function startServer(
  parts: ServerParts,
  socket: string,
  ports: readonly number[],
): Promise<RunningServer> {
  const api = new ApiServer(parts)
  const web = createServer((request, response) => void api.onRequest(request, response))
  const local = createServer((_request, response) => response.writeHead(404).end())
  // An upload may take hours; what comes before its body may not, nor may other bodies (`readJson`).
  web.requestTimeout = 0
  web.headersTimeout = HEADERS_MS
  web.on('upgrade', (request, duplex, head) => api.onUpgrade(request, duplex, head))
  local.on('upgrade', (request, duplex, head) => api.onLocalUpgrade(request, duplex, head))
  await listenAtOneOf(web, ports)
  const bound = (web.address() as AddressInfo).port
  api.guard.listen(bound)
  api.port = bound
  await rm(socket, { force: true })
  await listen(local, { path: socket })
  await chmod(socket, 0o600)
  return {
    port: bound,
    close: async () => {
      api.close()
      await Promise.all([closeServer(web), closeServer(local)])
    },
  }
}

class ApiServer {
  readonly guard: Guard
  /** Known once the server listens. */
  port = 0
  readonly #parts: ServerParts
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: LARGEST_MESSAGE,
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
  })
  /** Sessions of sockets that were let in. */
  readonly #sessionOf = new WeakMap<IncomingMessage, string>()

  constructor(parts: ServerParts) {
    this.#parts = parts
    this.guard = new Guard(parts.onRefused)
    applyWSSHandler({
      wss: this.#sockets,
      router,
      createContext: ({ req }) => ({
        services: parts.services,
        sessionId: this.#sessionOf.get(req) ?? '',
        onDefect: (path: string, error: unknown) => parts.log.error('a procedure failed', { path, error }),
      }),
      keepAlive: { enabled: true, pingMs: 30_000, pongWaitMs: 10_000 },
    })
  }

  async onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      for (const [name, value] of Object.entries(pageHeaders(request.headers.host ?? '')))
        response.setHeader(name, value)
      const refusal = this.guard.checkPlace(request)
      if (refusal !== undefined) return sendJson(response, 403, { kind: 'denied', message: refusal })
      const url = new URL(request.url ?? '/', 'http://localhost')
      if (url.pathname.startsWith('/api/')) return await this.#api(request, response, url)
      if (request.method !== 'GET' && request.method !== 'HEAD') return sendJson(response, 405, notFound)
      await serveStatic(this.#parts.pages, request, response)
    } catch (error) {
      this.#parts.log.warn('a request failed', { error })
      if (response.headersSent) response.destroy()
      else sendJson(response, 500, { kind: 'internal', message: 'the request failed' })
    }
  }

  async #api(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const { sessions, tickets, onUpload } = this.#parts
    response.setHeader('cache-control', 'no-store')
    const [, , area, rest] = url.pathname.split('/')
    if (area === 'sign-in' && request.method === 'POST') {
      const { code, lasting } = (await readJson(request)) as { code?: unknown; lasting?: unknown }
      const token =
        typeof code === 'string' ? sessions.signIn(code, labelOf(request), lasting === true) : undefined
      if (token === undefined) return this.#refuse(response, 'the code is used up or too old', 'pomelo ui')
      return sendJson(response, 200, { token })
    }
    if (area === 'proof' && request.method === 'POST') {
      const { name, nonce } = (await readJson(request)) as { name?: unknown; nonce?: unknown }
      const proof =
        isHash(name) && isHash(nonce) ? sessions.prove(name, proofText(nonce, this.port)) : undefined
      if (proof === undefined) return this.#refuse(response, 'the token is not valid', 'pomelo ui')
      return sendJson(response, 200, { proof })
    }
    if (area === 'download' && request.method === 'GET') {
      const content = tickets.take(rest ?? '')
      if (content === undefined) return this.#refuse(response, 'this address was used or is too old')
      return sendContent(response, content)
    }
    const sessionId = sessions.check(bearerOf(request) ?? '')
    if (sessionId === undefined) return this.#refuse(response, 'the token is not valid', 'pomelo ui')
    if (area === 'files' && request.method === 'PUT')
      return onUpload(request, response, decodeURIComponent(rest ?? ''), url.searchParams)
    sendJson(response, 404, notFound)
  }

  #refuse(response: ServerResponse, reason: string, next?: string): void {
    this.guard.refuse(reason)
    if (this.guard.isLimited) {
      response.setHeader('retry-after', '60')
      sendJson(response, 429, { kind: 'denied', message: 'too many failures: wait a minute', next })
    } else sendJson(response, 401, { kind: 'denied', message: reason, next })
  }

  onUpgrade(request: IncomingMessage, duplex: Duplex, head: Buffer): void {
    const place = this.guard.checkPlace(request)
    const isApi = request.url === '/api/ws'
    const sessionId = this.#parts.sessions.check(protocolTokenOf(request) ?? '')
    if (place !== undefined || !isApi) refuseUpgrade(duplex, 403)
    else if (sessionId === undefined) {
      this.guard.refuse('the token is not valid')
      refuseUpgrade(duplex, this.guard.isLimited ? 429 : 401)
    } else this.#accept(request, duplex, head, sessionId)
  }

  /** Reached only by processes of this user: the socket's mode says so. A page cannot connect to it. */
  onLocalUpgrade(request: IncomingMessage, duplex: Duplex, head: Buffer): void {
    if (request.headers.origin !== undefined) refuseUpgrade(duplex, 403)
    else this.#accept(request, duplex, head, LOCAL_SESSION)
  }

  #accept(request: IncomingMessage, duplex: Duplex, head: Buffer, sessionId: string): void {
    this.#sessionOf.set(request, sessionId)
    this.#sockets.handleUpgrade(request, duplex, head, (socket) => {
      const forget = this.#parts.sessions.onEnd(sessionId, () => socket.close(CLOSE_DENIED, 'signed out'))
      socket.on('close', forget)
      boundBacklog(socket)
      this.#sockets.emit('connection', socket, request)
    })
  }

  close(): void {
    for (const socket of this.#sockets.clients) socket.close(1001, 'the daemon ends')
    this.#sockets.close()
  }
}

/** A reader that takes nothing must not fill our memory. */
function boundBacklog(socket: WebSocket): void {
  const send = socket.send.bind(socket) as (data: string) => void
  socket.send = ((data: string) => {
    if (socket.bufferedAmount > BACKLOG_BYTES) socket.terminate()
    else send(data)
  }) as WebSocket['send']
}

const notFound = { kind: 'not-found', message: 'there is nothing here' }
const STATUS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  429: 'Too Many Requests',
}

function refuseUpgrade(duplex: Duplex, code: number): void {
  duplex.on('error', () => {})
  duplex.end(`HTTP/1.1 ${code} ${STATUS[code]}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}

/** 256 bits in hexadecimal. */
function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

function labelOf({ headers }: IncomingMessage): string {
  return headers['user-agent'] ?? 'a program'
}

async function listenAtOneOf(server: Server, [port, ...others]: readonly number[]): Promise<void> {
  try {
    await listen(server, { host: '127.0.0.1', port: port! })
  } catch (error) {
    if (others.length === 0) throw error
    await listenAtOneOf(server, others)
  }
}

function listen(
  server: Server,
  where: { readonly host: string; readonly port: number } | { readonly path: string },
) {
  return new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(where, () => resolve())
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
